"""Ollama, by its own API, <https://docs.ollama.com/api>: on this machine, on another, or in its makers' cloud."""

from headgate.dialects.ollama import OllamaChat
from headgate.dialects.ollama_embed import OllamaEmbed
from headgate.providers.base import ProviderConfig, Senders
from headgate.providers.catalog import row
from headgate.providers.native import Dialects, Native

EMBED: OllamaChat = OllamaEmbed()
DIALECTS: Dialects = {"chat": (OllamaChat(),), "embeddings": (EMBED,)}


def build(name: str, config: ProviderConfig, senders: Senders) -> Native:
    """Build the provider that *config* describes."""
    sender = senders.get(**config.way)
    return Native(name, config, row(config.kind), sender, DIALECTS, models="/v1/models", versions=("/v1", "/api"))
