"""One call to one deployment: hold, sign, send, classify, answer."""

from asyncio import CancelledError
from collections.abc import Awaitable
from time import monotonic
from typing import Any, cast

from msgspec.structs import replace

from headgate.core.call import MEDIA, Call
from headgate.core.chat import Request
from headgate.core.errors import HeadgateError, UpstreamFailed
from headgate.core.ids import span_id
from headgate.core.record import Attempt
from headgate.core.redact import scrub
from headgate.dialects.base import PLAIN, Dialect, Written
from headgate.dialects.opaque import carries
from headgate.dialects.openai_words import NAME as CHAT
from headgate.ledger.types import Hold
from headgate.pipeline.answer import upstream_id
from headgate.pipeline.attach import attach_links
from headgate.pipeline.charge import owe_failed
from headgate.pipeline.hold import take_hold
from headgate.pipeline.media import answer_media
from headgate.pipeline.parts import JSON, Parts, neutral
from headgate.pipeline.relay import IDLE, answer_stream, answer_whole
from headgate.pipeline.resume import marked
from headgate.pipeline.settle import owe_everything, owe_nothing
from headgate.pipeline.stated import Stating
from headgate.pipeline.thinking import thinks
from headgate.providers.base import Target, dialects_of
from headgate.providers.forward import forwarded
from headgate.transport.base import Inbound, Outbound

HEADERS = 30.0  # while another target is left, the response headers must come within this
FIRST_TOKEN = 15.0
PATIENT = 600.0  # on the last target, and where the model thinks before it speaks
MAX_ERROR_BODY = 64 * 1024
ERROR_BODY = 5.0  # seconds for an error body, however it comes


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
    call.stated = None
    hold: Hold | None = None
    out: Outbound | None = None
    try:
        call.spoken = spoken_for(call, target)
        taken = take_hold(call, parts, target)
        hold = taken if isinstance(taken, Hold) else await taken
        attempt.held_nano = hold.nano
        patient = last or target.reasoning or thinks(call)
        waiting = prepared(call, parts, target)
        if waiting is not None:
            await waiting
        out = request_for(call, target, hold, patient=patient)
        inbound = await target.provider.sender.send(out)
        try:
            attempt.headers_ms = (monotonic() - call.t0) * 1000
            attempt.status = inbound.status
            attempt.upstream_id = upstream_id(inbound)
            if inbound.status != 200:
                raise await failure_of(call, target, inbound, out)
            if out.rest is not None:
                out.rest(None)
            if target.states_cost:
                inbound = call.stated = Stating(inbound)
            if call.streaming or call.operation in MEDIA:
                first = time_limit(call, target.timeouts.first_token, patient, FIRST_TOKEN)
                answering = answer_media if call.operation in MEDIA else answer_stream
                await answering(call, parts, target, attempt, hold, inbound, first)
            else:
                idle = time_limit(call, target.timeouts.idle, patient, IDLE)
                await answer_whole(call, parts, target, attempt, hold, inbound, idle)
        finally:
            inbound.close()
    except HeadgateError as error:
        attempt.outcome, attempt.error = error.code, error.message
        if hold is not None and attempt.billed == "none":
            owe_failed(call, parts, attempt, hold, error)
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
        attempt.unsent = out is None
        attempt.ended_ms = (monotonic() - call.t0) * 1000


def prepared(call: Call, parts: Parts, target: Target) -> Awaitable[None] | None:
    """Have all at hand that a request to *target* is made of; what is returned is to be waited for."""
    if call.spoken is not call.dialect and not getattr(call.spoken, "takes_urls", True):
        return _attached(call, parts, target)
    return None if target.provider.prepare is None else target.provider.prepare()


async def _attached(call: Call, parts: Parts, target: Target) -> None:
    await attach_links(call, parts.attacher, call.spoken, neutral(call))
    if target.provider.prepare is not None and (waiting := target.provider.prepare()) is not None:
        await waiting


def request_for(call: Call, target: Target, hold: Hold, *, patient: bool) -> Outbound:
    """What is sent to *target*, signed."""
    provider = target.provider
    body = write_body(call, target, hold)
    headers_timeout = time_limit(call, target.timeouts.headers, patient)
    name = call.spoken.name if call.spoken is not None else ""
    extra = forwarded(provider, call.headers, own_span(call))
    if call.media != JSON:
        extra += b"content-type: %b\r\n" % call.envelope.content_type
    out = provider.outbound(call.operation, target, body, extra, call.query, spoken=name, stream=call.streaming)
    out.headers_timeout = headers_timeout
    if target.timeouts.connect is not None:
        out.connect_timeout = target.timeouts.connect
    left = call.deadline - monotonic()
    if left < out.connect_timeout:
        out.connect_timeout = max(left, 0.001)
    return out


def own_span(call: Call) -> bytes:
    """The id of the span of the try under way, where the caller's own is known; empty else."""
    if call.parent_id is None or call.attempt is None:
        return b""
    return span_id(call.id, call.attempts.index(call.attempt) + 1).hex().encode()


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
    one: Any
    for one in offered:
        if one.name == dialect.name:  # a variant of the caller's own, see dialects/family.py
            return cast(Dialect, dialect if one.relays(call.envelope, target.abilities) else one)
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
    return limit if limit < room else room


def write_body(call: Call, target: Target, hold: Hold) -> bytes:
    """The request as *target* speaks it: the caller's own bytes where the dialects agree, else translated."""
    limit = call.limit
    if hold.clamped:
        limit = max(hold.output_tokens // call.envelope.n, 1)
        call.defaulted.append(f"max_tokens={limit}")
    spoken, resume = call.spoken, call.resume
    if resume is not None and resume.cut is not None and spoken is not None:
        return written_on(call, target, spoken, limit)
    if spoken is None or (spoken is call.dialect and not carries(spoken.name, call.body)):
        ask_usage = call.streaming and target.abilities.stream_usage
        own = {"spelt": target.abilities.max_tokens_field} if limit and call.dialect.name == CHAT else {}
        body: bytes = call.envelope.patched(target.model, include_usage=ask_usage, max_tokens=limit, **own)
        return body
    request = neutral(call)
    if call.thoughts is not None:
        request = call.thoughts.put_back(call, target, request)
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
    body, until = b"", min(monotonic() + ERROR_BODY, call.deadline)
    try:
        while len(body) < MAX_ERROR_BODY and (more := await inbound.read(max(until - monotonic(), 0.001))):
            body += more
    except UpstreamFailed:
        pass  # cut or stalled: the status, and what came, say enough
    spoken = call.spoken or call.dialect
    body = scrub(body[:MAX_ERROR_BODY], out.head + out.extra)
    error: UpstreamFailed = spoken.read_error(inbound.status, inbound.headers, body)
    if out.rest is not None and out.rest(error):
        error.retry, error.same_target, error.wait = True, True, 0.0
    return error
