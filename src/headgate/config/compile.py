"""From a checked configuration to what the request path uses: providers, registry, routes and their steps."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from headgate.access.types import Principal
from headgate.config.routes import SANDBOX, Maker, cache_step
from headgate.config.types import Config, ConfigError, Problem
from headgate.core.secret import Secret
from headgate.models.registry import Listed, Registry
from headgate.models.table import Tables
from headgate.pipeline.grants import may_see, sees
from headgate.pipeline.order import compile_steps, plugin_steps
from headgate.pipeline.parts import Snapshot, StepCall
from headgate.providers import Unbuilt, build
from headgate.providers.base import Provider, ProviderConfig, Senders
from headgate.providers.borrowed import Borrowed
from headgate.providers.catalog import keyed_kinds, row
from headgate.providers.confined import Confined
from headgate.providers.discovery import Found, Learned
from headgate.providers.keys import keyless

if TYPE_CHECKING:
    from headgate.pipeline.guarding import Guarding


class Compiled(msgspec.Struct, frozen=True, eq=False):
    """One configuration, ready to use."""

    config: Config
    accounts: dict[str, ProviderConfig]
    """Every provider in force by name: the file's, the environment's, local ones, the sandbox."""
    providers: dict[str, Provider]
    registry: Registry
    snapshot: Snapshot
    owners: dict[str, str] = {}
    """Name of a provider that is one tenant's own -> that tenant."""

    def may_know(self, tenant: str | None, provider: str) -> bool:
        """Whether a provider is there for *tenant*: shared by all, or its own. ``None`` is who knows of all."""
        return tenant is None or self.owners.get(provider, tenant) == tenant

    def of(self, tenant: str | None) -> dict[str, Provider]:
        """Return the providers that are there for *tenant*, by name."""
        if tenant is None or not self.owners:
            return self.providers
        return {name: one for name, one in self.providers.items() if self.may_know(tenant, name)}

    def moved(self, before: "Compiled") -> set[str]:
        """Return the names of accounts that stand for others than *before*: elsewhere, of another kind or tenant.

        A tenant's own of a new name is one of them: under its name somebody else's may have stood.
        """
        names = {*before.accounts, *self.owners}
        return {name for name in names if self._place(name) != before._place(name)}

    def _place(self, name: str) -> tuple[str, str | None, str | None] | None:
        account = self.accounts.get(name)
        return None if account is None else (account.kind, account.base_url, self.owners.get(name))

    def listing(self, who: Principal) -> list[Listed]:
        """Return what *who* can call now: routes and aliases first, then the providers' known models."""
        known = {model.id: model for model in self.registry.listing(self.of(who.tenant_id).values())}
        created = max((model.created for model in known.values()), default=0)
        named = []
        for name, route in self.snapshot.table_of(who.tenant_id).routes.items():
            if not sees(who, route, name):
                continue
            first = route.targets[0]
            can = first.capabilities or ("chat",)
            named.append(Listed(name, "headgate", can[0], created, first.context, first.max_output, can))
        return [*named, *(model for model in known.values() if may_see(who, model.id))]

    def told(self, found: Mapping[str, Found], tenant: str | None = None) -> list[dict[str, Any]]:
        """Return what may be shown of every account in force for *tenant*, by name, with what was *found* when last
        looked at."""
        return [
            {
                "name": name,
                "kind": account.kind,
                "base_url": account.base_url or row(account.kind).base_url,
                "passthrough": account.passthrough,
                "keys": len({key for key in (account.api_key, *account.api_keys) if key}),
                "last_look": _seen(found.get(name)),
            }
            for name, account in sorted(self.accounts.items())
            if self.may_know(tenant, name)
        ]

    def kinds(self, tenant: str | None = None) -> dict[str, str]:
        """Return the kind of every provider in force for *tenant*, by name."""
        return {name: provider.kind for name, provider in self.of(tenant).items()}


