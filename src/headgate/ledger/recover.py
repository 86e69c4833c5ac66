"""What becomes of calls whose process died: they failed, and cost all they held, since nobody knows better."""

from headgate.core.record import Attempt, Record
from headgate.ledger.lines import Charge, HoldLine


def interrupted(holds: list[HoldLine]) -> list[tuple[Record, list[Charge]]]:
    """Return the record and the charges of each call that *holds* belong to."""
    calls: dict[str, list[HoldLine]] = {}
    for hold in holds:
        calls.setdefault(hold.call_id, []).append(hold)
    return [(_record(tries), [_charge(hold) for hold in tries if hold.nano or hold.tokens]) for tries in calls.values()]


def _charge(hold: HoldLine) -> Charge:
    return Charge(
        hold.attempt, hold.at, hold.scope, hold.nano, hold.tokens, "uncertain", hold.target, hold.zone, hold.scopes
    )


def _record(tries: list[HoldLine]) -> Record:
    first, last = tries[0], tries[-1]
    costs = [hold.nano for hold in tries if hold.priced]
    return Record(
        id=first.call_id,
        trace_id=first.trace_id,
        at=first.at,
        tenant_id=first.tenant_id,
        key_id=first.scope if first.by_key else None,
        user_id=first.user_id,
        app_id=first.app_id,
        team_id=first.team_id,
        end_user=first.end_user,
        tags=first.tags,
        surface=first.surface,
        operation="unknown",
        model_requested=last.target,
        model_used=last.target,
        provider_used=last.target.partition("/")[0],
        status="failure",
        code="interrupted",
        http_status=500,
        error_message="The gateway's process ended while this call was in flight; its cost is not known.",
        attempts=tuple(_attempt(hold) for hold in tries),
        cost_nano=sum(costs) if costs else None,
        billed="uncertain",
        held_nano=sum(hold.nano for hold in tries),
    )


def _attempt(hold: HoldLine) -> Attempt:
    provider, _, model = hold.target.partition("/")
    return Attempt(
        provider=provider,
        model=model,
        started_ms=0.0,
        outcome="interrupted",
        held_nano=hold.nano,
        cost_nano=hold.nano if hold.priced else None,
        billed="uncertain",
    )
