"""From the routes, aliases and use cases of a configuration to the table that calls find them in."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

import msgspec

from headgate.config.types import Config
from headgate.core.errors import ModelNotFound
from headgate.models.registry import Registry
from headgate.pipeline.order import compile_steps
from headgate.pipeline.parts import StepCall
from headgate.providers.base import Provider, Target
from headgate.routing.table import Route, RouteConfig, RouteTable, TargetConfig, named
from headgate.routing.use_cases import PREFIX, SHIPPED, USUAL, Candidate, UseCase, chosen

if TYPE_CHECKING:
    from headgate.routing.policy import Policy

SANDBOX = "sandbox"
MOST_TOLD = 20
"""Targets whose names stand in the reason of a route."""
SAMPLING = frozenset({"temperature", "top_p", "top_k"})


class Maker:
    """Makes tables of routes: one that all tenants share, and for some what they have on top of it."""

    def __init__(
        self,
        config: Config,
        providers: Mapping[str, Provider],
        registry: Registry,
        plugins: Mapping[str, StepCall],
    ) -> None:
        self.off = frozenset(name for name, on in config.steps.items() if not on)
        self._cases = {**SHIPPED, **config.use_cases}
        self._stated = {one.model: one for route in config.routes.values() for one in map(named, route.targets)}
        self._providers = providers
        self._registry = registry
        self._plugins = plugins
        self._bare = registry.bare_names(providers.values())

    def beside(self, providers: Mapping[str, Provider]) -> "Maker":
        """Return a maker that knows some *providers* besides."""
        if not providers:
            return self
        made = copy(self)
        made._providers = {**self._providers, **providers}
        more = self._registry.bare_names(providers.values())
        made._bare = {**self._bare, **{name: (*self._bare.get(name, ()), *full) for name, full in more.items()}}
        return made

    def table(self, config: Config, beside: Mapping[str, Route], *, own: bool = False) -> RouteTable:
        """Return the table of what *config* has, and of the routes *beside* it; *own* where it is a tenant's."""
        providers, registry = self._providers, self._registry
        made = Routes(config.routes, providers, registry, beside, own=own).compiled()
        routes = {**beside, **{name: self._stepped(route) for name, route in made.items()}}
        for alias, name in config.aliases.items():
            routes[alias] = msgspec.structs.replace(_alias(alias, name, routes, providers, registry), own=own)
        cases = UseCases({**self._cases, **config.use_cases}, providers, registry, config.use_cases if own else ())
        return RouteTable(routes, frozenset(providers), self._target, self._bare, cases.route, self._policy)

    def _stepped(self, route: Route) -> Route:
        if not route.config.skip and route.config.cache is None:
            return route
        skip = self.off | set(route.config.skip)
        steps = compile_steps(skip, self._plugins, cache=cache_step(route.config))
        return msgspec.structs.replace(route, steps=steps)

    def _policy(self, name: str, strategy: Sequence[Mapping[str, Any]], targets: tuple[Target, ...]) -> "Policy":
        return policy_of(name, strategy, targets, self._stated, self._registry)

    def _target(self, provider: str, model: str) -> Target:
        return self._registry.target(self._providers[provider], model)


def cache_step(route: RouteConfig) -> StepCall | None:
    """Return the step of a route's cache, loaded where there is one; ``None`` where there is none."""
    if route.cache is None:
        return None
    from headgate.pipeline.cached import look_up

    return look_up


class Routes:
    """Compiles the routes of one configuration, those that others fall back on first."""

    def __init__(
        self,
        routes: Mapping[str, RouteConfig],
        providers: Mapping[str, Provider],
        registry: Registry,
        beside: Mapping[str, Route] | None = None,
        *,
        own: bool = False,
    ) -> None:
        """*beside* are other routes that these may fall back on; *own*: they are a tenant's."""
        self._own = own
        self._configs = routes
        self._providers = providers
        self._registry = registry
        self._beside = beside or {}
        self._made: dict[str, Route] = {}

    def compiled(self) -> dict[str, Route]:
        """Return them by name, in the order of the configuration."""
        return {name: self._route(name) for name in self._configs}

    def _route(self, name: str) -> Route:
        if name in self._made:
            return self._made[name]
        config = self._configs.get(name)
        if config is None:
            return self._beside[name]
        entries = {entry.model: entry for entry in map(named, config.targets)}
        own = target_of(entries, self._providers, self._registry)
        fallback = self._route(config.fallback) if config.fallback is not None else None
        targets = own
        if fallback is not None:
            fallback = self._bound(fallback, confining(config.strategy))
            names = {target.name for target in own}
            targets = (*own, *(target for target in fallback.targets if target.name not in names))
        policy = policy_of(name, config.strategy, own, entries, self._registry) if config.strategy else None
        order = " then ".join(target.name for target in targets[:MOST_TOLD])
        how = "in the order of the configuration" if policy is None else f"ordered {policy.why}"
        reason = f"route {name}: {order}, {how}" if policy is None else f"route {name}, {how}"
        made = Route(name, "route", targets, config, reason, policy=policy, fallback=fallback, own=self._own)
        self._made[name] = made
        return made

    def _bound(self, route: Route, rules: Sequence[Mapping[str, Any]]) -> Route:
        """Return *route* as those reach it who fall back on it: bound by the *rules* of where they came from, too."""
        if not rules:
            return route
        entries = {entry.model: entry for entry in map(named, route.config.targets)}
        own = tuple(target for target in route.targets if target.name in entries)
        policy = policy_of(route.name, [*rules, *route.config.strategy], own, entries, self._registry)
        more = [*rules, *confining(route.config.strategy)]
        fallback = self._bound(route.fallback, more) if route.fallback is not None else None
        return msgspec.structs.replace(route, policy=policy, fallback=fallback)


