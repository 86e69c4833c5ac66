"""AWS event-stream framing, <https://smithy.io/2.0/aws/amazon-eventstream.html>: binary frames with two checksums each.

A frame: its length and that of its headers (4 bytes each, big-endian), the CRC-32 of these eight bytes, the headers,
the payload, the CRC-32 of everything before it.
"""

import struct
from collections.abc import Mapping
from uuid import UUID
from zlib import crc32

import msgspec

LIMIT = 16 * 1024 * 1024  # bytes of one frame
MAX_HEADERS = 128 * 1024
MAX_KNOWN = 64  # a stream has a handful of different headers
PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_SHORT = struct.Struct(">H")
_OVERHEAD = PRELUDE.size + _CRC.size
_BYTES, _STRING, _UUID = 6, 7, 9
_NUMBERS = {kind: struct.Struct(form) for kind, form in ((2, ">b"), (3, ">h"), (4, ">i"), (5, ">q"), (8, ">q"))}

Value = str | bytes | int | bool | UUID
Headers = dict[str, Value]


class Frame(msgspec.Struct, gc=False):
    """One frame whose checksums were right. ``raw`` is the bytes it came as."""

    headers: Headers
    payload: bytes
    raw: bytes

    def text(self, name: str) -> str:
        """Return a header that is text; empty where it is not there, or of another type."""
        value = self.headers.get(name)
        return value if isinstance(value, str) else ""


class Frames:
    """Cuts a stream, arriving in any pieces, into frames."""

    __slots__ = ("_buffer", "_known", "broken")

    def __init__(self) -> None:
        self._buffer = b""
        self._known: dict[bytes, Headers] = {}
        """Headers already read, by their bytes: nearly every frame of a stream has those of the one before it."""
        self.broken = ""
        """What is wrong with a frame, in words: nothing more is read."""

    @property
    def pending(self) -> bool:
        """Bytes of an unfinished frame are held."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[Frame]:
        """Take what was read; return the frames it completes, up to a broken one."""
        frames: list[Frame] = []
        if self.broken:
            return frames
        buffer = self._buffer + data if self._buffer else data
        at, end = 0, len(buffer)
        while end - at >= PRELUDE.size:
            total, headers, checksum = PRELUDE.unpack_from(buffer, at)
            if crc32(buffer[at : at + 8]) != checksum:
                return self._break(frames, "a frame whose beginning is damaged")
            if total < _OVERHEAD + headers or headers > MAX_HEADERS:
                return self._break(frames, "a frame whose lengths cannot be")
            if total > LIMIT:
                return self._break(frames, f"a frame of over {LIMIT // 2**20} MiB")
            if end - at < total:
                break
            raw = buffer[at : at + total]
            if crc32(memoryview(raw)[:-4]) != _CRC.unpack_from(raw, total - 4)[0]:
                return self._break(frames, "a damaged frame")
            named = self._headers(raw[PRELUDE.size : PRELUDE.size + headers])
            if named is None:
                return self._break(frames, "a frame whose headers cannot be read")
            frames.append(Frame(named, raw[PRELUDE.size + headers : -4], raw))
            at += total
        self._buffer = buffer[at:] if at else buffer
        return frames

    def _headers(self, block: bytes) -> Headers | None:
        known = self._known.get(block)
        if known is None:
            try:
                known = read_headers(block)
            except (struct.error, ValueError, IndexError):
                return None
            if len(self._known) < MAX_KNOWN:
                self._known[block] = known
        return known

    def _break(self, frames: list[Frame], what: str) -> list[Frame]:
        self.broken = what
        self._buffer = b""
        return frames


def read_headers(block: bytes) -> Headers:
    """Read a frame's headers; raise ``ValueError``, ``IndexError`` or ``struct.error`` for what is none."""
    found: Headers = {}
    at = 0
    while at < len(block):
        end = at + 1 + block[at]
        name, kind = block[at + 1 : end].decode(), block[end]
        at = end + 1
        number = _NUMBERS.get(kind)
        if kind < 2:
            found[name] = kind == 0
        elif number is not None:
            found[name] = number.unpack_from(block, at)[0]
            at += number.size
        else:
            at, value = _sized(block, at, kind)
            found[name] = value.decode() if kind == _STRING else UUID(bytes=value) if kind == _UUID else value
    return found


def _sized(block: bytes, at: int, kind: int) -> tuple[int, bytes]:
    """Return where a value of bytes ends, and its bytes."""
    if kind not in (_BYTES, _STRING, _UUID):
        raise ValueError(f"no header has the type {kind}")
    size = 16
    if kind != _UUID:
        size = _SHORT.unpack_from(block, at)[0]
        at += 2
    if at + size > len(block):
        raise ValueError("a header goes past its end")
    return at + size, block[at : at + size]


def encode(headers: Mapping[str, Value], payload: bytes) -> bytes:
    """Return one frame."""
    return frame(write_headers(headers), payload)


def frame(block: bytes, payload: bytes) -> bytes:
    """Return one frame with headers that are written already."""
    prelude = struct.pack(">II", _OVERHEAD + len(block) + len(payload), len(block))
    body = b"%b%b%b%b" % (prelude, _CRC.pack(crc32(prelude)), block, payload)
    return body + _CRC.pack(crc32(body))


def write_headers(headers: Mapping[str, Value]) -> bytes:
    """Return the bytes of a frame's headers; a number is written in 8 bytes unless it fits into 4."""
    return b"".join(_header(name, value) for name, value in headers.items())


def _header(name: str, value: Value) -> bytes:
    said = name.encode()
    head = bytes((len(said),)) + said
    if isinstance(value, bool):
        return head + (b"\0" if value else b"\1")
    if isinstance(value, int):
        kind = 4 if -(2**31) <= value < 2**31 else 5
        return head + bytes((kind,)) + _NUMBERS[kind].pack(value)
    if isinstance(value, UUID):
        return head + bytes((_UUID,)) + value.bytes
    data = value.encode() if isinstance(value, str) else value
    return head + bytes((_STRING if isinstance(value, str) else _BYTES,)) + _SHORT.pack(len(data)) + data
