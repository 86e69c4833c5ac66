"""Objects that are configured by file or by API: routes, aliases, use cases. One way to see and change any kind.

What stands in the file is read-only here, and its versions are those that were loaded since the start. What is made
here is kept with every version it had; a change may say with ``If-Match`` which version it was made for.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import unquote

import msgspec
from fastapi import Depends, Request, Response
from pydantic import Field

from headgate.access.reach import reach
from headgate.access.types import Principal
from headgate.admin.fields import Answer, Body, Text, UtcTime, instant
from headgate.admin.parts import AdminParts
from headgate.admin.route import author, caller, parts
from headgate.config.compile import Compiled
from headgate.config.effective import SECTIONS, Effective, entry
from headgate.config.types import ConfigError
from headgate.core.errors import BadRequest, Conflict, Forbidden, NotFound, Stale
from headgate.storage import objects as store
from headgate.storage.object_rows import SHARED, ObjectRow

MAX_CONFIG = 65_536
"""Bytes of one object's configuration, as JSON."""
PERMISSION = "routes:change"

Who = Annotated[Principal, Depends(caller)]
Parts = Annotated[AdminParts, Depends(parts)]
Name = Annotated[Text, Field(min_length=1, max_length=200)]


class Change(Body):
    """Another version of an object."""

    config: dict[str, Any]
    """What would stand in the configuration file for it."""
    note: Annotated[Text, Field(max_length=500)] = ""
    """Why, for who looks at the versions."""
    shared: bool | None = None
    """For all tenants, which takes a permission over all of them. Without it: wherever the name is, else the own."""
    dry_run: bool = False
    """Say what would come of it, and change nothing."""


class NewObject(Change):
    """An object to be made."""

    name: Name


class Shown(Answer):
    """An object as it is."""

    name: str
    managed_by: str
    """``file``: it is changed in the configuration file alone; ``database``: here; ``built-in``: by another of its
    name."""
    shared: bool
    """It is all tenants', not this one's alone."""
    version: int | None
    etag: str | None
    config: Any
    updated_at: UtcTime | None


class ShownList(Answer):
    """Objects of one kind, by name."""

    data: list[Shown]


class VersionShown(Answer):
    """One version of an object."""

    version: int
    config: Any
    """``null`` where it was removed."""
    author_kind: str
    author_id: str
    note: str
    created_at: UtcTime


class VersionList(Answer):
    """Versions, newest first."""

    data: list[VersionShown]


class DiffLine(Answer):
    """One place in which two versions differ; what is absent is ``null``."""

    path: str
    before: Any
    after: Any


class Diff(Answer):
    """How two versions differ."""

    before: int
    after: int
    changes: list[DiffLine]


class Rollback(Body):
    """Which version to make anew."""

    version: Annotated[int, Field(ge=1)]
    note: Annotated[Text, Field(max_length=500)] = ""
    shared: bool | None = None


