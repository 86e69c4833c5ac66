"""A link that keeps what is answered through it, by reference, for callers whose logging policy keeps what was said.

It stands between the pipeline and the caller, so whoever answers, a provider, a cache, an error, is heard; others'
calls go to the link itself.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from msgspec.structs import replace

from headgate.access.types import Keeping
from headgate.core.call import Call
from headgate.core.record import Record
from headgate.observe.spool import Spool, Taken


class Hearing:
    """A link, see :class:`headgate.transport.server_link.Link`, that remembers what was sent, up to a limit."""

    __slots__ = ("_link", "_room", "pieces", "size", "streamed")

    def __init__(self, link: Any, limit: int) -> None:
        self._link = link
        self._room = limit
        self.pieces: list[bytes] = []
        self.size = 0
        """Bytes that were sent, kept or not."""
        self.streamed = False

    def respond(self, status: int, headers: bytes, body: bytes) -> None:
        """Send a whole answer."""
        self._hear(body)
        self._link.respond(status, headers, body)

    def start(self, status: int, headers: bytes) -> None:
        """Begin a stream."""
        self.streamed = True
        self._link.start(status, headers)

    def write(self, data: bytes) -> Awaitable[None] | None:
        """Send a piece of a stream."""
        self._hear(data)
        waiting: Awaitable[None] | None = self._link.write(data)
        return waiting

    @property
    def on_close(self) -> Callable[[], None] | None:
        """See ``Link``."""
        call: Callable[[], None] | None = self._link.on_close
        return call

    @on_close.setter
    def on_close(self, call: Callable[[], None] | None) -> None:
        self._link.on_close = call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)

    def _hear(self, data: bytes) -> None:
        self.size += len(data)
        if self._room > 0 and data:
            self.pieces.append(data)
            self._room -= len(data)


def spared(record: Record, keeping: Keeping) -> Record:
    """Return *record* as a policy has it: where nothing is kept, without what the caller wrote and where it came from.

    Whom and what limits, budgets and bills go by stays.
    """
    if keeping.level != "none":
        return record
    attempts = tuple(replace(one, error=None) for one in record.attempts)
    return replace(
        record, metadata=None, parameters=None, session=None, error_message=None, address=None, attempts=attempts
    )


def hear(call: Call) -> None:
    """Hear what *call* is answered, where its caller's policy keeps that."""
    if call.who.keeping.level != "none" and call.heard is None:
        call.link = call.heard = Hearing(call.link, call.who.keeping.limit)


def hand_over(call: Call, spool: Spool | None) -> None:
    """Give what was said in *call*, which is over, to the *spool*."""
    heard, who = call.heard, call.who
    if spool is None or not (call.body or heard.pieces):
        return
    originals: Mapping[str, str] = call.guard.masks.originals() if call.guard is not None and call.guard.masks else {}
    spool.put(
        Taken(
            id=call.id,
            tenant_id=who.tenant_id,
            at=call.at,
            key_id=who.id if who.kind == "key" else None,
            end_user=call.end_user,
            level=who.keeping.level,
            limit=who.keeping.limit,
            operation=call.operation,
            dialect=call.dialect.name,
            media=call.media.decode("latin-1"),
            streamed=heard.streamed,
            request_bytes=len(call.body),
            answer_bytes=heard.size,
        ),
        call.body,
        heard.pieces,
        originals,
    )
