"""Letting in whom an identity provider vouches for: known by his subject there, linked by his address, or made now."""

from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import and_, delete, exists, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headgate.core.ids import new_id, now
from headgate.storage.audit import AuditEntry, note
from headgate.storage.changes import tell
from headgate.storage.entry_rows import SsoRow
from headgate.storage.schema import users
from headgate.storage.schema.tenancy import bindings
from headgate.storage.tenancy import changing


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks to come in, and what he is to be."""

    sso: SsoRow
    subject: str
    email: str | None
    vouched: bool
    """The provider says that the address is his, and is there for its domain: whoever has it here is he."""
    may_be_new: bool
    name: str
    roles: Collection[str]
    """Of the provider's groups: he has these of ``managed``, and no other of them."""
    managed: Collection[str]


class NotAdmitted(Exception):
    """He does not come in; the words say why."""


async def admit(engine: AsyncEngine, asked: Admission, address: str | None) -> str:
    """Return the id of the user. Raise :class:`NotAdmitted`; nothing is then changed."""
    try:
        async with changing(engine) as con:
            user_id = await _known(con, asked) or await _linked(con, asked, address) or await _made(con, asked, address)
            await _give_roles(con, asked, user_id, address)
            return user_id
    except IntegrityError:  # he came twice at once, and the other was faster
        async with changing(engine) as con:
            known = await _known(con, asked)
            if known is None:
                raise NotAdmitted("there is another account with this address") from None
            return known


async def _known(con: AsyncConnection, asked: Admission) -> str | None:
    mine = and_(users.c.sso_id == asked.sso.id, users.c.sso_subject == asked.subject)
    row = (await con.execute(select(users.c.id).where(users.c.tenant_id == asked.sso.tenant_id, mine))).one_or_none()
    return None if row is None else str(row.id)


async def _linked(con: AsyncConnection, asked: Admission, address: str | None) -> str | None:
    if asked.email is None:
        return None
    mine = and_(users.c.tenant_id == asked.sso.tenant_id, users.c.email == asked.email)
    row = (await con.execute(select(users.c.id, users.c.sso_id, users.c.sso_subject).where(mine))).one_or_none()
    if row is None:
        return None
    beyond = exists().where(
        bindings.c.tenant_id == asked.sso.tenant_id,
        bindings.c.subject_id == row.id,
        bindings.c.scope == "platform",
    )
    if not asked.vouched or row.sso_id is not None or (await con.execute(select(beyond))).scalar():
        raise NotAdmitted("there is an account with this address, which this provider may not open")
    linked = {"sso_id": asked.sso.id, "sso_subject": asked.subject, "updated_at": now()}
    await con.execute(update(users).where(users.c.id == row.id).values(linked))
    await tell(con, row.id, asked.sso.tenant_id, kind="user")
    await note(con, _entry(asked, "users:update", row.id, address, {"sso_id": asked.sso.id}))
    return str(row.id)


async def _made(con: AsyncConnection, asked: Admission, address: str | None) -> str:
    if not asked.may_be_new or asked.email is None:
        raise NotAdmitted("there is no account for him, and none may be made")
    if not asked.roles:
        raise NotAdmitted("none of his groups has a role here")
    user_id, at = new_id(), now()
    row = {
        "id": user_id,
        "tenant_id": asked.sso.tenant_id,
        "email": asked.email,
        "name": asked.name or asked.email,
        "is_active": True,
        "sso_id": asked.sso.id,
        "sso_subject": asked.subject,
        "created_at": at,
        "updated_at": at,
    }
    await con.execute(insert(users).values(row))
    await tell(con, user_id, asked.sso.tenant_id, kind="user")
    await note(con, _entry(asked, "users:create", user_id, address, {"email": asked.email, "sso_id": asked.sso.id}))
    return user_id


async def _give_roles(con: AsyncConnection, asked: Admission, user_id: str, address: str | None) -> None:
    tenant_id = asked.sso.tenant_id
    mine = and_(bindings.c.tenant_id == tenant_id, bindings.c.subject_kind == "user", bindings.c.subject_id == user_id)
    rows = (await con.execute(select(bindings.c.role, bindings.c.scope).where(mine))).all()
    managed = {row.role for row in rows if row.scope == "tenant"} & set(asked.managed)
    gone, new = managed - set(asked.roles), set(asked.roles) - managed
    if len(rows) == len(gone) and not new:
        raise NotAdmitted("none of his groups has a role here")
    if not gone and not new:
        return
    if gone:
        await con.execute(delete(bindings).where(mine, bindings.c.scope == "tenant", bindings.c.role.in_(gone)))
    for role in sorted(new):
        binding: dict[str, Any] = {"id": new_id(), "tenant_id": tenant_id, "role": role, "scope": "tenant"}
        binding |= {"subject_kind": "user", "subject_id": user_id, "created_at": now()}
        await con.execute(insert(bindings).values(binding))
    await tell(con, user_id, tenant_id, kind="user")
    after = {"given": sorted(new), "taken": sorted(gone)}
    await note(con, _entry(asked, "roles:update", user_id, address, after))


def _entry(asked: Admission, action: str, id: str, address: str | None, after: dict[str, Any]) -> AuditEntry:
    return AuditEntry(
        tenant_id=asked.sso.tenant_id,
        actor_kind="service",
        actor_id=asked.sso.id,
        action=action,
        object_kind="user",
        object_id=id,
        after=after,
        address=address,
    )