class Objects:
    """The objects of one kind, as one caller may see and change them."""

    def __init__(self, kind: str, who: Principal, to: AdminParts) -> None:
        self.kind = kind
        self.section = SECTIONS[kind]
        self.who = who
        self.to = to

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
            self._refuse_file(name, change.config)
        elif new:
            raise Conflict(f"There is a {self.kind} {name!r} already; PUT changes it.", param="name")
        elif change.shared is None and was.tenant_id == SHARED and not self.platform:
            raise Conflict(
                f"The {self.kind} {name!r} is shared by all tenants: give yours another name, or ask who runs this.",
                param="name",
            )
        shared = change.shared if was is None else was.tenant_id == SHARED
        tenant = self._tenant(bool(shared))
        row = self._drawn(name, tenant, change.config, was)
        await asyncio.to_thread(self._try, row)
        if change.dry_run:
            return self.of_row(row)
        try:
            made = await self.to.objects.put(
                tenant,
                self.kind,
                name,
                change.config,
                author=author(request),
                note=change.note,
                expect=0 if new else expected(request, was),
            )
        except store.Stale as stale:
            raise _stale(stale) from None
        except store.TooMany:
            raise Conflict(f"There are {store.MAX_OBJECTS:,} of this kind already; remove one first.") from None
        return self.of_row(made)

    async def remove(self, name: str, request: Request, shared: bool | None = None, note: str = "") -> None:
        """Remove an object; raise what the API answers with."""
        was = await self.row(name, shared)
        if was is None:
            await self.one(name, shared)
            raise of_the_file(self.kind, name, f"remove `{name}` below `{self.section}:`")
        tenant = self._tenant(was.tenant_id == SHARED)
        await asyncio.to_thread(self._try, msgspec.structs.replace(was, version=was.version + 1, body=None))
        try:
            await self.to.objects.remove(
                tenant, self.kind, name, author=author(request), note=note, expect=expected(request, was)
            )
        except store.Stale as stale:
            raise _stale(stale) from None

    async def versions(self, name: str, *, before: int | None, limit: int, shared: bool | None) -> list[VersionShown]:
        """Return the versions of an object, newest first; of one in the file, those that were loaded."""
        for tenant in self._tenants(shared):
            found = await self.to.objects.versions(tenant, self.kind, name, before=before, limit=limit)
            if found:
                return [_version(self.kind, one) for one in found]
        loaded = [one for one in self._loaded(name) if before is None or one.version < before]
        if not loaded and before is None:
            raise NotFound(f"There is no such {self.kind.replace('_', ' ')}.", param="name")
        return loaded[::-1][:limit]

    async def version(self, name: str, number: int, shared: bool | None) -> VersionShown:
        """Return one version; raise ``NotFound``."""
        for tenant in self._tenants(shared):
            found = await self.to.objects.version(tenant, self.kind, name, number)
            if found is not None:
                return _version(self.kind, found)
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
            version=row.version,
            etag=row.etag,
            config=entry(row),
            updated_at=instant(row.updated_at),
        )

    @property
    def platform(self) -> bool:
        """Whether the caller's permission is over all tenants."""
        found = reach(self.who, PERMISSION)
        return found is not None and found.platform

    def _rows(self, effective: Effective) -> dict[str, ObjectRow]:
        mine = [row for row in effective.rows if row.kind == self.kind]
        found = {row.name: row for row in mine if row.tenant_id == SHARED}
        return found | {row.name: row for row in mine if row.tenant_id == self.who.tenant_id}

    def _shared(self, effective: Effective) -> set[str]:
        return {row.name for row in effective.rows if row.kind == self.kind and row.tenant_id == SHARED}

    def _tenants(self, shared: bool | None) -> list[str]:
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
            version=None,
            etag=None,
            config=msgspec.to_builtins(value),
            updated_at=None,
        )

    def _refuse_file(self, name: str, config: Mapping[str, Any]) -> None:
        effective = self.to.live.effective
        if name in getattr(effective.config, self.section) and name not in self._shared(effective):
            value = config.get("target") if self.kind == "alias" else config
            raise of_the_file(self.kind, name, f"{self.section}:\n  {name}: {msgspec.json.encode(value).decode()}")

    def _drawn(self, name: str, tenant: str, config: dict[str, Any], was: ObjectRow | None) -> ObjectRow:
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
        now = int(datetime.now(UTC).timestamp() * 1e6)
        return ObjectRow(
            id=was.id if was else "new",
            tenant_id=tenant,
            kind=self.kind,
            name=name,
            version=was.version + 1 if was else 1,
            body=body.decode(),
            created_at=was.created_at if was else now,
            updated_at=now,
        )

    def draft(self, name: str, config: dict[str, Any]) -> Compiled:
        """Return what would be in force, were the caller's own *name* what *config* says; raise ``BadRequest``."""
        return self._try(self._drawn(name, self.who.tenant_id, config, None))

    def _try(self, row: ObjectRow) -> Compiled:
        try:
            return self.to.live.tried(row)
        except ConfigError as error:
            raise faulty(error, self.section, row) from None

    def _loaded(self, name: str) -> list[VersionShown]:
        """What stood in the file for *name*, each time that it was another; oldest first."""
        found: list[VersionShown] = []
        for at, config in self.to.live.revisions:
            value = msgspec.to_builtins(getattr(config, self.section).get(name))
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


