"""One call to one deployment: hold, sign, send, classify, answer."""

from asyncio import CancelledError
from time import monotonic
from typing import Any, cast

from msgspec.structs import replace

from headgate.core.call import MEDIA, Attempt, Call
from headgate.core.chat import Request
from headgate.core.errors import BudgetSpent, HeadgateError, UpstreamFailed
from headgate.core.money import Price, Usage
from headgate.core.redact import scrub
from headgate.dialects.base import PLAIN, Dialect, Written
from headgate.dialects.opaque import carries
from headgate.ledger.types import Ask, Hold
from headgate.pipeline.attach import attach_links
from headgate.pipeline.media import answer_media
from headgate.pipeline.parts import Parts, neutral
from headgate.pipeline.relay import answer_stream, answer_whole
from headgate.pipeline.resume import marked
from headgate.pipeline.settle import owe_everything, owe_nothing
from headgate.providers.base import Target, dialects_of
from headgate.providers.forward import forwarded
from headgate.transport.base import Inbound, Outbound

HEADERS = 30.0  # while another target is left, the response headers must come within this
FIRST_TOKEN = 15.0
PATIENT = 600.0  # on the last target, and for reasoning models, which think before they speak
MAX_ERROR_BODY = 64 * 1024
ERROR_BODY = 5.0  # seconds between the pieces of an error body
DEFAULT_OUTPUT = 16_384
SPOKEN = 250  # milliseconds that a character may take to say
SEARCHED = 300  # bytes of the hundred documents that one search unit covers, were they all empty
FRAMING = 32  # tokens that a provider may add around the messages, beyond a tenth for tokenizers that differ
WRITES = frozenset(("chat", "images", "speech", "transcription"))  # what may be charged by the token made
JSON = b"application/json"
FREE = Price()  # counting tokens costs nothing anywhere


async def once(call: Call, parts: Parts, target: Target, *, last: bool) -> None:
    """Answer *call* from *target*; raise ``UpstreamFailed`` where it failed before the caller got anything."""
    attempt = Attempt(
        provider=target.provider.name,
        model=target.model,
        started_ms=(monotonic() - call.t0) * 1000,
        outcome="open",
        role=call.role,
    )
    call.attempts.append(attempt)
    call.attempt = attempt
    call.target = target
    hold: Hold | None = None
    out: Outbound | None = None
    try:
        call.spoken = spoken_for(call, target)
        hold = await take_hold(call, parts, target)
        attempt.held_nano = hold.nano
        patient = last or target.reasoning
        out = await request_for(call, parts, target, hold, patient=patient)
        inbound = await target.provider.sender.send(out)
        try:
            attempt.headers_ms = (monotonic() - call.t0) * 1000
            attempt.status = inbound.status
            if inbound.status != 200:
                raise await failure_of(call, target, inbound, out)
            if out.rest is not None:
                out.rest(200, None)
            if call.streaming or call.operation in MEDIA:
                first = time_limit(call, target.timeouts.first_token, patient, FIRST_TOKEN)
                answering = answer_media if call.operation in MEDIA else answer_stream
                await answering(call, parts, target, attempt, hold, inbound, first)
            else:
                await answer_whole(call, parts, target, attempt, hold, inbound)
        finally:
            inbound.close()
    except HeadgateError as error:
        attempt.outcome, attempt.error = error.code, error.message
        if hold is not None and attempt.billed == "none":
            if isinstance(error, UpstreamFailed) and error.billed == "uncertain":
                owe_everything(call, attempt, hold)
            else:
                owe_nothing(call, parts, hold)
        raise
    except CancelledError:
        attempt.outcome = "cancelled"
        if hold is not None and attempt.billed == "none":
            if out is None or out.unsent:
                owe_nothing(call, parts, hold)
            else:
                owe_everything(call, attempt, hold)
        raise
    finally:
        attempt.ended_ms = (monotonic() - call.t0) * 1000


