"""The Python client of the management API."""

from headgate.client.admin import Admin, ApiError
from headgate.client.answers import Key, KeyPage, Log, LogPage, MadeKey, ProviderKey, Trace, Usage

__all__ = ["Admin", "ApiError", "Key", "KeyPage", "Log", "LogPage", "MadeKey", "ProviderKey", "Trace", "Usage"]
