"""The writing side of what was said, without SQLAlchemy: what comes in, and what goes when its time is over."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from headgate.storage.sql import Sql

PUT = """INSERT INTO payloads (id, tenant_id, at, key_id, end_user, level, size, body, text)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"""
GONE = """DELETE FROM payloads WHERE seq IN
    (SELECT seq FROM payloads WHERE tenant_id = ? AND at < ? ORDER BY at LIMIT ?)"""
TENANTS = "SELECT id, settings FROM tenants"
AT_ONCE = 200
MOST_ROUNDS = 50
"""Batches of one look, so that what comes in has its turn."""


class PayloadRow(msgspec.Struct, frozen=True):
    """A row, but for its number; see ``observe.payload`` for its ``body``."""

    id: str
    tenant_id: str
    at: int
    key_id: str | None
    end_user: str | None
    level: str
    size: int
    body: bytes
    text: str | None


def put(sql: Sql, rows: Sequence[Sequence[Any]]) -> None:
    """Store *rows*, in the order of ``PUT``; one that is there already stays as it is."""
    sql.transact(lambda sql: sql.insert(PUT, rows))


def settings(sql: Sql) -> Iterator[tuple[str, str]]:
    """Yield each tenant's id and settings (JSON text)."""
    yield from sql.execute(TENANTS).fetchall()


def remove_before(sql: Sql, tenant_id: str, at: int, rest: Callable[[], object]) -> int:
    """Remove what a tenant's calls before *at* said, a small transaction after the other, with a *rest* between them.

    Return how many rows that were.
    """
    done = 0
    for _ in range(MOST_ROUNDS):
        gone = sql.transact(lambda sql: sql.execute(GONE, (tenant_id, at, AT_ONCE)).rowcount)
        done += gone
        if gone < AT_ONCE:
            break
        rest()
    return done
