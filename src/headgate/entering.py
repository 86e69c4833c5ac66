"""How people and services get in, put together: what requests need of it, and what the management API does."""

from typing import TYPE_CHECKING

from headgate.access.assemble import Assembler
from headgate.access.entrance import Entrance
from headgate.access.jwks import KeySets
from headgate.access.resolve import TokenResolver
from headgate.access.tokens import Signer
from headgate.access.vault import LocalSealer
from headgate.access.web import Web
from headgate.base import Base
from headgate.storage.entry_feed import EntryFeed
from headgate.transport.base import Sender
from headgate.transport.egress import Private

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine


class Entering:
    """One process's part in it. Nothing is opened, imported or asked before somebody comes with a token."""

    def __init__(self, base: Base, sender: Sender) -> None:
        self._base = base
        self._reader = EntryFeed(base.url)
        self._signer = Signer(base.home.derived)
        self._web = Web(sender, Private(base.settings.private_hosts))
        self._keys = KeySets(self._web.get_json)
        assembler = Assembler(LocalSealer(base.home.derived))
        self.resolver = TokenResolver(self._reader, self._signer, self._keys, assembler)

    def entrance(self, engine: "AsyncEngine") -> Entrance:
        """Return what lets people in, over the management side's *engine*."""
        from headgate.access.oidc import Oidc
        from headgate.access.passwords import Passwords
        from headgate.access.sessions import Sessions
        from headgate.access.signin import SignIn
        from headgate.storage.entry import EntryStore
        from headgate.storage.entry_rows import ClientRow, IssuerRow, SsoRow
        from headgate.storage.owned import Owned
        from headgate.storage.schema.entry import clients, issuers, sso_configs

        derived, settings = self._base.home.derived, self._base.settings
        store = EntryStore(engine)
        return Entrance(
            reader=self._reader,
            store=store,
            engine=engine,
            sessions=Sessions(self._reader, store, derived, self._signer),
            signin=SignIn(self._reader, store, derived, Passwords()),
            resolver=self.resolver,
            oidc=Oidc(self._web, self._keys, derived, store.use_once),
            web=self._web,
            sso=Owned(engine, sso_configs, SsoRow, "sso", "sso"),
            clients=Owned(engine, clients, ClientRow, "key", "clients"),  # requests know their tokens as they know keys
            issuers=Owned(engine, issuers, IssuerRow, "issuer", "clients"),
            public_url=settings.public_url,
            origins=frozenset(settings.cors_origins) - {"*"},
        )

    def close(self) -> None:
        """Let go of the store."""
        self._reader.close()
