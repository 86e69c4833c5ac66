"""The catalogue: what is known of each kind of provider before any configuration."""

from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from headgate.providers.base import Operation, PriceConfig, Timeouts

TRACED = ("idempotency-key", "traceparent", "tracestate")
"""Request headers that mean the same to everybody and may go on to any upstream."""


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One kind of provider. The head of ``catalog.toml`` says what each field means."""

    base_url: str | None = None
    key_env: tuple[str, ...] = ()
    key_header: str = ""
    stream_usage: bool = True
    states_cost: bool = False
    max_tokens_field: str = "max_tokens"
    operations: tuple[Operation, ...] = ("chat", "embeddings", "models")
    chat: tuple[str, ...] = ("openai-chat",)
    speaks: tuple[str, ...] = ()
    stores: bool = False
    forward: tuple[str, ...] = ()
    headers: dict[str, str] = {}
    timeouts: Timeouts = Timeouts()
    price: PriceConfig | None = None
    probe: str | None = None
    doc: str = ""

    def forwards(self) -> frozenset[bytes]:
        """Every request header of the caller that may go on, in lower case."""
        return frozenset(name.lower().encode() for name in (*TRACED, *self.forward))


EVERY: tuple[Operation, ...] = (
    *("chat", "embeddings", "models", "rerank"),
    *("moderations", "images", "speech", "transcription"),
)
"""What a server that is known by its base URL alone may offer: what it has not, it says itself."""

CODED: dict[str, Row] = {
    "openai-compatible": Row(operations=EVERY, forward=("openai-beta",)),
    "anthropic": Row(
        base_url="https://api.anthropic.com",
        key_env=("ANTHROPIC_API_KEY",),
        operations=("chat", "count_tokens", "models"),
        forward=("anthropic-version", "anthropic-beta"),
        doc="https://docs.anthropic.com/en/api/messages",
    ),
    "azure": Row(
        max_tokens_field="max_completion_tokens",
        chat=("openai-chat", "openai-responses", "openai-completions"),
        speaks=("openai-chat", "openai-responses"),
        stores=True,
        doc="https://learn.microsoft.com/azure/ai-foundry/openai/reference",
    ),
    "cohere": Row(
        base_url="https://api.cohere.com",
        key_env=("COHERE_API_KEY", "CO_API_KEY"),
        operations=("chat", "embeddings", "rerank", "models"),
        doc="https://docs.cohere.com/v2/reference/about",
    ),
    "bedrock": Row(
        operations=("chat",),
        doc="https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html",
    ),
    "gemini": Row(
        base_url="https://generativelanguage.googleapis.com",
        key_env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        operations=("chat", "count_tokens", "embeddings", "models"),
        doc="https://ai.google.dev/api",
    ),
    "vertex": Row(
        base_url="https://aiplatform.googleapis.com",
        operations=("chat", "count_tokens", "embeddings"),
        forward=("anthropic-beta",),
        doc="https://cloud.google.com/vertex-ai/generative-ai/docs",
    ),
    "ollama": Row(
        base_url="http://127.0.0.1:11434",
        operations=("chat", "embeddings", "models"),
        price=PriceConfig(),
        probe="v1/models",
        doc="https://docs.ollama.com/api",
    ),
    "sandbox": Row(
        base_url="http://sandbox.invalid/v1",
        operations=EVERY,
        price=PriceConfig(input=0.10, output=0.40),
    ),
}
"""The kinds that a class of their own serves, and any server that is known by its base URL alone."""

PLACED = frozenset({"bedrock"})
"""Kinds whose address follows from the ``region``."""


@cache
def rows() -> dict[str, Row]:
    """Return every kind and its row; the file is read at the first call."""
    import tomllib  # here, because most commands never look at the catalogue

    listed: dict[str, Any] = tomllib.loads(Path(__file__).with_name("catalog.toml").read_text("utf-8"))
    return {**CODED, **msgspec.convert(listed, dict[str, Row])}


def keyed_kinds() -> frozenset[str]:
    """Return every kind that needs nothing but a key."""
    return frozenset(kind for kind, known in rows().items() if known.key_env and known.base_url)


def row(kind: str) -> Row:
    """Return the row of *kind*; an unknown one (a plug-in's) has an empty row."""
    return rows().get(kind) or Row()
