"""``/billing``: who pays for what, what it will come to, invoices and reports, and what providers say of it."""

from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Query, Response
from pydantic import BaseModel, Field

from headgate.access.types import Principal
from headgate.admin.budgets import Coming, coming_of
from headgate.admin.crud import By, PageOf, Parts, Who, as_page, found
from headgate.admin.fields import Answer, Body, UsdText, UtcTime, instant, object_id
from headgate.admin.levels import Id
from headgate.admin.route import Route
from headgate.billing.calendar import day_of, former, span_of, zone
from headgate.billing.chargeback import By as Dimension
from headgate.billing.chargeback import Chargeback, Line
from headgate.billing.invoice import Issuer, NotOver, sheet
from headgate.core.errors import BadRequest, Conflict
from headgate.core.ids import now
from headgate.core.money import usd
from headgate.core.sheet import line as csv_line
from headgate.storage.billing_rows import InvoiceRow
from headgate.storage.bills import Account

MAX_DAYS = 800
PATH = "/billing"
HTML = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "x-content-type-options": "nosniff",
}


class ChargebackQuery(BaseModel):
    """Which days, by what, and of whom."""

    by: Dimension = "team"
    first: date | None = None
    """Without it, the first day of this month."""
    end: date | None = None
    """The day after the last; without it, the first day of the next month."""
    team: Annotated[str, Field(max_length=128)] | None = None
    app: Annotated[str, Field(max_length=128)] | None = None
    user: Annotated[str, Field(max_length=128)] | None = None
    key: Annotated[str, Field(max_length=128)] | None = None
    provider: Annotated[str, Field(max_length=128)] | None = None
    model: Annotated[str, Field(max_length=200)] | None = None

    def where(self) -> dict[str, str]:
        """Return what it is narrowed to."""
        kinds = ("team", "app", "user", "key", "provider", "model")
        return {kind: value for kind in kinds if (value := getattr(self, kind)) is not None}


class ChargeLine(Answer):
    """Sums under one name. What providers charge is the cost; what the tenant pays is billed."""

    id: str
    name: str
    calls: int
    unpriced: int
    uncertain: int
    input: int
    output: int
    cached: int
    cache_write: int
    reasoning: int
    cost_usd: UsdText
    billed_usd: UsdText


class Adjustment(Answer):
    """What charges of a key and a model were corrected by."""

    key_id: str
    model: str
    usd: UsdText


class ChargebackAnswer(Answer):
    """Days added up. A call with two tags stands under both."""

    by: Dimension
    first: date
    end: date
    zone: str
    data: list[ChargeLine]
    total: ChargeLine
    adjustments: list[Adjustment]
    due_usd: UsdText


class ForecastAnswer(Answer):
    """What the month that runs will have cost, by what is billed."""

    first: date
    end: date
    zone: str
    forecast: Coming | None


class NewInvoice(Body):
    """Which invoice or report is to be issued. Without a day, that of the last month or week that is over."""

    kind: Literal["invoice", "report"] = "invoice"
    day: date | None = None
    """Any day of the month or week."""
    app_id: Id | None = None
    """Whose report."""
    channel_ids: Annotated[tuple[Id, ...], Field(max_length=20)] = ()
    """Whom it is sent to."""


class Sending(Body):
    """Whom it is sent to."""

    channel_ids: Annotated[tuple[Id, ...], Field(min_length=1, max_length=20)]


class Invoice(Answer):
    """An invoice or a report. It stays as it was issued; its digest stands in the audit log as well."""

    id: str
    number: str
    kind: Literal["invoice", "report"]
    app_id: str | None
    first: date
    end: date
    total_usd: UsdText
    digest: str
    issued_at: UtcTime


class Invoices(PageOf[Invoice]):
    """A page of them, latest first; ``next`` is the ``before`` of the following one."""


class Sent(Answer):
    """The messages that are on their way."""

    message_ids: list[str]


Before = Annotated[str, Query(max_length=64)]
Limit = Annotated[int, Query(ge=1, le=200)]


