"""``/billing/imports``: what providers exported of the usage they charge for, beside what we say of it."""

from base64 import b64decode
from hashlib import sha256
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Response
from pydantic import Field, field_validator

from headgate.access.types import Principal
from headgate.admin.billing import HTML, Before, Limit, billing_route
from headgate.admin.crud import By, PageOf, Parts, Who, as_page, found
from headgate.admin.fields import Answer, Body, UtcTime, instant, object_id
from headgate.admin.grants import may_bill
from headgate.admin.levels import Word
from headgate.billing.compare import compare, corrections, page, span, told, totals
from headgate.billing.exports import Format, Told, Unreadable, read
from headgate.core.errors import BadRequest, Conflict
from headgate.core.ids import new_id, now
from headgate.storage.billing_rows import ImportRow
from headgate.storage.owned import Taken

MAX_FILE = 700_000


class NewImport(Body):
    """What a provider exported: text, or base64 of it."""

    provider: Word
    """The account whose usage it is."""
    format: Format
    data: Annotated[str, Field(min_length=1, max_length=MAX_FILE)]
    encoding: Literal["text", "base64"] = "text"
    columns: dict[str, Annotated[str, Field(max_length=200)]] = Field(default_factory=dict)
    """Of a CSV of another provider: day, model, requests, input, output, cached, cache_write, cost_usd."""
    correct: bool = True
    """Correct charges that nobody was sure of: for who administers the platform, or within its own tenant."""

    @field_validator("columns")
    @classmethod
    def _known(cls, columns: dict[str, str]) -> dict[str, str]:
        known = {"day", "model", "requests", "input", "output", "cached", "cache_write", "cost_usd"}
        if unknown := columns.keys() - known:
            raise ValueError(f"names {', '.join(sorted(unknown))}; it knows {', '.join(sorted(known))}")
        return columns


class DriftLine(Answer):
    """One kind of one model, of one UTC day or of all; drift is how much more we counted."""

    day: str
    model: str
    kind: str
    ours: int | str
    theirs: int | str | None
    drift: int | str | None


class Import(Answer):
    """What a provider said, beside what we say."""

    id: str
    provider: str
    format: str
    made_at: UtcTime
    corrected: int | None = None
    """Charges that were corrected by it just now."""
    totals: list[DriftLine] | None = None
    days: list[DriftLine] | None = None


class Imports(PageOf[Import]):
    """A page of imports, latest first; ``next`` is the ``before`` of the following one."""


async def list_imports(who: Who, to: Parts, before: Before = "", limit: Limit = 50) -> Imports:
    """Return what providers said, latest first."""
    rows = await to.money.imports.list(who.tenant_id, before=before, limit=limit + 1)
    return as_page(Imports, rows, limit, _import)


async def create_import(body: NewImport, who: Who, to: Parts, by: By) -> Import:
    """Set what a provider says beside what we say, and correct charges in doubt by it."""
    if body.correct:
        may_bill(who, "billing:create", "This corrects charges", "correct")
    data = _data(body)
    try:
        said = read(body.format, data, body.columns)
    except Unreadable as error:
        raise BadRequest(
            f"This cannot be read as {body.format}: {error}.", code="unreadable_export", param="data"
        ) from None
    if not said:
        raise BadRequest("There is nothing in it.", code="unreadable_export", param="data")
    row = ImportRow(
        id=new_id(),
        tenant_id=who.tenant_id,
        provider=body.provider,
        format=body.format,
        digest=sha256(data).hexdigest(),
        lines=msgspec.json.encode(said).decode(),
        made_at=now(),
    )
    try:
        await to.money.imports.add(row, by)
    except Taken:
        raise Conflict("That file was given before.", code="given_before", param="data") from None
    corrected = await _correct(to, who, row, said, by) if body.correct else 0
    return await _compared(to, who, row, said, corrected)


async def get_import(id: str, who: Who, to: Parts) -> Import:
    """Return what a provider said beside what we say now, day by day."""
    row, said = await _said(to, who, id)
    return await _compared(to, who, row, said, None)


async def show_import(id: str, who: Who, to: Parts) -> Response:
    """Return the same as a page, with a chart."""
    row, said = await _said(to, who, id)
    drifts = compare(await to.money.imports.ours(who.tenant_id, row.provider, *span(said)), said)
    return Response(page(row.provider, drifts), media_type="text/html; charset=utf-8", headers=HTML)


async def _said(to: Any, who: Principal, id: str) -> tuple[ImportRow, list[Told]]:
    row = found(await to.money.imports.get(who.tenant_id, object_id(id, "import")), "import")
    return row, msgspec.json.decode(row.lines, type=list[Told])


async def _correct(to: Any, who: Principal, row: ImportRow, said: list[Told], by: Any) -> int:
    first, end = span(said)
    imports = to.money.imports
    charges = await imports.uncertain(who.tenant_id, row.provider, first, end)
    ours = await imports.ours(who.tenant_id, row.provider, first, end)
    budgets = await to.money.budgets.every(who.tenant_id)
    done: int = await imports.correct(row.id, corrections(charges, ours, said, budgets), by)
    return done


async def _compared(to: Any, who: Principal, row: ImportRow, said: list[Told], corrected: int | None) -> Import:
    drifts = compare(await to.money.imports.ours(who.tenant_id, row.provider, *span(said)), said)
    made = _import(row)
    made.corrected = corrected
    made.totals = [DriftLine(**told(one)) for one in totals(drifts)]
    made.days = [DriftLine(**told(one)) for one in drifts]
    return made


def _data(body: NewImport) -> bytes:
    if body.encoding == "text":
        return body.data.encode()
    try:
        return b64decode(body.data, validate=True)
    except ValueError:
        raise BadRequest("data is not base64.", code="invalid_parameter", param="data") from None


def _import(row: ImportRow) -> Import:
    return Import(id=row.id, provider=row.provider, format=row.format, made_at=instant(row.made_at))


ROUTES = (
    billing_route("GET", "/imports", "view", list_imports, "What providers said"),
    billing_route(
        "POST", "/imports", "create", create_import, "Take over what a provider exported", status=201,
        writes=tuple(NewImport.model_fields),
    ),
    billing_route("GET", "/imports/{id}", "view", get_import, "What a provider said beside what we say"),
    billing_route("GET", "/imports/{id}/page", "view", show_import, "The same as a page"),
)  # fmt: skip
