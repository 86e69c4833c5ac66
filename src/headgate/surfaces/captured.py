"""A link whose answer goes through other hands before the caller gets it: how task surfaces use the chat pipeline."""

from collections.abc import Awaitable, Callable
from typing import Any

from headgate.access.types import Principal
from headgate.dialects import openai_chat
from headgate.dialects.json_guard import top_level
from headgate.dialects.sse import Event, Parser
from headgate.pipeline.parts import Parts
from headgate.pipeline.run import run
from headgate.surfaces.calls import call_from
from headgate.transport.server_asgi import Scope


class Captured:
    """The verbs of a link, see :class:`headgate.transport.server_link.Link`. Whole answers are kept, not sent.

    A stream's events go through *rewrite*; its end is kept back too, so that more can follow.
    """

    def __init__(self, link: Any, body: bytes, rewrite: Callable[[Event], bytes]) -> None:
        self._link = link
        self._body = body
        self._rewrite = rewrite
        self._events = Parser()
        self.task = link.task
        self.mode = 0
        self.status = 0
        self.head = b""
        self.reply: bytes | None = None
        self.model: str | None = None
        """Who answered: the head of a stream that was late does not know."""

    @property
    def closed(self) -> bool:
        """Whether the caller has gone."""
        closed: bool = self._link.closed
        return closed

    @property
    def on_close(self) -> Callable[[], None] | None:
        """What is called when the caller goes."""
        call: Callable[[], None] | None = self._link.on_close
        return call

    @on_close.setter
    def on_close(self, call: Callable[[], None] | None) -> None:
        self._link.on_close = call

    @property
    def on_shutdown(self) -> Callable[[], None] | None:
        """What is called when the time to drain is over."""
        call: Callable[[], None] | None = self._link.on_shutdown
        return call

    @on_shutdown.setter
    def on_shutdown(self, call: Callable[[], None] | None) -> None:
        self._link.on_shutdown = call

    def there(self, limit: int) -> bytes:
        """The body that stands for the caller's own."""
        return self._body

    def respond(self, status: int, headers: bytes, body: bytes) -> None:
        """Keep a whole answer."""
        self.mode, self.status, self.head, self.reply = 1, status, headers, body

    def start(self, status: int, headers: bytes) -> None:
        """Begin a stream."""
        self.mode, self.status, self.head = 1, status, headers
        self._link.start(status, headers)

    def write(self, data: bytes) -> Awaitable[None] | None:
        """Send what becomes of the events that *data* completes."""
        out = b"".join([self._rewrite(event) for event in self._events.feed(data)])
        waiting: Awaitable[None] | None = self._link.write(out) if out else None
        return waiting

    def end(self) -> None:
        """Leave the stream open: who captured it ends it."""


async def posted(parts: Parts, scope: Scope, link: Any) -> bytes:
    """Return the body of a caller who may call; nothing of it is read before that is known."""
    client = scope["client"]
    who = parts.principals.authenticate(scope["headers"], scope["query_string"], client[0] if client else None)
    if not isinstance(who, Principal):
        await who
    body: bytes = await link.body(parts.max_body)
    top_level(body)
    return body


async def chat(parts: Parts, scope: Scope, link: Any, body: bytes, rewrite: Callable[[Event], bytes]) -> Captured:
    """Run *body*, a Chat Completions request, for the caller of *link*; return what was answered."""
    captured = Captured(link, body, rewrite)
    call = call_from(scope, captured, "task", "chat", openai_chat)
    await run(call, parts)
    captured.model = call.target.name if call.target is not None else None
    return captured


def told(head: bytes) -> dict[str, str]:
    """Return the header lines of an answer by name."""
    lines = [line.split(": ", 1) for line in head.decode("latin-1").split("\r\n") if ": " in line]
    return {name: value for name, value in lines}
