"""Objects that are configured by file or by API: providers, routes, aliases. One way to see and change any kind.

What stands in the file is read-only here, and its versions are those that were loaded since the start. What is made
here is kept with every version it had; a change may say with ``If-Match`` which version it was made for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Request

from headgate.access.types import Principal
from headgate.admin.fields import instant
from headgate.admin.given import within_given
from headgate.admin.grants import over_platform
from headgate.admin.parts import AdminParts
from headgate.admin.refusals import binding, faulty, of_the_file, taken
from headgate.admin.route import author, caller, parts
from headgate.admin.versions import Change, Rollback, Shown, VersionShown, expected, stale, version
from headgate.config.compile import Compiled
from headgate.config.effective import SECTIONS, Effective, entry
from headgate.config.types import ConfigError
from headgate.core.errors import BadRequest, Conflict, Forbidden, NotFound
from headgate.core.ids import now
from headgate.storage import objects as store
from headgate.storage.object_rows import SHARED, ObjectRow

MAX_CONFIG = 65_536
"""Bytes of one object's configuration, as JSON."""

Who = Annotated[Principal, Depends(caller)]
Parts = Annotated[AdminParts, Depends(parts)]

AREAS = {"provider": "providers", "guardrail": "guardrails", "alert": "alerts", "cache": "caches"}
"""Kind -> what the permissions over it are called by; those of all others are ``routes:``."""
CHANGE = {"provider": "update", "cache": "update"}
"""Kind -> what changing it is called; that of all others is ``change``."""
VERBS = {"GET": "view", "POST": "create", "PUT": "update", "DELETE": "delete"}


def permission(kind: str, method: str, path: str = "") -> str:
    """Return what an operation on objects of *kind* takes."""
    if kind == "provider" and method == "GET":
        return "config:view"
    if kind != "alert":
        return f"{AREAS.get(kind, 'routes')}:{'view' if method == 'GET' else CHANGE.get(kind, 'change')}"
    return f"alerts:{VERBS['PUT' if path.endswith('/rollback') else method]}"


async def anything(objects: "Objects", name: str, config: Mapping[str, Any], tenant: str) -> None:
    """Whatever is good configuration will do."""


Check = Callable[["Objects", str, Mapping[str, Any], str], Awaitable[None]]
"""Refuses what a caller would have the object of a name say, in a tenant or (``SHARED``) for all of them."""


