"""The cache's place in a request: answer it with what was answered before, or see to it that the answer is kept.

It comes after guardrails have looked at the request, so that what a cache sees is masked, and before anything is
planned, held or spent.
"""

import asyncio
from collections.abc import Awaitable
from functools import partial
from time import monotonic

import msgspec

from headgate.cache.config import CacheConfig
from headgate.cache.key import ambiguous, document, key_of, near, scope_of
from headgate.cache.rules import PLAIN, Control, not_kept, usable
from headgate.cache.shelf import Cache
from headgate.cache.types import Entry, Match, NoVector, Question
from headgate.core.call import Call
from headgate.core.errors import UpstreamFailed
from headgate.core.ids import now as instant
from headgate.core.record import Attempt, Cached
from headgate.pipeline.ask import embed
from headgate.pipeline.cache_tape import Flight, Tape
from headgate.pipeline.deadline import resting, set_deadline
from headgate.pipeline.flight import VARYING
from headgate.pipeline.grants import of_tenant
from headgate.pipeline.hold import ask_of, held
from headgate.pipeline.parts import Parts
from headgate.pipeline.replay import replay
from headgate.pipeline.reprint import in_form
from headgate.pipeline.settle import owe_usage

OPERATIONS = frozenset(("chat", "embeddings", "rerank"))
STATEFUL = frozenset(("previous_response_id", "conversation", "background", "container"))
"""Fields of requests whose answer depends on what somebody else keeps."""
TRIES = 2
"""Calls that may fail for those who wait before all of them hear of it."""


def look_up(call: Call, parts: Parts) -> Awaitable[None] | None:
    """Answer *call* from its route's cache, or have its answer taken down."""
    name = call.route.config.cache
    if name is None:  # a guardrail has sent it elsewhere
        return None
    cache: Cache | None = parts.caches.of(call.who.tenant_id, name) if parts.caches is not None else None
    control: Control = call.options.cache or PLAIN
    why = "disabled" if cache is None else passed_by(call, cache.config, control)
    if why or cache is None:
        call.cached = Cached(cache=name, verdict="bypass", reason=why)
        if control.only:
            raise not_kept(why)
        return None
    return _look_up(call, parts, cache, control)


def passed_by(call: Call, config: CacheConfig, control: Control) -> str:
    """Say why a cache has nothing to do with *call*; nothing where it has."""
    who = call.who
    if not config.enabled:
        return "disabled"
    if control.off:
        return "off"
    if (config.keys and who.id not in config.keys) or who.id in config.without_keys:
        return "key"
    if config.tags and set(config.tags).isdisjoint(call.tags):
        return "tags"
    if call.operation not in OPERATIONS or call.media != b"application/json":
        return "operation"
    return "stateful" if not STATEFUL.isdisjoint(call.envelope.fields) else ""


async def _look_up(call: Call, parts: Parts, cache: Cache, control: Control) -> None:
    tenant = call.who.tenant_id
    asked = document(call.envelope.fields, call.body)
    call.cached = Cached(cache=cache.name, verdict="miss")
    if ambiguous(call.envelope.fields, asked):
        call.cached = Cached(cache=cache.name, verdict="bypass", reason="ambiguous")
        if control.only:
            raise not_kept("ambiguous")
        return
    scope = scope_for(call, cache.config)
    key = key_of(scope, asked)
    tape = Tape(cache, tenant, key, control)
    if not control.no_cache:
        entry = await cache.store.get(tenant, key)
        if entry is not None and usable(entry, control, instant()) and await given(call, parts, cache, entry, "exact"):
            return
        if cache.nearest is not None and not control.exact:
            tape.question = question_of(call, parts, cache, scope, asked, key)
            if tape.question is not None and await _nearly(call, parts, cache, tape):
                return
    if control.only:
        raise not_kept("nothing is kept for it")
    call.tape = tape
    if cache.config.single_flight != "none" and not control.no_cache:
        await _fly(call, parts, cache, tape)


def scope_for(call: Call, config: CacheConfig) -> bytes:
    """Return what an answer depends on besides the fields of the request."""
    who, options, route, guard = call.who, call.options, call.route, call.guard
    settings, share, whose = route.config, config.share, ""
    if share != "tenant":
        ids = {"team": who.team_id, "user": who.user_id, "end_user": call.end_user}
        whose = ids.get(share) or f"key {who.id}"  # who belongs to none shares with nobody
    return scope_of(
        [target.name for target in call.plan],
        (call.surface, call.dialect.name, call.operation, call.pinned, _query(call.query)),
        (share, whose),
        (settings.on_unsupported, settings.unknown_fields, settings.context, dict(route.parameters)),
        (options.on_unsupported, options.requires, options.format, options.chunk, options.strategy, call.names),
        guard.rules.version if guard is not None else "",
        sorted([(name.decode(), value.decode("latin-1")) for name, value in call.headers if name.startswith(VARYING)]),
    )


