"""``/budgets``: what may be spent, by whom and on what; how much of it is; and what the tenant spends in all."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from pydantic import Field, model_validator

from headgate.access.types import Principal, SubjectKind, Window
from headgate.admin.crud import Asked, Kind, Listing, PageOf, Parts, Who, Within, found, routes_of
from headgate.admin.fields import Answer, Body, Usd, UsdText, UtcTime, instant, object_id
from headgate.admin.grants import over_platform
from headgate.admin.levels import Id, Name, Word
from headgate.admin.route import Route
from headgate.billing.forecast import Forecast
from headgate.billing.resolve import conditions
from headgate.billing.standing import Stand, stand
from headgate.core.errors import BadRequest, Forbidden
from headgate.core.ids import new_id, now
from headgate.core.money import nano_from_usd, usd
from headgate.ledger.windows import FOR_EVER
from headgate.storage.budget_rows import BudgetRow

Each = Literal["team", "app", "user", "key", "end_user", "model", "provider", "tag"]
Tokens = Annotated[int, Field(gt=0, le=10**15)]
ONE = ("team", "app", "user", "key", "end_user", "model", "provider")


class Match(Body):
    """Whose and what calls count: all that is said here must hold. Nothing is the whole tenant."""

    team: Id | None = None
    app: Id | None = None
    user: Id | None = None
    key: Id | None = None
    end_user: Id | None = None
    model: Annotated[str, Field(min_length=3, max_length=200, pattern="^[^/]+/.+$")] | None = None
    """``provider/model``."""
    provider: Word | None = None
    tags: Annotated[tuple[Word, ...], Field(max_length=20)] = ()


class NewBudget(Body):
    """A budget. It has either an amount in USD or a number of tokens."""

    name: Name
    match: Match = Match()
    each: Each | None = None
    """Every one of this kind has the amount for itself."""
    usd: Usd | None = None
    tokens: Tokens | None = None
    window: Window
    hard: bool = True
    """A soft one refuses nothing: passing it is told."""
    is_active: bool = True
    platform: bool | None = None
    """It binds the tenant: who administers the platform alone changes, raises and removes it. Without it, that is so of
    what is made for another tenant than one's own."""

    @model_validator(mode="after")
    def _sensible(self) -> "NewBudget":
        if (self.usd is None) == (self.tokens is None):
            raise ValueError("has either usd or tokens")
        if self.each is not None and self.each != "tag" and getattr(self.match, self.each) is not None:
            raise ValueError(f"names one {self.each} in match, so each cannot be {self.each}")
        return self


class BudgetChanges(Body):
    """What is to be otherwise; what a budget counts stays as it is: make another one for that."""

    name: Name = ""
    usd: Usd | None = None
    tokens: Tokens | None = None
    window: Window = "month"
    hard: bool = True
    is_active: bool = True
    platform: bool = False


class MatchAnswer(Answer):
    """Whose and what calls count."""

    team: str | None = None
    app: str | None = None
    user: str | None = None
    key: str | None = None
    end_user: str | None = None
    model: str | None = None
    provider: str | None = None
    tags: tuple[str, ...] = ()


class Budget(Answer):
    """A budget."""

    id: str
    name: str
    match: MatchAnswer
    each: Each | None
    usd: UsdText | None
    tokens: int | None
    window: Window
    hard: bool
    is_active: bool
    platform: bool
    """Who administers the platform alone changes it."""
    created_at: UtcTime
    updated_at: UtcTime


class Budgets(PageOf[Budget]):
    """A page of budgets."""


class BudgetListing(Listing):
    """Which are wanted."""

    is_active: bool | None = None


class Amounts(Answer):
    """USD, or tokens."""

    usd: UsdText | None = None
    tokens: int | None = None


class Coming(Answer):
    """What will have been spent at the end of the window: four times out of five between low and high."""

    low: Amounts
    likely: Amounts
    high: Amounts
    days: int
    """On how many days of the past it rests."""
    method: str


class EachUsed(Answer):
    """What one of those spent that have the amount for themselves."""

    id: str
    used: Amounts


class BudgetUsage(Answer):
    """How a budget stands in its window."""

    start: UtcTime
    end: UtcTime | None
    amount: Amounts
    used: Amounts
    remaining: Amounts
    """What is not used; calls in flight may still take of it."""
    share: float
    """How much of it is used; above 1 where more was spent than allowed."""
    set_aside: Amounts
    """Room that processes keep for calls, in flight and to come. It is not used, so it is part of what remains."""
    forecast: Coming | None
    each: list[EachUsed]


async def _made(asked: Asked, body: NewBudget) -> BudgetRow:
    at = now()
    amounts = _amounts(body.usd, body.tokens)
    platform = asked.by.tenant_id != asked.who.tenant_id if body.platform is None else body.platform
    if platform:
        _may_bind(asked, "create")
    return BudgetRow(
        id=new_id(),
        tenant_id=asked.who.tenant_id,
        name=body.name,
        conditions=msgspec.json.encode(_conditions(body.match)).decode(),
        each=body.each,
        **amounts,
        period=body.window,
        hard=body.hard,
        is_active=body.is_active,
        created_at=at,
        updated_at=at,
        platform=platform,
    )


