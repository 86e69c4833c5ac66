"""One JSON array that arrives piece by piece: how Gemini streams where nobody asked for server-sent events."""

import re

from headgate.dialects.sse import LIMIT

_TOKEN = re.compile(rb'[\[\]{}]|"[^"\\]*+(?:\\.[^"\\]*+)*+("?)', re.DOTALL)
_OPENS = frozenset(b"[{")


class Cutter:
    """Cuts the array into its elements. A lone object counts as one element."""

    __slots__ = ("_at", "_buffer", "_depth", "_from", "_top", "ended", "overflow")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at = 0
        """What is before this was looked at."""
        self._from = 0
        """Where the element now open begins."""
        self._depth = 0
        self._top = -1
        """The depth at which elements stand; -1 before the first bracket."""
        self.ended = False
        self.overflow = False
        """An element was longer than ``LIMIT``: nothing more is read."""

    @property
    def pending(self) -> bool:
        """Bytes of an unfinished element are held."""
        return bool(self._buffer.strip(b", \t\r\n"))

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Take what was read; return the elements it completes, and all bytes up to the last of them."""
        if self.ended or self.overflow:
            return [], b""
        buffer = self._buffer
        buffer += data
        found: list[bytes] = []
        whole = 0
        for token in _TOKEN.finditer(buffer, self._at):
            first = buffer[token.start()]
            if first == 34:  # a text
                if not token[1]:
                    break
                self._at = token.end()
                continue
            self._at = token.end()
            if first in _OPENS:
                if self._top < 0:
                    self._top = 1 if first == 91 else 0
                if self._depth == self._top:
                    self._from = token.start()
                self._depth += 1
                continue
            self._depth -= 1
            if self._depth == self._top:
                found.append(bytes(buffer[self._from : token.end()]))
                whole = token.end()
            if self._depth <= 0:
                self.ended = True
                whole = token.end()
                break
        else:
            self._at = len(buffer)
        out = bytes(buffer[:whole])
        del buffer[:whole]
        self._at -= whole
        self._from -= whole
        if len(buffer) > LIMIT or any(len(one) > LIMIT for one in found):
            self.overflow = True
            buffer.clear()
        return found, out