class Objects:
    """The objects of one kind, as one caller may see and change them."""

    def __init__(self, kind: str, who: Principal, to: AdminParts, check: "Check" = anything) -> None:
        """*check* may refuse what would be made and is good configuration."""
        self.kind = kind
        self._check = check
        self.section = SECTIONS[kind]
        self.who = who
        self.to = to

    async def listed(self) -> list[Shown]:
        """Return those in force for the caller, with what binds it told."""
        shown = await asyncio.to_thread(self.all)
        bound = {row.name for row in await self.to.objects.every(self.who.tenant_id, self.kind) if row.platform}
        for one in shown:
            one.platform = not one.shared and one.name in bound
        return shown

    def all(self) -> list[Shown]:
        """Return those in force for the caller: its own, and what all tenants share."""
        effective = self.to.live.effective
        rows = self._rows(effective)
        shown = {name: self._of_file(name, value) for name, value in getattr(effective.config, self.section).items()}
        shown |= {name: self.of_row(row) for name, row in rows.items()}
        return [shown[name] for name in sorted(shown)]

    async def one(self, name: str, shared: bool | None = None) -> Shown:
        """Return one; raise ``NotFound``."""
        row = await self.row(name, shared)
        if row is not None:
            return self.of_row(row)
        value = getattr(self.to.live.effective.config, self.section).get(name)
        if value is None or shared is False or name in self._shared(self.to.live.effective):
            raise NotFound(f"There is no such {self.kind.replace('_', ' ')}.", param="name")
        return self._of_file(name, value)

    async def row(self, name: str, shared: bool | None = None) -> ObjectRow | None:
        """Return the stored object that *name* stands for: the caller's own before the shared one."""
        if shared is not True and (own := await self.to.objects.get(self.who.tenant_id, self.kind, name)) is not None:
            return own
        return None if shared is False else await self.to.objects.get(SHARED, self.kind, name)

    async def put(self, name: str, change: Change, request: Request, *, new: bool = False) -> Shown:
        """Make or change an object; raise what the API answers with."""
        was = await self.row(name, change.shared)
        if was is None:
            if self.kind == "guardrail" and name in self._shared(self.to.live.effective):
                raise taken(self.kind, name)
            if self.kind != "cache" or change.shared is not False:  # a tenant's own stands before the shared one
                self._refuse_file(name, change.config)
        elif new:
            raise Conflict(f"There is a {self.kind} {name!r} already; PUT changes it.", param="name")
        elif change.shared is None and was.tenant_id == SHARED and not self.platform:
            raise taken(self.kind, name)
        shared = self.for_all(change.shared) if was is None else was.tenant_id == SHARED
        tenant = self._tenant(shared)
        by = author(request)
        platform = self._binding(was, change, tenant, by.tenant_id)
        row = msgspec.structs.replace(self.drawn(name, tenant, change.config, was), platform=platform)
        made = await asyncio.to_thread(self._try, row)
        if tenant != SHARED and (given := await self.to.tenancy.tenants.find(tenant, tenant)) is not None:
            within_given(given, self.kind, name, change.config, made)
        await self._check(self, name, change.config, tenant)
        if change.dry_run:
            return self.of_row(row)
        try:
            stored = await self.to.objects.put(
                tenant,
                self.kind,
                name,
                change.config,
                author=by,
                note=change.note,
                expect=0 if new else expected(request, was),
                platform=platform if self.platform else None,
            )
        except store.Bound:
            raise binding(self.kind) from None
        except store.Stale as found:
            raise stale(found) from None
        except store.TooMany:
            raise Conflict(f"There are {store.MAX_OBJECTS:,} of this kind already; remove one first.") from None
        return self.of_row(stored)

    async def remove(self, name: str, request: Request, shared: bool | None = None, note: str = "") -> None:
        """Remove an object; raise what the API answers with."""
        was = await self.row(name, shared)
        if was is None:
            await self.one(name, shared)
            raise of_the_file(self.kind, name, f"remove `{name}` below `{self.section}:`")
        tenant = self._tenant(was.tenant_id == SHARED)
        over = over_platform(self.who, permission(self.kind, "DELETE"))
        if was.platform and not over:
            raise binding(self.kind)
        await asyncio.to_thread(self._try, msgspec.structs.replace(was, version=was.version + 1, body=None))
        try:
            await self.to.objects.remove(
                tenant, self.kind, name, author=author(request), note=note, expect=expected(request, was), over=over
            )
        except store.Bound:
            raise binding(self.kind) from None
        except store.Stale as found:
            raise stale(found) from None

    async def versions(self, name: str, *, before: int | None, limit: int, shared: bool | None) -> list[VersionShown]:
        """Return the versions of an object, newest first; of one in the file, those that were loaded."""
        for tenant in self.tenants(shared):
            found = await self.to.objects.versions(tenant, self.kind, name, before=before, limit=limit)
            if found:
                return [version(self.kind, one) for one in found]
        loaded = [one for one in self._loaded(name) if before is None or one.version < before]
        if not loaded and before is None:
            raise NotFound(f"There is no such {self.kind.replace('_', ' ')}.", param="name")
        return loaded[::-1][:limit]

    async def version(self, name: str, number: int, shared: bool | None) -> VersionShown:
        """Return one version; raise ``NotFound``."""
        for tenant in self.tenants(shared):
            found = await self.to.objects.version(tenant, self.kind, name, number)
            if found is not None:
                return version(self.kind, found)
        for one in self._loaded(name):
            if one.version == number:
                return one
        raise NotFound(f"There is no version {number} of it here.", param="version")

    async def roll_back(self, name: str, asked: Rollback, request: Request) -> Shown:
        """Make an older version the newest; raise what the API answers with."""
        if await self.row(name, asked.shared) is None:
            self._refuse_file(name, {})
        version = await self.version(name, asked.version, asked.shared)
        if version.config is None:
            raise BadRequest(f"Version {asked.version} is where it was removed.", code="invalid_value", param="version")
        config = {"target": version.config} if self.kind == "alias" else version.config
        note = asked.note or f"back to version {asked.version}"
        return await self.put(name, Change(config=config, note=note, shared=asked.shared), request)

    def of_row(self, row: ObjectRow) -> Shown:
        """Return what is shown of a stored object."""
        return Shown(
            name=row.name,
            managed_by="database",
            shared=row.tenant_id == SHARED,
            platform=row.platform,
            version=row.version,
            etag=row.etag,
            config=entry(row),
            updated_at=instant(row.updated_at),
        )

    def for_all(self, asked: bool | None) -> bool:
        """Whether a new one is all tenants', by what was *asked*."""
        return bool(asked)

    @property
    def platform(self) -> bool:
        """Whether the caller's permission is over all tenants."""
        return over_platform(self.who, permission(self.kind, "PUT"))

    def _binding(self, was: ObjectRow | None, change: Change, tenant: str, by: str) -> bool:
        """Return whether an object binds its tenant when somebody of the tenant *by* has changed it; raise where that
        takes another."""
        if tenant == SHARED:
            if change.platform is not None:
                message = "What all tenants share is the platform's to change in any case: leave `platform` out."
                raise BadRequest(message, code="invalid_value", param="platform")
            return False
        given = was.platform if was is not None else by != tenant
        binds = given if change.platform is None else change.platform
        if (binds or (was is not None and was.platform)) and not self.platform:
            raise binding(self.kind)
        return binds

    def _rows(self, effective: Effective) -> dict[str, ObjectRow]:
        mine = [row for row in effective.rows if row.kind == self.kind]
        found = {row.name: row for row in mine if row.tenant_id == SHARED}
        return found | {row.name: row for row in mine if row.tenant_id == self.who.tenant_id}

    def _shared(self, effective: Effective) -> set[str]:
        return {row.name for row in effective.rows if row.kind == self.kind and row.tenant_id == SHARED}

    def tenants(self, shared: bool | None) -> list[str]:
        """Whose versions the caller may see."""
        own = [] if shared else [self.who.tenant_id]
        return [*own, SHARED] if shared is not False and self.platform else own

    def _tenant(self, shared: bool) -> str:
        if shared and not self.platform:
            raise Forbidden("What all tenants share is changed with a permission over all of them.", param="shared")
        return SHARED if shared else self.who.tenant_id

    def _of_file(self, name: str, value: Any) -> Shown:
        return Shown(
            name=name,
            managed_by="file",
            shared=True,
            platform=False,
            version=None,
            etag=None,
            config=self.shown(value),
            updated_at=None,
        )

    def shown(self, value: Any) -> Any:
        """Return what the file says of one, without secrets."""
        return msgspec.to_builtins(value, enc_hook=lambda _: "***")

    def _refuse_file(self, name: str, config: Mapping[str, Any]) -> None:
        effective = self.to.live.effective
        if name in getattr(effective.config, self.section) and name not in self._shared(effective):
            value = config.get("target") if self.kind == "alias" else config
            raise of_the_file(self.kind, name, f"{self.section}:\n  {name}: {msgspec.json.encode(value).decode()}")

    def drawn(self, name: str, tenant: str, config: dict[str, Any], was: ObjectRow | None) -> ObjectRow:
        """Return the object as it would be; raise ``BadRequest`` for what is no configuration."""
        body = msgspec.json.encode(config)
        if len(body) > MAX_CONFIG:
            raise BadRequest(
                f"config takes at most {MAX_CONFIG:,} bytes.", code="string_above_max_length", param="config"
            )
        if self.kind == "alias" and (config.keys() != {"target"} or not isinstance(config["target"], str)):
            raise BadRequest(
                'config of an alias is {"target": "a route or provider/model"}.', code="invalid_type", param="config"
            )
        at = now()
        return ObjectRow(
            id=was.id if was else "new",
            tenant_id=tenant,
            kind=self.kind,
            name=name,
            version=was.version + 1 if was else 1,
            body=body.decode(),
            created_at=was.created_at if was else at,
            updated_at=at,
        )

    def draft(self, name: str, config: dict[str, Any]) -> Compiled:
        """Return what would be in force, were the caller's own *name* what *config* says; raise ``BadRequest``."""
        return self._try(self.drawn(name, self.who.tenant_id, config, None))

    def _try(self, row: ObjectRow) -> Compiled:
        try:
            return self.to.live.tried(row)
        except ConfigError as error:
            raise faulty(error, self.section, row) from None

    def _loaded(self, name: str) -> list[VersionShown]:
        """What stood in the file for *name*, each time that it was another; oldest first."""
        found: list[VersionShown] = []
        for at, config in self.to.live.revisions:
            value = self.shown(getattr(config, self.section).get(name))
            if (found[-1].config if found else None) != value:
                found.append(
                    VersionShown(
                        version=len(found) + 1,
                        config=value,
                        author_kind="file",
                        author_id="",
                        note="as loaded",
                        created_at=datetime.fromtimestamp(at, UTC),
                    )
                )
        return found