def _may_bind(asked: Asked, verb: str) -> None:
    if not over_platform(asked.who, f"budgets:{verb}"):
        raise Forbidden(
            "A budget that binds the tenant is set by who administers the platform.",
            code="beyond_your_own",
            param="platform",
        )


async def _removing(asked: Asked, row: BudgetRow) -> None:
    if row.platform:
        _may_bind(asked, "delete")


async def _changed(asked: Asked, row: BudgetRow, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    if row.platform or fields.get("platform"):
        _may_bind(asked, "update")
    columns: dict[str, Any] = {"period" if n == "window" else n: v for n, v in fields.items() if n not in AMOUNTS}
    if any(fields.get(name) is not None for name in AMOUNTS):
        said = [name for name in AMOUNTS if fields.get(name) is not None]
        if len(said) > 1:
            raise BadRequest("A budget has either usd or tokens.", code="invalid_parameter", param="tokens")
        columns |= _amounts(fields.get("usd"), fields.get("tokens"))
    return columns


AMOUNTS = ("usd", "tokens")


async def budget_usage(id: str, who: Who, to: Parts, inside: Within) -> BudgetUsage:
    """Return how a budget stands in the window that runs."""
    row = found(await to.money.budgets.find(who.tenant_id, object_id(id, "budget"), inside), "budget")
    return usage_of(await stand(to.money.budgets, row, await zone_of(to, who)), row.unit)


async def zone_of(to: Any, who: Principal) -> str:
    """Return the zone of the tenant that is spoken of."""
    account = await to.money.bills.account(who.tenant_id)
    return account.zone if account is not None else "UTC"


def _conditions(match: Match) -> list[tuple[SubjectKind, str]]:
    said: list[tuple[Any, str]] = [(kind, id) for kind in ONE if (id := getattr(match, kind)) is not None]
    return said + [("tag", tag) for tag in dict.fromkeys(match.tags)]


def _amounts(amount: Any, tokens: int | None) -> dict[str, Any]:
    return (
        {"unit": "nano", "amount": nano_from_usd(str(amount))}
        if tokens is None
        else {"unit": "tokens", "amount": tokens}
    )


def _match(row: BudgetRow) -> MatchAnswer:
    said = [(kind, id) for kind, id in conditions(row.conditions) if kind != "tenant"]
    tags = tuple(id for kind, id in said if kind == "tag")
    return MatchAnswer(**{kind: id for kind, id in said if kind != "tag"}, tags=tags)


def _budget(row: BudgetRow) -> Budget:
    money = row.unit == "nano"
    return Budget(
        id=row.id,
        name=row.name,
        match=_match(row),
        each=row.each,  # type: ignore[arg-type]  # checked when it was made
        usd=usd(row.amount) if money else None,
        tokens=None if money else row.amount,
        window=row.period,  # type: ignore[arg-type]
        hard=row.hard,
        is_active=row.is_active,
        platform=row.platform,
        created_at=instant(row.created_at),
        updated_at=instant(row.updated_at),
    )


def usage_of(one: Stand, unit: str) -> BudgetUsage:
    """Return how a budget stands, as JSON has it."""
    return BudgetUsage(
        start=instant(one.start),
        end=None if one.end == FOR_EVER else instant(one.end),
        amount=_as(one.amount, unit),
        used=_as(one.used, unit),
        remaining=_as(one.remaining, unit),
        share=round(one.share, 6),
        set_aside=_as(one.set_aside, unit),
        forecast=coming_of(one.forecast, unit),
        each=[
            EachUsed(id=_value(each.scope), used=_as(each.nano if unit == "nano" else each.tokens, unit))
            for each in one.each
        ],
    )


def _value(scope: str) -> str:
    """Return whose a scope is: ``user:ID`` and ``budget:ID:VALUE`` end with it, a key's is nothing else."""
    return scope.split(":", 2 if scope.startswith("budget:") else 1)[-1]


def coming_of(one: Forecast | None, unit: str) -> Coming | None:
    """Return a forecast as JSON has it."""
    if one is None:
        return None
    low, likely, high = (_as(value, unit) for value in (one.low, one.likely, one.high))
    return Coming(low=low, likely=likely, high=high, days=one.days, method=one.method)


def _as(value: int, unit: str) -> Amounts:
    return Amounts(usd=usd(value)) if unit == "nano" else Amounts(tokens=value)


KIND = Kind(
    word="budget",
    things="budgets",
    store=lambda to: to.money.budgets,
    shown=_budget,
    answer=Budget,
    page=Budgets,
    listing=BudgetListing,
    new=NewBudget,
    changes=BudgetChanges,
    made=_made,
    changed=_changed,
    removing=_removing,
)
NARROWS: tuple[Literal["team", "own"], ...] = ("team", "own")
ROUTES = (
    *(msgspec.structs.replace(one, narrows=NARROWS if one.method == "GET" else ()) for one in routes_of(KIND)),
    Route(
        method="GET",
        path="/budgets/{id}/usage",
        permission="budgets:view",
        endpoint=budget_usage,
        summary="How a budget stands",
        tag="budgets",
        object="budget",
        narrows=NARROWS,
    ),
)
