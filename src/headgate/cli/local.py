"""The management API of a home on this machine, in this process: whoever owns the files needs no key."""

import fcntl
import os
from pathlib import Path

from headgate.access.home import Home
from headgate.access.permissions import PLATFORM_TENANT, ROLES
from headgate.access.types import Principal
from headgate.admin.app import Piecemeal
from headgate.admin.parts import AdminParts, Exports
from headgate.alerts.desk import Desk
from headgate.audit.drained import Proofs
from headgate.audit.sealing import sealing, sealing_key
from headgate.base import Ways
from headgate.billing.services import Money
from headgate.cache.desk import CacheDesk
from headgate.cli.compiled import Here, seen
from headgate.cli.opening import opened
from headgate.client import Admin
from headgate.client.inprocess import InProcess
from headgate.config.effective import caches_of
from headgate.encryption import open_ring
from headgate.entering import Entering
from headgate.ledger.drain import Drainer
from headgate.observe.archive.exporter import FOLDER as EXPORTS
from headgate.observe.archive.exporter import Aims, Exporter
from headgate.observe.errors_seen import SqlErrors
from headgate.observe.log import SqlLogStore
from headgate.observe.spool import PAYLOADS
from headgate.observe.usage import SqlUsage
from headgate.providers.catalog import keyed_kinds
from headgate.routing.board import Board
from headgate.settings import Settings, environment
from headgate.storage.audit import keyed
from headgate.storage.caches import SqlCaches
from headgate.storage.engine import open_engine
from headgate.storage.exports import SqlExports
from headgate.storage.feedback import SqlFeedback
from headgate.storage.keys import SqlKeyStore
from headgate.storage.objects import SqlObjects
from headgate.storage.payloads import SqlPayloads
from headgate.storage.provider_keys_sql import SqlProviderKeys
from headgate.storage.sealed_sql import SqlSealed
from headgate.storage.sql import SqlError, without_password
from headgate.storage.switches_sql import SqlSwitches
from headgate.storage.tenancy_stores import Tenancy
from headgate.storage.types import StorageRefused
from headgate.stores import grounds
from headgate.transport.client import Http1Sender

OPERATOR = Principal(
    kind="admin",
    id="local",
    tenant_id=PLATFORM_TENANT,
    name="the owner of the home",
    permissions=ROLES["platform-admin"],
    scope="platform",
)


class Owner:
    """Takes every caller for the owner of the home: there is no other, within one process."""

    def authenticate(self, headers: list[tuple[bytes, bytes]], query: bytes, address: str | None) -> Principal:
        """Return the owner."""
        return OPERATOR


def local_admin(settings: Settings, tenant: str | None = None) -> Admin:
    """Return the management API of the home, which is made where it is absent; *tenant* is whom it is about.

    Raise ``StorageRefused`` where the home or its database cannot be used.
    """
    home = opened(settings)
    url = settings.database()
    settle(settings, home)
    engine = keyed(open_engine(url), sealing_key(home.derived))
    money = Money.on(engine, home.derived)
    sender = Http1Sender(ca_file=str(settings.ca_file) if settings.ca_file is not None else None)
    ring = open_ring(settings, home, environment())
    entering = Entering(settings, url, home.derived, ring, sender)
    here = Here(settings.config_file(), settings)
    parts = AdminParts(
        principals=Owner(),
        keys=SqlKeyStore(engine),
        tenancy=Tenancy.on(engine),
        derived=home.derived,
        config=lambda: {},
        models=lambda wanted, tenant: [],
        provider_keys=SqlProviderKeys(engine),
        ring=ring,
        encryption=SqlSealed(engine, url),
        providers=lambda tenant: here.compiled.told(seen(settings).found, tenant),
        provider_names=lambda tenant: {*here.compiled.of(tenant), *here.effective.accounts_of(tenant), *keyed_kinds()},
        logs=SqlLogStore(engine),
        payloads=SqlPayloads(engine),
        exports=Exports(SqlExports(engine), home.path / EXPORTS, home.node),
        usage=SqlUsage(engine),
        errors=SqlErrors(engine),
        snapshot=lambda: here.compiled.snapshot,
        live=here,
        objects=SqlObjects(engine),
        caches=SqlCaches(engine),
        cache_desk=CacheDesk(grounds(settings, home, url, None), lambda: caches_of(here.effective)),
        alerts=Desk(url, sealing(home.derived)),
        feedback=SqlFeedback(engine),
        money=money,
        board=Board(home.path / "health"),
        switches=SqlSwitches(engine),
        entrance=entering.entrance(engine),
    )

    async def close() -> None:
        await money.refusals.close()
        await sender.close()
        entering.close()
        await engine.dispose()

    return Admin("http://home", tenant=tenant, transport=InProcess(Piecemeal(parts), close))


def settle(settings: Settings, home: Home) -> None:
    """Bring what an ended gateway left in its journals into the database; a running one does so itself."""
    directory = settings.home / "journal"
    if not directory.exists() or _drained(directory / "drain.lock"):
        return
    drainer = Drainer(directory, settings.database(), node=home.node, proofs=Proofs(sealing(home.derived)))
    try:
        drainer.recover()
    except (SqlError, OSError) as error:
        where = without_password(settings.database())
        raise StorageRefused(where, f"does not take what the journal holds ({error}).") from None
    finally:
        drainer.stop()


def export_here(settings: Settings) -> None:
    """Make the exports that wait in the home, where no gateway runs there that would."""
    if _drained(settings.home / "journal" / "drain.lock"):
        return
    home = opened(settings)
    config = Here(settings.config_file(), settings).effective.config.observe
    exporter = Exporter(
        home.path / EXPORTS,
        settings.database(),
        home.node,
        open_ring(settings, home, environment()).direct(PAYLOADS),
        aims=lambda: Aims(config.stores),
        environ=environment(),
        ways=lambda: Ways(settings.ca_file, settings.proxy),
    )
    exporter.once()


def _drained(lock: Path) -> bool:
    """Whether a gateway that runs holds *lock*: the drainer would wait a second for its end; no command should."""
    try:
        fd = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False
