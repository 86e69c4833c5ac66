"""What a caller asks of the gateway itself: the ``x-headgate-*`` headers, ``traceparent`` and the content type."""

import re
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from headgate.cache.rules import control
from headgate.core.call import Call, Options
from headgate.core.errors import BadRequest, MediaType
from headgate.dialects.json_guard import FORBIDDEN, not_allowed

PREFIX = b"x-headgate-"
TRACEPARENT = re.compile(rb"^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$")
MAX_TEXT = 256
MAX_TAGS = 20
MAX_METADATA = 4096

_metadata = msgspec.json.Decoder(dict[str, Any])


def read_options(call: Call) -> None:
    """Read one request's headers, once. Of a query only what may not stand in it matters."""
    memo = call.memo
    if memo is not None and (known := memo.get("options")) is not None:
        call.options = known
        return
    if call.query:
        _check_query(call.query)
    found: dict[str, Any] = {}
    media = b""
    for name, value in call.headers:
        if name == b"content-type":
            media = value
        elif name == b"traceparent":
            match = TRACEPARENT.match(value)
            if match and match[1] != b"0" * 32 and match[2] != b"0" * 16:
                call.trace_id, call.parent_id = match[1].decode(), match[2].decode()
        elif name == b"idempotency-key":
            call.word = value
        elif name.startswith(PREFIX):
            _option(name[len(PREFIX) :].decode("latin-1"), value.decode("latin-1").strip(), found)
    if media != call.media and call.media and media.partition(b";")[0].strip().lower() != call.media:
        wanted = call.media.decode()
        raise MediaType(f"Send the body as {wanted}, with the header content-type: {wanted}.", param="content-type")
    if found:
        call.options = Options(**found)
    if memo is not None and call.word is None and call.parent_id is None and call.options.metadata is None:
        memo["options"] = call.options


def _check_query(query: bytes) -> None:
    for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name in FORBIDDEN:
            raise not_allowed(name)


def _option(name: str, value: str, found: dict[str, Any]) -> None:
    reader = READERS.get(name)
    if reader is None:
        raise BadRequest(
            f"There is no option x-headgate-{name[:64]}. Options are: "
            f"{', '.join('x-headgate-' + known for known in sorted(READERS))}.",
            code="unknown_option",
            param=f"x-headgate-{name[:64]}",
        )
    try:
        found[name.replace("-", "_")] = reader(value)
    except ValueError as error:
        raise BadRequest(f"x-headgate-{name} {error}.", code="invalid_option", param=f"x-headgate-{name}") from None


def _tags(value: str) -> tuple[str, ...]:
    tags = tuple(tag.strip() for tag in value.split(",") if tag.strip())
    if len(tags) > MAX_TAGS or any(len(tag) > 64 for tag in tags):
        raise ValueError(f"takes at most {MAX_TAGS} tags of at most 64 characters, separated by commas")
    return tags


def _names(value: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    if not 0 < len(names) <= MAX_TAGS:
        raise ValueError(f"takes 1 to {MAX_TAGS} names, separated by commas")
    return names


def _text(value: str) -> str:
    if not 0 < len(value) <= MAX_TEXT:
        raise ValueError(f"takes 1 to {MAX_TEXT} characters")
    return value


def _seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0.001 <= seconds <= 3600:
        raise ValueError("takes seconds, from 0.001 to 3600")
    return seconds


def _metadata_of(value: str) -> dict[str, Any]:
    if len(value) > MAX_METADATA:
        raise ValueError(f"takes at most {MAX_METADATA} characters")
    try:
        return _metadata.decode(value)
    except msgspec.DecodeError:
        raise ValueError("takes a JSON object") from None


def _one_of(**words: Any) -> Any:
    def read(value: str) -> Any:
        if value.lower() not in words:
            raise ValueError(f"takes one of: {', '.join(words)}")
        return words[value.lower()]

    return read


_switch = _one_of(**{"1": True, "0": False, "on": True, "off": False, "true": True, "false": False})

READERS = {
    "cache": control,
    "tags": _tags,
    "guardrails": _names,
    "user": _text,
    "session": _text,
    "timeout": _seconds,
    "on-unsupported": _one_of(refuse="refuse", drop="drop"),
    "metadata": _metadata_of,
    "stream-info": _switch,
    "clamp": _switch,
}
