"""Everything that signing in takes, in one place for whoever lets people in."""

from typing import TYPE_CHECKING, Any

import msgspec

from headgate.access.keys import Derived
from headgate.access.oidc import Oidc
from headgate.access.resolve import TokenResolver
from headgate.access.sessions import Sessions
from headgate.access.signin import SignIn
from headgate.access.throttle import Throttle
from headgate.access.vault import Sealer
from headgate.access.web import Web
from headgate.storage.entry_rows import EntryReader

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from headgate.storage.entry import EntryStore
    from headgate.storage.entry_objects import SqlClients, SqlIssuers, SqlSso
else:
    AsyncEngine = EntryStore = SqlSso = SqlClients = SqlIssuers = Any  # what they stand on takes long to import


class Entrance(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The parts of signing in."""

    reader: EntryReader
    store: EntryStore
    engine: AsyncEngine
    sessions: Sessions
    signin: SignIn
    resolver: TokenResolver
    oidc: Oidc
    web: Web
    sso: SqlSso
    clients: SqlClients
    issuers: SqlIssuers
    sealer: Sealer
    derived: Derived
    failures: Throttle
    """Counts wrong secrets of clients and sign-ins that came to nothing at a provider, by address."""
    public_url: str | None = None
    """Where browsers reach the gateway, if its operator has said so."""
    origins: frozenset[str] = frozenset()
    """Of other pages that may send our cookies."""
