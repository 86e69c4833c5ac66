"""Which guardrails a call passes: those of its route, its caller and the installation, and those that it asks for."""

from collections.abc import Callable, Collection, Mapping, Sequence

from msgspec.structs import replace

from headgate.core.call import Call
from headgate.core.errors import BadRequest
from headgate.guardrails.rules import Rule, Rules, compiled
from headgate.pipeline.guard import guarding
from headgate.pipeline.parts import StepCall
from headgate.routing.table import Route, RouteConfig

MOST_COMBINED = 1024
"""Combinations of guardrails that callers ask for by name, kept compiled."""


class Guarding:
    """Which guardrails there are, and which of them a call passes. Made once for each configuration."""

    __slots__ = ("_always", "_known", "_picky", "_stepped", "_steps")

    def __init__(
        self,
        shared: Mapping[str, Rule],
        own: Mapping[str, Mapping[str, Rule]],
        stepped: Callable[[RouteConfig, StepCall], tuple[StepCall, ...]],
    ) -> None:
        """*own* are those that tenants have besides, by tenant; *stepped* returns the steps of a route with a guard.

        Of a name that is shared it is the shared one: what looks at all tenants' calls no tenant puts another in for.
        """
        self._known = {"": shared, **{tenant: {**rules, **shared} for tenant, rules in own.items()}}
        self._always = {
            tenant: tuple([name for name, one in rules.items() if one.guardrail.always])
            for tenant, rules in self._known.items()
        }
        self._picky = frozenset(
            tenant
            for tenant, rules in self._known.items()
            if any(one.guardrail.keys or one.guardrail.tags for one in rules.values())
        )
        self._stepped = stepped
        self._steps: dict[tuple[str, tuple[str, ...], tuple[str, ...], bool], tuple[StepCall, ...]] = {}

    def route_of(self, call: Call) -> Route:
        """Return the route of *call* with the steps that its guardrails add; raise for a name that there is not."""
        route: Route = call.route
        tenant, names = self.names(call)
        if not names:
            return route
        key = (tenant, names, tuple(route.config.skip), route.config.cache is not None)
        steps = self._steps.get(key)
        if steps is None:
            if len(self._steps) >= MOST_COMBINED:
                self._steps.clear()
            steps = self._steps[key] = self._stepped(route.config, guarding(self.rules(tenant, names)))
        return replace(route, steps=steps)

    def joined(self, rules: Rules, call: Call) -> Rules:
        """Return *rules* and, after them, those that *call* passes on the route that it has now."""
        tenant, names = self.names(call)
        return compiled((*rules.input, *rules.output, *self.chosen(tenant, names)))

    def names(self, call: Call) -> tuple[str, tuple[str, ...]]:
        """Return whose guardrails *call* passes, and which."""
        tenant = call.who.tenant_id if call.who.tenant_id in self._known else ""
        route: Route = call.route
        names = (*self._always[tenant], *route.config.guardrails)
        for asked in call.asked:
            names += tuple(asked.config.guardrails)
        names = tuple(dict.fromkeys((*names, *call.options.guardrails)))
        if tenant in self._picky and names:
            known = self._known[tenant]
            names = tuple([name for name in names if name not in known or concerns(known[name], call)])
        return tenant, names

    def let_unread(self, call: Call) -> None:
        """Raise ``BadRequest`` where one must look at *call*, a call that nobody can look into."""
        tenant = call.who.tenant_id if call.who.tenant_id in self._known else ""
        for one in self.chosen(tenant, (*self._always[tenant], *call.options.guardrails)):
            if one.guardrail.fail == "closed" and not one.guardrail.shadow and concerns(one, call):
                raise BadRequest(
                    f"The guardrail {one.name!r} looks at every call of yours, and cannot look into this one: what is "
                    "sent and answered here is known to the provider alone. Use a surface or a path that the gateway "
                    "knows; 'fail: open' of the guardrail lets such calls through.",
                    code="unsupported_operation",
                )

    def rules(self, tenant: str, names: Sequence[str]) -> Rules:
        """Return the guardrails *names* of a tenant, compiled; raise as :meth:`chosen`."""
        return compiled(self.chosen(tenant, names))

    def chosen(self, tenant: str, names: Sequence[str]) -> tuple[Rule, ...]:
        """Return the guardrails *names* of a tenant; raise ``BadRequest`` for one that there is not."""
        known = self._known.get(tenant, self._known[""])
        for name in names:
            if name not in known:
                raise no_guardrail(name, known)
        return tuple([known[name] for name in names])


def concerns(rule: Rule, call: Call) -> bool:
    """Whether *rule* looks at calls of this key, and with these tags."""
    guardrail = rule.guardrail
    if guardrail.keys and call.who.id not in guardrail.keys:
        return False
    return not guardrail.tags or not {*call.options.tags, *call.who.tags}.isdisjoint(guardrail.tags)


def no_guardrail(name: str, known: Collection[str]) -> BadRequest:
    """The refusal of a guardrail that is not configured."""
    there = f"There are: {', '.join(sorted(known)[:20])}" if known else "None is configured"
    return BadRequest(
        f"There is no guardrail {name[:64]!r}. {there}.", code="unknown_guardrail", param="x-headgate-guardrails"
    )
