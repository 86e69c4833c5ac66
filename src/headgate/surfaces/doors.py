"""The doors: every path of the data plane, on one screen, with what it needs and what it answers."""

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

import msgspec

from headgate.core.call import Operation
from headgate.dialects import (
    anthropic_messages,
    count_input,
    count_tokens,
    embeddings,
    images,
    moderations,
    openai_chat,
    openai_completions,
    openai_responses,
    rerank,
    speech,
    transcriptions,
    translations,
)
from headgate.dialects.media_form import MEDIA
from headgate.surfaces import health, listing


class Door(msgspec.Struct, frozen=True, eq=False):
    """One path that runs the pipeline. ``permission`` is what the caller's credential must carry."""

    path: str
    surface: str
    operation: Operation
    dialect: Any
    summary: str
    permission: str = "gateway:use"
    method: str = "POST"
    media: bytes = b"application/json"
    """The content type that the body must have."""


ANY = "*"
"""The method of a page that takes every one."""


class Page(msgspec.Struct, frozen=True, eq=False):
    """One path that answers by itself. ``permission`` is ``None`` where anybody may look."""

    path: str
    handler: Callable[..., Awaitable[None]]
    summary: str
    permission: str | None
    method: str = "GET"
    rest: bool = False
    """The path goes on: what follows it is the handler's argument, slashes included."""


def later(module: str, name: str) -> Callable[..., Awaitable[None]]:
    """Return a page's handler that is imported when it is first asked for: few need it, and every start would pay."""

    async def handler(*args: Any) -> None:
        await getattr(import_module(f"headgate.surfaces.{module}"), name)(*args)

    return handler


DOORS: tuple[Door, ...] = (
    Door("/v1/chat/completions", "openai", "chat", openai_chat, "Chat, in OpenAI's form"),
    Door("/v1/responses", "openai", "chat", openai_responses, "Chat, in the form of OpenAI's responses"),
    Door("/v1/responses/input_tokens", "openai", "count_tokens", count_input, "Count the tokens of such a request"),
    Door("/v1/completions", "openai", "chat", openai_completions, "Text that goes on, in OpenAI's form"),
    Door("/api/v1/chat/completions", "openai", "chat", openai_chat, "The same, under the management API's prefix"),
    Door("/ai/chat/completions", "task", "chat", openai_chat, "Chat, among the task surfaces"),
    Door("/ai/embeddings", "task", "embeddings", embeddings, "Embeddings, among the task surfaces"),
    Door("/v1/embeddings", "openai", "embeddings", embeddings, "Embeddings, in OpenAI's form"),
    Door("/v1/moderations", "openai", "moderations", moderations, "Judge texts and pictures, in OpenAI's form"),
    Door("/v1/images/generations", "openai", "images", images, "Draw pictures, in OpenAI's form"),
    Door("/v1/audio/speech", "openai", "speech", speech, "Read a text aloud, in OpenAI's form"),
    Door(
        "/v1/audio/transcriptions",
        "openai",
        "transcription",
        transcriptions,
        "Write down what a file says",
        media=MEDIA,
    ),
    Door("/v1/audio/translations", "openai", "transcription", translations, "The same, into English", media=MEDIA),
    Door("/v1/rerank", "openai", "rerank", rerank, "Order documents by a query, in Cohere's form"),
    Door("/v2/rerank", "openai", "rerank", rerank, "The same, where Cohere's own client looks for it"),
    Door("/v1/messages", "anthropic", "chat", anthropic_messages, "Chat, in Anthropic's form"),
    Door("/v1/messages/count_tokens", "anthropic", "count_tokens", count_tokens, "Count a prompt's tokens"),
)

PAGES: tuple[Page, ...] = (
    Page("/v1/models", listing.list_models, "The models this key can call now", "gateway:use"),
    Page("/v1/models/", listing.one_model, "One model", "gateway:use", rest=True),
    Page("/v1/responses/", later("responses", "kept_response"), "A kept response", "gateway:use", ANY, rest=True),
    Page("/v1beta/models", listing.list_models, "The same, in Gemini's form", "gateway:use"),
    Page("/v1beta/models/", listing.one_model, "One model, in Gemini's form", "gateway:use", rest=True),
    Page("/ai/models", listing.list_models, "The models this key can call now", "gateway:use"),
    Page("/ai/code/generate", later("code", "generate"), "Write code, told from prose", "gateway:use", "POST"),
    Page("/api/v1/gateway/llm/invoke", later("invoke", "invoke"), "A prompt in, its text out", "gateway:use", "POST"),
    Page("/v1/realtime", later("realtime", "realtime_socket"), "A relay of OpenAI's Realtime API", "gateway:use"),
    Page("/v1/stream", later("socket_stream", "stream_socket"), "Chat over a WebSocket", "gateway:use"),
    Page("/passthrough/", later("passthrough", "pass_through"), "A provider's own API", "gateway:use", ANY, rest=True),
    Page("/health", health.alive, "Liveness: the loop turns", None),
    Page("/livez", health.alive, "Second name of /health", None),
    Page(
        "/health/ready",
        health.ready,
        "Readiness: configuration, keys and ledger are loaded, and it is not draining",
        None,
    ),
    Page("/readyz", health.ready, "Second name of /health/ready", None),
)

CONTROL_PATHS = ("/metrics", "/openapi.json", "/docs", "/swagger")
CONTROL_PREFIXES = ("/api/v1/",)
API_PREFIXES = ("/v1", "/v1beta", "/v2", "/api", "/ai", "/passthrough")
"""Below these, what is unknown is no page of the dashboard."""
