"""``/approvals``: requests for a larger budget, other limits, more models or providers; and who is told of them."""

from typing import Annotated, Any, Literal

import msgspec
from fastapi import Query
from pydantic import Field, model_validator

from headgate.access.permissions import PLATFORM_TENANT
from headgate.access.types import Limits, Principal, Window
from headgate.admin.crud import By, PageOf, Parts, Who, Within, as_page, found, told
from headgate.admin.fields import Answer, Body, Text, Usd, UtcTime, object_id, optional_instant
from headgate.admin.grants import over_platform
from headgate.admin.levels import Id, LimitsBody, ModelName, Word
from headgate.admin.route import Route
from headgate.core.errors import BadRequest, Conflict, Forbidden
from headgate.core.ids import new_id, now
from headgate.core.money import nano_from_usd, usd
from headgate.storage.approvals import Decided, NoSubject
from headgate.storage.behind import Behind
from headgate.storage.billing_rows import ApprovalRow
from headgate.storage.object_rows import Author

Kind = Literal["budget", "limits", "models", "providers"]
Subject = Literal["budget", "key", "team", "app", "user", "tenant"]
State = Literal["open", "approved", "refused", "withdrawn", "expired", "ended"]
Seconds = Annotated[int, Field(ge=60, le=366 * 86_400)]
USUAL = 7 * 86_400
OF_BUDGET = ("budget", "key")


class NewApproval(Body):
    """A request. What is asked for goes with its kind."""

    kind: Kind
    subject_kind: Subject
    subject_id: Id
    usd: Usd | None = None
    tokens: Annotated[int, Field(gt=0, le=10**15)] | None = None
    """What a budget is to have."""
    window: Window | None = None
    """Which of a key's own budgets is meant."""
    limits: LimitsBody | None = None
    models: Annotated[tuple[ModelName, ...], Field(max_length=100)] = ()
    providers: Annotated[tuple[Word, ...], Field(max_length=100)] = ()
    reason: Annotated[Text, Field(max_length=1000)] = ""
    expires_in: Seconds = USUAL
    """Seconds in which it is to be decided."""
    lasts: Seconds | None = None
    """Seconds for which it is wanted once it is approved; without, for good."""

    @model_validator(mode="after")
    def _sensible(self) -> "NewApproval":
        given = {
            "budget": self.usd or self.tokens,
            "limits": self.limits,
            "models": self.models,
            "providers": self.providers,
        }
        if not given.pop(self.kind) or any(given.values()):
            raise ValueError(f"is of the kind {self.kind!r}: it asks for that, and for nothing else")
        if self.kind == "budget":
            if self.subject_kind not in OF_BUDGET or (self.usd is None) == (self.tokens is None):
                raise ValueError("asks for usd or tokens of a budget, or of a key's own")
            if (self.subject_kind == "key") != (self.window is not None):
                raise ValueError("names the window of a key's own budget, and of no other")
        elif self.subject_kind == "budget":
            raise ValueError("cannot be about a budget")
        if self.limits is not None and self.limits == LimitsBody():
            raise ValueError("asks for no limit at all")
        return self


class Deciding(Body):
    """What is said with a decision."""

    answer: Annotated[Text, Field(max_length=1000)] = ""


class Ask(Answer):
    """What is asked for."""

    usd: str | None = None
    tokens: int | None = None
    window: Window | None = None
    limits: dict[str, float] | None = None
    models: tuple[str, ...] | None = None
    providers: tuple[str, ...] | None = None


class Approval(Answer):
    """A request and what became of it."""

    id: str
    kind: Kind
    subject_kind: Subject
    subject_id: str
    ask: Ask
    reason: str
    state: State
    asked_by_kind: str
    asked_by: str
    asked_at: UtcTime
    expires_at: UtcTime
    lasts: int | None
    decided_by_kind: str | None
    decided_by: str | None
    decided_at: UtcTime | None
    answer: str | None
    until: UtcTime | None
    """When what was granted goes back."""


class Approvals(PageOf[Approval]):
    """A page of requests, latest first; ``next`` is the ``before`` of the following one."""


Before = Annotated[str, Query(max_length=64)]
Limit = Annotated[int, Query(ge=1, le=200)]


async def list_approvals(
    who: Who, to: Parts, inside: Within, state: Annotated[State | None, Query()] = None, before: Before = "",
    limit: Limit = 50,
) -> Approvals:  # fmt: skip
    """Return requests, latest first; who may not see all of the tenant's sees his own."""
    mine = who.id if inside is not None else None
    rows = await to.money.approvals.list(who.tenant_id, state=state, asked_by=mine, before=before, limit=limit + 1)
    return as_page(Approvals, rows, limit, _approval)


