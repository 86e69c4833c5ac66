"""From a checked configuration to what the request path uses: providers, registry, routes and their steps."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from headgate.access.types import Principal
from headgate.config.types import Config
from headgate.core.errors import ModelNotFound
from headgate.core.secret import Secret
from headgate.models.registry import Listed, Registry
from headgate.models.table import Tables
from headgate.pipeline.grants import may_see, sees
from headgate.pipeline.order import compile_steps, plugin_steps
from headgate.pipeline.parts import Snapshot, StepCall
from headgate.providers import build
from headgate.providers.base import Provider, ProviderConfig, Senders, Target
from headgate.providers.borrowed import Borrowed
from headgate.providers.catalog import keyed_kinds, row
from headgate.providers.discovery import Found, Learned
from headgate.routing.table import Route, RouteConfig, RouteTable, TargetConfig, named
from headgate.routing.use_cases import PREFIX, SHIPPED, USUAL, Candidate, UseCase, chosen

if TYPE_CHECKING:
    from headgate.pipeline.guard import Guarding
    from headgate.routing.policy import Policy

SANDBOX = "sandbox"
MOST_TOLD = 20
"""Targets whose names stand in the reason of a route."""
SAMPLING = frozenset({"temperature", "top_p", "top_k"})


class Compiled(msgspec.Struct, frozen=True, eq=False):
    """One configuration, ready to use."""

    config: Config
    accounts: dict[str, ProviderConfig]
    """Every provider in force by name: the file's, the environment's, local ones, the sandbox."""
    providers: dict[str, Provider]
    registry: Registry
    snapshot: Snapshot

    def listing(self, who: Principal) -> list[Listed]:
        """Return what *who* can call now: routes and aliases first, then the providers' known models."""
        known = {model.id: model for model in self.registry.listing(self.providers.values())}
        created = max((model.created for model in known.values()), default=0)
        named = []
        for name, route in self.snapshot.table_of(who.tenant_id).routes.items():
            if not sees(who, route, name):
                continue
            first = route.targets[0]
            can = first.capabilities or ("chat",)
            named.append(Listed(name, "headgate", can[0], created, first.context, first.max_output, can))
        return [*named, *(model for model in known.values() if may_see(who, model.id))]

    def told(self, found: Mapping[str, Found]) -> list[dict[str, Any]]:
        """Return what may be shown of every account in force, by name, with what was *found* when last looked at."""
        return [
            {
                "name": name,
                "kind": account.kind,
                "base_url": account.base_url or row(account.kind).base_url,
                "keys": len({key for key in (account.api_key, *account.api_keys) if key}),
                "last_look": _seen(found.get(name)),
            }
            for name, account in sorted(self.accounts.items())
        ]

    def kinds(self) -> dict[str, str]:
        """Return the kind of every provider in force, by name."""
        return {name: provider.kind for name, provider in self.providers.items()}


def compile_config(
    config: Config,
    found: Mapping[str, ProviderConfig],
    senders: Senders,
    *,
    sandbox: bool = True,
    tables: Tables | None = None,
    discovered: Mapping[str, Mapping[str, Learned]] | None = None,
    keys: Mapping[str, list[Secret]] | None = None,
    own: Mapping[str, Config] | None = None,
) -> Compiled:
    """Compile *config* over the providers *found* without it, which a provider of the same name in the file replaces.

    *tables* are the data on models, *discovered* what providers said of theirs, *keys* more keys of the accounts: an
    account of a kind that needs nothing else is made for them. *own* is what tenants have on top of all this.

    Raise ``ValueError`` naming what cannot be built.
    """
    accounts = with_keys({**found, **config.providers}, keys or {})
    if config.sandbox and sandbox and SANDBOX not in accounts:
        accounts[SANDBOX] = ProviderConfig(kind=SANDBOX)
    accounts = {name: account for name, account in accounts.items() if account.enabled}
    providers = {name: build(name, account, senders) for name, account in accounts.items()}
    registry = Registry(config.models, accounts, tables, discovered)

    plugins = plugin_steps()
    maker = Maker(config, providers, registry, plugins)
    table = maker.table(config, {})
    overlays = {tenant: maker.table(over, table.routes) for tenant, over in (own or {}).items()}
    borrowed = Borrowed(accounts, lambda name, account: build(name, account, senders))
    guarding = _guarding(config, own or {}, maker.off, plugins)
    snapshot = Snapshot(table, compile_steps(maker.off, plugins), overlays, borrowed, guarding)
    return Compiled(config, accounts, providers, registry, snapshot)


