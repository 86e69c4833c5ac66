"""What a caller may use of a route: its tenant's catalogue first, then what it and every level above it was granted."""

from collections.abc import Collection, Iterable

import msgspec

from headgate.access.types import Principal
from headgate.core.call import Call
from headgate.core.errors import Forbidden, ModelNotFound
from headgate.pipeline.parts import Parts
from headgate.providers.base import Target
from headgate.routing.table import Ambiguous, Route, RouteTable, no_provider, not_found

MOST_TOLD = 20


def may_call(who: Principal) -> None:
    """Raise ``Forbidden`` for somebody who may not call models."""
    if not who.calls:
        raise Forbidden(f"{who.name!r} may not call models: this takes the permission gateway:use.")


def is_bound(who: Principal) -> bool:
    """Whether anything narrows what *who* may use."""
    return bool(who.models or who.narrowed or who.catalogue) or who.providers is not None


def permitted(who: Principal, route: Route, name: str) -> tuple[Target, ...]:
    """Return the deployments of *route*, asked for as *name*, that *who* may use.

    Raise ``ModelNotFound``, in the words for what is nowhere, where none is in the catalogue.
    """
    targets = route.targets
    if who.catalogue:
        targets = allowed(route, name, who.catalogue, shared=True)
        if not targets:
            raise not_found(name)
    for granted in (who.models, *who.narrowed):
        if granted:
            mine = frozenset(allowed(route, name, granted, shared=granted == who.allotted))
            targets = tuple(target for target in targets if target in mine)
    if who.providers is not None:
        targets = tuple(target for target in targets if target.provider.name in who.providers)
    return targets


def stay_within(call: Call, name: str) -> None:
    """Leave of the plan of *call* what its tenant was given of its route under *name*; raise ``Forbidden`` for nothing.

    For where a tenant sends calls itself: who runs the gateway may send them anywhere.
    """
    mine = frozenset(of_tenant(call.who, call.route, name))
    call.plan = tuple([target for target in call.plan if target in mine])
    if not call.plan:
        raise Forbidden(f"This tenant may not use {name!r}, to which a guardrail of its own sends the call.")


def of_tenant(who: Principal, route: Route, name: str) -> tuple[Target, ...]:
    """Return the deployments of *route*, asked for as *name*, that the tenant of *who* was given.

    What a tenant has of its own asks no others, for whichever of its keys.
    """
    targets = route.targets
    for granted in (who.catalogue, who.allotted):
        if granted:
            mine = frozenset(allowed(route, name, granted, shared=True))
            targets = tuple([target for target in targets if target in mine])
    if who.providers is not None:
        targets = tuple([target for target in targets if target.provider.name in who.providers])
    return targets


def may_advise(who: Principal, provider: str) -> bool:
    """Whether the tenant of *who* was given all of *provider*, so that its own routes may ask that for advice."""
    lists = [granted for granted in (who.catalogue, who.allotted) if granted]
    given = all(f"{provider}/*" in granted for granted in lists)
    return given and (who.providers is None or provider in who.providers)


def allowed(route: Route, name: str, granted: Collection[str], *, shared: bool = False) -> tuple[Target, ...]:
    """The deployments of *route*, asked for as *name*, that these grants are for.

    *shared*: who gave them meant what all tenants share, and not what one has put in the place of it.
    """
    if (route.name in granted or name in granted) and not (shared and route.own):
        return route.targets
    return tuple(t for t in route.targets if t.name in granted or f"{t.provider.name}/*" in granted)


def plan_of(call: Call) -> tuple[Target, ...]:
    """Return the deployments that *call* may go to; raise ``Forbidden`` or ``ModelNotFound`` where there are none."""
    who, route = call.who, call.route
    if not call.asked:
        name = route.name if call.pinned else call.envelope.model
        plan = permitted(who, route, name)
    else:
        first: dict[str, Target] = {}
        for target in _of_each(who, zip(call.names, call.asked, strict=True)):
            first.setdefault(target.name, target)
        plan = tuple(first.values())
    if not plan:
        usable = sorted(who.models)[:MOST_TOLD]
        hint = f", or use one of: {', '.join(usable)}" if usable else ""
        raise Forbidden(
            f"The key {who.name!r} may not use the model {call.envelope.model!r}. Ask for a grant{hint}.", param="model"
        )
    return plan


