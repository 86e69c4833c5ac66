"""The management side's store of objects that are configured through the API, with every version they had.

Each change is one transaction: the object, its version, the change feed and the audit log.
"""

from time import time_ns
from typing import Any, Protocol

import msgspec
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headgate.core.ids import new_id
from headgate.storage.audit import AuditEntry, note
from headgate.storage.keys import tell
from headgate.storage.object_rows import CHANGE, Author, ObjectRow, VersionRow
from headgate.storage.schema.objects import object_versions, objects
from headgate.storage.turns import take_turn

MAX_OBJECTS = 1000
"""Of one kind and one tenant."""
VERSIONS_KEPT = 200
"""Of one object; the oldest go."""


class Stale(Exception):
    """The object is not the version that the change was made for. Nothing was changed."""

    def __init__(self, now: ObjectRow | None) -> None:
        super().__init__("no object" if now is None else f"it is at version {now.version}")
        self.now = now


class Bound(Exception):
    """The object binds its tenant, and whoever changes it does not administer the platform. Nothing was changed."""


class TooMany(Exception):
    """The tenant has as many objects of this kind as it can have."""


class ObjectStore(Protocol):
    """Objects of one tenant at a time; those of another do not exist. ``SHARED`` as a tenant is what all of them share.

    *expect* is the version that a change was made for: 0 for none, ``None`` for any. Where the object is at another,
    ``Stale`` is raised.
    """

    async def every(self, tenant_id: str, kind: str) -> list[ObjectRow]:
        """Return the objects of a kind, by name."""
        ...

    async def get(self, tenant_id: str, kind: str, name: str) -> ObjectRow | None:
        """Return one object, ``None`` where there is none or it was removed."""
        ...

    async def put(
        self,
        tenant_id: str,
        kind: str,
        name: str,
        body: dict[str, Any],
        *,
        author: Author,
        note: str = "",
        expect: int | None = None,
        platform: bool | None = None,
    ) -> ObjectRow:
        """Make an object, or another version of it; one that says the same as the last is not made.

        *platform* is whether it binds its tenant from now on, as who administers the platform says; with ``None``, for
        everybody else, a new one does not. Raise ``Stale``, ``TooMany``, or ``Bound`` where one that binds is not his.
        """
        ...

    async def remove(
        self,
        tenant_id: str,
        kind: str,
        name: str,
        *,
        author: Author,
        note: str = "",
        expect: int | None = None,
        over: bool = True,
    ) -> ObjectRow | None:
        """Remove an object and return what it was, ``None`` where there is none; its versions stay.

        *over*: the author administers the platform, and may remove what binds the tenant. Raise ``Stale`` or ``Bound``.
        """
        ...

    async def versions(
        self, tenant_id: str, kind: str, name: str, *, before: int | None = None, limit: int = 50
    ) -> list[VersionRow]:
        """Return its versions, newest first, below version *before*; those of a removed object too."""
        ...

    async def version(self, tenant_id: str, kind: str, name: str, version: int) -> VersionRow | None:
        """Return one version."""
        ...