async def get_chargeback(who: Who, to: Parts, query: Annotated[ChargebackQuery, Query()]) -> ChargebackAnswer:
    """Return who pays for what."""
    account = await account_of(to, who)
    made = await _charged(to, account, query)
    return ChargebackAnswer(
        by=query.by,
        first=made.first,
        end=made.end,
        zone=account.zone,
        data=[_line(one) for one in made.lines],
        total=_line(made.total),
        adjustments=[Adjustment(key_id=one.key_id, model=one.model, usd=usd(one.nano)) for one in made.adjusted],
        due_usd=usd(made.due),
    )


async def export_chargeback(who: Who, to: Parts, query: Annotated[ChargebackQuery, Query()]) -> Response:
    """Return who pays for what as a table."""
    made = await _charged(to, await account_of(to, who), query)
    columns = tuple(ChargeLine.model_fields)
    lines = [_line(one).model_dump() for one in [*made.lines, made.total]]
    text = csv_line(columns) + "".join(csv_line(line[name] for name in columns) for line in lines)
    return _file(text, "text/csv; charset=utf-8", f"{query.by}-{made.first}.csv")


async def _charged(to: Any, account: Account, query: ChargebackQuery) -> Chargeback:
    this_first, this_end = span_of("month", _today(account))
    first = query.first or this_first
    end = query.end or (this_end if query.first is None else span_of("month", first)[1])
    if not first < end:
        raise BadRequest("first must be before end.", code="invalid_parameter", param="first")
    if (end - first).days > MAX_DAYS:
        raise BadRequest(f"At most {MAX_DAYS} days at a time.", code="invalid_parameter", param="first")
    made: Chargeback = await to.money.office.chargeback(account, query.by, first, end, where=query.where() or None)
    return made


async def get_forecast(
    who: Who, to: Parts, team: Annotated[str | None, Query(max_length=128)] = None,
    app: Annotated[str | None, Query(max_length=128)] = None,
) -> ForecastAnswer:  # fmt: skip
    """Return what this month will have cost at its end."""
    account = await account_of(to, who)
    first, end = span_of("month", _today(account))
    where = {kind: id for kind, id in (("team", team), ("app", app)) if id is not None}
    coming = await to.money.office.forecast(account, first, end, where or None)
    return ForecastAnswer(first=first, end=end, zone=account.zone, forecast=coming_of(coming, "nano"))


async def list_invoices(
    who: Who, to: Parts, kind: Annotated[Literal["invoice", "report"] | None, Query()] = None,
    app_id: Annotated[str | None, Query(max_length=128)] = None, before: Before = "", limit: Limit = 50,
) -> Invoices:  # fmt: skip
    """Return what was issued, latest first."""
    rows = await to.money.bills.invoices(who.tenant_id, kind=kind, subject_id=app_id, before=before, limit=limit + 1)
    return as_page(Invoices, rows, limit, _invoice)


async def create_invoice(body: NewInvoice, who: Who, to: Parts, by: By) -> Invoice:
    """Issue the invoice of a month or the report of an app's week. What was issued before is returned as it is."""
    account = await account_of(to, who)
    if (body.app_id is not None) != (body.kind == "report"):
        raise BadRequest("A report is of an app, an invoice of none.", code="invalid_parameter", param="app_id")
    names = await to.money.bills.names(who.tenant_id, "app_id") if body.app_id is not None else {}
    if body.app_id is not None and body.app_id not in names:
        raise BadRequest("app_id names no app.", code="invalid_parameter", param="app_id")
    await _channels(to, who, body.channel_ids)
    issuer: Issuer = to.money.issuer
    day = body.day or former("month" if body.kind == "invoice" else "week", _today(account))[0]
    try:
        row = await issuer.issue(account, body.kind, day, by, body.app_id or "")
    except NotOver:
        raise Conflict(
            "That month or week is not over: GET /billing/chargeback shows it so far.", code="not_over"
        ) from None
    if body.channel_ids:
        await to.money.bills.send(row, body.channel_ids, by)
    return _invoice(row)


