"""From stored rows to a principal: what every level allows and what binds, put together once for each credential.

A lower level only narrows: model lists stand beside each other and each must allow, provider lists are intersected,
limits and budgets all bind. Parts that many keys have in common are one object, so that 100,000 keys fit into memory.
"""

import logging
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from headgate.access import keeping
from headgate.access.keyring import Keyring
from headgate.access.permissions import OWN_KEY, PERMISSIONS, PLATFORM_TENANT, ROLES
from headgate.access.types import NO_LIMITS, Budget, Grants, Limits, Principal, Subject, SubjectKind
from headgate.access.vault import Unsealable, opened
from headgate.billing.resolve import Caller, resolve
from headgate.core.secret import Secret
from headgate.storage.provider_keys import ProviderKeyRow
from headgate.storage.tenancy_rows import AppRow, Found, HeldRole, TeamRow, TenantRow, UserRow
from headgate.storage.types import KeyRow

log = logging.getLogger("headgate.access")

T = TypeVar("T")
Level = TenantRow | TeamRow | AppRow | UserRow

MAX_SHARED = 100_000
WIDEST = ("platform", "tenant")

_names = msgspec.json.Decoder(frozenset[str])
_words = msgspec.json.Decoder(tuple[str, ...])
_limits = msgspec.json.Decoder(Limits)
_budgets = msgspec.json.Decoder(tuple[Budget, ...])


class Assembler:
    """Builds principals. One per process; all of its methods raise ``msgspec.MsgspecError`` where a row holds nonsense.

    A sealed provider key that cannot be opened raises ``vault.Unsealable``.
    """

    def __init__(self, ring: Keyring | None = None, usual: keeping.Level = "metadata") -> None:
        """*ring* opens the provider keys that are mapped to a key; *usual* is kept of calls where a tenant says
        nothing."""
        self._ring = ring
        self._usual = usual
        self._shared: dict[Any, Any] = {}

    def waits(self, found: Found) -> bool:
        """Whether a key service has to be asked for the provider keys that are mapped to a key: see :meth:`fetch`."""
        return self._ring is not None and any(self._ring.waits(row.sealed) for row in found.mapped)

    def fetch(self, found: Found) -> None:
        """Have their data keys unwrapped, so that :meth:`key` waits for nobody. Not on the event loop."""
        for row in found.mapped if self._ring is not None else ():
            try:
                self._opened((row,))
            except Unsealable as error:
                log.warning("the provider key %s cannot be opened: %s", row.id, error)

    def key(self, found: Found) -> Principal:
        """Return whom a stored key stands for."""
        key, app, team = found.key, found.app, found.team
        assert key is not None
        grants = _admin_grants(key, found.roles) if key.kind == "admin" else ()
        return Principal(
            kind=key.kind,
            id=key.id,
            name=key.name,
            team_id=_id(team),
            user_id=_id(found.user),
            app_id=_id(app),
            limits=self._one(_limits.decode(key.limits)),
            models=self._one(_names.decode(key.models) | _names.decode(key.routes)),
            addresses=self._one(_words.decode(key.addresses)),
            default_model=key.default_model or (_default(app) if app is not None else None),
            mapped=self._opened(found.mapped),
            tags=self._one(_words.decode(key.tags)),
            cost_optimize=app is not None and app.cost_optimize,
            grants=grants,
            **self._may(_union(grants) if key.kind == "admin" else _own(key)),
            scope=_widest(grants) if key.kind == "admin" else "own",
            expires_at=key.expires_at,
            **self._above(found, key.id, _budgets.decode(key.budgets), _names.decode(key.providers)),
        )

    def user(self, found: Found) -> Principal:
        """Return whom a session or an access token of a user stands for."""
        user = found.user
        assert user is not None
        grants = grants_of(found.roles, user.tenant_id)
        return Principal(
            kind="user",
            id=user.id,
            name=user.email,
            user_id=user.id,
            grants=grants,
            **self._may(_union(grants)),
            scope=_widest(grants),
            **self._above(found, None),
        )

    def client(self, found: Found, id: str, name: str, grants: Grants) -> Principal:
        """Return whom an OAuth2 client, or a token of a trusted issuer, stands for: bound by what *found* holds."""
        return Principal(
            kind="client",
            id=id,
            name=name,
            team_id=_id(found.team),
            user_id=_id(found.user),
            grants=grants,
            **self._may(_union(grants)),
            scope=_widest(grants),
            **self._above(found, id),
        )

    def _may(self, permissions: frozenset[str]) -> dict[str, Any]:
        return {"permissions": self._one(permissions), "calls": "gateway:use" in permissions}

    def _above(
        self,
        found: Found,
        key_id: str | None,
        own: tuple[Budget, ...] = (),
        own_providers: frozenset[str] = frozenset(),
    ) -> dict[str, Any]:
        """The fields that come from the levels above."""
        tenant = found.tenant
        levels = [level for level in (tenant, found.team, found.app, found.user) if level is not None]
        narrowed = (_names.decode(level.models) for level in levels)
        caller = Caller(
            tenant_id=tenant.id,
            key_id=key_id,
            team_id=_id(found.team),
            app_id=_id(found.app),
            user_id=_id(found.user),
        )
        allowed = [names for names in (own_providers, *(_names.decode(level.providers) for level in levels)) if names]
        return {
            "tenant_id": self._one(tenant.id),
            "subjects": self._one(tuple(self._subjects(found))),
            "end_user_limits": self._one(_stated(tenant.end_user_limits)),
            "budgets": self._one((*own, *resolve(found.budgets, caller))),
            "narrowed": self._one(tuple(names for names in narrowed if names)),
            "allotted": self._one(_names.decode(tenant.models)),
            "catalogue": self._one(_names.decode(tenant.catalogue)),
            "providers": self._one(frozenset.intersection(*allowed)) if allowed else None,
            "zone": self._one(tenant.zone),
            "keeping": self._one(
                keeping.keeping_of(
                    tenant.settings,
                    found.app.payload if found.app is not None else None,
                    found.key.payload if found.key is not None else None,
                    usual=self._usual,
                )
            ),
        }

    def _subjects(self, found: Found) -> Iterable[Subject]:
        """Who else is bound, outermost first. What binds users for whom nothing is said, the configuration says."""
        tenant = found.tenant
        kinds: tuple[tuple[SubjectKind, Level | None], ...]
        kinds = (("tenant", tenant), ("team", found.team), ("app", found.app))
        for kind, level in kinds:
            if level is not None and (limits := _limits.decode(level.limits)) != NO_LIMITS:
                yield Subject(kind, level.id, level.name, limits)
        if (user := found.user) is not None and (limits := _stated(user.limits, tenant.user_limits)) != NO_LIMITS:
            yield Subject("user", user.id, user.email, limits)

    def _opened(self, rows: Sequence[ProviderKeyRow]) -> dict[str, Secret]:
        if not rows or self._ring is None:
            return NOTHING_MAPPED
        return {row.provider: opened(row, self._ring.envelope) for row in rows}

    def _one(self, value: T) -> T:
        """Return *value*, or the equal one that was met first."""
        if len(self._shared) >= MAX_SHARED:
            self._shared.clear()
        same: T = self._shared.setdefault(value, value)
        return same


