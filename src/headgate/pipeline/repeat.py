"""``Idempotency-Key``: a call that was answered is not made again, and its answer is given again to the last byte.

What failed, broke off or was left by its caller may be made again under the same word.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from headgate.access.vault import Unsealable
from headgate.core.call import Call
from headgate.core.errors import BadRequest, Conflict, Refused
from headgate.pipeline.answer import limit_lines
from headgate.pipeline.parts import Parts
from headgate.pipeline.settle import finish
from headgate.storage.repeats import LEASE, MAX_ONE, Place, Repeats

HEADER = "idempotency-key"
LONGEST = 255
LARGE = 64 * 1024
"""Bytes of a body that is hashed in a thread, as others would wait for it."""
MANY = frozenset(("socket", "realtime"))
"""Surfaces whose headers came once for many calls."""
_OF_ITS_OWN = (b"x-request-id", b"x-headgate-cost", b"content-length", b"retry-after", b"x-ratelimit")
"""Lines of a head that are each answer's own."""


class OtherRequest(Refused):
    """422: the word came with another request before."""

    status = 422
    code = "idempotency_mismatch"


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """An answer as its caller got it."""

    status: int
    head: bytes
    streamed: bool
    body: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Answer).decode


def repeat(call: Call, parts: Parts) -> Awaitable[None] | None:
    """Answer *call* as before, if it was; else see to it that its answer is kept."""
    if call.word is None or parts.repeats is None or call.surface in MANY:
        return None
    return _look(call, parts, parts.repeats, call.word.decode("latin-1"))


async def _look(call: Call, parts: Parts, repeats: Repeats, word: str) -> None:
    if not (0 < len(word) <= LONGEST and word.isascii() and word.isprintable()):
        raise BadRequest(f"{HEADER} takes 1 to {LONGEST} printable characters.", code="invalid_parameter", param=HEADER)
    who = call.who
    place = Place(who.tenant_id, f"{who.kind}:{who.id}", word)
    digest = await asyncio.to_thread(digest_of, call) if len(call.body) > LARGE else digest_of(call)
    before = await repeats.begin(place, call.id, digest)
    if before is None:
        call.link = call.taken = Taken(call.link, repeats, place, call.id)
    elif before.digest != digest:
        raise OtherRequest("This key came with another request before. Take a new one for each.", param=HEADER)
    elif before.sealed is None:
        message = "The same request is being worked on. Ask again when it is done."
        raise Conflict(message, code="idempotency_in_progress", param=HEADER, headers={"retry-after": "1"})
    else:
        call.reason = f"{HEADER}: answered before, by the call {before.call_id}"
        try:
            answer = await asyncio.to_thread(_opened, repeats, place, before.sealed)
        except (Unsealable, msgspec.MsgspecError):
            raise Conflict("What was answered can no longer be read. Take a new key.", param=HEADER) from None
        _again(call, parts, answer)


def _opened(repeats: Repeats, place: Place, sealed: bytes) -> Answer:
    """Return what was answered. To be called in a thread: it takes long for megabytes, and loads a library at first."""
    return _decode(repeats.opened(place, sealed))


def digest_of(call: Call) -> bytes:
    """What makes two requests the same: the surface, the path, the query and the body."""
    said = (call.surface, call.operation, call.path_model, str(call.path_stream))
    whole = hashlib.sha256("\0".join(said).encode() + b"\0" + call.query + b"\0")
    whole.update(call.body)
    return whole.digest()


def _again(call: Call, parts: Parts, answer: Answer) -> None:
    lines = [one for one in answer.head.split(b"\r\n") if one and not one.lower().startswith(_OF_ITS_OWN)]
    cost = "" if answer.streamed else "x-headgate-cost: 0\r\n"
    said = f"x-request-id: {call.id}\r\nidempotency-replayed: true\r\n{cost}{limit_lines(call)}"
    head = b"".join(line + b"\r\n" for line in lines) + said.encode()
    call.bytes_out = len(answer.body)
    finish(call, parts)
    if answer.streamed:
        call.link.start(answer.status, head)
        call.link.write(answer.body)
        call.link.end()
    else:
        call.link.respond(answer.status, head, answer.body)


class Taken:
    """The way back to the caller of a call whose answer is to be kept: what goes there is taken down."""

    __slots__ = ("_answer", "_head", "_link", "_place", "_repeats", "_status", "_timer", "_whole", "id")

    def __init__(self, link: Any, repeats: Repeats, place: Place, id: str) -> None:
        self.id = id
        self._link = link
        self._repeats = repeats
        self._place = place
        self._status = 0
        self._head = b""
        self._whole: bytearray | None = bytearray()
        self._answer: Answer | None = None
        self._timer = asyncio.get_running_loop().call_later(LEASE / 3, self._renew)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)

    @property
    def on_close(self) -> Callable[[], None] | None:
        """See ``transport.server_link.Link``."""
        found: Callable[[], None] | None = self._link.on_close
        return found

    @on_close.setter
    def on_close(self, then: Callable[[], None] | None) -> None:
        self._link.on_close = then

    def respond(self, status: int, headers: bytes, body: bytes) -> None:
        """Answer whole."""
        if not self._link.closed:
            self._answer = Answer(status, headers, False, bytes(body))
        self._link.respond(status, headers, body)

    def start(self, status: int, headers: bytes) -> None:
        """Begin a stream."""
        self._status, self._head = status, headers
        self._link.start(status, headers)

    def write(self, data: bytes) -> Any:
        """Send a piece of it."""
        if self._whole is not None:
            self._whole += data
            if len(self._whole) > MAX_ONE:
                self._whole = None
        return self._link.write(data)

    def end(self) -> None:
        """End it."""
        if self._whole is not None and not self._link.closed:
            self._answer = Answer(self._status, self._head, True, bytes(self._whole))
        self._link.end()

    def close(self, call: Call) -> None:
        """The call is over: keep what was answered, or let it be made again."""
        self._timer.cancel()
        answer = self._answer
        if answer is not None and call.error is None and 200 <= answer.status < 300:
            self._repeats.keep(self._place, self.id, _encode(answer))
        else:
            self._repeats.forget(self._place, self.id)

    def _renew(self) -> None:
        self._repeats.renew(self._place, self.id)
        self._timer = asyncio.get_running_loop().call_later(LEASE / 3, self._renew)