def confining(strategy: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return those of *strategy* that say where calls may not go at all."""
    from headgate.routing.kinds import KINDS, made

    return [entry for entry in strategy if KINDS[entry["kind"]].confines and made(entry).filters()]


def policy_of(
    name: str,
    strategy: Sequence[Mapping[str, Any]],
    targets: tuple[Target, ...],
    entries: Mapping[str, TargetConfig],
    registry: Registry,
) -> "Policy":
    """Compile *strategy* for *targets*; *entries* say what a route states of them, by name."""
    from headgate.routing.policy import Policy, option

    options = [
        option(one, entries.get(one.name) or TargetConfig(one.name), place, registry.places(one.provider, one.model))
        for place, one in enumerate(targets)
    ]
    return Policy(name, strategy, options)


class UseCases:
    """Finds the deployments of use cases, when one is first asked for."""

    def __init__(
        self,
        cases: Mapping[str, UseCase],
        providers: Mapping[str, Provider],
        registry: Registry,
        own: Collection[str] = (),
    ) -> None:
        """*own* are those that a tenant made for itself."""
        self._own = own
        self._cases = cases
        self._providers = providers
        self._registry = registry

    def route(self, name: str) -> Route:
        """Return the route of the use case *name*; raise ``ModelNotFound``, saying what there is or what to do."""
        case = self._cases.get(name)
        full = f"{PREFIX}{name}"
        if case is None:
            known = ", ".join(PREFIX + one for one in sorted(self._cases))
            raise ModelNotFound(f"There is no use case {name[:200]!r}. There are: {known}.", param="model")
        names = case.targets or chosen(name, case, self._candidates())
        if not names:
            needs = f" with {', '.join(case.requires)}" if case.requires else ""
            raise ModelNotFound(
                f"No usable model is known for {full}: it needs one of kind {case.kind}{needs}, with a price. Add a "
                f"provider, or name deployments in the configuration: use_cases.{name}.targets.",
                param="model",
            )
        targets = target_of(names, self._providers, self._registry)
        how = "in the order of the configuration" if case.targets else f"{case.prefer} first of those that can do it"
        reason = f"{full}: {' then '.join(target.name for target in targets)}, {how}"
        takes = all(target.abilities.profile.sampling for target in targets)
        stated = msgspec.structs.asdict(case.parameters).items()
        given = {field: value for field, value in stated if value is not None and (takes or field not in SAMPLING)}
        entries = list(USUAL) if case.strategy is None else case.strategy
        policy = policy_of(full, entries, targets, {}, self._registry) if entries and len(targets) > 1 else None
        config = RouteConfig(targets=list(names), attempts=max(3, len(names)), strategy=entries)
        return Route(full, "use-case", targets, config, reason, given, policy=policy, own=name in self._own)

    def _candidates(self) -> Iterator[Candidate]:
        usable = {name: one.kind for name, one in self._providers.items() if one.kind != SANDBOX}
        for entry in self._registry.entries(usable):
            if not entry.usable:
                return
            if entry.price is not None and entry.status == "active" and not entry.profile.speaks:
                price = entry.price
                yield Candidate(entry.id, entry.kind, entry.capabilities, entry.use_cases, price.input, price.output)


def target_of(names: Iterable[str], providers: Mapping[str, Provider], registry: Registry) -> tuple[Target, ...]:
    """Return the deployments of ``provider/model`` *names*; one whose provider is disabled is left out."""
    names = list(names)
    found = []
    for name in names:
        provider, _, model = name.partition("/")
        if provider in providers:
            found.append(registry.target(providers[provider], model))
    if not found:
        raise ValueError(f"none of the targets {', '.join(names)} has a provider that is enabled")
    return tuple(found)


def _alias(
    alias: str, name: str, routes: Mapping[str, Route], providers: Mapping[str, Provider], registry: Registry
) -> Route:
    meant = routes.get(name)
    if meant is not None:
        return msgspec.structs.replace(meant, name=alias, kind="alias", reason=f"alias {alias} of {meant.reason}")
    targets = target_of([name], providers, registry)
    return Route(alias, "alias", targets, RouteConfig(targets=[name]), f"alias {alias} of {name}")
