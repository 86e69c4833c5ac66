"""Responses that the gateway keeps: ``GET`` and ``DELETE /v1/responses/{id}``, ``GET .../{id}/input_items``.

See <https://platform.openai.com/docs/api-reference/responses/get>. Each key sees its own, and no other's.
"""

from typing import Any
from urllib.parse import parse_qs, unquote_to_bytes

import msgspec

from headgate.access.types import Principal
from headgate.core.errors import BadRequest, MethodNotAllowed, NotFound
from headgate.pipeline.grants import may_call
from headgate.pipeline.parts import Parts
from headgate.storage.responses import Kept
from headgate.surfaces.health import JSON
from headgate.surfaces.state import State
from headgate.transport.server_asgi import Scope

PAGE = 20
MOST = 100
_SPOKEN = {"user": "input_text", "system": "input_text", "developer": "input_text", "assistant": "output_text"}
_KINDS = {"message": "msg", "function_call": "fc", "function_call_output": "fco", "reasoning": "rs"}


async def kept_response(state: State, parts: Parts, scope: Scope, link: Any, rest: bytes) -> None:
    """One of them, its end, or what led to it."""
    path, method = unquote_to_bytes(rest).decode("utf-8", "replace"), scope["method"]
    id_, slash, inner = path.partition("/")
    if (slash and inner != "input_items") or method == "POST":
        raise NotFound(f"There is nothing at {method} /v1/responses/{path[:200]}. /docs lists what there is.")
    if method not in ("GET", "HEAD") and (slash or method != "DELETE"):
        allow = "GET" if slash else "GET, DELETE"
        raise MethodNotAllowed(f"/v1/responses/{path[:200]} takes {allow}.", headers={"allow": allow})
    who = await _who(parts, scope)
    found = await _find(parts, who, id_)
    query = {name: values[-1] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()}
    if query.get("stream") == "true":
        raise BadRequest("A kept response cannot be streamed again.", code="unsupported_parameter", param="stream")
    if slash:
        link.respond(200, JSON, msgspec.json.encode(page(items_of(found.input, id_), query)))
    elif method == "DELETE":
        assert parts.responses is not None
        if not await parts.responses.delete(who.tenant_id, who.id, id_):
            raise unknown(id_)
        link.respond(200, JSON, msgspec.json.encode({"id": id_, "object": "response", "deleted": True}))
    else:
        link.respond(200, JSON, found.response)


async def _who(parts: Parts, scope: Scope) -> Principal:
    client = scope["client"]
    found = parts.principals.authenticate(scope["headers"], scope["query_string"], client[0] if client else None)
    who = found if isinstance(found, Principal) else await found
    may_call(who)
    return who


async def _find(parts: Parts, who: Principal, id_: str) -> Kept:
    kept = parts.responses
    found = await kept.find(who.tenant_id, who.id, id_) if kept is not None and kept.keep else False
    if not isinstance(found, Kept):
        raise unknown(id_)
    if found.provider is not None:
        raise NotFound(
            f"The response {id_[:100]!r} is kept by its provider; ask at /passthrough/{found.provider}/v1/responses.",
            code="response_kept_by_provider",
        )
    return found


def unknown(id_: str) -> NotFound:
    """The refusal of what is not this key's, whether or not it is anybody's."""
    return NotFound(f"Response with id {id_[:100]!r} not found.")


def items_of(kept: bytes, id_: str) -> list[dict[str, Any]]:
    """Return what led to the response *id_*, each item named, a message's text as a part of it."""
    items: list[dict[str, Any]] = msgspec.json.decode(kept)
    for index, item in enumerate(items):
        kind = item.setdefault("type", "message")
        item.setdefault("id", f"{_KINDS.get(kind, 'item')}_{id_.removeprefix('resp_')}{index:04x}")
        said = item.get("content")
        if kind == "message" and isinstance(said, str):
            item["content"] = [{"type": _SPOKEN.get(str(item.get("role")), "input_text"), "text": said}]
    return items


def page(items: list[dict[str, Any]], query: dict[str, str]) -> dict[str, Any]:
    """Return the part of *items* that *query* asks for: ``order`` (desc, asc), ``after`` (an id), ``limit``."""
    limit = query.get("limit", str(PAGE))
    if not limit.isdecimal() or not 1 <= int(limit[:9]) <= MOST:
        raise BadRequest(f"Invalid value for 'limit': expected 1 to {MOST}.", code="invalid_value", param="limit")
    if query.get("order") != "asc":
        items = items[::-1]
    after = query.get("after")
    if after is not None:
        at = next((i for i, item in enumerate(items) if item["id"] == after), None)
        if at is None:
            raise BadRequest("Invalid value for 'after': no such item.", code="invalid_value", param="after")
        items = items[at + 1 :]
    shown = items[: int(limit)]
    ends = {"first_id": shown[0]["id"], "last_id": shown[-1]["id"]} if shown else {"first_id": None, "last_id": None}
    return {"object": "list", "data": shown, "has_more": len(items) > len(shown), **ends}
