"""An answer of an upstream: what ``Inbound`` promises, over one HTTP/1.1 connection."""

from math import inf
from time import monotonic
from typing import TYPE_CHECKING

from headgate.core.errors import UpstreamFailed
from headgate.transport import failures
from headgate.transport.base import Origin
from headgate.transport.coding import OF_CODED, BadCoding, Inflater, inflated, inflater

if TYPE_CHECKING:
    from headgate.transport.connection import Connection

HEAD, ANY, ALL = 0, 1, 2
"""What a wait on a connection is for."""


class Response:
    """See ``Inbound``. ``connection`` is set while the response is incomplete: only then may it be touched."""

    __slots__ = ("chunks", "connection", "decoder", "error", "fields", "headers", "origin", "stale", "status")

    headers: list[tuple[bytes, bytes]]
    fields: dict[bytes, bytes]

    def __init__(self, connection: "Connection", origin: Origin) -> None:
        self.connection: Connection | None = connection
        self.origin = origin
        self.chunks: list[bytes] = []
        self.decoder: Inflater | None = None
        self.error: UpstreamFailed | None = None
        self.stale = False
        self.status = 0

    def header(self, name: bytes) -> bytes | None:
        """Return the first value of *name* (given in lower case)."""
        return self.fields.get(name)

    def decode(self, coding: bytes) -> None:
        """Undo the content *coding* from here on; the headers then tell of what is read. Raise ``BadCoding``."""
        self.decoder = inflater(coding)
        if self.decoder is not None:
            self.headers = [(name, value) for name, value in self.headers if name not in OF_CODED]
            self.fields = {name: value for name, value in self.fields.items() if name not in OF_CODED}

    async def read(self, timeout: float) -> bytes:
        """See ``Inbound.read``."""
        if self.decoder is None:
            return await self._raw(timeout)
        try:
            return await inflated(self.decoder, lambda: self._raw(timeout))
        except BadCoding as error:
            self.close()
            raise failures.invalid(self.origin, str(error)) from None

    async def read_all(self, timeout: float, limit: int, whole: float = inf) -> bytes:
        """See ``Inbound.read_all``."""
        connection = self.connection
        if connection is not None and connection.unread <= limit and self._fits(limit):
            connection.room = limit
            if whole < inf:
                connection.until = monotonic() + whole
            connection.resume()
            try:
                await connection.wait(ALL, timeout)
            except BaseException:
                self.close()
                raise
        if self.error is not None:
            raise self.error
        chunks = self.chunks
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        if self.decoder is not None:
            data = self._inflated_whole(self.decoder, data, limit)
        if self.connection is not None or len(data) > limit:
            self.close()
            raise failures.invalid(self.origin, f"its body is longer than {limit} bytes")
        return data

    def close(self) -> None:
        """See ``Inbound.close``."""
        connection = self.connection
        if connection is not None:
            self.connection = None
            connection.abort()
        self.chunks.clear()

    def _fits(self, limit: int) -> bool:
        """Whether the length that was announced, if one was, is within *limit*."""
        length = self.fields.get(b"content-length")
        return length is None or int(length) <= limit

    async def _raw(self, timeout: float) -> bytes:
        """Return what has come, or the next to come, as it came out of the transfer coding."""
        chunks = self.chunks
        connection = self.connection
        if not chunks and connection is not None:
            try:
                await connection.wait(ANY, timeout)
            except BaseException:
                self.close()
                raise
            connection = self.connection
        if chunks:
            data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
            chunks.clear()
            if connection is not None:
                connection.drained()
            return data
        if self.error is not None:
            raise self.error
        return b""

    def _inflated_whole(self, decoder: Inflater, data: bytes, limit: int) -> bytes:
        """Return *data* decoded, or its first bytes past *limit*."""
        pieces = []
        room = limit + 1
        try:
            decoder.feed(data)
            while room and (piece := decoder.take(min(room, 1 << 20))):
                pieces.append(piece)
                room -= len(piece)
            if room:
                decoder.finish()
        except BadCoding as error:
            self.close()
            raise failures.invalid(self.origin, str(error)) from None
        return b"".join(pieces)