async def create_approval(body: NewApproval, who: Who, to: Parts, by: By, inside: Within) -> Approval:
    """Ask for more. Those who may decide are told."""
    subject = await to.money.approvals.subject(who.tenant_id, body.subject_kind, body.subject_id)
    if subject is None or (inside is not None and not _own(who, body, subject)):
        raise BadRequest("subject_id names nothing of yours.", code="invalid_parameter", param="subject_id")
    ask = _asked(body, subject)
    at = now()
    row = ApprovalRow(
        id=new_id(),
        tenant_id=who.tenant_id,
        kind=body.kind,
        subject_kind=body.subject_kind,
        subject_id=body.subject_id,
        ask=msgspec.json.encode(ask).decode(),
        reason=body.reason,
        asked_by_kind=by.kind,
        asked_by=by.id,
        asked_at=at,
        expires_at=at + body.expires_in * 1_000_000,
        lasts=body.lasts,
        behind=msgspec.json.encode(await _behind(to, who, by)).decode(),
    )
    with told("request"):
        await to.money.approvals.ask(row, by, f"{who.name} asks for more: {_words(row)}")
    return _approval(row)


async def get_approval(id: str, who: Who, to: Parts, inside: Within) -> Approval:
    """Return one request."""
    return _approval(await _found(to, who, id, inside))


async def approve_request(id: str, who: Who, to: Parts, by: By, body: Deciding | None = None) -> Approval:
    """Grant what is asked for. It is in effect everywhere within a second."""
    return await _decide(id, who, to, by, "approved", body)


async def refuse_request(id: str, who: Who, to: Parts, by: By, body: Deciding | None = None) -> Approval:
    """Refuse what is asked for."""
    return await _decide(id, who, to, by, "refused", body)


async def withdraw_request(id: str, who: Who, to: Parts, by: By, inside: Within) -> Approval:
    """Take an own request back."""
    row = await _found(to, who, id, inside)
    if (row.asked_by_kind, row.asked_by) != (by.kind, by.id):
        raise Forbidden("Only who made a request takes it back.")
    return await _settled(to, who, id, by, "withdrawn", "")


async def _decide(id: str, who: Principal, to: Any, by: Author, state: str, body: Deciding | None) -> Approval:
    row = await _found(to, who, id, None)
    if await _own_request(to, who, row, by) and not await _may_decide_own(to, who):
        raise Forbidden(
            "Nobody decides on his own request, be it by another credential of his or one that he made. Give admin keys"
            " the user whose they are, or switch the tenant's setting self_approval on.",
            code="own_request",
        )
    if state == "approved" and not over_platform(who, "approvals:decide") and await _binds_tenant(to, who, row):
        raise Forbidden(
            "What binds the tenant itself is granted by who administers the platform.", code="beyond_your_own"
        )
    return await _settled(to, who, id, by, state, body.answer if body is not None else "")


async def _behind(to: Any, who: Principal, by: Author) -> Behind:
    found: Behind = await to.money.approvals.behind((who.tenant_id, by.tenant_id), by.kind, by.id, who.user_id)
    return found


async def _own_request(to: Any, who: Principal, row: ApprovalRow, by: Author) -> bool:
    """Whether who decides is, or is behind, who asked: then, or for requests of before now."""
    if row.behind is not None:
        asker = msgspec.json.decode(row.behind, type=Behind)
    else:
        tenants = (row.tenant_id, PLATFORM_TENANT)
        asker = await to.money.approvals.behind(tenants, row.asked_by_kind, row.asked_by)
    return asker.same(await _behind(to, who, by))


async def _binds_tenant(to: Any, who: Principal, row: ApprovalRow) -> bool:
    """Whether it is about the tenant itself, or about a budget that was set for it."""
    if row.subject_kind != "budget":
        return row.subject_kind == "tenant"
    subject = await to.money.approvals.subject(who.tenant_id, "budget", row.subject_id)
    return subject is not None and bool(subject["platform"])


async def _settled(to: Any, who: Principal, id: str, by: Author, state: str, answer: str) -> Approval:
    words = f"{who.name}: {state}." + (f" {answer}" if answer else "")
    try:
        row = await to.money.approvals.decide(who.tenant_id, id, state, by, words, answer=answer)
    except Decided as error:
        raise Conflict(f"The request is {error.state} already.", code="already_decided") from None
    except NoSubject:
        raise Conflict("What the request is about does not exist any more: refuse it.", code="subject_gone") from None
    return _approval(found(row, "request"))


async def _found(to: Any, who: Principal, id: str, inside: Any) -> ApprovalRow:
    row: ApprovalRow = found(await to.money.approvals.get(who.tenant_id, object_id(id, "request")), "request")
    return found(row if inside is None or row.asked_by == who.id else None, "request")  # type: ignore[no-any-return]


async def _may_decide_own(to: Any, who: Principal) -> bool:
    account = await to.money.bills.account(who.tenant_id)
    return account is not None and bool(msgspec.json.decode(account.settings).get("self_approval"))


