"""Responses that are kept: ``GET`` and ``DELETE /v1/responses/{id}``, ``GET .../input_items``, ``POST .../cancel``.

See <https://platform.openai.com/docs/api-reference/responses/get>. Each key sees its own, and no other's. For what its
provider keeps that provider is asked.
"""

import re
from asyncio import sleep
from functools import partial
from typing import Any
from urllib.parse import parse_qs, unquote_to_bytes

import msgspec

from headgate.access.types import Principal
from headgate.core.errors import BadRequest, HeadgateError, MethodNotAllowed, NotFound
from headgate.dialects import openai_responses
from headgate.pipeline.forward import look_up
from headgate.pipeline.grants import may_call
from headgate.pipeline.parts import Parts
from headgate.pipeline.run import run
from headgate.pipeline.stored import PATIENCE
from headgate.storage.responses import Kept
from headgate.surfaces.calls import call_from
from headgate.surfaces.health import JSON
from headgate.surfaces.state import State
from headgate.transport.server_asgi import Scope

_ID = re.compile(r"resp_[\w-]{1,200}", re.ASCII)
PAGE = 20
MOST = 100
_SPOKEN = {"user": "input_text", "system": "input_text", "developer": "input_text", "assistant": "output_text"}
_KINDS = {"message": "msg", "function_call": "fc", "function_call_output": "fco", "reasoning": "rs"}


async def kept_response(state: State, parts: Parts, scope: Scope, link: Any, rest: bytes) -> None:
    """One of them, its end, or what led to it."""
    path, method = unquote_to_bytes(rest).decode("utf-8", "replace"), scope["method"]
    id_, slash, inner = path.partition("/")
    if (slash and inner not in ("input_items", "cancel")) or (method == "POST" and not slash):
        raise NotFound(f"There is nothing at {method} /v1/responses/{path[:200]}. /docs lists what there is.")
    allow = {"": "GET, DELETE", "input_items": "GET", "cancel": "POST"}[inner]
    if method not in allow.split(", ") and (method != "HEAD" or inner == "cancel"):
        raise MethodNotAllowed(f"/v1/responses/{path[:200]} takes {allow}.", headers={"allow": allow})
    who = await _who(parts, scope)
    found = await _find(parts, who, id_)
    if found.provider is not None:
        await _ask(parts, scope, link, found.provider, f"/responses/{path}")
        return
    if inner == "cancel":
        raise BadRequest(f"The response {id_[:100]!r} is complete: only one in the background can be cancelled.")
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
    if kept is None:
        raise unknown(id_)
    found = await kept.find(who.tenant_id, who.id, id_)
    for pause in PATIENCE[:3] if _ID.fullmatch(id_) else ():
        if isinstance(found, Kept):  # what is another's takes as long as what never was
            break
        await sleep(pause)
        found = await kept.find(who.tenant_id, who.id, id_)
    if not isinstance(found, Kept) or (found.provider is None and not kept.keep):
        raise unknown(id_)
    if found.provider is not None and not _fetchable(parts, who, found, id_):
        raise NotFound(
            f"The response {id_[:100]!r} is kept by {found.provider!r}, and is not fetched from there: that provider "
            "does not speak this API any more, or a guardrail looked at the answer.",
            code="response_kept_by_provider",
        )
    return found


def _fetchable(parts: Parts, who: Principal, found: Kept, id_: str) -> bool:
    """Whether the provider that keeps a response can be asked for it in the words of its caller."""
    if found.note.guarded or not _ID.fullmatch(id_):
        return False
    try:
        provider = parts.snapshot.table_of(who.tenant_id).at(found.provider or "", "*").targets[0].provider
    except HeadgateError:
        return False
    return openai_responses in provider.dialects("chat")


async def _ask(parts: Parts, scope: Scope, link: Any, provider: str, path: str) -> None:
    """Hand the request on to who keeps the response."""
    call = call_from(scope, link, "openai", "raw", openai_responses)
    call.pinned = provider
    await run(call, parts, partial(look_up, method=scope["method"], path=path))


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
