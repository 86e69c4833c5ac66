"""What is sent and answered about objects that are configured, and how versions of them are told apart."""

from typing import Annotated, Any
from urllib.parse import unquote

import msgspec
from fastapi import Request, Response
from pydantic import Field

from headgate.admin.fields import Answer, Body, Text, UtcTime, instant
from headgate.core.errors import NotFound, Stale
from headgate.storage import objects as store
from headgate.storage.object_rows import ObjectRow, VersionRow

Name = Annotated[Text, Field(min_length=1, max_length=200)]


class Change(Body):
    """Another version of an object."""

    config: dict[str, Any]
    """What would stand in the configuration file for it."""
    note: Annotated[Text, Field(max_length=500)] = ""
    """Why, for who looks at the versions."""
    shared: bool | None = None
    """For all tenants, which takes a permission over all of them. Without it: wherever the name is, else the own."""
    platform: bool | None = None
    """It binds the tenant: who administers the platform alone changes it. Without it: as it was; what who does so makes
    for another tenant binds that."""
    dry_run: bool = False
    """Say what would come of it, and change nothing."""


class NewObject(Change):
    """An object to be made."""

    name: Name


class Shown(Answer):
    """An object as it is."""

    name: str
    managed_by: str
    """``file``: it is changed in the configuration file alone; ``database``: here; ``built-in``, or ``found`` on this
    machine or by its key: by another of its name."""
    shared: bool
    """It is all tenants', not this one's alone."""
    platform: bool
    """It binds the tenant: who administers the platform alone changes it."""
    version: int | None
    etag: str | None
    config: Any
    updated_at: UtcTime | None


class ShownList(Answer):
    """Objects of one kind, by name."""

    data: list[Shown]


Number = Annotated[int, Field(ge=1, le=2**31 - 1)]
"""The number of a version, as the store can hold it."""


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

    version: Number
    note: Annotated[Text, Field(max_length=500)] = ""
    shared: bool | None = None


def expected(request: Request, was: ObjectRow | None) -> int | None:
    """Return the version that a request was made for, by its ``If-Match`` and ``If-None-Match``; raise ``Stale``."""
    if request.headers.get("if-none-match", "").strip() == "*":
        return 0
    wanted = request.headers.get("if-match")
    if wanted is None or wanted.strip() == "*":
        return None
    tags = [tag.strip() for tag in wanted.split(",")]
    if was is None or was.etag not in tags:
        raise stale(store.Stale(was))
    return was.version


def stale(found: store.Stale) -> Stale:
    """Return the answer to a change that was made for another version."""
    now = "it does not exist" if found.now is None else f"it is at version {found.now.version}, ETag {found.now.etag}"
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


def version(kind: str, one: VersionRow) -> VersionShown:
    """Return what is shown of a stored version."""
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