class SqlObjects:
    """:class:`ObjectStore` on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def every(self, tenant_id: str, kind: str) -> list[ObjectRow]:
        """See :class:`ObjectStore`."""
        c = objects.c
        query = select(objects).where(c.tenant_id == tenant_id, c.kind == kind, c.body.is_not(None)).order_by(c.name)
        async with self._engine.connect() as con:
            return [ObjectRow(**row._mapping) for row in await con.execute(query)]

    async def get(self, tenant_id: str, kind: str, name: str) -> ObjectRow | None:
        """See :class:`ObjectStore`."""
        async with self._engine.connect() as con:
            found = await _one(con, tenant_id, kind, name)
        return found if found is not None and found.body is not None else None

    async def put(
        self,
        tenant_id: str,
        kind: str,
        name: str,
        body: dict[str, Any],
        *,
        author: Author,
        note: str = "",
        expect: int | None = None,
        platform: bool | None = None,
    ) -> ObjectRow:
        """See :class:`ObjectStore`."""
        text = msgspec.json.encode(body, order="sorted").decode()
        async with self._engine.begin() as con:
            await take_turn(con)
            await _reserve(con, tenant_id, kind, name)
            was = await _one(con, tenant_id, kind, name)
            assert was is not None
            _expected(was, expect)
            _unbound(was, over=platform is not None)
            if was.body is None:
                await _bounded(con, tenant_id, kind)
            binds = bool(platform)
            if was.body == text and was.platform == binds:
                return was
            return await _changed(con, was, text, author, note, platform=binds)

    async def remove(
        self,
        tenant_id: str,
        kind: str,
        name: str,
        *,
        author: Author,
        note: str = "",
        expect: int | None = None,
        over: bool = True,
    ) -> ObjectRow | None:
        """See :class:`ObjectStore`."""
        async with self._engine.begin() as con:
            await take_turn(con)
            # A write comes first, so that SQLite has the lock by then.
            mine = (objects.c.tenant_id == tenant_id, objects.c.kind == kind, objects.c.name == name)
            await con.execute(update(objects).where(*mine).values(name=name))
            was = await _one(con, tenant_id, kind, name)
            if was is None or was.body is None:
                return None
            _expected(was, expect)
            _unbound(was, over=over)
            await _changed(con, was, None, author, note, platform=was.platform)
            return was

    async def versions(
        self, tenant_id: str, kind: str, name: str, *, before: int | None = None, limit: int = 50
    ) -> list[VersionRow]:
        """See :class:`ObjectStore`."""
        query = _versions(tenant_id, kind, name).order_by(object_versions.c.version.desc()).limit(limit)
        if before is not None:
            query = query.where(object_versions.c.version < before)
        async with self._engine.connect() as con:
            return [VersionRow(**row._mapping) for row in await con.execute(query)]

    async def version(self, tenant_id: str, kind: str, name: str, version: int) -> VersionRow | None:
        """See :class:`ObjectStore`."""
        query = _versions(tenant_id, kind, name).where(object_versions.c.version == version)
        async with self._engine.connect() as con:
            row = (await con.execute(query)).one_or_none()
        return None if row is None else VersionRow(**row._mapping)


async def _reserve(con: AsyncConnection, tenant_id: str, kind: str, name: str) -> None:
    """Make the object's row where it has none: a removed one, at version 0."""
    upsert = postgresql.insert if con.dialect.name == "postgresql" else sqlite.insert
    now = time_ns() // 1000
    row = {"id": new_id(), "tenant_id": tenant_id, "kind": kind, "name": name, "version": 0, "body": None}
    await con.execute(upsert(objects).values(**row, created_at=now, updated_at=now).on_conflict_do_nothing())


async def _changed(
    con: AsyncConnection, was: ObjectRow, body: str | None, author: Author, why: str, *, platform: bool
) -> ObjectRow:
    now = time_ns() // 1000
    made = was.created_at if was.body is not None else now
    is_ = msgspec.structs.replace(was, version=was.version + 1, body=body, created_at=made, updated_at=now)
    is_ = msgspec.structs.replace(is_, platform=platform)
    await con.execute(
        update(objects)
        .where(objects.c.id == was.id)
        .values(version=is_.version, body=body, created_at=made, updated_at=now, platform=platform)
    )
    row = VersionRow(
        object_id=was.id,
        version=is_.version,
        body=body,
        author_kind=author.kind,
        author_id=author.id,
        note=why,
        created_at=now,
    )
    await con.execute(insert(object_versions).values(msgspec.structs.asdict(row)))
    c = object_versions.c
    await con.execute(delete(object_versions).where(c.object_id == was.id, c.version <= is_.version - VERSIONS_KEPT))
    await tell(con, was.id, was.tenant_id, CHANGE)
    verb = "delete" if body is None else "create" if was.body is None else "change"
    await note(
        con,
        AuditEntry(
            tenant_id=was.tenant_id or author.tenant_id,
            actor_kind=author.kind,
            actor_id=author.id,
            action=f"{was.kind}:{verb}",
            object_kind=was.kind,
            object_id=was.name,
            before=_told(was),
            after=_told(is_),
            address=author.address,
            request_id=author.request_id,
        ),
    )
    return is_


async def _one(con: AsyncConnection, tenant_id: str, kind: str, name: str) -> ObjectRow | None:
    c = objects.c
    query = select(objects).where(c.tenant_id == tenant_id, c.kind == kind, c.name == name)
    row = (await con.execute(query)).one_or_none()
    return None if row is None else ObjectRow(**row._mapping)


async def _bounded(con: AsyncConnection, tenant_id: str, kind: str) -> None:
    c = objects.c
    query = select(func.count()).where(c.tenant_id == tenant_id, c.kind == kind, c.body.is_not(None))
    if (await con.execute(query)).scalar_one() >= MAX_OBJECTS:
        raise TooMany


def _expected(was: ObjectRow, expect: int | None) -> None:
    if expect is not None and expect != (was.version if was.body is not None else 0):
        raise Stale(was if was.body is not None else None)


def _unbound(was: ObjectRow, *, over: bool) -> None:
    if was.platform and was.body is not None and not over:
        raise Bound


def _versions(tenant_id: str, kind: str, name: str) -> Any:
    c = objects.c
    mine = (c.tenant_id == tenant_id, c.kind == kind, c.name == name)
    return select(object_versions).join(objects, c.id == object_versions.c.object_id).where(*mine)


def _told(row: ObjectRow) -> dict[str, Any] | None:
    if row.body is None:
        return None
    found: dict[str, Any] = msgspec.json.decode(row.body)
    return {"version": row.version, **found, **({"platform": True} if row.platform else {})}