def _of_each(who: Principal, asked: Iterable[tuple[str, Route]]) -> list[Target]:
    """A caller's own list: a name that does not exist for it is only a refusal if none does."""
    found: list[Target] = []
    missing: ModelNotFound | None = None
    some = False
    for name, route in asked:
        try:
            found += permitted(who, route, name)
            some = True
        except ModelNotFound as error:
            missing = missing or error
    if missing is not None and not some:
        raise missing
    return found


def resolved(table: RouteTable, name: str, who: Principal) -> Route:
    """Return the route of *name*; of several providers that offer it, the only one that *who* may use."""
    try:
        return table.resolve(name)
    except Ambiguous as error:
        if not is_bound(who):
            raise
        mine = [full for full in error.full if may_see(who, full)]
        if len(mine) == 1:
            return table.resolve(mine[0])
        raise Ambiguous(name, tuple(mine)) if mine else not_found(name) from None


def sees(who: Principal, route: Route, name: str) -> bool:
    """Whether *who* may use any deployment of *route*."""
    try:
        return bool(permitted(who, route, name))
    except ModelNotFound:
        return False


def may_see(who: Principal, name: str) -> bool:
    """Whether *who* may use a deployment by its name, ``provider/model``."""
    provider = name.partition("/")[0]
    lists = (who.catalogue, who.models, *who.narrowed)
    listed = all(not granted or name in granted or f"{provider}/*" in granted for granted in lists)
    return listed and (who.providers is None or provider in who.providers)


def may_pass(who: Principal, provider: str, *, known: bool) -> None:
    """Refuse to pass calls of *provider*'s own API on for who was not granted all of it.

    On a *known* path a grant of any model of it will do here: its own steps compare which one it is.
    """

    def of_it(granted: Collection[str]) -> bool:
        return f"{provider}/*" in granted or (known and any(one.startswith(f"{provider}/") for one in granted))

    if who.catalogue and not of_it(who.catalogue):
        raise no_provider(provider)
    lists = [granted for granted in (who.models, *who.narrowed) if granted]
    if not all(of_it(granted) for granted in lists) or (who.providers is not None and provider not in who.providers):
        raise Forbidden(
            f"The key {who.name!r} may not call the API of {provider!r} so. Ask for the grant '{provider}/*'."
        )


def sign_own(call: Call, parts: Parts) -> None:
    """Let the deployments of the plan be signed with the caller's own provider keys, where it has some."""
    mapped, signed = call.who.mapped, parts.snapshot.signed
    call.plan = tuple(
        msgspec.structs.replace(target, provider=signed(target.provider, mapped[target.provider.name]))
        if target.provider.name in mapped
        else target
        for target in call.plan
    )


def add_tags(call: Call) -> None:
    """Let the call carry its key's tags, besides its own."""
    tags = tuple(dict.fromkeys((*call.who.tags, *call.options.tags)))
    call.options = msgspec.structs.replace(call.options, tags=tags)


def cheapest_first(call: Call) -> None:
    """Order a plan that nothing else orders by the price of the call, as its app asks; a fallback stays behind."""
    if call.route.fallback is None:
        call.plan = by_price(call, call.plan)
    call.reason = f"{call.reason}; the cheapest first, as its app asks"


def by_price(call: Call, targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """Return *targets*, the one first at which the call costs least; those without a price last."""
    size, wanted = len(call.body), call.envelope.max_tokens or 1000

    def price(target: Target) -> tuple[bool, int]:
        return (True, 0) if target.price is None else (False, target.price.bound(size, wanted))

    return tuple(sorted(targets, key=price))
