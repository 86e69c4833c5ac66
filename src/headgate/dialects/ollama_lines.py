"""Newline-delimited JSON, cut into its lines."""

from headgate.dialects.sse import LIMIT


class Lines:
    """Cuts a stream, arriving in any pieces, into lines, each with its end."""

    __slots__ = ("_held", "_size", "overflow")

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._size = 0
        self.overflow = False
        """A line was longer than ``LIMIT``: nothing more is read."""

    @property
    def pending(self) -> bool:
        """Bytes of an unfinished line are held."""
        return bool(self._held)

    def feed(self, data: bytes) -> list[bytes]:
        """Take what was read; return the lines it completes."""
        if self.overflow:
            return []
        end = data.rfind(b"\n") + 1
        if not end:
            self._hold(data)
            return []
        whole = b"".join((*self._held, data[:end])) if self._held else data[:end]
        self._held.clear()
        self._size = 0
        lines = whole.split(b"\n")
        lines.pop()
        if any(len(line) > LIMIT for line in lines):
            lines = lines[: next(i for i, line in enumerate(lines) if len(line) > LIMIT)]
            self.overflow = True
        elif end < len(data):
            self._hold(data[end:])
        return [line + b"\n" for line in lines]

    def _hold(self, data: bytes) -> None:
        if data:
            self._held.append(data)
            self._size += len(data)
        if self._size > LIMIT:
            self._held.clear()
            self.overflow = True
