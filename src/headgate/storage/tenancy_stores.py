"""All stores of tenancy over one engine."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from headgate.storage.idempotency import SqlIdempotency
from headgate.storage.tenancy_objects import SqlApps, SqlBindings, SqlRoles, SqlTeams, SqlUsers
from headgate.storage.tenants import SqlTenants


@dataclass(frozen=True)
class Tenancy:
    """The stores. Each takes the tenant as an argument; see ``storage.tenancy.Objects``."""

    tenants: SqlTenants
    teams: SqlTeams
    apps: SqlApps
    users: SqlUsers
    roles: SqlRoles
    bindings: SqlBindings
    answers: SqlIdempotency

    @classmethod
    def on(cls, engine: AsyncEngine) -> "Tenancy":
        """Return the stores on *engine*."""
        return cls(
            SqlTenants(engine),
            SqlTeams(engine),
            SqlApps(engine),
            SqlUsers(engine),
            SqlRoles(engine),
            SqlBindings(engine),
            SqlIdempotency(engine),
        )
