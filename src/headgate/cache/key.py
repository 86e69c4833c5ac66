"""The key of a request: everything that its answer may depend on, and nothing else, in one form.

Whose the answer is stands beside it, not in it. Pure.
"""

import json
import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

import msgspec

FORM = b"headgate/cache/1"
"""Changes whenever the same request would give another key than before."""
ASIDE = frozenset(
    (
        "model", "stream", "stream_options", "user", "metadata", "safety_identifier", "prompt_cache_key",
        "prompt_cache_retention", "prompt_cache_options", "store", "labels", "service_tier", "serviceTier",
    )
)  # fmt: skip
"""Fields that change how an answer is sent, booked or kept, not what it says. The model stands in the key as the
deployments that its name was resolved to."""
_FLOATS = re.compile(rb"[0-9](?:\.[0-9]|[eE])")
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder(order="sorted").encode


def document(fields: Mapping[str, msgspec.Raw], body: bytes) -> dict[str, Any]:
    """Return what of a request's *fields* its answer depends on, decoded; *body* is all of it as it came."""
    found = {name: _decode(value) for name, value in fields.items() if name not in ASIDE}
    hints = fields.get("metadata")
    if hints is not None and b'"sandbox_' in bytes(hints):  # there the embedded provider is told what to answer
        found["metadata"] = _decode(hints)
    return whole_numbers(found) if _FLOATS.search(body) else found


def ambiguous(fields: Mapping[str, msgspec.Raw], asked: Mapping[str, Any]) -> bool:
    """Whether an object within *fields* has a name twice, of which *asked* has one alone: two readers may see two
    requests, and the answer to the one must not be given to the other."""
    there = sum([_strings(bytes(fields[name])) for name in asked if name in fields])
    if there == sum([_strings(_encode(value)) for value in asked.values()]):
        return False  # nothing can be left out without its name: a text less
    return any([_twice(bytes(fields[name])) for name in asked if name in fields])


def _strings(raw: bytes) -> int:
    """Count the quotes of *raw* that no backslash stands before."""
    return raw.count(b'"') - raw.count(b'\\"')


def _twice(raw: bytes) -> bool:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise _Twice
        return found

    try:
        json.loads(raw, object_pairs_hook=once)
    except _Twice:
        return True
    return False


class _Twice(Exception):
    """A name stands twice in an object."""


def whole_numbers(value: Any) -> Any:
    """Return *value* with every number that is whole as one: ``1.0`` and ``1e0`` say the same as ``1``."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        return {name: whole_numbers(one) for name, one in value.items()}
    if isinstance(value, list):
        return [whole_numbers(one) for one in value]
    return value


def key_of(scope: bytes, asked: Any) -> bytes:
    """Return the 32 bytes that stand for a request: *scope* as :func:`scope_of` made it, and what it asks."""
    return blake2b(_encode(asked), key=scope, digest_size=32).digest()


def scope_of(texts: Iterable[str], *more: Any) -> bytes:
    """Return 32 bytes of what an answer depends on besides the request's fields: names in their order, and options."""
    return blake2b(_encode((list(texts), more)), key=FORM, digest_size=32).digest()


def near(asked: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Return the last turn of a request's caller and the request without it; ``None`` where none is near another.

    That is where it sends or asks for anything but text, offers tools, asks for variety (``temperature`` above 1), or
    where what it ends with is not its caller's own turn.
    """
    if not _TOOLS.isdisjoint(asked) or _warm(asked):
        return None
    for name in ("messages", "contents", "input"):
        turns = asked.get(name)
        if isinstance(turns, str) and name == "input":
            return (turns, {**asked, name: None}) if turns.strip() else None
        if isinstance(turns, list) and turns:
            return _last_turn(asked, name, turns)
    return None


_TOOLS = frozenset(
    ("tools", "functions", "tool_config", "toolConfig", "mcp_servers", "web_search_options", "previous_response_id",
     "conversation", "audio", "modalities", "container", "cachedContent", "cached_content", "logprobs")
)  # fmt: skip


def _warm(asked: Mapping[str, Any]) -> bool:
    config = asked.get("generationConfig", asked.get("generation_config"))
    for holder in (asked, config, asked.get("inferenceConfig")):
        temperature = holder.get("temperature") if isinstance(holder, dict) else None
        if isinstance(temperature, int | float) and temperature > 1:
            return True
    return False


def _last_turn(asked: Mapping[str, Any], name: str, turns: list[Any]) -> tuple[str, dict[str, Any]] | None:
    last = turns[-1]
    if not isinstance(last, dict) or last.get("role", "user") != "user":
        return None
    if any(_pictured(turn) for turn in turns):
        return None
    field = "parts" if name == "contents" else "content"
    text = plain_text(last.get(field))
    if text is None or not text.strip():
        return None
    rest = {key: value for key, value in last.items() if key != field}
    return text, {**asked, name: [*turns[:-1], rest]}


def _pictured(turn: Any) -> bool:
    """Whether a turn holds anything but text."""
    if not isinstance(turn, dict):
        return True
    content = turn.get("parts", turn.get("content"))
    return plain_text(content) is None or "tool_calls" in turn or "function_call" in turn


def plain_text(content: Any) -> str | None:
    """Return the text of a turn's content, ``None`` where it is not text alone."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    found = []
    for part in content:
        if isinstance(part, str):
            found.append(part)
        elif isinstance(part, dict) and isinstance(part.get("text"), str) and part.keys() <= _TEXT_PART:
            found.append(part["text"])
        else:
            return None
    return "\n".join(found)


_TEXT_PART = frozenset(("type", "text", "annotations", "cache_control", "citations", "thoughtSignature"))
