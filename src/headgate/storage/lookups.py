"""What the request path reads of a credential: it and all levels above it in one statement, for either database.

``read`` is anything with ``execute(sql, parameters)``, a ``?`` for each: a connection of ``sqlite3``, a ``Sql``.
"""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from headgate.storage.budget_rows import budgets_of
from headgate.storage.provider_keys import ProviderKeyRow
from headgate.storage.tenancy_rows import AppRow, Found, HeldRole, TeamRow, TenantRow, UserRow
from headgate.storage.types import KeyRow

T = TypeVar("T", bound=msgspec.Struct)


class Reads(Protocol):
    """Runs a statement and returns its rows."""

    def execute(self, sql: str, params: Sequence[Any], /) -> Any:
        """Return something with ``fetchone`` and ``fetchall``."""
        ...


BOOLEANS = frozenset({"is_active", "cost_optimize"})  # SQLite has 0 and 1 for them
LEVELS: tuple[tuple[str, type[msgspec.Struct]], ...] = (
    ("keys", KeyRow),
    ("tenants", TenantRow),
    ("apps", AppRow),
    ("teams", TeamRow),
    ("users", UserRow),
)


def _columns(*tables: str) -> str:
    kinds = dict(LEVELS)
    return ", ".join(f"{table}.{name}" for table in tables for name in kinds[table].__struct_fields__)


_JOINED = """JOIN tenants ON tenants.id = keys.tenant_id
    LEFT JOIN apps ON apps.id = keys.app_id AND apps.tenant_id = keys.tenant_id
    LEFT JOIN teams ON teams.id = COALESCE(keys.team_id, apps.team_id) AND teams.tenant_id = keys.tenant_id
    LEFT JOIN users ON users.id = keys.user_id AND users.tenant_id = keys.tenant_id"""
_ALL = _columns("keys", "tenants", "apps", "teams", "users")
# The names in all of these are our own.
BY_DIGEST = f"""SELECT {_ALL} FROM keys {_JOINED} WHERE keys.key_hash = ?
    UNION ALL SELECT {_ALL} FROM keys {_JOINED} WHERE keys.rotated_from = ? AND keys.overlap_until > ?"""  # noqa: S608
BY_ID = f"SELECT {_ALL} FROM keys {_JOINED} WHERE keys.tenant_id = ? AND keys.id = ?"  # noqa: S608
USER = f"""SELECT {_columns("tenants", "users")} FROM users
    JOIN tenants ON tenants.id = users.tenant_id WHERE users.tenant_id = ? AND users.id = ?"""  # noqa: S608
SERVICE = f"""SELECT {_columns("tenants", "teams", "users")} FROM tenants
    LEFT JOIN users ON users.tenant_id = tenants.id AND users.email = CAST(? AS TEXT)
    LEFT JOIN teams ON teams.tenant_id = tenants.id AND teams.id = CAST(? AS TEXT)
    WHERE tenants.id = ?"""  # noqa: S608
ROLES = """SELECT bindings.role, bindings.scope, roles.permissions FROM bindings
    LEFT JOIN roles ON roles.id = bindings.role AND roles.tenant_id = bindings.tenant_id
    WHERE bindings.tenant_id = ? AND bindings.subject_kind = ? AND bindings.subject_id = ? ORDER BY bindings.id"""
PROVIDER_KEY = ProviderKeyRow.__struct_fields__
MAPPED = f"SELECT {', '.join(PROVIDER_KEY)} FROM provider_keys WHERE tenant_id = ? AND owner_id = ?"  # noqa: S608


def key_by_digest(read: Reads, digest: bytes, now: int) -> Found | None:
    """Return the key whose present (or, until the overlap ends, former) secret has *digest*, off ones too.

    Found by a former secret, its end is that of the overlap, if that comes first. *now*: microseconds since 1970.
    """
    row = read.execute(BY_DIGEST, (digest, digest, now)).fetchone()
    if row is None:
        return None
    found = _whole(read, row)
    key = found.key
    assert key is not None
    if key.key_hash == digest:
        return found
    end = key.overlap_until if key.expires_at is None else min(key.expires_at, key.overlap_until or now)
    return msgspec.structs.replace(found, key=msgspec.structs.replace(key, expires_at=end))


def key_by_id(read: Reads, tenant_id: str, id: str) -> Found | None:
    """Return a key of a tenant."""
    row = read.execute(BY_ID, (tenant_id, id)).fetchone()
    return None if row is None else _whole(read, row)


def user_by_id(read: Reads, tenant_id: str, id: str) -> Found | None:
    """Return a user of a tenant, off ones too, with the roles it has."""
    row = read.execute(USER, (tenant_id, id)).fetchone()
    if row is None:
        return None
    taken = _Taken(row)
    tenant, user = taken.next(TenantRow), taken.next(UserRow)
    assert tenant is not None
    budgets = tuple(budgets_of(read, tenant_id))
    return Found(tenant=tenant, user=user, roles=held(read, tenant_id, "user", id), budgets=budgets)


def service(read: Reads, tenant_id: str, team_id: str | None = None, email: str | None = None) -> Found | None:
    """Return what binds a caller who is no key of ours: its tenant and, where it names them, a team and a user."""
    row = read.execute(SERVICE, (email, team_id, tenant_id)).fetchone()
    if row is None:
        return None
    taken = _Taken(row)
    tenant, team, user = taken.next(TenantRow), taken.next(TeamRow), taken.next(UserRow)
    assert tenant is not None
    return Found(tenant=tenant, team=team, user=user, budgets=tuple(budgets_of(read, tenant_id)))


def held(read: Reads, tenant_id: str, kind: str, id: str) -> tuple[HeldRole, ...]:
    """Return the roles of a ``user``, ``client`` or ``key``."""
    return tuple(HeldRole(*row) for row in read.execute(ROLES, (tenant_id, kind, id)).fetchall())


def _whole(read: Reads, row: Sequence[Any]) -> Found:
    taken = _Taken(row)
    key, tenant = taken.next(KeyRow), taken.next(TenantRow)
    app, team, user = taken.next(AppRow), taken.next(TeamRow), taken.next(UserRow)
    assert key is not None
    assert tenant is not None
    roles: tuple[HeldRole, ...] = ()
    mapped: tuple[ProviderKeyRow, ...] = ()
    if key.kind == "admin":
        roles = held(read, key.tenant_id, "key", key.id)
    if key.mapped != "{}":
        rows = read.execute(MAPPED, (key.tenant_id, key.id)).fetchall()
        mapped = tuple(ProviderKeyRow(**dict(zip(PROVIDER_KEY, row, strict=True))) for row in rows)
    return Found(
        tenant=tenant,
        key=key,
        app=app,
        team=team,
        user=user,
        roles=roles,
        budgets=tuple(budgets_of(read, key.tenant_id)),
        mapped=mapped,
    )


class _Taken:
    """Takes structs off a row, one after the other."""

    def __init__(self, row: Sequence[Any]) -> None:
        self._row = row
        self._at = 0

    def next(self, kind: type[T]) -> T | None:
        """Return the next one; ``None`` where a join found nothing."""
        names = kind.__struct_fields__
        values = self._row[self._at : self._at + len(names)]
        self._at += len(names)
        if values[0] is None:
            return None
        return kind(**{n: bool(v) if n in BOOLEANS else v for n, v in zip(names, values, strict=True)})
