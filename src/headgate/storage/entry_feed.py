"""The request path's reader of people, sessions, clients and issuers: in one thread of its own, on either database."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import msgspec

from headgate.core.errors import Unavailable
from headgate.storage.entry_rows import Binding, ClientRow, IssuerRow, Person, SessionRow, SsoRow
from headgate.storage.lookups import held, service, user_by_id
from headgate.storage.sql import Row, Sql, SqlError, open_sql
from headgate.storage.tenancy_rows import Found, HeldRole

R = TypeVar("R")
T = TypeVar("T", bound=msgspec.Struct)

BOOLEANS = frozenset(("is_active", "creates_users"))
"""Columns that SQLite has as 0 and 1."""

PERSON = """SELECT users.id, users.tenant_id, users.email, users.name, users.is_active, tenants.is_active,
    users.password_hash, users.password_at FROM users JOIN tenants ON tenants.id = users.tenant_id WHERE """
BINDINGS = """SELECT bindings.role, bindings.scope, roles.permissions FROM bindings
    LEFT JOIN roles ON roles.id = bindings.role AND roles.tenant_id = bindings.tenant_id
    WHERE bindings.tenant_id = ? AND bindings.subject_kind = 'user' AND bindings.subject_id = ?"""
SESSION = f"SELECT {', '.join(SessionRow.__struct_fields__)} FROM sessions WHERE "  # noqa: S608 - the names are ours
PATIENCE = 2.0
"""Seconds."""


class EntryFeed:
    """:class:`headgate.storage.entry_rows.EntryReader` on SQLite or PostgreSQL."""

    def __init__(self, where: str | Path) -> None:
        """*where* as :func:`headgate.storage.sql.open_sql` takes it."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="entry")
        self._sql: Sql = open_sql(where, patience=PATIENCE)

    async def person(self, id: str) -> Person | None:
        """See ``EntryReader.person``."""
        found = await self._persons(PERSON + "users.id = ?", (id,))
        return found[0] if found else None

    async def people(self, email: str, tenant_id: str | None = None) -> list[Person]:
        """See ``EntryReader.people``."""
        if tenant_id is not None:
            return await self._persons(PERSON + "users.email = ? AND users.tenant_id = ?", (email, tenant_id))
        return await self._persons(PERSON + "users.email = ? ORDER BY users.id LIMIT 10", (email,))

    async def person_of(self, sso_id: str, subject: str) -> Person | None:
        """See ``EntryReader.person_of``."""
        found = await self._persons(PERSON + "users.sso_id = ? AND users.sso_subject = ?", (sso_id, subject))
        return found[0] if found else None

    async def user(self, tenant_id: str, id: str) -> Found | None:
        """See ``EntryReader.user``."""
        return await self._run(lambda: user_by_id(self._sql, tenant_id, id))

    async def client_roles(self, tenant_id: str, id: str) -> tuple[HeldRole, ...]:
        """See ``EntryReader.client_roles``."""
        return await self._run(lambda: held(self._sql, tenant_id, "client", id))

    async def service(self, tenant_id: str, team_id: str | None, email: str | None) -> Found | None:
        """See ``EntryReader.service``."""
        return await self._run(lambda: service(self._sql, tenant_id, team_id, email))

    async def session(self, id: str) -> SessionRow | None:
        """See ``EntryReader.session``."""
        return await self._one(SessionRow, SESSION + "id = ?", (id,))

    async def session_of(self, digest: bytes) -> SessionRow | None:
        """See ``EntryReader.session_of``."""
        return await self._one(SessionRow, SESSION + "digest = ?", (digest,))

    async def client(self, id: str) -> ClientRow | None:
        """See ``EntryReader.client``."""
        return await self._one(ClientRow, of_tenants_that_are_on(ClientRow, "clients") + "clients.id = ?", (id,))

    async def issuers(self, issuer: str) -> list[IssuerRow]:
        """See ``EntryReader.issuers``."""
        query = of_tenants_that_are_on(IssuerRow, "issuers")
        return await self._all(IssuerRow, query + "issuers.issuer = ? LIMIT 1000", (issuer,))

    async def sso(self, id: str) -> SsoRow | None:
        """See ``EntryReader.sso``."""
        return await self._one(SsoRow, of_tenants_that_are_on(SsoRow, "sso_configs") + "sso_configs.id = ?", (id,))

    async def sso_of_tenant(self, tenant_id: str) -> list[SsoRow]:
        """See ``EntryReader.sso_of_tenant``."""
        query = of_tenants_that_are_on(SsoRow, "sso_configs") + "sso_configs.tenant_id = ? ORDER BY sso_configs.id"
        return await self._all(SsoRow, query + " LIMIT 100", (tenant_id,))

    async def sso_of_domain(self, domain: str) -> list[SsoRow]:
        """See ``EntryReader.sso_of_domain``."""
        query = of_tenants_that_are_on(SsoRow, "sso_configs") + "sso_configs.domains LIKE ? LIMIT 100"
        rows = await self._all(SsoRow, query, (f'%"{domain.replace("%", "").replace("_", "")}"%',))
        return [row for row in rows if domain in msgspec.json.decode(row.domains)][:10]

    def close(self) -> None:
        """End the thread. A question that is being answered is waited for."""
        self._thread.submit(self._sql.close)
        self._thread.shutdown()

    async def _persons(self, query: str, params: Sequence[object]) -> list[Person]:
        def work(sql: Sql) -> list[Person]:
            found = []
            for id, tenant, email, name, is_on, tenant_is_on, hashed, at in sql.execute(query, params):
                bound = tuple(Binding(*row) for row in sql.execute(BINDINGS, (tenant, id)))
                found.append(
                    Person(
                        id=id,
                        tenant_id=tenant,
                        email=email,
                        name=name,
                        is_active=bool(is_on and tenant_is_on),
                        password_hash=hashed,
                        password_at=at,
                        bindings=bound,
                    )
                )
            return found

        return await self._run(lambda: self._sql.transact(work))

    async def _all(self, kind: type[T], query: str, params: Sequence[object]) -> list[T]:
        rows = await self._run(lambda: self._sql.execute(query, params).fetchall())
        return [read(kind, row) for row in rows]

    async def _one(self, kind: type[T], query: str, params: Sequence[object]) -> T | None:
        found = await self._all(kind, query, params)
        return found[0] if found else None

    async def _run(self, work: Callable[[], R]) -> R:
        def ask() -> R:
            try:
                return work()
            except SqlError as error:
                self._sql.close()
                raise Unavailable("Who this is cannot be checked now. Try again.", code="auth_unavailable") from error

        return await asyncio.get_running_loop().run_in_executor(self._thread, ask)


def of_tenants_that_are_on(kind: type[msgspec.Struct], table: str) -> str:
    """Return the beginning of a query, up to its condition."""
    names = ", ".join(f"{table}.{name}" for name in kind.__struct_fields__)
    return (
        f"SELECT {names} FROM {table} "  # noqa: S608 - the names are our own
        f"JOIN tenants ON tenants.id = {table}.tenant_id AND tenants.is_active WHERE {table}.is_active AND "
    )


def read(kind: type[T], row: Row) -> T:
    """Return a row as what it is."""
    named = zip(kind.__struct_fields__, row, strict=True)
    return kind(**{name: bool(value) if name in BOOLEANS else value for name, value in named})