def faulty(error: ConfigError, section: str, row: ObjectRow) -> BadRequest | Conflict:
    """Return the answer to a configuration that does not fit: its first fault, and where in ``config`` it is."""
    start = f"{section}.{row.name}"
    own = [problem for problem in error.problems if problem.path == start or problem.path.startswith(f"{start}.")]
    if row.body is None or not own:
        first = error.problems[0]
        return Conflict(f"Something else would be wrong then: {first.path}: {first.message}.", code="in_use")
    others = f" ({len(own)} faults in all.)" if len(own) > 1 else ""
    path = "config" + own[0].path.removeprefix(start)
    if path == "config" and section == "aliases":
        path = "config.target"
    return BadRequest(f"{path} {own[0].message}.{others}", code="invalid_value", param=path)


def of_the_file(kind: str, name: str, change: str) -> Conflict:
    """Return the refusal to change what the file has."""
    return Conflict(
        f"The {kind.replace('_', ' ')} {name!r} is managed by the configuration file, "
        f"where this is the change to make: {change}",
        code="managed_by_file",
        param="name",
    )


def expected(request: Request, was: ObjectRow | None) -> int | None:
    """Return the version that a request was made for, by its ``If-Match`` and ``If-None-Match``; raise ``Stale``."""
    if request.headers.get("if-none-match", "").strip() == "*":
        return 0
    wanted = request.headers.get("if-match")
    if wanted is None or wanted.strip() == "*":
        return None
    tags = [tag.strip() for tag in wanted.split(",")]
    if was is None or was.etag not in tags:
        raise _stale(store.Stale(was))
    return was.version


def _stale(stale: store.Stale) -> Stale:
    now = "it does not exist" if stale.now is None else f"it is at version {stale.now.version}, ETag {stale.now.etag}"
    return Stale(f"It is not what this change was made for: {now}. Read it again, then change it.", param="If-Match")


def plain(name: str) -> str:
    """Return the name that stands in a path, where slashes are written ``%2F``; raise ``NotFound`` for none."""
    name = unquote(name, errors="replace")
    if len(name) > 200 or not name.isprintable():
        raise NotFound("There is nothing of that name.", param="name")
    return name


def tagged(shown: Any, response: Response) -> Any:
    """Return *shown*, with its ETag among the headers of *response*."""
    if shown.etag is not None:
        response.headers["etag"] = shown.etag
    return shown


def _version(kind: str, one: Any) -> VersionShown:
    config = None if one.body is None else msgspec.json.decode(one.body)
    return VersionShown(
        version=one.version,
        config=config["target"] if kind == "alias" and config is not None else config,
        author_kind=one.author_kind,
        author_id=one.author_id,
        note=one.note,
        created_at=instant(one.created_at),
    )


def differences(before: Any, after: Any, path: str = "") -> list[DiffLine]:
    """Return the places in which two JSON values differ, in the order of their paths."""
    if before == after:
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        names = sorted({*before, *after})
        return [line for n in names for line in differences(before.get(n), after.get(n), f"{path}.{n}".strip("."))]
    if isinstance(before, list) and isinstance(after, list):
        count = max(len(before), len(after))
        pairs = [(_at(before, n), _at(after, n), f"{path}[{n}]") for n in range(count)]
        return [line for one, other, where in pairs for line in differences(one, other, where)]
    return [DiffLine(path=path, before=before, after=after)]


def _at(values: list[Any], place: int) -> Any:
    return values[place] if place < len(values) else None
