"""From a checked configuration to what the request path uses: providers, registry, routes and their steps."""

from collections.abc import Mapping

import msgspec

from headgate.access.types import Principal
from headgate.config.types import Config
from headgate.models.registry import Learned, Listed, Registry
from headgate.models.table import Tables
from headgate.pipeline.order import compile_steps, plugin_steps
from headgate.pipeline.parts import Snapshot
from headgate.providers import build
from headgate.providers.base import Provider, ProviderConfig, Senders, Target
from headgate.routing.table import Route, RouteConfig, RouteTable

SANDBOX = "sandbox"


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
        for name, route in self.snapshot.table.routes.items():
            first = route.targets[0]
            named.append(Listed(name, "headgate", "chat", created, first.context, first.max_output))
        return [model for model in [*named, *known.values()] if self._granted(who, model.id)]

    def kinds(self) -> dict[str, str]:
        """Return the kind of every provider in force, by name."""
        return {name: provider.kind for name, provider in self.providers.items()}

    def _granted(self, who: Principal, name: str) -> bool:
        return not who.models or name in who.models or f"{name.partition('/')[0]}/*" in who.models


def compile_config(
    config: Config,
    found: Mapping[str, ProviderConfig],
    senders: Senders,
    *,
    sandbox: bool = True,
    tables: Tables | None = None,
    discovered: Mapping[str, Mapping[str, Learned]] | None = None,
) -> Compiled:
    """Compile *config* over the providers *found* without it, which a provider of the same name in the file replaces.

    *tables* are the data on models, *discovered* what providers said of theirs.

    Raise ``ValueError`` naming what cannot be built.
    """
    accounts = {**found, **config.providers}
    if config.sandbox and sandbox and SANDBOX not in accounts:
        accounts[SANDBOX] = ProviderConfig(kind=SANDBOX)
    accounts = {name: account for name, account in accounts.items() if account.enabled}
    providers = {name: build(name, account, senders) for name, account in accounts.items()}
    registry = Registry(config.models, accounts, tables, discovered)

    def target(provider: str, model: str) -> Target:
        return registry.target(providers[provider], model)

    routes = {
        name: _route(name, route, target_of(route.targets, providers, registry))
        for name, route in config.routes.items()
    }
    for alias, name in config.aliases.items():
        routes[alias] = _alias(alias, name, routes, providers, registry)
    plugins = plugin_steps()
    off = {name for name, on in config.steps.items() if not on}
    steps = {name: compile_steps(off | set(route.config.skip), plugins) for name, route in routes.items()}
    table = RouteTable(routes, frozenset(providers), target, registry.bare_names(providers.values()))
    return Compiled(config, accounts, providers, registry, Snapshot(table, steps, compile_steps(off, plugins)))


def target_of(names: list[str], providers: Mapping[str, Provider], registry: Registry) -> tuple[Target, ...]:
    """Return the deployments of ``provider/model`` *names*; one whose provider is disabled is left out."""
    found = []
    for name in names:
        provider, _, model = name.partition("/")
        if provider in providers:
            found.append(registry.target(providers[provider], model))
    if not found:
        raise ValueError(f"none of the targets {', '.join(names)} has a provider that is enabled")
    return tuple(found)


def _route(name: str, config: RouteConfig, targets: tuple[Target, ...]) -> Route:
    order = " then ".join(target.name for target in targets)
    return Route(name, "route", targets, config, f"route {name}: {order}, in the order of the configuration")


def _alias(
    alias: str, name: str, routes: Mapping[str, Route], providers: Mapping[str, Provider], registry: Registry
) -> Route:
    meant = routes.get(name)
    if meant is not None:
        return msgspec.structs.replace(meant, name=alias, kind="alias", reason=f"alias {alias} of {meant.reason}")
    targets = target_of([name], providers, registry)
    return Route(alias, "alias", targets, RouteConfig(targets=[name]), f"alias {alias} of {name}")
