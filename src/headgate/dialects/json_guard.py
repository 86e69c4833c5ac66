"""The first look at a request body: what no parser should meet is refused here, in microseconds.

Nothing is unpacked: the values of the body stay the bytes they came as.
"""

import re
from typing import NoReturn

import msgspec

from headgate.core.errors import BadRequest
from headgate.dialects import signs, wire
from headgate.dialects.json_open import FIELDS, OBJECTS, Opened

Raw = msgspec.Raw
MAX_DEPTH = 64
FORBIDDEN = frozenset({"api_base", "base_url", "api_key", "model_list", "extra_headers"})
"""Fields by which a caller could send the gateway, or its credentials, somewhere else."""

_ENCODER = msgspec.json.Encoder()
_decode = FIELDS.decode
_encode = _ENCODER.encode
_SPACE = re.compile(rb"[ \t\n\r]*")
_NUMBER = re.compile(rb"-?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")
_NOT_A_NUMBER = re.compile(rb"NaN|Infinity")
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(c for c in range(256) if c not in b"[]{}")
_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * 300  # a shorter run of digits fits a double
_AT = re.compile(r"\(byte (\d+)\)")
_BACKSLASH, _LOWER_E, _UPPER_E = b"\\eE"  # finding a byte by its number is four times faster than by its text
_SMALL = 2048  # bytes; below this, taking strings out is cheaper than decoding around them
_SLICE = 1 << 20
_UNOPENED = Opened()
_TEXT_ALONE = Opened()
_TEXT_ALONE.outline = b""


def check(body: bytes) -> None:
    """Raise as :func:`top_level`."""
    top_level(body)


def top_level(body: bytes) -> dict[str, Raw]:
    """Return the fields of a request body, undecoded.

    Raise ``BadRequest``: ``invalid_encoding`` (not UTF-8, or a byte order mark), ``json_too_deep`` (over 64 levels),
    ``invalid_number`` (NaN, Infinity, or past a double), ``invalid_json``, ``duplicate_key`` (at the top level), or
    ``parameter_not_allowed``. Lone surrogates and ``\\u0000`` are served as they came.
    """
    return look(body)[0]


def look(body: bytes) -> tuple[dict[str, Raw], Opened]:
    """Return as :func:`top_level`, and what of a large body had to be opened on the way, which nobody need open again.

    Raise as there.
    """
    if not body.isascii():
        _check_encoding(body)
    small = len(body) < _SMALL
    opened = _UNOPENED if small else Opened()
    try:
        if small or _BACKSLASH not in body:
            if small:
                text, opened = _taken_apart(body)
            else:
                text = opened.split(body) or _outside(body)
            if len(text) > MAX_DEPTH or _LOWER_E in text or _UPPER_E in text:  # less cannot be too deep, nor too large
                _check_outside(text, MAX_DEPTH)
            top = _decode(body)
        else:
            top = _around_strings(body, opened)
    except msgspec.DecodeError:
        top = _exactly(body)
    else:
        if _tight(top, len(body)) != len(body) and not _spelt_once(body, top):
            top = _exactly(body)
    if not FORBIDDEN.isdisjoint(top):
        _forbid(top, "")
    if "metadata" in top:
        _forbid(_members(top["metadata"]), "metadata.")
    if "tools" in top:
        for index, tool in enumerate(_items(top["tools"])):
            if not FORBIDDEN.isdisjoint(tool):
                _forbid(tool, f"tools[{index}].")
    return top, opened


def _tight(top: dict[str, Raw], size: int) -> int:
    """Return the bytes of *top* written without spaces (fewer, where a key is written with escapes)."""
    if size < _SMALL * 16:
        return len(_encode(top))
    return 1 + sum(
        [len(key) + len(value) + 4 for key, value in top.items()]
    )  # a large copy only to be measured is dear


def _check_encoding(body: bytes) -> None:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(
            f"The request body is not UTF-8: byte {error.start} is invalid.", code="invalid_encoding"
        ) from None
    if body.startswith(b"\xef\xbb\xbf"):
        raise BadRequest("The request body begins with a byte order mark. Send plain UTF-8.", code="invalid_encoding")


def _taken_apart(body: bytes) -> tuple[bytes, Opened]:
    """Return what stands outside of the strings of a small body, and whether any of these says more than text does."""
    pieces = _unescaped(body).split(b'"')
    hides = not signs.ANY.isdisjoint(pieces[1::2]) or (_BACKSLASH in body and body.find(signs.ESCAPE) >= 0)
    return b"".join(pieces[::2]), _UNOPENED if hides else _TEXT_ALONE


def _unescaped(body: bytes) -> bytes:
    """Return *body* without escaped quotes. Outside of strings a backslash is an error that the parser meets first."""
    return body.replace(b"\\\\", b"").replace(b'\\"', b"") if _BACKSLASH in body else body


def _outside(body: bytes) -> bytes:
    """Return what stands outside of strings; brackets and numbers inside of them mean nothing."""
    body = _unescaped(body)
    if len(body) <= _SLICE:
        return b"".join(body.split(b'"')[::2])
    kept: list[bytes] = []
    inside = 0
    for start in range(0, len(body), _SLICE):  # in slices, so that a body of nothing but quotes needs little memory
        pieces = body[start : start + _SLICE].split(b'"')
        kept += pieces[inside::2]
        inside ^= 1 - len(pieces) & 1
    return b"".join(kept)


