"""Tools that a provider runs by itself and charges for beyond their tokens: what they may cost, and what nobody knows.

A search has a price. Other tools are charged by the container, the hour or the picture, which no answer tells.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from headgate.core.call import Call
from headgate.core.errors import BadRequest
from headgate.dialects import wire
from headgate.dialects.fields import starts
from headgate.providers.base import Target

SEARCHES = 10
"""Searches held for where the request sets no limit of them. Every one that is made is charged."""
_SEARCH = ("web_search", "google_search", "googleSearch")
_CHARGED = (
    *("code_interpreter", "code_execution", "file_search", "image_generation", "shell"),  # OpenAI, Anthropic, xAI
    *("x_search", "collections_search", "browser_search", "openrouter:"),
    *("googleMaps", "google_maps", "enterpriseWebSearch", "enterprise_web_search", "retrieval"),
)
_ONES = re.compile(b"|".join([re.escape(name.encode()) for name in (*_SEARCH, *_CHARGED)] + [rb"\\u"]))
_count = msgspec.json.Decoder(int)


def searches(call: Call, target: Target) -> int:
    """Return how many searches of *target* to hold for."""
    price = target.price
    if price is None or price.extra is None or not price.extra.search:
        return 0
    fields = call.envelope.fields
    if "tools" not in fields:
        return int(target.abilities.profile.searches)
    found = [tool for _, kind, tool in hosted(call) if kind.startswith(_SEARCH)]
    if not found:
        return int(target.abilities.profile.searches)
    most = _whole(fields.get("max_tool_calls"))
    return sum([most or _whole(tool.get("max_uses")) or SEARCHES for tool in found])


def refuse_unpriced(call: Call) -> None:
    """Leave only targets in the plan whose price for the tools of *call* is known; raise ``BadRequest`` if none is."""
    for at, kind, tool in hosted(call):
        if kind.startswith(_SEARCH):
            call.plan, before = tuple([t for t in call.plan if _sells_searches(t)]), call.plan
            if before and not call.plan:
                raise _unknown(
                    call, at, f"What a search costs at {before[0].name} is not known (price: {{search: ...}})"
                )
        elif kind != "shell" or b'"local"' not in bytes(tool.get("environment", b"")):
            raise _unknown(call, at, f"What {kind[:50]!r} costs is not known")


def hosted(call: Call) -> Iterator[tuple[str, str, dict[str, msgspec.Raw]]]:
    """Yield the tools that are charged beyond their tokens: path, kind, and the tool itself.

    A request without any costs one look for their names. Gemini names a tool by a field instead of its ``type``.
    """
    raw = call.envelope.fields.get("tools", wire.NULL)
    if not starts(raw, b"[") or _ONES.search(raw) is None:
        return
    for index, one in enumerate(wire.items(raw)):
        if not starts(one, b"{"):
            continue
        tool = wire.members(one)
        if "type" in tool:
            kind = wire.decode(tool["type"])
            if isinstance(kind, str) and kind.startswith((*_SEARCH, *_CHARGED)):
                yield f"tools[{index}].type", kind, tool
        else:
            for name in tool:
                if name.startswith((*_SEARCH, *_CHARGED)) and not name.startswith("code_execution"):
                    yield f"tools[{index}].{name}", name, tool


def _sells_searches(target: Target) -> bool:
    return target.price is not None and target.price.extra is not None and target.price.extra.search > 0


def _whole(raw: Any) -> int:
    try:
        return max(_count.decode(raw), 0) if raw is not None else 0
    except msgspec.ValidationError:
        return 0


def _unknown(call: Call, param: str, why: str) -> BadRequest:
    return BadRequest(
        f"{why}, and the key {call.who.name!r} has a budget. Leave it out, or use a key without a budget.",
        code="price_unknown",
        param=param,
    )