async def request_for(call: Call, parts: Parts, target: Target, hold: Hold, *, patient: bool) -> Outbound:
    """What is sent to *target*, signed."""
    provider = target.provider
    if call.spoken is not call.dialect and not getattr(call.spoken, "takes_urls", True):
        await attach_links(call, parts.attacher, call.spoken, neutral(call))
    body = write_body(call, target, hold)
    if provider.prepare is not None and (waiting := provider.prepare()) is not None:
        await waiting
    headers_timeout = time_limit(call, target.timeouts.headers, patient)
    name = call.spoken.name if call.spoken is not None else ""
    extra = forwarded(provider, call.headers)
    if call.media != JSON:
        extra += b"content-type: %b\r\n" % call.envelope.content_type
    out = provider.outbound(call.operation, target, body, extra, call.query, spoken=name, stream=call.streaming)
    out.headers_timeout = headers_timeout
    if target.timeouts.connect is not None:
        out.connect_timeout = target.timeouts.connect
    return out


def spoken_for(call: Call, target: Target) -> Dialect | None:
    """The dialect to ask *target* in: the caller's own where it can be, so that bytes are relayed, else the first."""
    if call.pinned:
        return cast(Dialect, call.dialect)  # who names a provider's own path means that path
    offered = dialects_of(target, call.operation)
    if not offered:
        return None
    only: tuple[str, ...] = ()
    profile, dialect = target.abilities.profile, call.dialect
    if profile is not PLAIN:
        only = profile.speaks
        if profile.tools_by is not None and thinks_with_tools(call):
            only = (profile.tools_by,)
    if dialect in offered and (not only or dialect.name in only):
        return cast(Dialect, dialect)
    if only:
        offered = tuple(one for one in offered if one.name in only) or offered
        if dialect in offered:
            return cast(Dialect, dialect)
    variant: Any = next((one for one in offered if one.name == dialect.name), None)  # see dialects/family.py
    if variant is not None:
        return cast(Dialect, dialect if variant.relays(call.envelope, target.abilities) else variant)
    return offered[0]


def thinks_with_tools(call: Call) -> bool:
    """Whether tools are sent, and thinking is not switched off."""
    fields = call.envelope.fields
    return "tools" in fields and bytes(fields.get("reasoning_effort", b"")) != b'"none"'


def time_limit(call: Call, configured: float | None, patient: bool, hasty: float = HEADERS) -> float:
    """Seconds to wait for headers or a first token, never past the call's deadline."""
    limit = configured or (PATIENT if patient else hasty)
    room = call.deadline - monotonic()
    if room <= 0:
        raise UpstreamFailed(
            "The time limit of this call ran out before another try could be made.",
            status=504,
            code="deadline_exceeded",
            retry=False,
        )
    return min(limit, room)


async def take_hold(call: Call, parts: Parts, target: Target) -> Hold:
    """Hold the worst case of this try: the prompt's bytes bound its tokens, the output limit bounds the answer."""
    envelope, chat, count = call.envelope, call.operation == "chat", call.operation == "count_tokens"
    wanted = envelope.max_tokens or target.max_output or DEFAULT_OUTPUT
    if target.max_output is not None:
        wanted = min(wanted, target.max_output)
    size = len(call.body) if call.resume is None else len(call.body) + call.resume.begun
    ask = Ask(
        call_id=call.id,
        trace_id=call.trace_id,
        attempt=len(call.attempts),
        who=call.who,
        target=target.name,
        end_user=call.end_user,
        tags=call.tags,
        price=FREE if count else target.price,
        input_tokens=0 if count else envelope.bound if call.operation in MEDIA else size,
        output_tokens=wanted * envelope.n if call.operation in WRITES else 0,
        most=None if chat else most_of(call),
        min_output=call.route.config.min_output * envelope.n if chat else 0,
        clamp=call.options.clamp and chat,
        deadline=call.deadline,
        surface=call.surface,
    )
    try:
        hold = parts.books.hold(ask)
        if not isinstance(hold, Hold):
            hold = await hold
    except BudgetSpent:
        # Bytes bound tokens from above, four times too high for plain text: count before refusing.
        if not chat:
            raise
        counted = await parts.count_tokens(neutral(call))
        counted += counted // 10 + FRAMING
        if counted >= ask.input_tokens:
            raise
        ask.input_tokens = counted
        hold = parts.books.hold(ask)
        if not isinstance(hold, Hold):
            hold = await hold
    call.holds.append(hold)
    return hold