def _guarding(
    config: Config, own: Mapping[str, Config], off: frozenset[str], plugins: Mapping[str, StepCall]
) -> "Guarding | None":
    """Return which guardrails calls pass; ``None`` where none is configured, so that nothing of them is loaded."""
    if not config.guardrails and not any(over.guardrails for over in own.values()):
        return None
    from headgate.guardrails.rules import rule
    from headgate.pipeline.guard import Guarding

    def rules(of: Config) -> dict[str, Any]:
        return {name: rule(name, entry) for name, entry in of.guardrails.items()}

    return Guarding(
        rules(config),
        {tenant: rules(over) for tenant, over in own.items() if over.guardrails},
        lambda route, guard: compile_steps(off | set(route.skip), plugins, guard, cache_step(route)),
    )


def cache_step(route: RouteConfig) -> StepCall | None:
    """Return the step of a route's cache, loaded where there is one; ``None`` where there is none."""
    if route.cache is None:
        return None
    from headgate.pipeline.cached import look_up

    return look_up


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

    def table(self, config: Config, beside: Mapping[str, Route]) -> RouteTable:
        """Return the table of what *config* has, and of the routes *beside* it."""
        providers, registry = self._providers, self._registry
        made = Routes(config.routes, providers, registry, beside).compiled()
        routes = {**beside, **{name: self._stepped(route) for name, route in made.items()}}
        for alias, name in config.aliases.items():
            routes[alias] = _alias(alias, name, routes, providers, registry)
        cases = UseCases({**self._cases, **config.use_cases}, providers, registry)
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


class Routes:
    """Compiles the routes of one configuration, those that others fall back on first."""

    def __init__(
        self,
        routes: Mapping[str, RouteConfig],
        providers: Mapping[str, Provider],
        registry: Registry,
        beside: Mapping[str, Route] | None = None,
    ) -> None:
        """*beside* are other routes that these may fall back on."""
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
            names = {target.name for target in own}
            targets = (*own, *(target for target in fallback.targets if target.name not in names))
        policy = policy_of(name, config.strategy, own, entries, self._registry) if config.strategy else None
        order = " then ".join(target.name for target in targets[:MOST_TOLD])
        how = "in the order of the configuration" if policy is None else f"ordered {policy.why}"
        reason = f"route {name}: {order}, {how}" if policy is None else f"route {name}, {how}"
        made = Route(name, "route", targets, config, reason, policy=policy, fallback=fallback)
        self._made[name] = made
        return made


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

    def __init__(self, cases: Mapping[str, UseCase], providers: Mapping[str, Provider], registry: Registry) -> None:
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
        return Route(full, "use-case", targets, config, reason, given, policy=policy)

    def _candidates(self) -> Iterator[Candidate]:
        usable = {name: one.kind for name, one in self._providers.items() if one.kind != SANDBOX}
        for entry in self._registry.entries(usable):
            if not entry.usable:
                return
            if entry.price is not None and entry.status == "active" and not entry.profile.speaks:
                price = entry.price
                yield Candidate(entry.id, entry.kind, entry.capabilities, entry.use_cases, price.input, price.output)


def _seen(found: Found | None) -> dict[str, Any] | None:
    if found is None:
        return None
    at = datetime.fromtimestamp(found.at // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"at": at, "error": found.error, "models": len(found.models), "latency_ms": found.latency_ms}


def with_keys(accounts: dict[str, ProviderConfig], keys: Mapping[str, list[Secret]]) -> dict[str, ProviderConfig]:
    """Return *accounts* with more *keys*, by account; one of no known account is left out."""
    made = dict(accounts)
    for name, more in keys.items():
        account = made.get(name)
        if account is None and name in keyed_kinds():
            account = ProviderConfig(kind=name)
        if account is not None:
            made[name] = msgspec.structs.replace(account, api_keys=[*account.api_keys, *more])
    return made


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
