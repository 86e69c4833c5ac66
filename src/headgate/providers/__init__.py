"""Providers: the catalogue of OpenAI-compatible services, and a folder or file only where code is needed."""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headgate.providers.base import Provider, ProviderConfig, Senders

BUILTIN: Mapping[str, str] = {
    "openai-compatible": "headgate.providers.compatible",
    "anthropic": "headgate.providers.anthropic",
    "azure": "headgate.providers.azure",
    "bedrock": "headgate.providers.bedrock",
    "cohere": "headgate.providers.cohere",
    "gemini": "headgate.providers.gemini",
    "ollama": "headgate.providers.ollama",
    "sandbox": "headgate.providers.sandbox",
    "vertex": "headgate.providers.vertex",
}
"""Kind -> the module whose ``build(name, config, senders)`` makes it, imported on first use.

The rows of ``catalog.toml`` are kinds too; all of them are made by ``compatible``. A package adds a kind by an entry
point under ``headgate.providers`` that names such a function.
"""


def kinds() -> frozenset[str]:
    """Return every kind that can be configured: ours, and those of installed packages."""
    from headgate.core.plugins import load
    from headgate.providers.catalog import rows

    return frozenset(load("providers", rows()))


class Unbuilt(ValueError):
    """A provider cannot be built: its name, and what to change."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"providers.{name}: {why}")
        self.name = name
        self.why = why


def build(name: str, config: "ProviderConfig", senders: "Senders") -> "Provider":
    """Build one configured provider; raise :class:`Unbuilt`."""
    from headgate.providers.keys import keyed

    try:
        return keyed(config, lambda one: _build(name, one, senders))
    except ValueError as error:
        raise Unbuilt(name, str(error)) from None


def _build(name: str, config: "ProviderConfig", senders: "Senders") -> "Provider":
    from headgate.core.plugins import load
    from headgate.providers.catalog import rows

    if config.kind in BUILTIN or config.kind in rows():
        module = import_module(BUILTIN.get(config.kind, BUILTIN["openai-compatible"]))
        provider: Provider = module.build(name, config, senders)
        return provider
    make = load("providers", rows()).get(config.kind)
    if make is None:
        raise ValueError(f"kind {config.kind!r} is not known; the kinds are {', '.join(sorted(kinds()))}.")
    provider = make(name, config, senders)
    return provider
