"""The chunked transfer coding of a request, read strictly: https://www.rfc-editor.org/rfc/rfc9112#section-7.1.

Ours because the end of the message must be known to the byte: what follows it is another request, or an attack.
"""

import re

from headgate.core.errors import BadRequest, TooLarge

MAX_EXTRA = 16 * 1024
"""Bytes of chunk extensions and trailers together; both are dropped, so they are only a way to waste our time."""

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})(;[\t\x20-\x7e\x80-\xff]*)?").fullmatch
_TRAILER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*").fullmatch

_SIZE_LINE, _DATA, _DATA_END, _TRAILERS = range(4)


class Chunked:
    """Decode one message body. ``received`` counts its bytes; ``announced`` those that chunk sizes have promised."""

    __slots__ = ("_extra", "_left", "_limit", "_line", "_state", "announced", "received")

    def __init__(self, limit: int) -> None:
        self.announced = 0
        self.received = 0
        self._limit = limit
        self._state = _SIZE_LINE
        self._left = 0
        self._line = b""
        self._extra = 0

    def feed(self, data: bytes, out: list[bytes | bytearray]) -> int:
        """Append the payload in *data* to *out*; return where the message ended in *data*, or -1 if it goes on.

        Raise ``BadRequest`` (``invalid_framing``) at the first wrong byte, ``TooLarge`` when a chunk is announced that
        passes the limit.
        """
        at = 0
        while at < len(data):
            if self._state == _DATA:
                piece = data[at : at + self._left]
                out.append(piece)
                at += len(piece)
                self._left -= len(piece)
                self.received += len(piece)
                if not self._left:
                    self._state = _DATA_END
                continue
            end = data.find(b"\n", at)
            self._line += data[at:] if end < 0 else data[at:end]
            if end < 0:
                self._check_unfinished()
                return -1
            at = end + 1
            if self._line_ends():
                return at
        return -1

    def _check_unfinished(self) -> None:
        line = self._line
        room = 2 if self._state == _DATA_END else MAX_EXTRA + 18
        if len(line) > room or b"\r" in line[:-1] or (self._state == _DATA_END and line != b"\r"):
            raise _bad("a chunk is not framed as its size says")
        if self._state == _SIZE_LINE and not _SIZE(line.rstrip(b"\r")):
            raise _bad("a chunk size is not a hexadecimal number")

    def _line_ends(self) -> bool:
        """Take the line in ``_line``. Return whether the message is complete."""
        line, self._line = self._line, b""
        if line[-1:] != b"\r":
            raise _bad("a line ends without CR")
        line = line[:-1]
        if self._state == _SIZE_LINE:
            self._begin(line)
        elif self._state == _DATA_END:
            if line:
                raise _bad("a chunk is longer than its size says")
            self._state = _SIZE_LINE
        elif not line:
            return True
        else:
            if not _TRAILER(line):
                raise _bad("a trailer is malformed")
            self._waste(len(line))
        return False

    def _begin(self, line: bytes) -> None:
        match = _SIZE(line)
        if match is None:
            raise _bad("a chunk size is not a hexadecimal number")
        if match[2]:
            self._waste(len(match[2]))
        size = int(match[1], 16)
        if self.announced + size > self._limit:
            raise TooLarge(f"The request body is larger than {self._limit} bytes.")
        self.announced += size
        self._left = size
        self._state = _DATA if size else _TRAILERS

    def _waste(self, count: int) -> None:
        self._extra += count
        if self._extra > MAX_EXTRA:
            raise _bad("there are too many chunk extensions or trailers")


def _bad(why: str) -> BadRequest:
    return BadRequest(f"The request body is not valid chunked coding: {why}.", code="invalid_framing")
