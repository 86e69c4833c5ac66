"""Content codings of responses, undone piece by piece so that a small message cannot become a large buffer.

Only what the standard library offers: gzip and deflate, https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1
"""

import zlib
from collections.abc import Awaitable, Callable

PIECE = 1 << 20
"""Bytes given out at a time, whatever came in."""
MAX_RATIO = 100
"""Text that models write shrinks 3 to 20 times; a bomb up to 1,032 times."""
RATIO_FROM = 4 << 20
"""Bytes of output up to which any ratio is let pass: short texts may well be all blanks."""
MAX_MEMBERS = 64
"""gzip streams behind one another in one body; each costs a copy of what is left."""
MAX_OUTPUT = 1 << 30
"""Bytes of output that no single response passes."""
OF_CODED = (b"content-encoding", b"content-length")
"""Headers that are no longer true of a body once it is decoded."""


class BadCoding(Exception):
    """The coding is unknown, the data is corrupt or incomplete, or it inflates past all measure."""


class Inflater:
    """Undo one gzip or deflate coding: :meth:`feed` what arrived, then :meth:`take` until nothing comes."""

    __slots__ = ("_coding", "_given", "_input", "_members", "_seen", "_zlib")

    def __init__(self, coding: bytes) -> None:
        if coding not in (b"gzip", b"x-gzip", b"deflate"):
            raise BadCoding(f"its content coding {coding.decode('latin-1')[:40]!r} was not asked for")
        self._coding = coding
        self._zlib: zlib._Decompress | None = None
        self._input = b""
        self._members = 0
        self._seen = 0
        self._given = 0

    def feed(self, data: bytes) -> None:
        """Add coded bytes."""
        self._seen += len(data)
        self._input = self._input + data if self._input else data

    def take(self, most: int = PIECE) -> bytes:
        """Return decoded bytes, at most *most*; ``b""`` when more input is needed. Raise ``BadCoding``."""
        while self._input or self._zlib is not None:
            if self._zlib is None:
                self._zlib = self._begin()
            data = self._step(self._zlib, most)
            if data:
                self._given += len(data)
                if self._given > MAX_OUTPUT or (self._given > RATIO_FROM and self._given > MAX_RATIO * self._seen):
                    raise BadCoding("it inflates past all measure")
                return data
            if self._zlib is not None:
                break  # in the middle of a member: it needs input
        return b""

    def finish(self) -> None:
        """Raise ``BadCoding`` if the data ended in the middle."""
        if self._zlib is not None or self._input:
            raise BadCoding("its compressed body is incomplete")

    def _begin(self) -> "zlib._Decompress":
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise BadCoding("its compressed body has too many parts")
        if self._coding != b"deflate":
            return zlib.decompressobj(wbits=31)
        # "deflate" means zlib's wrapping, but some servers send the bare stream. A zlib header's low nibble is 8.
        return zlib.decompressobj(wbits=15 if self._input[0] & 0x0F == 8 else -15)

    def _step(self, stream: "zlib._Decompress", most: int) -> bytes:
        try:
            data = stream.decompress(self._input, most)
        except zlib.error:
            raise BadCoding("its compressed body is corrupt") from None
        if stream.eof:  # gzip members may follow each other
            self._input = stream.unused_data
            self._zlib = None
        else:
            self._input = stream.unconsumed_tail
        return data


def inflater(value: bytes | None) -> Inflater | None:
    """Return what undoes the Content-Encoding *value*; ``None`` if there is nothing to undo. Raise ``BadCoding``."""
    coding = (value or b"").strip().lower()
    return None if coding in (b"", b"identity") else Inflater(coding)


async def inflated(decoder: Inflater, raw: Callable[[], Awaitable[bytes]]) -> bytes:
    """Return the next decoded bytes of a body whose coded bytes *raw* gives; ``b""`` at its end. Raise as *decoder*."""
    while not (data := decoder.take()):
        coded = await raw()
        if not coded:
            decoder.finish()
            return b""
        decoder.feed(coded)
    return data