def _check_outside(text: bytes, depth: int) -> None:
    if len(text) > depth and text.count(b"[") + text.count(b"{") > depth:
        _check_depth(text, depth)
    if (
        _UPPER_E in text
        or (_LOWER_E in text and text.count(b"e") != text.count(b"true") + text.count(b"false"))
        or (len(text) >= len(_LONG_NUMBER) and _LONG_NUMBER in text.translate(_DIGITS))
    ):
        _check_numbers(text)


def _check_depth(text: bytes, depth: int) -> None:
    """Take the innermost brackets out, *depth* times; what then is left, and opens, was too deep."""
    brackets = text.translate(_BRACKETS, delete=_NO_BRACKETS)
    straight_down = b"[" * (depth + 1)
    for _ in range(depth):
        if straight_down in brackets:
            break
        rest = brackets.replace(b"[]", b"")
        if len(rest) == len(brackets):
            return  # what closes without opening, or not at all: the parser says so
        brackets = rest
    if brackets:
        raise BadRequest(f"The request body is nested deeper than {MAX_DEPTH} levels.", code="json_too_deep")


def _check_numbers(text: bytes) -> None:
    for found in _NUMBER.finditer(text):
        number = found[0]
        if len(number) > 20 or b"e" in number or b"E" in number:
            digits = number[:40].decode()
            if len(number) > 1000 or abs(float(number)) == float("inf"):
                raise BadRequest(f"The number {digits}... is out of range.", code="invalid_number")


def _around_strings(body: bytes, opened: Opened) -> dict[str, Raw]:
    """Decode a large body around its strings.

    The decoder gives up by itself long before its stack ends; what it cannot say is whether 64 levels were passed.
    """
    try:
        top = opened.open(body)
    except RecursionError:
        raise BadRequest(f"The request body is nested deeper than {MAX_DEPTH} levels.", code="json_too_deep") from None
    for level, texts in opened.rest.items():
        _check_outside(_outside(b",".join(texts)), MAX_DEPTH - level)
    return top


def _spelt_once(body: bytes, top: dict[str, Raw]) -> bool:
    """Tell whether *body* is the fields of *top*, each once and in order, with nothing but space between them."""
    if body == b"{" + b", ".join([b'"%b": %b' % (key.encode(), value) for key, value in top.items()]) + b"}":
        return True  # as Python's json writes it
    space = _SPACE.match
    at = body.find(b"{") + 1
    for key, value in top.items():
        name = b'"%b"' % key.encode()
        at = space(body, at).end()  # type: ignore[union-attr]  # it matches anywhere
        if not body.startswith(name, at):
            return False
        at = space(body, at + len(name)).end()  # type: ignore[union-attr]
        at = space(body, at + 1).end()  # type: ignore[union-attr]
        text = bytes(value)
        if not body.startswith(text, at):
            return False
        at = space(body, at + len(text)).end()  # type: ignore[union-attr]
        at += 1
    return space(body, at).end() == len(body)  # type: ignore[union-attr]


def _exactly(body: bytes) -> dict[str, Raw]:
    """Read a body that the fast way did not settle: repeated keys, escaped keys, lone surrogates, errors."""
    _check_outside(_outside(body), MAX_DEPTH)
    try:
        wire.typed(FIELDS, body)
    except msgspec.ValidationError as error:
        raise BadRequest(f"The request body must be a JSON object. {error}.", code="invalid_json") from None
    except msgspec.DecodeError as error:
        _refuse(body, str(error))
    top: dict[str, Raw] = {}
    for key, value in wire.pairs(body):
        if key in top:
            raise duplicate(key)
        top[key] = value
    return top


def duplicate(key: str) -> BadRequest:
    """The refusal of an object that has a name twice: two readers could see two requests."""
    return BadRequest(f"The key {key[:100]!r} stands twice in the request body.", code="duplicate_key", param=key[:100])


def _refuse(body: bytes, reason: str) -> NoReturn:
    if b"\0" in body[:4]:
        raise BadRequest("The request body must be UTF-8, not UTF-16 or UTF-32.", code="invalid_encoding")
    found = _NOT_A_NUMBER.search(_outside(body))
    if found:
        raise BadRequest(f"{found[0].decode()} is not a JSON number.", code="invalid_number")
    place = _AT.search(reason)
    offset = int(place[1]) if place else len(body)
    what = reason.removeprefix("JSON is malformed: ").partition(" (byte")[0]
    if "truncated" in reason:
        what = "it is empty" if not body.strip() else "it ends too early"
    raise BadRequest(f"The request body is not valid JSON: {what} (at byte {offset}).", code="invalid_json")


def _forbid(fields: dict[str, Raw], where: str) -> None:
    for name in fields:
        if name in FORBIDDEN:
            raise not_allowed(where + name)


def not_allowed(param: str) -> BadRequest:
    """The refusal of a field by which a caller would choose a host or a credential."""
    return BadRequest(
        f"'{param}' is not allowed: where a request goes is the gateway's configuration.",
        code="parameter_not_allowed",
        param=param,
    )


def _members(raw: Raw) -> dict[str, Raw]:
    try:
        return wire.members(raw)
    except msgspec.DecodeError:
        return {}  # no object; whoever reads the field says so


def _items(raw: Raw) -> list[dict[str, Raw]]:
    try:
        return OBJECTS.decode(raw)
    except msgspec.ValidationError:
        return [_members(item) for item in wire.items(raw)] if memoryview(raw)[0] == 0x5B else []
    except msgspec.DecodeError:
        return [_members(item) for item in wire.items(raw)]