NOTHING_MAPPED: dict[str, Secret] = {}


def _id(level: Level | None) -> str | None:
    return None if level is None else level.id


def _stated(*limits: str) -> Limits:
    """Return the first of some limits that say anything."""
    return next((one for text in limits if (one := _limits.decode(text)) != NO_LIMITS), NO_LIMITS)


def grants_of(roles: Iterable[HeldRole], tenant_id: str) -> Grants:
    """Return what *roles* allow, and how far each reaches. Only the installation's own tenant reaches beyond itself."""
    found: dict[str, frozenset[str]] = {}
    for held in roles:
        if held.permissions is None:
            allowed = ROLES.get(held.role, frozenset())
        else:
            allowed = _names.decode(held.permissions) & PERMISSIONS.keys()
        scope = held.scope if held.scope != "platform" or tenant_id == PLATFORM_TENANT else "tenant"
        found[scope] = found.get(scope, frozenset()) | allowed
    return tuple(found.items())


def _admin_grants(key: KeyRow, roles: Iterable[HeldRole]) -> Grants:
    grants = grants_of(roles, key.tenant_id)
    if key.permissions is None:
        return grants
    return (*grants, ("tenant", _names.decode(key.permissions) & PERMISSIONS.keys()))


def _own(key: KeyRow) -> frozenset[str]:
    return OWN_KEY if key.permissions is None else OWN_KEY & _names.decode(key.permissions)


def _union(grants: Grants) -> frozenset[str]:
    return frozenset[str]().union(*(allowed for _, allowed in grants))


def _widest(grants: Grants) -> str:
    scopes = [scope for scope, _ in grants]
    return next((scope for scope in (*WIDEST, *scopes) if scope in scopes), "own")


def _default(app: AppRow) -> str | None:
    if app.default_model is None or app.default_provider is None or "/" in app.default_model:
        return app.default_model
    return f"{app.default_provider}/{app.default_model}"
