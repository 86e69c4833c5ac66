"""Configuration as code: ``headgate.yaml`` read, checked whole, and watched.

``load`` is all that a start needs; ``watch.Watcher`` follows the file afterwards.
"""

from headgate.config.load import load, loads
from headgate.config.types import Config, ConfigError, Known, LimitsConfig, Problem

__all__ = ["Config", "ConfigError", "Known", "LimitsConfig", "Problem", "load", "loads"]
