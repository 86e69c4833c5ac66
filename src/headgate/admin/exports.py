"""``/exports``: finished calls as files, made in the background, to be fetched or put into a store."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from fastapi import Depends
from fastapi.responses import FileResponse
from pydantic import Field

from headgate.access.reach import reach
from headgate.access.types import Principal
from headgate.admin.crud import By
from headgate.admin.fields import Answer, Body, Instant, Text, Usd, UtcTime, instant, micros, object_id
from headgate.admin.parts import AdminParts
from headgate.admin.route import Route, caller, parts
from headgate.core.errors import BadRequest, Conflict, Forbidden, NotFound
from headgate.core.ids import new_id, now
from headgate.core.money import nano_from_usd
from headgate.observe.archive.files import Part, parquet_missing
from headgate.observe.log_filter import LogFilter
from headgate.storage.exports import ExportRow, State
from headgate.storage.owned import Full, act

Who = Annotated[Principal, Depends(caller)]
Parts = Annotated[AdminParts, Depends(parts)]
Format = Literal["jsonl", "parquet"]
Short = Annotated[Text, Field(max_length=256)]
TYPES = {"jsonl": "application/x-ndjson", "parquet": "application/vnd.apache.parquet"}
FILTERS = (
    "key_id", "team_id", "app_id", "user_id", "end_user", "tags", "model", "provider", "surface", "status", "code",
    "route",
)  # fmt: skip
_parts = msgspec.json.Decoder(list[Part]).decode


class NewExport(Body):
    """Which calls, as what, and where to. Filters are those of the log."""

    format: Format = "jsonl"
    payloads: bool = False
    """Also what was said, as far as it was kept: this takes payloads:view."""
    store: Annotated[Text, Field(min_length=1, max_length=64)] | None = None
    """One of the stores of the configuration; without it the files are to be fetched here."""
    since: Instant | None = None
    until: Instant | None = None
    """Before this instant; without it, up to now."""
    key_id: Short | None = None
    team_id: Short | None = None
    app_id: Short | None = None
    user_id: Short | None = None
    end_user: Short | None = None
    tags: Annotated[tuple[Short, ...], Field(max_length=20)] = ()
    """All of them."""
    model: Short | None = None
    provider: Short | None = None
    surface: Short | None = None
    status: Literal["success", "fallback", "failure"] | None = None
    code: Short | None = None
    route: Short | None = None
    min_cost: Usd | None = None


class FileAnswer(Answer):
    """One file."""

    name: str
    rows: int
    bytes: int
    sha256: str
    where: str
    """Where it was put; empty where it is to be fetched."""


class Export(Answer):
    """An export, and how far it is."""

    id: str
    state: State
    format: Format
    payloads: bool
    store: str | None
    rows: int
    done: float
    """The share of its time that was gone through, 0 to 1."""
    files: list[FileAnswer]
    error: str | None
    created_at: UtcTime
    updated_at: UtcTime


class Exports(Answer):
    """The latest exports."""

    data: list[Export]


async def list_exports(who: Who, to: Parts) -> Exports:
    """Return the latest exports of the tenant, at most 100."""
    return Exports(data=[_shown(row) for row in await to.exports.store.page(who.tenant_id)])


async def create_export(body: NewExport, who: Who, to: Parts, by: By) -> Export:
    """Begin an export."""
    if body.payloads:
        _may_see_payloads(who)
    if body.format == "parquet" and (missing := parquet_missing()) is not None:
        raise BadRequest(f"{missing}.", code="parquet_not_installed", param="format")
    if body.store is not None:
        _known(body.store, to)
    at = now()
    until = min(micros(body.until), at) if body.until is not None else at
    since = micros(body.since) if body.since is not None else None
    if since is not None and since >= until:
        raise BadRequest("since is not before until.", code="invalid_parameter", param="since")
    where = LogFilter(
        since=since,
        until=until,
        min_cost=nano_from_usd(str(body.min_cost)) if body.min_cost is not None else None,
        **{name: getattr(body, name) for name in FILTERS},
    )
    row = ExportRow(
        id=new_id(),
        tenant_id=who.tenant_id,
        format=body.format,
        payloads=body.payloads,
        place=body.store,
        filter=msgspec.json.encode(where).decode(),
        since=since,
        until=until,
        author_kind=by.kind,
        author_id=by.id,
        created_at=at,
        updated_at=at,
    )
    asked = body.model_dump(mode="json", exclude_defaults=True)
    try:
        row = await to.exports.store.add(row, act(by, "exports:create", "export", row.id, who.tenant_id, after=asked))
    except Full as error:
        raise Conflict(f"The tenant has {error} under way. Wait for one, or stop one.", code="too_many") from None
    return _shown(row)


async def get_export(id: str, who: Who, to: Parts) -> Export:
    """Return one export."""
    return _shown(await _found(id, who, to))


async def cancel_export(id: str, who: Who, to: Parts, by: By) -> Export:
    """Stop an export that is under way, and remove the files of one that is not. What is in a store stays there."""
    row = await _found(id, who, to)
    await to.exports.store.cancel(who.tenant_id, row.id, act(by, "exports:delete", "export", row.id, who.tenant_id))
    return _shown(await _found(id, who, to))


async def get_export_file(id: str, name: str, who: Who, to: Parts, by: By) -> FileResponse:
    """Return one file of an export that is done."""
    row = await _found(id, who, to)
    if row.payloads:
        _may_see_payloads(who)
    part = next((part for part in _parts(row.parts) if part.name == name), None)
    if part is None:
        raise NotFound("The export has no such file.")
    if part.where:
        raise Conflict(f"The file is not here: it was put into {part.where}.", code="export_elsewhere")
    path = to.exports.folder / row.id / part.name
    if row.node != to.exports.node or not _is_file(path):
        raise Conflict("The file is on the machine that made it: ask there.", code="export_elsewhere")
    entry = act(by, "exports:view", "export", row.id, who.tenant_id, after={"file": part.name})
    await to.exports.store.noted(entry)
    name = f"{row.id}-{part.name}"
    return FileResponse(path, media_type=TYPES[row.format], filename=name, headers={"x-sha256": part.sha256})


def _is_file(path: Path) -> bool:
    return path.is_file()


def _known(name: str, to: AdminParts) -> None:
    stores = to.live.effective.config.observe.stores
    if name not in stores:
        listed = f"; there are {', '.join(sorted(stores))}" if stores else ": the configuration has none"
        raise BadRequest(f"There is no store {name!r}{listed}.", code="unknown_store", param="store")


def _may_see_payloads(who: Principal) -> None:
    far = reach(who, "payloads:view")
    if far is None or far.narrow:
        raise Forbidden("What was said takes the permission payloads:view over the whole tenant.", param="payloads")


async def _found(id: str, who: Principal, to: AdminParts) -> ExportRow:
    row = await to.exports.store.get(who.tenant_id, object_id(id, "export"))
    if row is None:
        raise NotFound("There is no such export.")
    return row


def _shown(row: ExportRow) -> Export:
    files = [FileAnswer(**msgspec.structs.asdict(part)) for part in _parts(row.parts)]
    return Export(
        id=row.id,
        state=row.state,
        format=row.format,
        payloads=row.payloads,
        store=row.place,
        rows=row.rows,
        done=_share(row),
        files=files,
        error=row.error,
        created_at=instant(row.created_at),
        updated_at=instant(row.updated_at),
    )


def _share(row: ExportRow) -> float:
    """Return how much of its time an export has gone through: it goes from the latest call to the earliest."""
    if row.state == "done":
        return 1.0
    if row.cursor is None or row.since is None or row.until <= row.since:
        return 0.0
    at: int = msgspec.json.decode(row.cursor)[0]
    return round(min(max((row.until - at) / (row.until - row.since), 0.0), 1.0), 4)


ROUTES = (
    Route(
        method="GET",
        path="/exports",
        permission="exports:view",
        endpoint=list_exports,
        summary="Exports of calls",
        object="export",
        tag="exports",
    ),
    Route(
        method="POST",
        path="/exports",
        permission="exports:create",
        endpoint=create_export,
        summary="Begin an export",
        status=201,
        object="export",
        tag="exports",
        writes=tuple(NewExport.model_fields),
    ),
    Route(
        method="GET",
        path="/exports/{id}",
        permission="exports:view",
        endpoint=get_export,
        summary="An export",
        object="export",
        tag="exports",
    ),
    Route(
        method="DELETE",
        path="/exports/{id}",
        permission="exports:create",
        endpoint=cancel_export,
        summary="Stop an export, or remove its files",
        object="export",
        tag="exports",
    ),
    Route(
        method="GET",
        path="/exports/{id}/files/{name}",
        permission="exports:view",
        endpoint=get_export_file,
        summary="A file of an export",
        object="export",
        tag="exports",
    ),
)
