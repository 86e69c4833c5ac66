"""The byte path: an upstream answer becomes the caller's, relayed where the dialects agree, translated where not."""

from asyncio import CancelledError, sleep
from time import monotonic
from typing import Any

from headgate.core.call import Call
from headgate.core.errors import AnswerRefused, UpstreamFailed
from headgate.core.record import Attempt
from headgate.core.tasks import give_back
from headgate.dialects.base import Tap
from headgate.ledger.types import Hold
from headgate.pipeline.answer import answer_head, stream_info, told_id
from headgate.pipeline.charge import estimate, owe_cut
from headgate.pipeline.deadline import late, room
from headgate.pipeline.flight import land
from headgate.pipeline.parts import Parts
from headgate.pipeline.pipe import begun, reshaped
from headgate.pipeline.settle import finish, owe_everything, owe_usage
from headgate.pipeline.shape import whole as shaped
from headgate.pipeline.thinking import thinks
from headgate.providers.base import Target
from headgate.transport.base import Inbound

MAX_REPLY = 64 * 1024 * 1024
IDLE = 30.0  # between bytes once content has been sent
IDLE_REASONING = 300.0
EVENT_END = b"\n\n"
LAST_CHUNK = 1.0  # after the end was seen, the transfer's own end may take this long before the connection is dropped


async def answer_whole(
    call: Call, parts: Parts, target: Target, attempt: Attempt, hold: Hold, inbound: Inbound, idle: float
) -> None:
    """Read a whole reply, settle, then answer: what the caller has seen is always on record.

    *idle* is how many seconds nothing may come of it.
    """
    left = call.deadline - monotonic()
    body = await inbound.read_all(idle, MAX_REPLY, left if left > 0.001 else 0.001)
    spoken = call.spoken or call.dialect
    seen = spoken.sniff(body)
    if seen.usage is not None:  # before it is read: what failed is paid for too
        owe_usage(call, attempt, hold, seen.usage)
    reply = spoken.read_reply(body) if spoken is not call.dialect or reshaped(call) else None
    attempt.first_ms = attempt.ended_ms = (monotonic() - call.t0) * 1000
    call.finish = seen.finish
    if seen.usage is None:
        if seen.under_way:
            owe_everything(call, attempt, hold)
        else:
            await estimate(call, parts, attempt, hold, len(body), reply=body)
    if reply is not None:
        reply.id = call.id if spoken is not call.dialect else reply.id or call.id
        reply.created = reply.created or call.at // 1_000_000
        reply.model = reply.model or target.model
        asked: Any = call.request
        if call.operation == "chat":
            if call.thoughts is not None:
                call.thoughts.keep(call, reply.choices)
            reply = shaped(reply, call.options.format)
            reply.call_id, reply.request = call.id, asked
        elif call.operation == "embeddings":
            reply.encoding, reply.model = asked.encoding, reply.model or target.model
            reply.usage = reply.usage or call.usage
        elif call.operation == "rerank":
            give_back(asked, reply)
        body = call.dialect.write_reply(reply)
        call.dropped += getattr(reply, "dropped", ())
    if call.tape is not None:
        call.tape.whole(body)
    if call.guard is not None:
        body = await call.guard.whole(body, call.dropped)
    attempt.outcome = "ok"
    told_id(attempt, seen.id)
    call.bytes_out = len(body)
    if call.claim is not None and not await call.claim(inbound, body):
        return
    deliver(call, parts, inbound, body)


def deliver(call: Call, parts: Parts, inbound: Inbound, body: bytes) -> None:
    """Settle *call*, then send its whole answer."""
    finish(call, parts)
    assert call.attempt is not None
    call.link.respond(200, answer_head(call, call.target, call.attempt, inbound), body)
    if call.flight is not None:
        land(call, body)
    if call.keeper is not None:
        call.keeper.keep(call, body)


async def answer_stream(
    call: Call, parts: Parts, target: Target, attempt: Attempt, hold: Hold, inbound: Inbound, first: float
) -> None:
    """Relay or translate a stream. Before its first real event everything may still fail over; after it nothing may."""
    pipe, pending = await opened(call, parts, target, hold, inbound, first)
    if call.claim is not None:
        await call.claim(inbound, b"")
    remember(call, pending)
    if call.tape is not None:
        call.tape.begin(call, pending)
    if call.guard is not None:
        pending = await first_passed(call, parts, pipe, inbound, hold, pending)
    attempt.first_ms = (monotonic() - call.t0) * 1000
    if call.proven is not None:
        call.proven()
    if call.pings is not None:
        call.pings.stop(call)
    told_id(attempt, getattr(pipe, "id", None))
    head = answer_head(call, target, attempt, inbound)
    if not call.link.mode:
        call.link.start(200, head)
    try:
        last = await pump(call, pipe, inbound, pending, target)
    except (UpstreamFailed, CancelledError) as cut:
        inbound.close()  # before the count below: a caller who left must not keep the provider working
        await owe_cut(call, parts, attempt, hold, pipe, cut)
        if isinstance(cut, CancelledError):
            raise
        if call.resume is not None and not isinstance(cut, AnswerRefused) and call.resume.broken(cut, attempt):
            raise
        cut = await let_go(call, cut)
        attempt.outcome, attempt.error, call.error = cut.code, cut.message, cut
        call.finish = pipe.finish
        finish(call, parts)
        call.link.write(call.dialect.write_stream_error(cut, call.id))
        call.link.end()
        return
    attempt.ended_ms = (monotonic() - call.t0) * 1000
    call.finish = pipe.finish
    if pipe.usage is not None:
        owe_usage(call, attempt, hold, pipe.usage)
    else:
        await estimate(call, parts, attempt, hold, pipe.text_bytes)
    attempt.outcome = "ok"
    if call.tape is not None:
        call.tape.complete = True
    finish(call, parts)
    last = last + stream_info(call) if call.options.stream_info else last
    if call.options.pace is None:
        call.link.write(last)
    else:
        await paced(call, last)
    call.link.end()
    call.link.on_close = None  # the caller has everything; its leaving concerns nobody now
    if call.keeper is not None:
        final = getattr(pipe, "final", None)
        call.keeper.keep(call, final if final is None or call.guard is None else await call.guard.final(final))
    await let_end(inbound)


