"""Typed settings: from TOML, the environment and ``--set``."""

from ccserver.settings.load import ConfigurationError, Loaded, Problem, load
from ccserver.settings.model import Settings

__all__ = ["ConfigurationError", "Loaded", "Problem", "Settings", "load"]
