"""What a provider itself says of its models: their names, limits and abilities, asked for without spending a token.

The list of models is also the health check: it takes an authenticated round trip, and nothing is billed for it.
"""

from collections.abc import Iterator
from time import monotonic
from typing import Any

import msgspec

from headgate.core.errors import UpstreamFailed
from headgate.core.ids import now
from headgate.core.redact import redact, scrub
from headgate.dialects.base import Abilities
from headgate.dialects.upstream import read_error
from headgate.dialects.wire import ODD
from headgate.providers.base import Provider, Target, Timeouts
from headgate.transport.base import exchange

PATIENCE = 10.0
"""Seconds for each page."""
MAX_BYTES = 16 * 1024 * 1024
MAX_PAGES = 20
MAX_MODELS = 10_000
MAX_NAME = 200  # bytes in UTF-8: a caller asks for it with the provider's name before it
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
MARKS = str.maketrans("", "", "-_.:")
KINDS = ("adaptive", "enabled", "disabled")
CONTEXTS = ("max_input_tokens", "context_length", "context_window", "max_context_length", "inputTokenLimit")
OUTPUTS = ("max_tokens", "max_completion_tokens", "outputTokenLimit")


class Learned(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a provider says of one of its models; ``None`` where it does not tell."""

    context: int | None = None
    max_output: int | None = None
    efforts: tuple[str, ...] | None = None
    thinking: tuple[str, ...] | None = None


class Found(msgspec.Struct, frozen=True, omit_defaults=True):
    """The result of one look at a provider."""

    at: int
    """Microseconds since 1970, UTC."""
    latency_ms: float
    error: str | None = None
    """Why it is not well: it did not answer, or did not take the key."""
    models: dict[str, Learned] = {}

    @property
    def ok(self) -> bool:
        """Whether it answered with its models."""
        return self.error is None


async def look(provider: Provider) -> Found:
    """Ask *provider* for its models; never raises for what the provider does."""
    began = monotonic()
    models: dict[str, Learned] = {}
    error: str | None = None
    try:
        if provider.prepare is not None and (waiting := provider.prepare()) is not None:
            await waiting
        query = b""
        for _ in range(MAX_PAGES):
            page = await _page(provider, query)
            models.update(read(page))
            query = after(page)
            if not query or len(models) >= MAX_MODELS:
                break
    except UpstreamFailed as failed:
        error = redact(failed.message)[:500]
    except (*ODD, ValueError) as wrong:
        error = f"its list of models cannot be read: {str(wrong)[:200]}"
    return Found(at=now(), latency_ms=round((monotonic() - began) * 1000, 3), error=error, models=models)


async def _page(provider: Provider, query: bytes) -> Any:
    """Return one page of the list."""
    name = f"{provider.name}/*"
    nothing = Target(provider, "*", name, None, None, None, Abilities("*", name), Timeouts())
    out = provider.outbound("models", nothing, b"")
    if query:
        line, _, rest = out.head.partition(b"\r\n")
        method, path, version = line.split(b" ")
        out.head = b"%b %b%b%b %b\r\n%b" % (method, path, b"&" if b"?" in path else b"?", query, version, rest)
    out.headers_timeout = PATIENCE
    answer, body = await exchange(provider.sender, out, MAX_BYTES, PATIENCE)
    if answer.status != 200:
        raise read_error(answer.status, answer.headers, scrub(body[:65_536], out.head + out.extra))
    return msgspec.json.decode(body)


def read(page: Any) -> dict[str, Learned]:
    """Return the models of a page, in any of the shapes that providers use; raise ``ValueError`` for no such page."""
    listed = page if isinstance(page, list) else None
    if isinstance(page, dict):
        listed = next((page[key] for key in ("data", "models") if isinstance(page.get(key), list)), None)
    if listed is None:
        raise ValueError("it is neither a list nor an object with one")
    return dict(_models(listed))


def _models(listed: list[Any]) -> Iterator[tuple[str, Learned]]:
    for model in listed[:MAX_MODELS]:
        if not isinstance(model, dict):
            continue
        name = model.get("id") or model.get("name")
        if isinstance(name, str) and 0 < len(name.encode(errors="replace")) <= MAX_NAME and name.isprintable():
            yield name.removeprefix("models/"), learned(model)


def learned(model: dict[str, Any]) -> Learned:
    """Return what an entry of the list says of its model."""
    can = model.get("capabilities")
    can = can if isinstance(can, dict) else {}
    top = model.get("top_provider")
    more = top if isinstance(top, dict) else {}
    return Learned(
        context=_number(model, CONTEXTS),
        max_output=_number(model, OUTPUTS) or _number(more, OUTPUTS),
        efforts=_efforts(can, model),
        thinking=_thinking(can),
    )


def _efforts(can: dict[str, Any], model: dict[str, Any]) -> tuple[str, ...] | None:
    """Anthropic says of each level whether it is taken; xAI lists those that are."""
    said = can.get("effort")
    if isinstance(said, dict):
        return tuple(level for level in EFFORTS if _supported(said.get(level)))
    for place in (can, model):
        levels = place.get("reasoning_effort", place.get("reasoning_efforts"))
        if isinstance(levels, dict):
            levels = levels.get("values", levels.get("levels"))
        if isinstance(levels, list):
            return tuple(level for level in EFFORTS if level in levels)
    return None


def _thinking(can: dict[str, Any]) -> tuple[str, ...] | None:
    said = can.get("thinking")
    types = said.get("types") if isinstance(said, dict) else None
    if not isinstance(types, dict):
        return None
    return tuple(kind for kind in KINDS if _supported(types.get(kind)))


def _supported(said: Any) -> bool:
    return said is True or (isinstance(said, dict) and said.get("supported") is True)


def _number(said: dict[str, Any], fields: tuple[str, ...]) -> int | None:
    values = (said.get(field) for field in fields)
    return next((v for v in values if isinstance(v, int) and not isinstance(v, bool) and 0 < v < 10**9), None)


def after(page: Any) -> bytes:
    """Return the query that asks for the next page, empty where there is none."""
    if not isinstance(page, dict):
        return b""
    said = [("nextPageToken", b"pageToken"), ("next_page_token", b"page_token")]
    if page.get("has_more") is True:
        said.append(("last_id", b"after_id"))
    for field, name in said:
        token = page.get(field)
        if isinstance(token, str) and _plain(token):
            return name + b"=" + token.encode()
    return b""


def _plain(token: str) -> bool:
    """Whether a token of a page can stand in a query as it is."""
    return 0 < len(token) <= 1000 and token.isascii() and token.translate(MARKS).isalnum()
