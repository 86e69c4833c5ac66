"""The management API with people in it, over a real database."""

from contextlib import asynccontextmanager
from typing import Any

import httpx2

from headgate.access.assemble import Assembler
from headgate.access.entrance import Entrance
from headgate.access.jwks import KeySets
from headgate.access.keyring import Keyring
from headgate.access.keys import derive
from headgate.access.oidc import Oidc
from headgate.access.passwords import Cost, Passwords
from headgate.access.principals import Principals
from headgate.access.resolve import TokenResolver
from headgate.access.sessions import Sessions
from headgate.access.signin import SignIn
from headgate.access.throttle import LocalCounts, Throttle
from headgate.access.tokens import Signer
from headgate.access.web import Web
from headgate.admin import auth, clients, issuers, sessions, sso, sso_login, tokens
from headgate.admin.app import create
from headgate.admin.parts import AdminParts
from headgate.core.ids import new_id, now
from headgate.core.secret import Secret
from headgate.entering import counting
from headgate.storage.engine import open_engine
from headgate.storage.entry import EntryStore
from headgate.storage.entry_feed import EntryFeed
from headgate.storage.entry_objects import SqlClients, SqlIssuers, SqlSso
from headgate.storage.feed import SqlKeyFeed
from headgate.storage.object_rows import Author
from headgate.storage.tenancy_objects import SqlBindings, SqlUsers
from headgate.storage.tenancy_rows import BindingRow, UserRow
from headgate.transport.client import Http1Sender
from headgate.transport.egress import Private

DERIVED = derive(b"\4" * 32)
ROUTES = tuple(r for m in (auth, tokens, sessions, sso_login, sso, clients, issuers) for r in m.ROUTES)
BY = Author(kind="admin", id="admin", tenant_id="default")
PASSWORD = "seven wooden horses"
CHEAP = Cost(passes=1, memory=64, lanes=1)


class House:
    """A gateway's management side, with whom it knows."""

    def __init__(self, url: str, private: tuple[str, ...] = ()) -> None:
        self.url = url
        self.engine = open_engine(url)
        self.sender = Http1Sender()
        self.reader = EntryFeed(url)
        self.signer = Signer(DERIVED)
        self.passwords = Passwords(CHEAP)
        store, web = EntryStore(self.engine), Web(self.sender, Private(private))
        keys = KeySets(web.get_json)
        resolver = TokenResolver(self.reader, self.signer, keys, Assembler())
        self.feed = SqlKeyFeed(url)
        self.principals = Principals(self.feed, DERIVED, others=(resolver,))
        self.gate = Entrance(
            reader=self.reader,
            store=store,
            engine=self.engine,
            sessions=Sessions(self.reader, store, DERIVED, self.signer),
            signin=SignIn(self.reader, store, DERIVED, self.passwords, counting(self.engine)),
            resolver=resolver,
            oidc=Oidc(web, keys, DERIVED, store.use_once),
            web=web,
            sso=SqlSso(self.engine),
            clients=SqlClients(self.engine),
            issuers=SqlIssuers(self.engine),
            sealer=Keyring(DERIVED).envelope,
            derived=DERIVED,
            failures=Throttle(50, LocalCounts()),
        )
        nothing: dict[str, Any] = dict.fromkeys(AdminParts.__struct_fields__)
        self.parts = AdminParts(**nothing | {"principals": self.principals, "derived": DERIVED, "entrance": self.gate})
        self.app = create(self.parts, ROUTES)

    def browser(self, base: str = "http://127.0.0.1:8080") -> httpx2.AsyncClient:
        """Somebody's browser, or his program: it keeps cookies."""
        transport = httpx2.ASGITransport(self.app, raise_app_exceptions=False, client=("192.0.2.7", 4711))
        return httpx2.AsyncClient(transport=transport, base_url=base)

    async def user(
        self, email: str = "ada@corp.test", *roles: str, tenant: str = "default", password: str = PASSWORD
    ) -> str:
        """Make a user with a password and roles; return the id."""
        at = now()
        row = UserRow(
            id=new_id(), tenant_id=tenant, email=email, name=email.partition("@")[0], created_at=at, updated_at=at
        )
        await self.tenant(tenant)
        await SqlUsers(self.engine).add(tenant, row, BY)
        for role in roles:
            await self.bind(row.id, role, tenant=tenant)
        if password:
            from headgate.storage.owned import act

            hashed = await self.passwords.hash(Secret(password))
            entry = act(BY, "users:password", "user", row.id, tenant)
            await self.gate.store.set_password(tenant, row.id, hashed, entry)
        return row.id

    async def bind(self, id: str, role: str, scope: str = "tenant", tenant: str = "default", kind: str = "user") -> str:
        """Give somebody a role."""
        at = now()
        row = BindingRow(
            id=new_id(),
            tenant_id=tenant,
            role=role,
            subject_kind=kind,
            subject_id=id,
            scope=scope,
            created_at=at,
        )
        await SqlBindings(self.engine).add(tenant, row, BY)
        return row.id

    async def tenant(self, id: str) -> None:
        """Make a tenant, if it is not there."""
        from sqlalchemy import insert, select

        from headgate.storage.schema import tenants

        async with self.engine.begin() as con:
            if (await con.execute(select(tenants.c.id).where(tenants.c.id == id))).one_or_none() is None:
                row = {"id": id, "name": id, "is_active": True, "settings": "{}", "created_at": 1, "updated_at": 1}
                await con.execute(insert(tenants).values(row))

    async def log_in(self, http: httpx2.AsyncClient, email: str = "ada@corp.test", **more: Any) -> Any:
        """Sign in; return the answer."""
        return await http.post("/api/v1/auth/login", json={"email": email, "password": PASSWORD, **more})

    async def close(self) -> None:
        self.principals.close()
        self.reader.close()
        self.feed.close()
        self.passwords.close()
        await self.sender.close()
        await self.engine.dispose()


@asynccontextmanager
async def house(url: str, *private: str):
    made = House(url, private)
    await made.tenant("default")
    await made.principals.refresh()
    try:
        yield made
    finally:
        await made.close()


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}