def _own(who: Principal, body: NewApproval, subject: dict[str, Any]) -> bool:
    """Whether somebody who does not speak for the tenant may ask for this."""
    kind, id = body.subject_kind, body.subject_id
    if kind == "key":
        return id == who.id or (who.user_id is not None and subject["user_id"] == who.user_id)
    if kind == "budget":
        conditions = msgspec.json.decode(subject["conditions"])
        return ["key", who.id] in conditions or (who.user_id is not None and ["user", who.user_id] in conditions)
    return kind in ("user", "team", "app") and id == getattr(who, f"{kind}_id")


def _asked(body: NewApproval, subject: dict[str, Any]) -> dict[str, Any]:
    """Return what is asked for as it is stored; refuse what is there already."""
    if body.kind == "limits" and body.limits is not None:
        limits = {name: value for name, value in body.limits.model_dump().items() if value is not None}
        return {"limits": msgspec.to_builtins(msgspec.convert(limits, Limits))}
    if body.kind != "budget":
        return _names_asked(body, subject)
    if body.subject_kind == "budget":
        unit = subject["unit"]
        if (unit == "nano") != (body.usd is not None):
            raise BadRequest(f"That budget is in {'USD' if unit == 'nano' else 'tokens'}.", code="invalid_parameter")
        amount = nano_from_usd(str(body.usd)) if body.usd is not None else body.tokens
        _more(amount or 0, subject["amount"])
        return {"amount": amount, "unit": unit}
    budgets = [one for one in msgspec.json.decode(subject["budgets"]) if one["window"] == body.window]
    if not budgets or body.usd is None:
        raise BadRequest(
            f"The key has no budget of its own in USD for a {body.window}.", code="invalid_parameter", param="window"
        )
    amount = nano_from_usd(str(body.usd))
    _more(amount, budgets[0]["amount"])
    return {"amount": amount, "unit": "nano", "window": body.window}


def _names_asked(body: NewApproval, subject: dict[str, Any]) -> dict[str, Any]:
    column = "catalogue" if body.subject_kind == "tenant" and body.kind == "models" else body.kind
    now_allowed = msgspec.json.decode(subject[column])
    names = [name for name in dict.fromkeys(getattr(body, body.kind)) if name not in now_allowed]
    if not now_allowed or not names:
        raise BadRequest(f"The {body.subject_kind} may have these already.", code="already_allowed", param=body.kind)
    return {body.kind: names}


def _more(amount: int, present: int) -> None:
    if amount <= present:
        raise BadRequest("That is no more than there is.", code="already_allowed", param="usd")


def _words(row: ApprovalRow) -> str:
    ask = msgspec.json.decode(row.ask)
    subject = f"{row.subject_kind} {row.subject_id}"
    if row.kind == "budget":
        return f"a budget of {usd(ask['amount'])} USD for {subject}" if "window" in ask else f"more of {subject}"
    if row.kind == "limits":
        return f"{', '.join(f'{value:g} {name}' for name, value in ask['limits'].items())} for {subject}"
    return f"{', '.join(ask[row.kind])} for {subject}"


def _approval(row: ApprovalRow) -> Approval:
    told = msgspec.structs.asdict(row)
    for name in ("tenant_id", "effect", "behind"):
        del told[name]
    for name in ("asked_at", "expires_at", "decided_at", "until"):
        told[name] = optional_instant(told[name])
    return Approval(**{**told, "ask": _ask(row)})


def _ask(row: ApprovalRow) -> Ask:
    ask = msgspec.json.decode(row.ask)
    amount, unit = ask.pop("amount", None), ask.pop("unit", "nano")
    if amount is not None:
        ask |= {"usd": usd(amount)} if unit == "nano" else {"tokens": amount}
    return Ask(**ask)


def _route(method: Any, path: str, verb: str, endpoint: Any, summary: str, **more: Any) -> Route:
    about: dict[str, Any] = {"object": "approval", "tag": "approvals"}
    return Route(
        method=method, path=path, permission=f"approvals:{verb}", endpoint=endpoint, summary=summary, **(about | more)
    )


ROUTES = (
    _route("GET", "/approvals", "view", list_approvals, "Requests for more", narrows=("own",)),
    _route(
        "POST", "/approvals", "create", create_approval, "Ask for more", status=201, narrows=("own",),
        writes=tuple(NewApproval.model_fields),
    ),
    _route("GET", "/approvals/{id}", "view", get_approval, "A request", narrows=("own",)),
    _route("POST", "/approvals/{id}/approve", "decide", approve_request, "Grant it", writes=("answer",)),
    _route("POST", "/approvals/{id}/refuse", "decide", refuse_request, "Refuse it", writes=("answer",)),
    _route("POST", "/approvals/{id}/withdraw", "create", withdraw_request, "Take it back", narrows=("own",)),
)  # fmt: skip
