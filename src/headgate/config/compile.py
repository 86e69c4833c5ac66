"""From a checked configuration to what the request path uses: providers, registry, routes and their steps."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from headgate.access.types import Principal
from headgate.config.routes import SANDBOX, Maker, cache_step
from headgate.config.types import Config
from headgate.core.secret import Secret
from headgate.models.registry import Listed, Registry
from headgate.models.table import Tables
from headgate.pipeline.grants import may_see, sees
from headgate.pipeline.order import compile_steps, plugin_steps
from headgate.pipeline.parts import Snapshot, StepCall
from headgate.providers import build
from headgate.providers.base import Provider, ProviderConfig, Senders
from headgate.providers.borrowed import Borrowed
from headgate.providers.catalog import keyed_kinds, row
from headgate.providers.discovery import Found, Learned

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
                "passthrough": account.passthrough,
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
    overlays = {tenant: maker.table(over, table.routes, own=True) for tenant, over in (own or {}).items()}
    borrowed = Borrowed(accounts, lambda name, account: build(name, account, senders))
    guarding = _guarding(config, own or {}, maker.off, plugins)
    passing = {name: account.passthrough for name, account in accounts.items() if account.passthrough != "owned"}
    snapshot = Snapshot(table, compile_steps(maker.off, plugins), overlays, borrowed, guarding, passing)
    return Compiled(config, accounts, providers, registry, snapshot)


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
