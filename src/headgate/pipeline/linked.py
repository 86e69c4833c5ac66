"""What a request only names, and its provider reads in full: pictures and files by URL or id, what is kept elsewhere.

The bytes of a request bound its tokens, but not those of what it names: a picture is held for by a stated bound,
anything else by the model's whole window.
"""

import re
from typing import Any

from headgate.core.call import Call
from headgate.dialects import wire
from headgate.dialects.signs import ESCAPE, LINKS
from headgate.providers.base import Target

WINDOW = 200_000
"""Tokens of a prompt where the model's window is not known."""
_SIGNS = re.compile(b'"(?:%b)"' % b"|".join(sorted(LINKS)))
"""One of these stands in every body that names something, unless one of its letters is escaped."""
_MARKS = (b'"url"', b"leUri", b"3Loca", b'_url"', b"le_id", b"e_uri", b"rence", b"video")
"""What is looked for first, as it is found several times faster than all signs at once; more bytes are not. And not by
``in``, which for bytes raises and catches an error first."""
_ROOTS = ("messages", "input", "contents", "system", "systemInstruction", "system_instruction")
_KEPT = ("conversation", "cachedContent", "cached_content")
_FIELDS = frozenset((*_KEPT, "previous_response_id", "prompt"))
_CALLS = frozenset(("tool_use", "server_tool_use", "mcp_tool_use", "function_call", "custom_tool_call", "mcp_call"))
_OTHERS = frozenset(("annotations", "citations", "functionCall", "function_call", "toolUse", "metadata"))
"""Fields below which a name names nothing that is read."""
_PICTURES = frozenset(("image", "input_image", "image_url"))
_FILES = frozenset(("file_url", "document_url", "video_url", "audio_url", "input_video"))


def named(call: Call, target: Target, size: int) -> tuple[int, bool]:
    """Return the tokens to hold for besides the *size* of the body in bytes, and whether they fill the whole window.

    A request that names nothing costs one look for the signs of it, and one that fills the window not even these.
    """
    room = (target.context or WINDOW) - size
    if room <= 0:
        return 0, False
    fields, more = call.envelope.fields, 0
    if not fields.keys().isdisjoint(_FIELDS):
        before = _before(call, fields)
        if before is None:
            return room, True
        more = before
    if _signed(call):
        for name in _ROOTS:
            if name in fields:
                pictures = _pictures(wire.decode(fields[name]))
                if pictures is None:
                    return room, True
                more += pictures * target.abilities.profile.image_tokens
    return (more, False) if more < room else (room, True)


def telling(call: Call) -> bytes:
    """Return what to look through for words of ``signs``: empty where a request has none of them."""
    outline: bytes | None = call.envelope.outline
    return call.body if outline is None else outline


def _signed(call: Call) -> bool:
    """Whether one of the signs may stand in the body of *call*."""
    text = telling(call)
    if not text:
        return False
    if max(map(text.find, _MARKS)) >= 0 and _SIGNS.search(text):
        return True
    return text.find(ESCAPE) >= 0


def templated(fields: dict[str, Any]) -> bool:
    """Whether a prompt is one that is kept at the provider, by its id; that of Completions is text."""
    return bytes(fields.get("prompt", b"")).startswith(b"{")


def _before(call: Call, fields: dict[str, Any]) -> int | None:
    """Return the tokens that its provider puts in front of a request; ``None`` where nobody knows."""
    if any([fields.get(name, wire.NULL) != wire.NULL for name in _KEPT]):
        return None
    if templated(fields):
        return None
    return call.before if fields.get("previous_response_id", wire.NULL) != wire.NULL else 0


def _pictures(root: Any) -> int | None:
    """Return how many pictures are named below *root*; ``None`` where anything else is."""
    pictures = 0
    below: list[tuple[Any, bool]] = [(root, False)]
    while below:
        node, picture = below.pop()
        if isinstance(node, list):
            below += [(one, picture) for one in node]
        if not isinstance(node, dict):
            continue
        told = node.get("type")
        kind = told if isinstance(told, str) else ""
        if kind in _CALLS:
            continue
        if kind == "item_reference":
            return None
        picture = picture or kind in _PICTURES
        for name, value in node.items():
            if name in _OTHERS:
                continue
            if not _names(name, value, kind):
                below.append((value, picture or name in _PICTURES))
            elif picture or name in _PICTURES or str(node.get("mimeType", node.get("mime_type"))).startswith("image/"):
                pictures += 1
            else:
                return None
    return pictures


def _names(name: str, value: Any, kind: Any) -> bool:
    """Whether the field *name* of an object of this *kind* names something."""
    if name == "image_url" or name in _FILES:
        url = value.get("url") if isinstance(value, dict) else value
        return isinstance(url, str) and not url.startswith("data:")
    if name == "url":
        return kind == "url" and isinstance(value, str)
    if name in ("file_id", "fileUri", "file_uri"):
        return isinstance(value, str)
    return name == "s3Location"
