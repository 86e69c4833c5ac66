"""Cohere, by its own API of the second version, <https://docs.cohere.com/v2/reference/about>."""

from headgate.dialects.cohere import CohereChat
from headgate.dialects.cohere_embed import CohereEmbed
from headgate.dialects.cohere_rerank import CohereRerank
from headgate.dialects.openai import OpenAIChat
from headgate.providers.base import ProviderConfig, Senders
from headgate.providers.catalog import row
from headgate.providers.native import Dialects, Native

EMBED: CohereChat = CohereEmbed()
RERANK: OpenAIChat = CohereRerank()
DIALECTS: Dialects = {"chat": (CohereChat(),), "embeddings": (EMBED,), "rerank": (RERANK,)}
COMPATIBLE = "/compatibility/v1"


def build(name: str, config: ProviderConfig, senders: Senders) -> Native:
    """Build the provider that *config* describes; raise ``ValueError`` for the base URL of the other API."""
    if config.base_url is not None and config.base_url.rstrip("/").endswith(COMPATIBLE):
        raise ValueError(
            "base_url names the OpenAI-compatible API; leave it out, or write kind: openai-compatible to use that API."
        )
    sender = senders.get(**config.way)
    return Native(name, config, row(config.kind), sender, DIALECTS, models="/v1/models", versions=("/v1", "/v2"))
