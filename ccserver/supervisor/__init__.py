"""Starts core, media, web and store, starts them again when they crash, and ends them in order."""