def _query(query: bytes) -> str:
    """A query without what says that a stream is wanted."""
    return "&".join([part for part in query.decode("latin-1").split("&") if part != "alt=sse"])


def question_of(
    call: Call, parts: Parts, cache: Cache, scope: bytes, asked: dict[str, object], key: bytes
) -> Question | None:
    """Return what another request may be near to; ``None`` where none may."""
    split = near(asked) if call.operation == "chat" and call.envelope.n == 1 else None
    if split is None:
        return None
    text, rest = split
    return Question(
        tenant_id=call.who.tenant_id,
        scope=key_of(scope, rest),
        text=text,
        key=key,
        at=instant(),
        embed=partial(embed, call, parts, within=of_tenant if cache.owner else None),
    )


async def _nearly(call: Call, parts: Parts, cache: Cache, tape: Tape) -> bool:
    """Answer *call* with what a near request was answered; return whether that was done."""
    question, nearest, tenant = tape.question, cache.nearest, call.who.tenant_id
    assert question is not None and nearest is not None
    try:
        match = await nearest.find(question)
    except NoVector:
        tape.question = None
        return False
    if match is None:
        return False
    entry = await cache.store.get(tenant, match.key)
    if entry is None:
        await nearest.forget(tenant, [match.key])
        return False
    if not usable(entry, tape.control, instant()):
        return False
    if match.verify:
        tape.match, tape.stale = match, entry
        return False
    return await given(call, parts, cache, entry, "semantic", match)


async def given(call: Call, parts: Parts, cache: Cache, entry: Entry, kind: str, match: Match | None = None) -> bool:
    """Answer *call* with *entry*; return whether it could be told as the call asks for it."""
    form = in_form(call, entry)
    if form is None:
        return False
    told = Cached(
        cache=cache.name,
        verdict="hit",
        kind=kind,  # type: ignore[arg-type]
        of=entry.call_id,
        model=entry.model,
        provider=entry.provider,
        age_ms=max((instant() - entry.at) / 1000, 0.0),
        similarity=match.similarity if match is not None else None,
        bound=match.bound if match is not None else None,
        saved_nano=entry.cost_nano,
        saved_ms=entry.latency_ms,
        saved_tokens=entry.usage.total,
    )
    call.cached = told
    call.reason = f"the answer of call {entry.call_id}, from the cache {cache.name}"
    if kind == "flight" and cache.config.single_flight == "each":
        call.cached = msgspec.structs.replace(told, saved_nano=None)
        await pay(call, parts, entry)
    await replay(call, parts, cache, entry, form)
    return True


async def _fly(call: Call, parts: Parts, cache: Cache, tape: Tape) -> None:
    """Wait for the answer of the same call under way, or be the one that others wait for."""
    place = (call.who.tenant_id, tape.key)
    failures = 0
    while (flight := cache.flights.get(place)) is not None:
        if not call.deadline:
            set_deadline(call)
            if call.streaming and call.route.config.ping and hasattr(call.dialect, "ping"):
                parts.pings.begin(call)
        flight.waiting += 1
        try:
            with resting(call):
                async with asyncio.timeout(max(call.deadline - monotonic(), 0.001)):
                    await flight.landed()
        except TimeoutError:
            call.tape = None
            raise UpstreamFailed(
                "The time limit of this call ran out while the same call was under way.",
                status=504,
                code="deadline_exceeded",
            ) from None
        finally:
            flight.waiting -= 1
        if flight.landing is not None and await given(call, parts, cache, flight.landing, "flight"):
            return
        failures = max(failures, flight.failures)
        if flight.landing is not None or flight.alone:
            return  # it cannot be told as this call asks for it, or to nobody else at all
        if failures >= TRIES and flight.error is not None:
            call.tape = None
            raise flight.error
    tape.flight = cache.flights[place] = Flight(failures)


async def pay(call: Call, parts: Parts, entry: Entry) -> None:
    """Have *call* owe what the answer cost whose part it has; raise as a hold does."""
    target = next((one for one in call.plan if one.name == entry.model), None)
    if target is None:
        return
    at = (monotonic() - call.t0) * 1000
    attempt = Attempt(
        provider=entry.provider, model=target.model, started_ms=at, headers_ms=at, ended_ms=at, role="shared"
    )
    usage = entry.usage
    ask = ask_of(call, target.name, target.price, usage.input, usage.output, usage, usage.output)
    hold = await held(call, parts, ask)
    call.attempts.append(attempt)
    call.attempt, call.target = attempt, target
    attempt.held_nano = hold.nano
    owe_usage(call, attempt, hold, usage)
