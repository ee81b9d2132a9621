"""Starts its processes, starts them again when they crash, and ends them in order."""
