"""One call for several that are the same and come while it is under way, on routes that ask for it.

Only whole answers are shared, only among calls of one key, and only where everything that a provider or the shape of
the answer could depend on is equal. Who came first pays; the others' records say whose answer
they got, and cost nothing.
"""

from asyncio import CancelledError, Future, get_running_loop, shield
from collections.abc import Awaitable, Callable
from hashlib import blake2b

import msgspec

from headgate.core.call import Call
from headgate.core.errors import HeadgateError
from headgate.pipeline.answer import changes, limit_lines
from headgate.pipeline.deadline import resting
from headgate.pipeline.parts import Parts
from headgate.pipeline.settle import finish

SHARED = frozenset(("chat", "embeddings", "rerank", "moderations"))
VARYING = (b"anthropic-", b"openai-")
"""Headers of the caller that an answer may depend on begin with one of these."""

Walk = Callable[[Call, Parts], Awaitable[None]]


class Landing(msgspec.Struct, frozen=True):
    """What a call has brought back for those that wait for it."""

    call_id: str
    model: str
    provider: str
    body: bytes
    dropped: tuple[str, ...]
    """What was changed of the request, or left out of the answer."""
    defaulted: tuple[str, ...]


async def fly(call: Call, parts: Parts, walk: Walk) -> None:
    """Answer *call* with what an equal one brings back, else by *walk*; raise as that does."""
    if call.streaming or call.operation not in SHARED or call.keeper is not None:
        await walk(call, parts)
        return
    key, flights = key_of(call), parts.flights
    while (leader := flights.get(key)) is not None:
        try:
            with resting(call):
                landing = await shield(leader)
        except CancelledError:
            if not leader.cancelled():
                raise  # it is this caller who left
            continue  # the first caller left: the next in line makes the call
        share(call, parts, landing)
        return
    flights[key] = call.flight = future = get_running_loop().create_future()
    try:
        await walk(call, parts)
    except HeadgateError as error:
        fail(future, error)
        raise
    finally:
        del flights[key]
        if not future.done():
            future.cancel()


def key_of(call: Call) -> bytes:
    """Return what two calls must have in common to get one answer."""
    parts = [call.who.tenant_id, call.who.id or "", call.surface, call.route.name, call.operation, call.pinned]
    digest = blake2b("\0".join(parts).encode(), digest_size=32)
    digest.update(msgspec.json.encode((call.options, call.path_model)))
    for name, value in sorted(call.headers):
        if name.startswith(VARYING):
            digest.update(b"%b:%b\0" % (name, value))
    for piece in (call.query, call.body):
        digest.update(b"%d\0%b" % (len(piece), piece))
    return digest.digest()


def land(call: Call, body: bytes) -> None:
    """Hand the answer of *call* to those that wait for it."""
    future: Future[Landing] = call.flight
    if not future.done():
        told = tuple(call.dropped), tuple(call.defaulted)
        future.set_result(Landing(call.id, call.target.name, call.target.provider.name, body, *told))


def share(call: Call, parts: Parts, landing: Landing) -> None:
    """Answer *call* with what another has brought back."""
    call.reason = f"the answer of call {landing.call_id}, which was the same and under way"
    call.bytes_out = len(landing.body)
    call.dropped, call.defaulted = list(landing.dropped), list(landing.defaulted)
    finish(call, parts)
    lines = (
        f"x-request-id: {call.id}\r\nx-headgate-model: {landing.model}\r\nx-headgate-provider: {landing.provider}\r\n"
        f"x-headgate-attempts: 0\r\nx-headgate-cost: 0\r\ncontent-type: application/json\r\n"
        f"{limit_lines(call)}{changes(call)}"
    )
    call.link.respond(200, lines.encode("ascii", "backslashreplace"), landing.body)


def fail(future: "Future[Landing]", error: HeadgateError) -> None:
    """Tell those that wait of a failure; where nobody does, it is not missed."""
    if not future.done():
        future.set_exception(error)
        future.exception()
