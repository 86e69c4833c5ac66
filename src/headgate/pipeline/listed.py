"""Order what a caller listed: each route by its own rules, then all of it as the caller wishes.

A strategy of the caller's can only order what the routes have left: it removes from that, and brings nothing back.
"""

from typing import Any

import msgspec

from headgate.core.call import Call
from headgate.core.errors import BadRequest, Forbidden
from headgate.pipeline.choose import as_listed, chain, decided
from headgate.pipeline.parts import Parts
from headgate.providers.base import Target
from headgate.routing.kinds import KINDS, made
from headgate.routing.policy import Policy
from headgate.routing.table import RouteTable
from headgate.routing.types import Strategy

MAX_STRATEGIES = 8
PARAM = "headgate.strategy"
OPERATORS = frozenset(("remote",))
"""Kinds that only a configuration may name: they spend what is not the caller's."""


def order_list(call: Call, parts: Parts) -> None:
    """Put the plan of a call with a list of its own in order; raise ``Forbidden`` where nothing of it is left."""
    found: dict[Target, None] = {}
    refused: Forbidden | None = None
    for route in call.asked:
        theirs = set(route.targets)
        mine = tuple(target for target in call.plan if target in theirs and target not in found)
        try:
            found |= dict.fromkeys(chain(call, parts, route, mine) if route.decides else as_listed(call, mine))
        except Forbidden as error:
            refused = refused or error
    if not found and refused is not None:
        raise refused
    plan = tuple(found)
    if call.options.strategy and plan:
        table = parts.snapshot.table_of(call.who.tenant_id)
        earlier = call.choice
        call.choice = None
        plan = tuple(decided(call, parts, wished(call, table, plan), plan))
        if earlier is not None and call.choice is not None:
            call.choice = msgspec.structs.replace(call.choice, also=(earlier, *earlier.also), whole=True)
        call.reason = f"the caller's own list: {plan[0].name} first, by the caller's own strategy"
    call.plan = plan


def wished(call: Call, table: RouteTable, targets: tuple[Target, ...]) -> Policy:
    """Return the caller's own strategies, compiled for what it may use; raise ``BadRequest`` for bad ones."""
    wish = call.options.strategy or []
    key = (targets, msgspec.json.encode(wish))
    policy: Policy | None = table.kept(key)
    if policy is None:
        policy = table.keep(key, table.policy("the caller's list", entries(wish, table), targets))
    return policy


def entries(wish: str | list[dict[str, Any]], table: RouteTable) -> list[dict[str, Any]]:
    """Return the strategies that a caller wishes, checked: a kind, a route whose strategies they are, or a list."""
    if isinstance(wish, str):
        route = table.routes.get(wish)
        if route is not None and route.config.strategy:
            return route.config.strategy
        wish = [{"kind": wish}]
    if len(wish) > MAX_STRATEGIES:
        raise _refusal(PARAM, f"takes at most {MAX_STRATEGIES} strategies")
    for number, entry in enumerate(wish):
        _check(entry, f"{PARAM}[{number}]")
    return wish


def _check(entry: dict[str, Any], path: str) -> None:
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in KINDS or kind in OPERATORS:
        known = ", ".join(sorted(set(KINDS) - OPERATORS))
        raise _refusal(f"{path}.kind", f"must be one of {known}, or the name of a route that has strategies")
    try:
        strategy = made(entry)
    except msgspec.ValidationError as error:
        raise _refusal(path, f"is no such strategy: {error}") from None
    _in_range(strategy, path)
    faults = [*strategy.faults(), *(strategy.when.faults() if strategy.when is not None else ())]
    for field, message in faults[:1]:
        raise _refusal(f"{path}.{field}", message)


def _in_range(strategy: Strategy, path: str) -> None:
    for field in strategy.__struct_fields__:
        value = getattr(strategy, field)
        low, high = strategy.ranges.get(field, (0.0, float("inf")))
        if isinstance(value, int | float) and not isinstance(value, bool) and not low <= value <= high:
            raise _refusal(f"{path}.{field}", f"must be from {low:g} to {high:g}")


def _refusal(param: str, message: str) -> BadRequest:
    return BadRequest(f"{param} {message}.", code="invalid_option", param=param)
