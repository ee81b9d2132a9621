"""Typed settings: from TOML, the environment and ``--set``."""

from ccserver.settings.load import Loaded, load
from ccserver.settings.model import Settings
from ccserver.settings.reading import ConfigurationError, Problem

__all__ = ["ConfigurationError", "Loaded", "Problem", "Settings", "load"]
