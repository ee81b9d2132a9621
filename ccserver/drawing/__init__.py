"""Figures as charts and pages that need nothing from elsewhere."""
