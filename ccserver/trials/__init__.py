"""A configuration tried on paper: who would be given whom, with nobody calling and nothing running.

The machines are those of the server; only the phones are played.
"""
