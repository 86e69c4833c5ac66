"""How people and services get in, put together: what requests need of it, and what the management API does."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from headgate.access.assemble import Assembler
from headgate.access.entrance import Entrance
from headgate.access.jwks import KeySets
from headgate.access.keyring import Keyring
from headgate.access.keys import Derived
from headgate.access.resolve import TokenResolver
from headgate.access.throttle import WINDOW, Counts, LocalCounts, Throttle
from headgate.access.tokens import Signer
from headgate.access.web import Web
from headgate.settings import Settings
from headgate.storage.entry_feed import EntryFeed
from headgate.transport.base import Sender
from headgate.transport.egress import Private

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

TRIES = 50
"""Failures of clients and at identity providers, from one address in a quarter of an hour."""


class Entering:
    """One process's part in it. Nothing is opened, imported or asked before somebody comes with a token."""

    def __init__(self, settings: Settings, url: str, derived: Derived, ring: Keyring, sender: Sender) -> None:
        """*url* is the database's; *sender* asks issuers and identity providers."""
        self._settings = settings
        self._derived = derived
        self._ring = ring
        self._reader = EntryFeed(url)
        self._signer = Signer(derived)
        self.sender = sender
        self.web = self._web = Web(sender, Private(settings.private_hosts))
        self._keys = KeySets(self._web.get_json)
        assembler = Assembler(ring)
        self.resolver = TokenResolver(self._reader, self._signer, self._keys, assembler)

    def entrance(self, engine: "AsyncEngine") -> Entrance:
        """Return what lets people in, over the management side's *engine*."""
        from headgate.access.oidc import Oidc
        from headgate.access.passwords import Passwords
        from headgate.access.sessions import Sessions
        from headgate.access.signin import SignIn
        from headgate.storage.entry import EntryStore
        from headgate.storage.entry_objects import SqlClients, SqlIssuers, SqlSso

        derived, settings = self._derived, self._settings
        store = EntryStore(engine)
        counts = counting(engine)
        return Entrance(
            reader=self._reader,
            store=store,
            engine=engine,
            sessions=Sessions(self._reader, store, derived, self._signer),
            signin=SignIn(self._reader, store, derived, Passwords(), counts),
            resolver=self.resolver,
            oidc=Oidc(self._web, self._keys, derived, store.use_once),
            web=self._web,
            sso=SqlSso(engine),
            clients=SqlClients(engine),
            issuers=SqlIssuers(engine),
            sealer=self._ring.envelope,
            derived=derived,
            failures=Throttle(TRIES, counts("o")),
            public_url=settings.public_url,
            origins=frozenset(settings.cors_origins) - {"*"},
        )

    def close(self) -> None:
        """Let go of the store."""
        self._reader.close()


def counting(engine: "AsyncEngine") -> Callable[[str], Counts]:
    """Return what counts failures of one kind of names: in the database where several machines may share it."""
    from headgate.storage.failures import SqlCounts

    if engine.dialect.name == "postgresql":
        return lambda kind: SqlCounts(engine, kind, WINDOW)
    return lambda kind: LocalCounts()
