"""Signs of life for the caller of a stream, while nothing of it has come yet: attempts may take a while.

The first one sends the head of the answer, so what fails after it is an event of the stream. It is no content: other
targets may still be asked.
"""

from asyncio import Future, TimerHandle, ensure_future, get_running_loop
from typing import Any

from headgate.core.call import Call
from headgate.pipeline.answer import waiting_head


class Pinger:
    """Pings the caller of *call* every so many seconds, in the way of its dialect, until it is stopped."""

    __slots__ = ("_call", "_every", "_sent", "_timer")

    def __init__(self, call: Call, every: float) -> None:
        self._call = call
        self._every = every
        self._sent: Future[Any] | None = None
        self._timer: TimerHandle = get_running_loop().call_later(every, self._beat)

    def stop(self) -> None:
        """Ping no more."""
        self._timer.cancel()

    def _beat(self) -> None:
        call = self._call
        link = call.link
        if link.closed:
            return
        if not link.mode:
            link.start(200, waiting_head(call))
        if self._sent is None or self._sent.done():  # a caller who does not read gets no more of them
            waiting = link.write(call.dialect.ping)
            self._sent = None if waiting is None else ensure_future(waiting)
        self._timer = get_running_loop().call_later(self._every, self._beat)


def form_of(call: Call) -> bytes:
    """What is sent as a ping to the caller of *call*; empty where its stream has no harmless form of one."""
    if not call.streaming or call.operation != "chat":
        return b""
    form: bytes = getattr(call.dialect, "ping", b"")
    return form
