"""What every process of an installation opens: its home, its database, its keys and its configuration."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from headgate.access.assemble import Assembler
from headgate.access.first import FirstKeys, admin_principal, agree, compare, ensure_keys
from headgate.access.home import Home, open_home
from headgate.access.keyring import Keyring
from headgate.access.keys import digest
from headgate.access.principals import Principals, Resolver
from headgate.access.vault import all_opened
from headgate.config.compile import Compiled, Keys, compile_config, refused
from headgate.config.effective import Effective, effective, tried
from headgate.config.known import known
from headgate.config.managed import Managed
from headgate.config.parse import read as read_file
from headgate.config.types import Config, ConfigError
from headgate.core.secret import Secret
from headgate.encryption import open_ring
from headgate.models.discovered import Discovered
from headgate.models.table import Tables
from headgate.providers.base import ProviderConfig, Senders
from headgate.providers.catalog import keyed_kinds
from headgate.providers.discover import from_environment
from headgate.providers.keys import inherit
from headgate.routing.board import Board
from headgate.settings import Settings, decode_secret_key, environment
from headgate.storage.feed import SqlKeyFeed
from headgate.storage.object_rows import ObjectRow, stored_objects
from headgate.storage.provider_keys import ProviderKeyRow, stored
from headgate.storage.sql import SqlError
from headgate.transport.base import Inbound, Outbound, Sender
from headgate.transport.client import Http1Sender
from headgate.transport.pool import Bounds

log = logging.getLogger("headgate")
TENANT = "default"
"""Whose keys are those of the accounts that all tenants share."""


LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))


class Elsewhere(Sender):
    """Through the proxy of the whole process: but for this machine's own servers, which it could not reach."""

    def __init__(self, proxied: Sender, direct: Sender) -> None:
        self._proxied = proxied
        self._direct = direct

    async def send(self, out: Outbound) -> Inbound:
        """See ``Sender.send``."""
        return await (self._direct if out.origin.host in LOOPBACK else self._proxied).send(out)

    async def close(self) -> None:
        """Both belong to the ways, which close them."""


class Ways(Senders):
    """The ways out of the process: a lean sender for all who trust the same, a general one per proxy."""

    def __init__(self, ca_file: Path | None = None, proxy: Secret | None = None) -> None:
        """*ca_file* holds authorities to trust besides the system's; through *proxy* go those who name none."""
        self._ca = str(ca_file) if ca_file is not None else None
        self._proxy = proxy.reveal() if proxy is not None else None
        self._made: dict[tuple[str | None, bool, str | None], Sender] = {}
        self._elsewhere: dict[tuple[bool, str | None], Elsewhere] = {}
        self.lean = self._lean(self._ca)

    def get(self, *, proxy: str | None = None, http2: bool = False, ca: str | None = None) -> Sender:
        """See ``Senders.get``."""
        if ca is not None and not Path(ca).is_file():
            raise ValueError(f"there is no file {ca} of certificates to trust")
        ca = ca or self._ca
        if proxy is not None or self._proxy is None:
            return self._way(proxy, http2, ca)
        if (http2, ca) not in self._elsewhere:
            made = Elsewhere(self._way(self._proxy, http2, ca), self._way(None, http2, ca))
            self._elsewhere[http2, ca] = made
        return self._elsewhere[http2, ca]

    async def close(self) -> None:
        """Close every connection."""
        for sender in self._made.values():
            await sender.close()

    def _way(self, *way: Any) -> Sender:
        if way not in self._made:
            proxy, http2, ca = way
            self._made[way] = self._lean(ca) if proxy is None and not http2 else self._general(proxy, http2, ca)
        return self._made[way]

    def _lean(self, ca: str | None) -> Sender:
        made = self._made[None, False, ca] = Http1Sender(Bounds(connections=2048, waiting=4096, idle=1024), ca)
        return made

    def _general(self, proxy: str | None, http2: bool, ca: str | None) -> Sender:
        from headgate.transport.general import GeneralSender

        return GeneralSender(proxy=proxy, http2=http2, ca_file=ca)


