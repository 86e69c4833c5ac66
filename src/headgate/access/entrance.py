"""Everything that signing in takes, in one place for whoever lets people in."""

from typing import TYPE_CHECKING, Any

import msgspec

from headgate.access.oidc import Oidc
from headgate.access.resolve import TokenResolver
from headgate.access.sessions import Sessions
from headgate.access.signin import SignIn
from headgate.access.web import Web
from headgate.storage.entry_rows import ClientRow, EntryReader, IssuerRow, SsoRow

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from headgate.storage.entry import EntryStore
    from headgate.storage.owned import Owned
else:
    AsyncEngine = EntryStore = Any
    Owned = dict  # annotations alone need them, and what they stand on takes long to import


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
    sso: "Owned[SsoRow]"
    clients: "Owned[ClientRow]"
    issuers: "Owned[IssuerRow]"
    public_url: str | None = None
    """Where browsers reach the gateway, if its operator has said so."""
    origins: frozenset[str] = frozenset()
    """Of other pages that may send our cookies."""
