"""The server: it composes, observes and serves."""

__version__ = "0.1.0"