class Base:
    """The home, database, keys and configuration, opened."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        secret = decode_secret_key(settings.secret_key) if settings.secret_key else None
        self.url = settings.database()
        """Of the database. It may have a password in it."""
        self.home: Home = open_home(settings.home, secret, partial(compare, where=self.url))
        self.environ = environment()
        self.ring: Keyring = open_ring(settings, self.home, self.environ)
        self.journal_dir = self.home.path / "journal"
        self.found: dict[str, ProviderConfig] = from_environment(self.environ)
        self.provider_keys: dict[str, list[Secret]] = {}
        self.keys_away = False
        """Whether some of them wait for a key service that did not answer."""
        self.own_keys: dict[str, dict[str, list[Secret]]] = {}
        """Keys of the accounts that tenants have of their own, by tenant and account."""
        self.board = Board(self.home.path / "health")
        self.discovered = Discovered(self.home.path / "discovered")
        self.discovered.read()
        self.file = settings.config_file()
        """That of the configuration in force."""
        self.secret_files: frozenset[Path] = frozenset()
        """Files that the configuration takes secrets from."""
        self.managed = Managed(self.environ, settings.ca_file)
        """Secrets that managers keep for the configuration."""
        self._objects: list[ObjectRow] = []
        self.effective = Effective(config=Config())
        self.seen = b"" if self.file is None else read_file(self.file)
        try:
            self.effective = self.read(self.seen)
        except ConfigError as error:
            error.later = bool(self.managed.failing)
            raise

    @property
    def config(self) -> Config:
        """The configuration in force, as far as all tenants share it."""
        return self.effective.config

    def read(self, data: bytes) -> Effective:
        """Return the configuration that *data* and the database state together; raise ``ConfigError``.

        Where the database does not answer, what it said last stands.
        """
        try:
            self.own_keys = self.open_keys()
            self.provider_keys = self.own_keys.get(TENANT, {})
            self._objects = stored_objects(self.url)
        except SqlError as error:
            log.error("what is configured through the API could not be read, and stays as it was: %s", error)
        try:
            return effective(
                data,
                self.environ,
                self._known(),
                self._objects,
                file=str(self.file),
                before=self.effective.rows,
                managed=self.managed,
            )
        finally:
            self.secret_files = self.managed.files

    def tried(self, row: ObjectRow) -> Effective:
        """See :func:`headgate.config.effective.tried`."""
        now = self.effective

        def read(rows: Sequence[ObjectRow], before: Sequence[ObjectRow]) -> Effective:
            return effective(
                now.data,
                self.environ,
                self._known(),
                rows,
                file=str(self.file),
                before=before,
                managed=self.managed,
            )

        return tried(now, stored_objects(self.url), row, read)

    def compile(self, effective: Effective, senders: Senders, before: Compiled | None = None) -> Compiled:
        """Compile *effective* in place of *before*; raise ``ConfigError`` for what only building shows."""
        try:
            compiled = compile_config(
                effective.config,
                self.found,
                senders,
                tables=Tables(self.home.path / "models"),
                discovered=self.discovered.models,
                keys=Keys(shared=self.provider_keys, own=self.own_keys, awaited=effective.made),
                own=effective.own,
            )
        except ValueError as error:
            raise refused(error, str(self.file or "configuration")) from None
        inherit(compiled.providers, before.providers if before is not None else {})
        return compiled

    def principals(self, *others: Resolver, rest: Callable[[float], Awaitable[object]] = asyncio.sleep) -> Principals:
        """Return what turns credentials into principals, in this process; *others* judge those that are no keys.

        *rest* waits so many seconds between two looks at what has changed, or less.
        """
        fixed = {}
        if self.settings.admin_key is not None:
            fixed[digest(self.settings.admin_key, self.home.derived)] = admin_principal(self.settings.payload)
        assembler = Assembler(self.ring, self.settings.payload)
        feed = SqlKeyFeed(self.url)
        return Principals(feed, self.home.derived, fixed=fixed, others=others, rest=rest, assembler=assembler)

    def first_keys(self) -> FirstKeys:
        """Make the first keys where there are none."""

        async def create(tenant: str, row: Any) -> None:
            from headgate.audit.sealing import sealing_key
            from headgate.storage.audit import keyed
            from headgate.storage.engine import open_engine
            from headgate.storage.keys import SqlKeyStore

            engine = keyed(open_engine(self.url), sealing_key(self.home.derived))
            try:
                await SqlKeyStore(engine).add_first(tenant, row)
            finally:
                await engine.dispose()

        def store(tenant: str, row: Any) -> None:
            asyncio.run(create(tenant, row))

        agree(self.home, self.url)
        has_admin_key = self.settings.admin_key is not None
        return ensure_keys(self.home, self.url, store, has_admin_key=has_admin_key)

    def open_keys(self) -> dict[str, dict[str, list[Secret]]]:
        """Return the sealed keys by tenant; see :func:`headgate.access.vault.all_opened`."""
        self.keys_away = False

        def away() -> None:
            self.keys_away = True

        rows: dict[str, list[ProviderKeyRow]] = {}
        for row in stored(self.url, None):
            rows.setdefault(row.tenant_id, []).append(row)
        return {tenant: all_opened(its, self.ring.envelope, away) for tenant, its in rows.items()}

    def _known(self) -> Any:
        return known(self.environ, providers={*self.found, *(self.provider_keys.keys() & keyed_kinds())})