class Keys(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Keys that are kept sealed, opened."""

    shared: Mapping[str, list[Secret]] = {}
    """Those of the accounts that all tenants share, by account."""
    own: Mapping[str, Mapping[str, list[Secret]]] = {}
    """Those of the accounts that tenants have of their own, by tenant and account."""
    awaited: Collection[str] = ()
    """Shared accounts that may wait for their first key, for none can be written where they stand."""


def compile_config(
    config: Config,
    found: Mapping[str, ProviderConfig],
    senders: Senders,
    *,
    sandbox: bool = True,
    tables: Tables | None = None,
    discovered: Mapping[str, Mapping[str, Learned]] | None = None,
    keys: "Keys | None" = None,
    own: Mapping[str, Config] | None = None,
) -> Compiled:
    """Compile *config* over the providers *found* without it, which a provider of the same name in the file replaces.

    *tables* are the data on models, *discovered* what providers said of theirs, *keys* more keys of the accounts: an
    account of a kind that needs nothing else is made for them. *own* is what tenants have on top of all this.

    Raise ``ValueError`` naming what cannot be built.
    """
    keys = keys or Keys()
    accounts = with_keys({**found, **config.providers}, keys.shared)
    if config.sandbox and sandbox and SANDBOX not in accounts:
        accounts[SANDBOX] = ProviderConfig(kind=SANDBOX)
    accounts = {name: account for name, account in accounts.items() if account.enabled}
    mine = {tenant: _mine(over, accounts, keys.own.get(tenant, {})) for tenant, over in (own or {}).items()}
    owners = {name: tenant for tenant, those in mine.items() for name in those}
    confined = Confined(senders)
    providers = {name: _built(name, account, senders, waits=name in keys.awaited) for name, account in accounts.items()}
    theirs = {
        tenant: {name: _built(name, account, confined, waits=True) for name, account in those.items()}
        for tenant, those in mine.items()
    }
    shared = dict(providers)
    for tenant, those in mine.items():
        accounts |= those
        providers |= theirs[tenant]
    registry = Registry(config.models, accounts, tables, discovered)

    plugins = plugin_steps()
    maker = Maker(config, shared, registry, plugins)
    table = maker.table(config, {})
    overlays = {
        tenant: maker.beside(theirs[tenant]).table(over, table.routes, own=True) for tenant, over in (own or {}).items()
    }
    borrowed = Borrowed(accounts, lambda name, account: build(name, account, confined if name in owners else senders))
    guarding = _guarding(config, own or {}, maker.off, plugins)
    passing = {name: account.passthrough for name, account in accounts.items() if account.passthrough != "owned"}
    snapshot = Snapshot(table, compile_steps(maker.off, plugins), overlays, borrowed, guarding, passing)
    return Compiled(config, accounts, providers, registry, snapshot, owners)


def _mine(
    over: Config, shared: Mapping[str, ProviderConfig], keys: Mapping[str, list[Secret]]
) -> dict[str, ProviderConfig]:
    """Return the accounts that one tenant has of its own, with their *keys*; none that has the name of a *shared* one.

    That one may have come since: a model server of this machine, or a key of the installation for a service.
    """
    named = {name: one for name, one in over.providers.items() if one.enabled and name not in shared}
    return with_keys(named, {name: more for name, more in keys.items() if name in named})


def _built(name: str, account: ProviderConfig, senders: Senders, *, waits: bool) -> Provider:
    """Build an account; one that *waits* for its first key refuses calls until it has one."""
    try:
        return build(name, account, senders)
    except ValueError:
        if not waits or account.api_key or account.api_keys:
            raise
    return keyless(account, lambda one, nowhere: build(name, one, nowhere))


def refused(error: ValueError, file: str) -> ConfigError:
    """Return what building the configuration of *file* showed, as what is wrong with it."""
    if isinstance(error, Unbuilt):
        return ConfigError([Problem(file, 0, 0, f"providers.{error.name}", error.why)])
    return ConfigError([Problem(file, 0, 0, "", str(error))])


def _guarding(
    config: Config, own: Mapping[str, Config], off: frozenset[str], plugins: Mapping[str, StepCall]
) -> "Guarding | None":
    """Return which guardrails calls pass; ``None`` where none is configured, so that nothing of them is loaded."""
    if not config.guardrails and not any(over.guardrails for over in own.values()):
        return None
    from headgate.guardrails.rules import rule
    from headgate.pipeline.guarding import Guarding

    def rules(of: Config, *, own: bool = False) -> dict[str, Any]:
        return {name: rule(name, entry, own=own) for name, entry in of.guardrails.items()}

    return Guarding(
        rules(config),
        {tenant: rules(over, own=True) for tenant, over in own.items() if over.guardrails},
        lambda route, guard: compile_steps(off | set(route.skip), plugins, guard, cache_step(route)),
    )


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
