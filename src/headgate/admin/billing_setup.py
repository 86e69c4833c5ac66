"""``/billing/prices`` and ``/billing/schedules``: what is billed, and what is sent when. Channels stand beside them."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from pydantic import Field, model_validator

from headgate.admin import channels
from headgate.admin.crud import Asked, Kind, PageOf, routes_of, unhindered
from headgate.admin.fields import Answer, Body, UtcTime, instant
from headgate.admin.grants import may_bill
from headgate.admin.levels import Id, texts
from headgate.admin.route import Route
from headgate.billing.calendar import zone
from headgate.billing.duties import next_at
from headgate.billing.pricing import Stored
from headgate.core.errors import BadRequest
from headgate.core.ids import new_id, now
from headgate.models.price import price as compiled
from headgate.providers.base import PriceConfig
from headgate.storage.billing_rows import PriceRow, ScheduleRow

Model = Annotated[str, Field(max_length=200, pattern=r"^(\*|[^/\s]+/(\*|\S+))$")]
"""``provider/model``, ``provider/*`` or ``*``."""
Rate = Annotated[float, Field(ge=0, le=1_000_000)]
Percent = Annotated[float, Field(ge=-100, le=10_000)]
PPM = 10_000
"""Millionths in a percent."""


class PriceBody(Body):
    """USD per million tokens; per call for ``request``. What is not said costs what the plain kind costs."""

    input: Rate = 0
    output: Rate = 0
    cached: Rate | None = None
    cache_write: Rate | None = None
    reasoning: Rate | None = None
    request: Rate = 0


class NewPrice(Body):
    """What is billed for a model: an own price, a markup on it or on the provider's, or both."""

    model: Model
    price: PriceBody | None = None
    markup_percent: Percent | None = None

    @model_validator(mode="after")
    def _something(self) -> "NewPrice":
        if self.price is None and self.markup_percent is None:
            raise ValueError("has a price, a markup_percent, or both")
        return self


class PriceChanges(Body):
    """What is to be otherwise; ``null`` takes it away."""

    price: PriceBody | None = None
    markup_percent: Percent | None = None


class PriceAnswer(Answer):
    """What is billed for a model. It holds for every day that no invoice was issued of, back to the first."""

    id: str
    model: str
    price: dict[str, float] | None
    markup_percent: float | None
    created_at: UtcTime
    updated_at: UtcTime


class Prices(PageOf[PriceAnswer]):
    """A page of them."""


class NewSchedule(Body):
    """An invoice of every month, or reports of every week of some apps, or all."""

    kind: Literal["invoice", "report"]
    app_ids: Annotated[tuple[Id, ...], Field(max_length=500)] = ()
    channel_ids: Annotated[tuple[Id, ...], Field(max_length=20)] = ()
    """Whom they are sent to; they are issued in any case."""
    is_active: bool = True

    @model_validator(mode="after")
    def _sensible(self) -> "NewSchedule":
        if self.kind == "invoice" and self.app_ids:
            raise ValueError("of invoices takes no apps: an invoice is of the whole tenant")
        return self


class ScheduleChanges(Body):
    """What is to be otherwise."""

    app_ids: Annotated[tuple[Id, ...], Field(max_length=500)] = ()
    channel_ids: Annotated[tuple[Id, ...], Field(max_length=20)] = ()
    is_active: bool = True


class Schedule(Answer):
    """What is made and sent by itself."""

    id: str
    kind: Literal["invoice", "report"]
    app_ids: list[str]
    channel_ids: list[str]
    is_active: bool
    next_at: UtcTime
    created_at: UtcTime
    updated_at: UtcTime


class Schedules(PageOf[Schedule]):
    """A page of schedules."""


async def _made_price(asked: Asked, body: NewPrice) -> PriceRow:
    _may_price(asked)
    at = now()
    columns = _priced({"price": body.price, "markup_percent": body.markup_percent})
    return PriceRow(
        id=new_id(), tenant_id=asked.who.tenant_id, model=body.model, **columns, created_at=at, updated_at=at
    )


def _may_price(asked: Asked) -> None:
    may_bill(asked.who, "billing:update", "This is a price")


async def _removing_price(asked: Asked, row: PriceRow) -> None:
    _may_price(asked)


async def _changed_price(asked: Asked, row: PriceRow, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    _may_price(asked)
    columns = _priced(fields)
    if {"price": row.price, "markup_ppm": row.markup_ppm, **columns} == {"price": None, "markup_ppm": None}:
        raise BadRequest(
            "Neither a price nor a markup would be left: remove it.", code="invalid_parameter", param="price"
        )
    return columns


def _priced(fields: Mapping[str, Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    if "price" in fields:
        body = fields["price"]
        columns["price"] = None
        if body is not None:
            said = body.model_dump(exclude_none=True)
            stored = Stored(said, compiled(PriceConfig(**said)))
            columns["price"] = msgspec.json.encode(stored).decode()
    if "markup_percent" in fields:
        percent = fields["markup_percent"]
        columns["markup_ppm"] = None if percent is None else round(percent * PPM)
    return columns


def _price(row: PriceRow) -> PriceAnswer:
    return PriceAnswer(
        id=row.id,
        model=row.model,
        price=msgspec.json.decode(row.price, type=Stored).usd if row.price else None,
        markup_percent=None if row.markup_ppm is None else row.markup_ppm / PPM,
        created_at=instant(row.created_at),
        updated_at=instant(row.updated_at),
    )


async def _made_schedule(asked: Asked, body: NewSchedule) -> ScheduleRow:
    at = now()
    account = await asked.to.money.bills.account(asked.who.tenant_id)
    return ScheduleRow(
        id=new_id(),
        tenant_id=asked.who.tenant_id,
        kind=body.kind,
        app_ids=msgspec.json.encode(body.app_ids).decode(),
        channel_ids=msgspec.json.encode(body.channel_ids).decode(),
        is_active=body.is_active,
        next_at=next_at(body.kind, at, zone(account.zone if account is not None else "UTC")),
        created_at=at,
        updated_at=at,
    )


async def _changed_schedule(asked: Asked, row: ScheduleRow, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    columns = dict(fields)
    for name in ("app_ids", "channel_ids"):
        if name in columns:
            columns[name] = msgspec.json.encode(columns[name]).decode()
    return columns


def _schedule(row: ScheduleRow) -> Schedule:
    return Schedule(
        id=row.id,
        kind=row.kind,  # type: ignore[arg-type]  # one of two
        app_ids=texts(row.app_ids),
        channel_ids=texts(row.channel_ids),
        is_active=row.is_active,
        next_at=instant(row.next_at),
        created_at=instant(row.created_at),
        updated_at=instant(row.updated_at),
    )


KINDS = (
    Kind(
        word="price", things="prices", store=lambda to: to.money.bills.prices, shown=_price, answer=PriceAnswer,
        page=Prices, new=NewPrice, changes=PriceChanges, made=_made_price, changed=_changed_price,
        removing=_removing_price,
    ),
    channels.KIND,
    Kind(
        word="schedule", things="schedules", store=lambda to: to.money.bills.schedules, shown=_schedule,
        answer=Schedule, page=Schedules, new=NewSchedule, changes=ScheduleChanges, made=_made_schedule,
        changed=_changed_schedule, removing=unhindered,
    ),
)  # fmt: skip


def _routes(kind: Kind) -> tuple[Route, ...]:
    """They stand below ``/billing``, and what may be seen or set of bills covers them."""
    return tuple(
        msgspec.structs.replace(
            route,
            path=f"/billing{route.path}",
            tag="billing",
            permission="billing:view" if route.method == "GET" else "billing:update",
        )
        for route in routes_of(kind)
    )


ROUTES = tuple(route for kind in KINDS for route in _routes(kind))
