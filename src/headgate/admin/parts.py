"""What the management API is handed by the composition root."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from headgate.access.entrance import Entrance
from headgate.access.keyring import Keyring
from headgate.access.keys import Derived
from headgate.access.types import Principal
from headgate.alerts.desk import Desk
from headgate.alerts.explain import Finding
from headgate.billing.services import Money
from headgate.cache.desk import CacheDesk
from headgate.config.compile import Compiled
from headgate.config.effective import Effective
from headgate.config.types import Config
from headgate.models.registry import Entry
from headgate.models.select import Wanted
from headgate.observe.errors_seen import ErrorStore
from headgate.observe.log import LogStore
from headgate.observe.ring import Ring
from headgate.observe.usage import UsageStore
from headgate.pipeline.parts import Snapshot
from headgate.providers.discovery import Found
from headgate.routing.board import Board
from headgate.settings import Settings
from headgate.storage.caches import SqlCaches
from headgate.storage.exports import SqlExports
from headgate.storage.feedback import SqlFeedback
from headgate.storage.keys import SqlKeyStore
from headgate.storage.object_rows import ObjectRow
from headgate.storage.objects import ObjectStore
from headgate.storage.payloads import SqlPayloads
from headgate.storage.provider_keys_sql import ProviderKeyStore
from headgate.storage.sealed_sql import SqlSealed
from headgate.storage.switches_sql import SqlSwitches
from headgate.storage.tenancy_stores import Tenancy


class Authenticator(Protocol):
    """See ``access.principals.Principals``."""

    def authenticate(
        self, headers: list[tuple[bytes, bytes]], query: bytes, address: str | None
    ) -> Principal | Awaitable[Principal]:
        """Return who calls."""
        ...


class Configuration(Protocol):
    """What the process goes by, and what it would go by; see ``live.Live``."""

    @property
    def effective(self) -> Effective:
        """What is in force, before it was compiled."""
        ...

    @property
    def compiled(self) -> Compiled:
        """What is in force."""
        ...

    @property
    def revisions(self) -> Sequence[tuple[float, Config]]:
        """Each configuration that was loaded since the start, with the time (seconds since 1970), oldest first."""
        ...

    def tried(self, row: ObjectRow) -> Compiled:
        """Return what would be in force were *row* stored; a ``body`` of ``None`` removes. Raise ``ConfigError``."""
        ...


class Exports(msgspec.Struct, frozen=True, eq=False):
    """The exports, and the files of those that this home has made."""

    store: SqlExports
    folder: Path
    node: str
    """The name of this home."""


class AdminParts(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The parts. Everything takes the tenant as an argument: there is no method without one."""

    principals: Authenticator
    keys: SqlKeyStore
    tenancy: Tenancy
    derived: Derived
    logs: LogStore
    payloads: SqlPayloads
    """What was said in calls."""
    exports: Exports
    """Files of calls, made on demand."""
    usage: UsageStore
    errors: ErrorStore
    config: Callable[[], dict[str, Any]]
    """The configuration in force; what may be secret in it is masked before it is shown."""
    models: Callable[[Wanted, str], list[Entry]]
    """The models of the registry that are wanted, by name, as they are in force for a tenant."""
    provider_keys: ProviderKeyStore
    ring: Keyring
    """The keys that secrets are sealed under."""
    encryption: SqlSealed
    """What is sealed, wherever it stands."""
    providers: Callable[[str], list[dict[str, Any]]]
    """The accounts in force for a tenant, as JSON has them; without credentials."""
    provider_names: Callable[[str | None], Collection[str]]
    """The accounts that a key can be given to: those that are there for a tenant (``None``: for any), and every kind
    that needs nothing but a key."""
    looked: Callable[[str, Found], None] = lambda name, found: None
    """Keep what a look at an account found. May wait for a disk."""
    snapshot: Callable[[], Snapshot]
    """The routes in force. May take a moment: not on the event loop."""
    live: Configuration
    """The configuration in force, and what it would be."""
    caches: SqlCaches
    """What caches of answers did."""
    cache_desk: CacheDesk
    """What they hold."""
    objects: ObjectStore
    """What is configured here and not in the file."""
    board: Board
    """What workers know of deployments."""
    switches: SqlSwitches
    """What was switched by hand."""
    alerts: Desk
    """Alerts as they stand, and what people do about them."""
    feedback: SqlFeedback
    """What people think of answers."""
    money: Money
    """Budgets, approvals, bills, and the audit log."""
    outside: Callable[[list[bytes], str], None] = lambda batch, to: None
    """Hands lines to the outlet of a name, if there is one; it waits for nobody."""
    findings: Callable[[], list[Finding]] = list
    """What is right and wrong with the gateway. Takes a moment: not on the event loop."""
    tail: Ring = msgspec.field(default_factory=Ring)
    """The last calls; without an office behind it, none ever."""
    entrance: Entrance | None = None
    """How people and services sign in."""
    settings: Settings | None = None
    """What the process was started with."""
    environ: Mapping[str, str] = {}
    """Its environment, to tell where a setting came from."""