async def opened(
    call: Call, parts: Parts, target: Target, hold: Hold, inbound: Inbound, first: float
) -> tuple[Tap, bytes]:
    """Wait for the first real event of a stream; return what it goes through, and all up to there."""
    spoken = call.spoken or call.dialect
    if not (inbound.header(b"content-type") or b"").startswith(spoken.stream_type.encode()):
        raise UpstreamFailed(
            f"{target.name} was asked for a stream and answered something else.",
            status=502,
            code="upstream_invalid_response",
            billed="uncertain",
        )
    pipe, pending = await begun(call, spoken, inbound, first)
    if pipe.failure is not None:
        raise await passed_before(call, parts, pipe, hold, pending)
    return pipe, pending


def remember(call: Call, first: bytes) -> None:
    """Remember whose the answer is that begins with *first*, where its provider goes on with it whoever leaves."""
    if call.keeper is not None and call.envelope.goes_on:
        call.keeper.begun(call, first)


async def paced(call: Call, out: bytes) -> None:
    """Send one event after the other, at the pace that was asked for."""
    seconds = (call.options.pace or 0.0) / 1000
    for event in out.split(EVENT_END):
        if event:
            blocked = call.link.write(event + EVENT_END)
            if blocked is not None:
                await blocked
            await sleep(seconds)


async def first_passed(call: Call, parts: Parts, pipe: Tap, inbound: Inbound, hold: Hold, pending: bytes) -> bytes:
    """Wait until guardrails let something pass: before that a refusal is an answer of its own."""
    guard = call.guard
    resumed = call.resume is not None and call.resume.cut is not None
    if not resumed:
        call.passing = None
    try:
        out: bytes = await guard.stream(call, pending, final=pipe.ended)
        while not out and not pipe.ended:
            data = await inbound.read(min(IDLE_REASONING, max(call.deadline - monotonic(), 0.001)))
            more = pipe.feed(data) if data else pipe.close()
            if call.tape is not None:
                call.tape.add(more)
            if pipe.failure is not None:
                raise await passed_before(call, parts, pipe, hold, more) if resumed else pipe.failure
            out = await guard.stream(call, more, final=pipe.ended)
    except AnswerRefused:
        inbound.close()
        assert call.attempt is not None
        await estimate(call, parts, call.attempt, hold, pipe.text_bytes, pipe.usage)
        raise
    return out


async def pump(call: Call, pipe: Tap, inbound: Inbound, pending: bytes, target: Target) -> bytes:
    """Pass the stream on as it arrives; return its last bytes unsent, so that settlement comes before them."""
    write, unpaced = call.link.write, call.options.pace is None
    idle = target.timeouts.idle or (IDLE_REASONING if target.reasoning or thinks(call) else IDLE)
    guard, tape = call.guard, call.tape
    out = pending
    while not pipe.ended:
        if out:
            call.bytes_out += len(out)
            blocked = write(out) if unpaced else paced(call, out)
            if blocked is not None:
                await blocked
        wait = room(call, idle)
        try:
            data = await inbound.read(wait)
        except UpstreamFailed as failure:
            if call.resume is None or not call.resume.over:
                raise late(call, failure) from None
            data = b""  # the answer itself was complete
        out = pipe.feed(data) if data else pipe.close()
        if tape is not None:
            tape.add(out)
        if guard is not None:
            # what is held of an answer that breaks off may become a match when another goes on with it
            out = await guard.stream(call, out, final=pipe.failure is None and (not data or pipe.ended))
        if not data and pipe.failure is None:
            break
        if pipe.failure is not None:
            if out:
                write(out)
            raise pipe.failure
    call.bytes_out += len(out)
    return out


async def passed_before(call: Call, parts: Parts, pipe: Tap, hold: Hold, came: bytes) -> UpstreamFailed:
    """Send what *came* of an answer gone on with before it failed again; return what it failed with."""
    assert pipe.failure is not None and call.attempt is not None
    await owe_cut(call, parts, call.attempt, hold, pipe, pipe.failure)
    out = came if call.guard is None else await call.guard.stream(call, came, final=False)
    if out:
        call.bytes_out += len(out)
        call.link.write(out)
    return pipe.failure


async def let_go(call: Call, cut: UpstreamFailed) -> UpstreamFailed:
    """Send what guardrails held of an answer that *cut* ended; return what its caller is told: a refusal first."""
    if call.guard is None or call.passing is None or isinstance(cut, AnswerRefused):
        return cut
    try:
        out = await call.guard.stream(call, b"", final=True)
    except AnswerRefused as refusal:
        return refusal
    if out:
        call.bytes_out += len(out)
        call.link.write(out)
    return cut


async def let_end(inbound: Inbound) -> None:
    """Read the transfer's own end, so that the connection can be used again."""
    try:
        while await inbound.read(LAST_CHUNK):
            pass
    except UpstreamFailed:
        pass  # the answer was complete; only the connection is lost
