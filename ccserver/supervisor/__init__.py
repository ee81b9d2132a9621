"""Starts core and media, starts them again when they crash, and ends them in order."""
