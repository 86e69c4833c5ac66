"""Answers that are not text: events, whole documents, or bytes that pass as they come and are never held."""

from asyncio import CancelledError
from time import monotonic

from headgate.core.call import Call
from headgate.core.errors import Unavailable, UpstreamFailed
from headgate.core.record import Attempt
from headgate.ledger.types import Hold
from headgate.pipeline.answer import answer_head
from headgate.pipeline.charge import estimate
from headgate.pipeline.parts import Parts
from headgate.pipeline.pipe import first_event
from headgate.pipeline.relay import IDLE, answer_stream, answer_whole, let_end, pump
from headgate.pipeline.settle import finish
from headgate.providers.base import Target
from headgate.transport.base import Inbound


async def answer_media(
    call: Call, parts: Parts, target: Target, attempt: Attempt, hold: Hold, inbound: Inbound, first: float
) -> None:
    """Pass an answer on in the form that it came in: some models ignore that a stream was asked for."""
    kind = inbound.header(b"content-type") or b""
    call.streaming = call.streaming and kind.startswith(call.dialect.stream_type.encode())
    if call.streaming:
        await answer_stream(call, parts, target, attempt, hold, inbound, first)
    elif call.operation == "speech":
        await answer_bytes(call, parts, target, attempt, hold, inbound, first)
    else:
        await answer_whole(call, parts, target, attempt, hold, inbound, target.timeouts.idle or max(first, IDLE))


async def answer_bytes(
    call: Call, parts: Parts, target: Target, attempt: Attempt, hold: Hold, inbound: Inbound, first: float
) -> None:
    """Pass sound on. Its caller sees the end once it is on record; where it is cut, so is the caller's connection."""
    pipe = call.dialect.sound()
    _, pending = await first_event(pipe, inbound, first)
    attempt.first_ms = (monotonic() - call.t0) * 1000
    call.link.start(200, answer_head(call, target, attempt, inbound))
    try:
        last = await pump(call, pipe, inbound, pending, target)
    except (UpstreamFailed, CancelledError) as cut:
        inbound.close()
        await estimate(call, parts, attempt, hold, pipe.text_bytes)
        if isinstance(cut, CancelledError):
            raise stopped(call) from None
        attempt.outcome, attempt.error, call.error = cut.code, cut.message, cut
        finish(call, parts)
        call.link.abort()
        return
    attempt.ended_ms = (monotonic() - call.t0) * 1000
    await estimate(call, parts, attempt, hold, pipe.text_bytes)
    attempt.outcome = "ok"
    finish(call, parts)
    call.link.write(last)
    call.link.end()
    call.link.on_close = None
    await let_end(inbound)


def stopped(call: Call) -> BaseException:
    """What ended an answer of bytes, into which no error can be written: the caller, who left, or our own end."""
    if call.link.closed:
        return CancelledError()
    call.link.abort()
    return Unavailable("The gateway is shutting down; ask again.", code="server_shutting_down")
