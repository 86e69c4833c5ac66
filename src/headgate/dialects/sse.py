"""Server-sent events, read as the standard says, <https://html.spec.whatwg.org/multipage/server-sent-events.html>."""

import re

import msgspec

LIMIT = 8 * 1024 * 1024  # bytes of one event, its line ends not counted
BOM = b"\xef\xbb\xbf"
# A line ends in LF, CRLF or CR; two ends in a row end the event. A CR at the end of what has arrived ends its line at
# once: should the LF of a CRLF follow, it makes an empty line at the head of the next event, where it means nothing.
_END = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))")
_LINE = re.compile(rb"\r\n|\n|\r")
_LONGEST_END = 4


class Event(msgspec.Struct, gc=False):
    """One complete event. ``data`` is ``None`` where it had no data line: a comment, which is not dispatched."""

    name: str
    data: bytes | None
    raw: bytes
    """The bytes it came as, its line ends included."""


class Parser:
    """Cuts a stream, arriving in any pieces, into events."""

    __slots__ = ("_begun", "_buffer", "_searched", "overflow")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._begun = False
        self.overflow = False
        """An event was longer than ``LIMIT``: nothing more is read."""

    @property
    def pending(self) -> bool:
        """Bytes of an unfinished event are held."""
        return bool(self._buffer)

    def rest(self) -> bytes:
        """Return the bytes held."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> list[Event]:
        """Take what was read; return the events it completes."""
        if self.overflow:
            return []
        buffer = self._buffer
        start = max(self._searched - _LONGEST_END + 1, 0)
        buffer += data
        ends = [found.end() for found in _END.finditer(buffer, start)]
        events: list[Event] = []
        begin = 0
        for end in ends:
            raw = bytes(buffer[begin:end])
            begin = end
            if len(raw) > LIMIT and len(raw.rstrip(b"\r\n")) > LIMIT:
                self.overflow = True
                break
            events.append(self._event(raw))
        del buffer[:begin]
        self._searched = len(buffer)
        if len(buffer) > LIMIT and len(buffer.rstrip(b"\r\n")) > LIMIT:
            self.overflow = True
        if self.overflow:
            buffer.clear()
        return events

    def _event(self, raw: bytes) -> Event:
        text = raw
        if not self._begun:
            text = raw.removeprefix(BOM)
            self._begun = True
        name = ""
        data: list[bytes] = []
        for line in _LINE.split(text) if b"\r" in text else text.split(b"\n"):
            field, _, value = line.partition(b":")
            if field == b"data":
                data.append(value.removeprefix(b" "))
            elif field == b"event":
                name = value.removeprefix(b" ").decode("utf-8", "replace")
        return Event(name, b"\n".join(data) if data else None, raw)