async def get_invoice(
    id: str, who: Who, to: Parts, format: Annotated[Literal["json", "html", "csv"], Query()] = "json"
) -> Response:
    """Return an invoice or a report as it was issued: as a page, as a table, or all of it in JSON."""
    row: InvoiceRow = found(await to.money.bills.invoice(who.tenant_id, object_id(id, "invoice")), "invoice")
    if format == "html":
        return Response(row.html, media_type="text/html; charset=utf-8", headers=HTML)
    if format == "csv":
        return _file(sheet(msgspec.json.decode(row.content)), "text/csv; charset=utf-8", f"{row.number}.csv")
    return Response(row.content, media_type="application/json")


async def send_invoice(id: str, body: Sending, who: Who, to: Parts, by: By) -> Sent:
    """Send an invoice or a report through channels."""
    row = found(await to.money.bills.invoice(who.tenant_id, object_id(id, "invoice")), "invoice")
    await _channels(to, who, body.channel_ids)
    return Sent(message_ids=await to.money.bills.send(row, body.channel_ids, by))


async def account_of(to: Any, who: Principal) -> Account:
    """Return the tenant that is spoken of; the installation's own is there before anything is stored of it."""
    id = who.tenant_id
    return await to.money.bills.account(id) or Account(id=id, name=id, email=None, zone="UTC", settings="{}")


async def _channels(to: Any, who: Principal, ids: tuple[str, ...]) -> None:
    for id in ids:
        if await to.money.bills.channels.find(who.tenant_id, id) is None:
            raise BadRequest("channel_ids names no channel.", code="invalid_parameter", param="channel_ids")


def _today(account: Account) -> date:
    return day_of(now(), zone(account.zone))


def _line(line: Line) -> ChargeLine:
    fields = msgspec.structs.asdict(line)
    cost, billed = usd(fields.pop("cost_nano")), usd(fields.pop("billed_nano"))
    return ChargeLine(**fields, cost_usd=cost, billed_usd=billed)


def _invoice(row: InvoiceRow) -> Invoice:
    return Invoice(
        id=row.id,
        number=row.number,
        kind=row.kind,  # type: ignore[arg-type]  # one of two
        app_id=row.subject_id or None,
        first=date.fromisoformat(row.starts),
        end=date.fromisoformat(row.ends),
        total_usd=usd(row.total_nano),
        digest=row.digest,
        issued_at=instant(row.issued_at),
    )


def _file(text: str, media: str, name: str) -> Response:
    return Response(text, media_type=media, headers={"content-disposition": f'attachment; filename="{name}"'})


def billing_route(method: Any, path: str, verb: str, endpoint: Any, summary: str, **more: Any) -> Route:
    """Return a route below ``/billing``."""
    about: dict[str, Any] = {"object": path.strip("/").partition("/")[0].rstrip("s"), "tag": "billing"}
    permission = f"billing:{verb}"
    return Route(
        method=method, path=PATH + path, permission=permission, endpoint=endpoint, summary=summary, **(about | more)
    )


ROUTES = (
    billing_route("GET", "/chargeback", "view", get_chargeback, "Who pays for what"),
    billing_route("GET", "/chargeback/export", "view", export_chargeback, "Who pays for what, as a table"),
    billing_route("GET", "/forecast", "view", get_forecast, "What the month will come to"),
    billing_route("GET", "/invoices", "view", list_invoices, "Invoices and reports"),
    billing_route(
        "POST", "/invoices", "create", create_invoice, "Issue an invoice or a report", status=201,
        writes=tuple(NewInvoice.model_fields),
    ),
    billing_route("GET", "/invoices/{id}", "view", get_invoice, "An invoice or a report"),
    billing_route("POST", "/invoices/{id}/send", "create", send_invoice, "Send it", writes=("channel_ids",)),
)  # fmt: skip