def most_of(call: Call) -> Usage | None:
    """The most that *call* can use of what is charged by the piece, from its bytes alone."""
    size = len(call.body)
    match call.operation:
        case "images":
            return Usage(images=call.envelope.n)
        case "speech":
            return Usage(characters=size, milliseconds=size * SPOKEN)
        case "transcription":
            return Usage(milliseconds=size * 2)  # speech codecs go down to some 6 kbit a second
        case "rerank":
            return Usage(searches=1 + size // SEARCHED)
    return None


def write_body(call: Call, target: Target, hold: Hold) -> bytes:
    """The request as *target* speaks it: the caller's own bytes where the dialects agree, else translated."""
    limit: int | None = None
    if hold.clamped:
        limit = max(hold.output_tokens // call.envelope.n, 1)
        call.defaulted.append(f"max_tokens={limit}")
    spoken, resume = call.spoken, call.resume
    if resume is not None and resume.cut is not None and spoken is not None:
        return written_on(call, target, spoken, limit)
    if spoken is None or (spoken is call.dialect and not carries(spoken.name, call.body)):
        ask_usage = call.streaming and target.abilities.stream_usage
        body: bytes = call.envelope.patched(target.model, include_usage=ask_usage, max_tokens=limit)
        return body
    request = neutral(call)
    if limit is not None:
        request = replace(request, max_tokens=limit)  # the next target may have room for all that was asked
    return printed(call, target, spoken, request)


def printed(call: Call, target: Target, spoken: Dialect, request: Request) -> bytes:
    """*request* in the words of *target*; what it has no word for is told."""
    drop = (call.options.on_unsupported or call.route.config.on_unsupported) == "drop"
    written: Written = spoken.write_request(request, target.abilities, drop=drop)
    call.dropped[:] = written.dropped
    call.defaulted.extend(written.defaulted)
    return written.body


def written_on(call: Call, target: Target, spoken: Dialect, limit: int | None) -> bytes:
    """The request for the rest of an answer that broke off."""
    request: Request = call.resume.request(neutral(call))
    if limit is not None:
        request = replace(request, max_tokens=min(limit, request.max_tokens or limit))
    body = printed(call, target, spoken, request)
    return marked(body, target.abilities.profile.prefill) if call.resume.text else body


async def failure_of(call: Call, target: Target, inbound: Inbound, out: Outbound) -> UpstreamFailed:
    """What an answer that is not 200 means; with another key at hand (see ``out.rest``), one refused is no end."""
    if 300 <= inbound.status < 400:
        return UpstreamFailed(
            f"{target.name} answered with a redirect, which is never followed: the key would go along.",
            status=502,
            code="upstream_redirect",
            upstream_status=inbound.status,
        )
    body = b""
    try:
        while len(body) < MAX_ERROR_BODY and (more := await inbound.read(ERROR_BODY)):
            body += more
    except UpstreamFailed:
        pass  # cut or stalled: the status, and what came, say enough
    spoken = call.spoken or call.dialect
    body = scrub(body[:MAX_ERROR_BODY], out.head + out.extra)
    error: UpstreamFailed = spoken.read_error(inbound.status, inbound.headers, body)
    if out.rest is not None and out.rest(inbound.status, error.wait):
        error.retry, error.same_target, error.wait = True, True, 0.0
    return error
