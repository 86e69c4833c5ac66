"""Just enough of protobuf's wire format, <https://protobuf.dev/programming-guides/encoding/>, to write OTLP traces.

The numbers of the fields are those of ``opentelemetry/proto/{common,resource,trace}/v1``, which never change.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from struct import pack
from typing import Any

import msgspec

SERVER, CLIENT = 2, 3
"""``SpanKind``."""
ERROR = 2
"""``StatusCode``."""


class Span(msgspec.Struct, kw_only=True):
    """See ``opentelemetry.proto.trace.v1.Span``. Instants are nanoseconds since 1970."""

    trace_id: bytes
    span_id: bytes
    parent: bytes = b""
    remote: bool | None = None
    """Whether the parent is elsewhere; ``None`` where there is no parent."""
    name: str
    kind: int
    start: int
    end: int
    attributes: Mapping[str, Any]
    """Those that are ``None`` are left out."""
    error: str | None = None
    """What went wrong; ``None`` where nothing did."""


def request(resource: Mapping[str, Any], scope: tuple[str, str], spans: Iterable[Span]) -> bytes:
    """Return an ``ExportTraceServiceRequest`` of *spans*, all of one *resource* and one *scope* (name, version)."""
    of_scope = _block(1, _text(1, scope[0]) + _text(2, scope[1])) + b"".join([_block(2, span(one)) for one in spans])
    return _block(1, _block(1, _attributes(1, resource)) + _block(2, of_scope))


def span(one: Span) -> bytes:
    """Return a ``Span``."""
    parts = [
        _block(1, one.trace_id), _block(2, one.span_id), _block(4, one.parent) if one.parent else b"",
        _text(5, one.name[:512]), _number(6, one.kind), pack("<BQ", 7 << 3 | 1, one.start),
        pack("<BQ", 8 << 3 | 1, max(one.end, one.start)), _attributes(9, one.attributes),
    ]  # fmt: skip
    if one.error is not None:
        parts.append(_block(15, _text(2, one.error) + _number(3, ERROR)))
    if one.remote is not None:  # bit 8: known; bit 9: so it is. Bit 0: sampled
        parts.append(_varint(16 << 3 | 5) + pack("<I", 0x101 | (0x200 if one.remote else 0)))
    return b"".join(parts)


def _attributes(field: int, values: Mapping[str, Any]) -> bytes:
    return b"".join(
        [_block(field, _key(name) + _block(2, _value(value))) for name, value in values.items() if value is not None]
    )


def _value(value: Any) -> bytes:
    """Return an ``AnyValue``."""
    if isinstance(value, str):
        return _text(1, value)
    if isinstance(value, bool):
        return _number(2, value)
    if isinstance(value, int):
        return _number(3, value)
    if isinstance(value, float):
        return pack("<Bd", 4 << 3 | 1, value)
    return _block(5, b"".join([_block(1, _value(one)) for one in value]))


SMALL = tuple(bytes((number,)) for number in range(0x80))


def _varint(number: int) -> bytes:
    if 0 <= number < 0x80:  # nearly always
        return SMALL[number]
    number &= 0xFFFFFFFFFFFFFFFF  # a negative one is written as its complement
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _number(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number)


def _block(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


@lru_cache(256)
def _key(name: str) -> bytes:
    return _text(1, name)


def _text(field: int, text: str) -> bytes:
    return _block(field, text.encode("utf-8", "replace"))
