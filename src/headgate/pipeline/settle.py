"""The end of a call: what it owes, and its record. Everything that spends ends here, exactly once."""

from time import monotonic

import msgspec

from headgate.core.call import Call
from headgate.core.errors import UpstreamFailed
from headgate.core.money import Usage
from headgate.core.record import Attempt, Record
from headgate.ledger.types import Hold
from headgate.pipeline.answer import cost_of
from headgate.pipeline.hearing import spared
from headgate.pipeline.parts import Parts
from headgate.routing.policy import name_digest

PARAMETERS = ("temperature", "top_p", "top_k", "max_tokens", "max_completion_tokens", "n", "seed", "reasoning_effort")
_PARAMETERS = frozenset(PARAMETERS)


def owe_usage(call: Call, attempt: Attempt, hold: Hold, usage: Usage, *, estimated: bool = False) -> None:
    """This try costs what was used, by the provider's count or by ours."""
    price = hold.ask.price
    if call.target.abilities.profile.searches and not usage.searches:
        usage.searches = 1
    cost = price.cost(usage) if price is not None else None
    if call.stated is not None and not (estimated and call.streaming):
        cost = call.stated.settle(attempt, hold, cost)
        estimated = estimated and attempt.cost_source != "stated"
    hold.charge_nano = cost or 0
    hold.charge_tokens = usage.total
    attempt.cost_nano = cost
    attempt.billed = call.billed = "estimated" if estimated else "usage"
    call.usage = usage if call.resume is None else call.resume.add(usage)


def owe_everything(call: Call, attempt: Attempt, hold: Hold) -> None:
    """Nobody knows what this try cost: its whole hold stays, marked as such."""
    hold.charge_nano = hold.nano
    hold.charge_tokens = hold.tokens
    attempt.cost_nano = hold.nano if hold.ask.price is not None else None
    attempt.billed = "uncertain"
    if call.billed == "none":
        call.billed = "uncertain"


def owe_nothing(call: Call, parts: Parts, hold: Hold) -> None:
    """This try is known to have cost nothing."""
    parts.books.release(hold)
    call.holds.remove(hold)


def finish(call: Call, parts: Parts) -> None:
    """Settle *call* and write its record. Later calls of this change nothing."""
    if call.settled:
        return
    call.settled = True
    if call.conversation and call.error is None and call.target is not None:  # before its caller can go on with it
        parts.conversations.remember(call.conversation, name_digest(call.target.name))
    if call.tape is not None:
        call.tape.end(call, parts)
    if call.who is not None:
        record = record_of(call, parts.worker)
        if call.who.keeping is not None:
            record = spared(record, call.who.keeping)
        parts.books.end(record, call.holds)
    if call.slot is not None:
        call.slot.release()


def record_of(call: Call, worker: int) -> Record:
    """The frozen account of *call*, as of now."""
    attempts, error, target, envelope, who = call.attempts, call.error, call.target, call.envelope, call.who
    options, holds, dropped, defaulted = call.options, call.holds, call.dropped, call.defaulted
    total = (monotonic() - call.t0) * 1000
    last = call.attempt or (attempts[-1] if attempts else None)
    began: Attempt | None = call.resume.first if call.resume is not None else None
    upstream = ((last.ended_ms or total) - last.started_ms) if last is not None else 0.0
    cached = call.cached
    hit = cached if cached is not None and cached.verdict == "hit" and last is None else None
    model, provider = (hit.model, hit.provider) if hit else whose(call, last)
    return Record(  # by position, as the fields stand: more than 15 names go through a dict, a microsecond a call
        call.id,
        call.trace_id,
        call.at,
        who.tenant_id,
        call.surface,
        call.operation,
        "failure" if error is not None else "success" if target is None or target is call.plan[0] else "fallback",
        call.status,
        call.parent_id,
        who.id if who.kind == "key" else None,
        who.team_id,
        who.user_id,
        who.app_id,
        call.end_user,
        options.session,
        call.tags,
        options.metadata,
        call.route.name if call.route is not None else None,
        call.streaming,
        envelope.model if envelope is not None else None,
        model if envelope is not None or hit else None,
        provider,
        call.reason,
        call.choice,
        tuple(call.guard.checks) if call.guard is not None else (),
        tuple(call.verdicts),
        cached,
        parameters_of(envelope.fields) if envelope is not None else None,
        error.code if error is not None else None,
        error.message[:1000] if error is not None else None,
        tuple(attempts),
        call.finish,
        call.usage,
        0 if hit or (error is None and not attempts) else cost_of(attempts),
        call.billed,
        holds[0].nano if len(holds) == 1 else sum([h.nano for h in holds]),
        (),
        tuple(dropped) if dropped else (),
        tuple(defaulted) if defaulted else (),
        upstream if last is not None else None,
        total,
        total - (upstream if len(attempts) == 1 else busy(attempts, total)) - call.rested * 1000,
        (began or last).first_ms if last is not None else None,
        call.resume.count if call.resume is not None else 0,
        len(call.body),
        call.bytes_out,
        call.part_of,
        call.shadow_of,
        call.compared,
        call.address,
        worker,
    )


def whose(call: Call, last: Attempt | None) -> tuple[str | None, str | None]:
    """Return the model and the provider that answered or, of a call that failed, that were asked *last*."""
    target = call.target
    if last is None or target is None:
        return None, None
    if last.headers_ms is not None:
        return target.name, target.provider.name
    if isinstance(call.error, UpstreamFailed):
        return f"{last.provider}/{last.model}", last.provider
    return None, None


def busy(attempts: list[Attempt], total: float) -> float:
    """Milliseconds that went by while a provider was asked, or several at once."""
    spent = until = 0.0
    for attempt in attempts:  # as they began
        end = attempt.ended_ms or total
        spent += max(end - max(attempt.started_ms, until), 0.0)
        until = max(until, end)
    return spent


def parameters_of(fields: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw] | None:
    """The generation parameters as they were asked, undecoded."""
    if _PARAMETERS.isdisjoint(fields):
        return None
    return {name: fields[name] for name in PARAMETERS if name in fields}
