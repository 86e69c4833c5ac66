"""The tables, in SQLAlchemy's words, for SQLite and PostgreSQL alike.

Ids are text, instants microseconds since 1970 (UTC), hours are whole hours since 1970, money nano-dollars.
``migrations`` builds these tables; a test holds the two together.
"""

from headgate.storage.schema import alerts, billing, caches, entry, objects, payloads, proofs, stores, tenancy, views
from headgate.storage.schema.base import metadata
from headgate.storage.schema.first import (
    balances,
    changes,
    grants,
    journals,
    keys,
    ledger,
    meta,
    provider_keys,
    rates,
    records,
    tenants,
    users,
)

__all__ = [
    "alerts",
    "balances",
    "billing",
    "caches",
    "changes",
    "entry",
    "grants",
    "journals",
    "keys",
    "ledger",
    "meta",
    "metadata",
    "objects",
    "payloads",
    "proofs",
    "provider_keys",
    "rates",
    "records",
    "stores",
    "tenancy",
    "tenants",
    "users",
    "views",
]
