"""JSON as the dialects read and write it: fast, nothing rewritten, lone surrogates kept where msgspec refuses them."""

import json
import re
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
Raw = msgspec.Raw
NULL = Raw(b"null")
ODD = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What is raised for JSON of another shape than expected, nested deeper than anybody reads, and for what is none."""

_ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_ITEMS = msgspec.json.Decoder(list[Raw])
_ENCODER = msgspec.json.Encoder()

SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(
    rb"\\(?:(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_LONE = re.compile("[\ud800-\udfff]")
# A lone surrogate has no UTF-8 form: on its way through the encoder it is written in private-use characters.
_MARK = "\uf8fd\uf8fe\uf8fd"
_MARKED = re.compile(f"{_MARK}(d[0-9a-f]{{3}})".encode())


def without_lone_surrogates(body: bytes) -> bytes:
    """Return JSON text with lone ``\\udXXX`` escapes as U+FFFD, no offset changed; for reading, not for sending."""
    return _ESCAPE.sub(lambda m: rb"\ufffd" if m[2] else m[0], body)


def typed(decoder: msgspec.json.Decoder[T], raw: bytes | Raw) -> T:
    """Decode by *decoder*; a lone surrogate reads as U+FFFD. Raise ``msgspec.DecodeError`` or ``ValidationError``."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        if not SURROGATE.search(raw):
            raise
    return decoder.decode(without_lone_surrogates(bytes(raw)))


def decode(raw: bytes | Raw) -> Any:
    """Decode any JSON, lone surrogates kept; raise ``msgspec.DecodeError`` for what is none."""
    try:
        return _ANY.decode(raw)
    except msgspec.DecodeError:
        typed(_ANY, raw)
        return json.loads(bytes(raw))


def members(raw: bytes | Raw) -> dict[str, Raw]:
    """Decode an object, its values undecoded and byte for byte as they came; raise as :func:`typed`."""
    try:
        return _MEMBERS.decode(raw)
    except msgspec.DecodeError:
        typed(_MEMBERS, raw)
        return dict(pairs(bytes(raw)))


def items(raw: bytes | Raw) -> list[Raw]:
    """Decode an array, its items undecoded and byte for byte as they came; raise as :func:`typed`."""
    try:
        return _ITEMS.decode(raw)
    except msgspec.DecodeError:
        typed(_ITEMS, raw)
        return [value for _, value in pairs(bytes(raw))]


def pairs(body: bytes) -> list[tuple[str, Raw]]:
    """Return every key and value of a valid object (``""`` and item of an array) in order; exact, and slow."""
    text = body.decode()
    read = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode
    find = re.compile(r"[^ \t\n\r]").search  # valid JSON: after space there is always something

    def after_space(at: int) -> int:
        found = find(text, at)
        return found.start() if found else len(text)

    pairs_: list[tuple[str, Raw]] = []
    at = after_space(0)
    is_object = text[at] == "{"
    at = after_space(at + 1)
    while text[at] not in "}]":
        key = ""
        if is_object:
            key, at = read(text, at)
            at = after_space(after_space(at) + 1)
        _, end = read(text, at)
        pairs_.append((key, Raw(text[at:end].encode())))
        at = after_space(end)
        if text[at] == ",":
            at = after_space(at + 1)
    return pairs_


def one_line(raw: Raw) -> str:
    """Return a JSON value as text; printed over several lines it loses its space, and nothing else."""
    text = bytes(raw)
    if 10 in text:
        try:
            text = msgspec.json.format(text, indent=-1)
        except msgspec.DecodeError:
            pass  # a lone surrogate: it may keep its space
    return text.decode("utf-8", "replace")


def encode(value: Any) -> bytes:
    """Encode compactly, ``Raw`` as it is, lone surrogates as escapes."""
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError:
        return _MARKED.sub(rb"\\u\1", _ENCODER.encode(_marked(value)))


def _marked(value: Any) -> Any:
    if isinstance(value, str):
        return _LONE.sub(lambda m: f"{_MARK}{ord(m[0]):x}", value)
    if isinstance(value, dict):
        return {_marked(k): _marked(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_marked(v) for v in value]
    return value
