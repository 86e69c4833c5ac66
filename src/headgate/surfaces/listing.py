"""``GET /v1/models``: what this key can call now, in the shape its client knows."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec

from headgate.access.types import Principal
from headgate.core.errors import BadRequest, ModelNotFound
from headgate.pipeline.grants import may_call
from headgate.pipeline.parts import Parts
from headgate.surfaces.health import JSON
from headgate.surfaces.state import State
from headgate.transport.server_asgi import Scope

CHAT = ("generateContent", "streamGenerateContent", "countTokens")
VERBS = {"embedding": ("embedContent", "batchEmbedContents")}


async def list_models(state: State, parts: Parts, scope: Scope, link: Any, rest: bytes) -> None:
    """All of them that the query's filters let through, on one page: a gateway has thousands at most."""
    who = await _who(parts, scope)
    wanted = filters(scope["query_string"])
    models = [model for model in state.listing(who) if all(fits(model) for fits in wanted)]
    shape = _shape(scope)
    data = [shape(model) for model in models]
    body: dict[str, Any] = {"object": "list", "data": data}
    if shape is _anthropic:
        body = {"data": data, "has_more": False, "first_id": None, "last_id": None}
        if data:
            body.update(first_id=data[0]["id"], last_id=data[-1]["id"])
    elif shape is _gemini:
        body = {"models": data}
    link.respond(200, JSON, msgspec.json.encode(body))


async def one_model(state: State, parts: Parts, scope: Scope, link: Any, rest: bytes) -> None:
    """One of them by id; an id may contain slashes, raw or as ``%2F``."""
    who = await _who(parts, scope)
    wanted = unquote_to_bytes(rest).decode("utf-8", "replace").removeprefix("models/")
    for model in state.listing(who):
        if model["id"] == wanted:
            link.respond(200, JSON, msgspec.json.encode(_shape(scope)(model)))
            return
    raise ModelNotFound(
        f"The model {wanted[:200]!r} does not exist or you do not have access to it. GET /v1/models lists yours.",
        param="model",
    )


def filters(query: bytes) -> list[Callable[[dict[str, Any]], bool]]:
    """Read the filters of a query; raise ``BadRequest`` naming one that makes no sense. What is no filter is left to
    the vendors' own paging, which one page has no use for."""
    found: list[Callable[[dict[str, Any]], bool]] = []
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        make = FILTERS.get(name)
        if make is None:
            continue
        try:
            found.append(make(value))
        except ValueError:
            raise BadRequest(f"Invalid value for '{name}': a whole number is expected.", param=name) from None
    return found


def _able(value: str) -> Callable[[dict[str, Any]], bool]:
    needed = {one.strip() for one in value.split(",") if one.strip()}
    return lambda model: needed <= set(model["capabilities"])


def _wide(value: str) -> Callable[[dict[str, Any]], bool]:
    least = int(value)
    return lambda model: (model["context"] or 0) >= least


FILTERS: dict[str, Callable[[str], Callable[[dict[str, Any]], bool]]] = {
    "provider": lambda value: lambda model: bool(model["owned_by"] == value),
    "kind": lambda value: lambda model: bool(model["kind"] == value),
    "capability": _able,
    "search": lambda value: lambda model: value.lower() in model["id"].lower(),
    "min_context": _wide,
}
"""Query parameter -> what it lets through; ``capability`` may name several, separated by commas."""


async def _who(parts: Parts, scope: Scope) -> Principal:
    client = scope["client"]
    found = parts.principals.authenticate(scope["headers"], scope["query_string"], client[0] if client else None)
    who = found if isinstance(found, Principal) else await found
    may_call(who)
    return who


def _shape(scope: Scope) -> Any:
    if scope["raw_path"].startswith(b"/v1beta/"):
        return _gemini
    names = {name for name, _ in scope["headers"]}
    return _anthropic if b"anthropic-version" in names else _gemini if b"x-goog-api-key" in names else _openai


def _openai(model: dict[str, Any]) -> dict[str, Any]:
    return {"id": model["id"], "object": "model", "created": model["created"], "owned_by": model["owned_by"]}


def _anthropic(model: dict[str, Any]) -> dict[str, Any]:
    created = datetime.fromtimestamp(model["created"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"type": "model", "id": model["id"], "display_name": model["id"], "created_at": created}


def _gemini(model: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": f"models/{model['id']}",
        "displayName": model["id"],
        "inputTokenLimit": model.get("context") or 0,
        "outputTokenLimit": model.get("max_output") or 0,
        "supportedGenerationMethods": VERBS.get(model.get("kind", ""), CHAT),
    }
