"""``/feedback``: what people think of answers. A virtual key speaks of its own calls, an administrator of any."""

import asyncio
import re
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Query
from pydantic import BaseModel, Field, model_validator

from headgate.access.types import Principal
from headgate.admin.crud import By, Parts, Who, Within, found
from headgate.admin.fields import Answer, Body, Instant, Text, UtcTime, instant, micros, object_id
from headgate.admin.parts import AdminParts
from headgate.admin.route import Route
from headgate.core.errors import BadRequest, Conflict, Forbidden
from headgate.core.ids import now
from headgate.core.record import Record
from headgate.feedback import opinion
from headgate.observe.scores import NAME as LANGFUSE
from headgate.observe.scores import Opinion
from headgate.storage import feedback_rows as rows
from headgate.storage.feedback import TooMany
from headgate.storage.tenancy import Narrow

THUMBS = {"up": 1, "down": -1}
SAID = {number: word for word, number in THUMBS.items()}
FRESH = 10_000_000
"""Microseconds for which the record of a call may still be on its way into the database."""
WAIT, WAITS = 0.25, 8
ID = re.compile(r"([0-9a-f]{8})-?([0-9a-f]{4})-?7")
CURSOR = re.compile(r"([0-9]{1,18})\.([0-9a-f-]{36})")
PROMPT = "prompt"
"""What a call's metadata calls the template and version that its prompt was made of."""

Long = Annotated[str, Field(min_length=1, max_length=20_000)]
Word = Annotated[str, Field(max_length=256)]


class Said(Body):
    """What somebody thinks of an answer. A field that is `null` takes back what was said in it before."""

    request_id: Annotated[str, Field(min_length=1, max_length=64)]
    """The answer's `x-request-id`, or its trace id."""
    score: Annotated[float, Field(ge=0, le=1)] | None = None
    thumbs: Literal["up", "down"] | None = None
    comment: Long | None = None
    correction: Long | None = None
    """What the answer should have been."""
    by: Annotated[Text, Field(min_length=1, max_length=200)] | None = None
    """Whom it is said for, such as an application's own user: each has one opinion of an answer."""

    @model_validator(mode="after")
    def _something(self) -> "Said":
        if not self.model_fields_set & {"score", "thumbs", "comment", "correction"}:
            raise ValueError("says nothing: send score, thumbs, comment or correction")
        return self


class Filters(BaseModel):
    """Which feedback is asked for."""

    model: Word | None = None
    route: Word | None = None
    prompt: Word | None = None
    since: Instant | None = None
    """Of calls from this instant on."""
    until: Instant | None = None


class Listing(Filters):
    """Which page of it."""

    request_id: Annotated[str, Field(max_length=64)] | None = None
    thumbs: Literal["up", "down"] | None = None
    corrected: bool | None = None
    """With a correction, or without."""
    after: Annotated[str, Field(max_length=64)] = ""
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class Asking(Filters):
    """By what it is added up."""

    by: Literal["model", "route", "prompt"] = "model"


class Feedback(Answer):
    """What one rater thinks of one answer."""

    id: str
    request_id: str
    rater: str
    score: float | None
    thumbs: Literal["up", "down"] | None
    comment: str | None
    correction: str | None
    route: str | None
    model: str | None
    prompt: str | None
    at: UtcTime
    """When the call was made."""
    created_at: UtcTime
    updated_at: UtcTime


class FeedbackPage(Answer):
    """A page, what changed last first; ``next`` is the ``after`` of the following one."""

    data: list[Feedback]
    has_more: bool
    next: str | None


class Interval(Answer):
    """A mean, and where it lies 95 times in 100."""

    mean: float
    low: float
    high: float


class Opinions(Answer):
    """What was thought of the answers of one model, route or prompt."""

    name: str | None
    answers: int
    """That somebody said something of."""
    ups: int
    downs: int
    up_share: Interval | None
    scores: int
    score: Interval | None
    comments: int
    corrections: int
    quality: float | None
    """For a model, from 30 opinions on: what to state as the ``quality`` of a route's target."""


class Analysis(Answer):
    """By name, those with most answers first."""

    by: Literal["model", "route", "prompt"]
    data: list[Opinions]


async def give_feedback(body: Said, who: Who, to: Parts, inside: Within) -> Feedback:
    """Say what one thinks of an answer; said again by the same rater, it changes what was said before."""
    record = found(await _record(body.request_id, who, to, inside), "call")
    fields = {name: getattr(body, name) for name in body.model_fields_set - {"request_id", "by"}}
    if "thumbs" in fields:
        fields["thumbs"] = THUMBS.get(fields["thumbs"])
    try:
        row = await to.feedback.put(_row(record, who, body.by), fields)
    except TooMany:
        raise Conflict("As many have said something of this answer as can.", code="too_many") from None
    _tell(to, row)
    return _shown(row)


async def list_feedback(who: Who, to: Parts, inside: Within, asked: Annotated[Listing, Query()]) -> FeedbackPage:
    """Return what was said of calls, what changed last first."""
    got = await to.feedback.page(
        who.tenant_id, _wanted(asked, inside), after=_cursor(asked.after), limit=asked.limit + 1
    )
    data, more = got[: asked.limit], len(got) > asked.limit
    following = f"{data[-1].updated_at}.{data[-1].id}" if more else None
    return FeedbackPage(data=[_shown(row) for row in data], has_more=more, next=following)


async def analyse_feedback(who: Who, to: Parts, inside: Within, asked: Annotated[Asking, Query()]) -> Analysis:
    """Return what was thought of answers, by model, route or prompt."""
    tallies = await to.feedback.tallies(who.tenant_id, asked.by, _wanted(asked, inside))
    quality = opinion.quality(tallies) if asked.by == "model" else {}
    return Analysis(by=asked.by, data=[_opinions(one, quality.get(one.name or "")) for one in tallies])


async def get_feedback(id: str, who: Who, to: Parts, inside: Within) -> Feedback:
    """Return what one rater thinks of one answer."""
    return _shown(found(await to.feedback.get(who.tenant_id, object_id(id, "feedback"), inside), "feedback"))


async def delete_feedback(id: str, who: Who, to: Parts, inside: Within, by: By) -> Feedback:
    """Take back what was said: one's own, or as who has the permission over the whole tenant."""
    row = found(await to.feedback.get(who.tenant_id, object_id(id, "feedback"), inside), "feedback")
    if inside is not None and not _mine(row.rater, who):
        raise Forbidden("Somebody else said it, who alone can take it back.")
    await to.feedback.remove(row, by)
    return _shown(row)


async def _record(id: str, who: Principal, to: AdminParts, inside: Narrow | None) -> Record | None:
    """The call; one that has just been made is waited for, as its record is on its way."""
    for _ in range(WAITS if _fresh(id) else 1):
        record = await to.logs.get(who.tenant_id, object_id(id, "call"), inside)
        if record is not None:
            return record
        if _fresh(id):
            await asyncio.sleep(WAIT)
    return None


def _fresh(id: str) -> bool:
    match = ID.match(id)
    return match is not None and 0 <= now() - int(match[1] + match[2], 16) * 1000 < FRESH


def _rater(who: Principal) -> str:
    return f"{who.kind}:{who.id}"


def _mine(rater: str, who: Principal) -> bool:
    return rater == _rater(who) or rater.startswith(f"{_rater(who)}:")


def _row(record: Record, who: Principal, by: str | None) -> rows.FeedbackRow:
    prompt = (record.metadata or {}).get(PROMPT)
    return rows.FeedbackRow(
        id="", tenant_id=record.tenant_id, record_id=record.id, rater=_rater(who) + (f":{by}" if by else ""),
        record_at=record.at, trace_id=record.trace_id, key_id=record.key_id, user_id=record.user_id,
        app_id=record.app_id, team_id=record.team_id, route=record.route,
        model=record.model_used or record.model_requested, prompt=prompt[:256] if isinstance(prompt, str) else None,
        created_at=0, updated_at=0,
    )  # fmt: skip


def _tell(to: AdminParts, row: rows.FeedbackRow) -> None:
    said = Opinion(
        id=row.id, trace_id=row.trace_id, at=row.updated_at, score=row.score, thumbs=row.thumbs, comment=row.comment,
        correction=row.correction,
    )  # fmt: skip
    to.outside([msgspec.json.encode(said)], LANGFUSE)


def _wanted(asked: Filters, inside: Narrow | None) -> rows.Wanted:
    listing = asked if isinstance(asked, Listing) else Listing()
    return rows.Wanted(
        since=None if asked.since is None else micros(asked.since),
        until=None if asked.until is None else micros(asked.until),
        model=asked.model,
        route=asked.route,
        prompt=asked.prompt,
        record_id=listing.request_id,
        thumbs=THUMBS.get(listing.thumbs or ""),
        corrected=listing.corrected,
        within=inside,
    )


def _cursor(after: str) -> tuple[int, str] | None:
    if not after:
        return None
    match = CURSOR.fullmatch(after)
    if match is None:
        raise BadRequest("after is not what a page gave as next.", code="invalid_parameter", param="after")
    return int(match[1]), match[2]


def _shown(row: rows.FeedbackRow) -> Feedback:
    return Feedback(
        id=row.id,
        request_id=row.record_id,
        rater=row.rater,
        score=row.score,
        thumbs=SAID.get(row.thumbs or 0),  # type: ignore[arg-type]  # one of two
        comment=row.comment,
        correction=row.correction,
        route=row.route,
        model=row.model,
        prompt=row.prompt,
        at=instant(row.record_at),
        created_at=instant(row.created_at),
        updated_at=instant(row.updated_at),
    )


def _opinions(one: rows.Tally, quality: float | None) -> Opinions:
    return Opinions(
        name=one.name,
        answers=one.answers,
        ups=one.ups,
        downs=one.downs,
        up_share=_interval(opinion.share(one.ups, one.ups + one.downs)),
        scores=one.scores,
        score=_interval(opinion.mean(one.score_sum, one.score_squares, one.scores)),
        comments=one.comments,
        corrections=one.corrections,
        quality=quality,
    )


def _interval(one: opinion.Interval | None) -> Interval | None:
    return None if one is None else Interval(mean=one.mean, low=one.low, high=one.high)


def _route(method: Any, path: str, verb: str, endpoint: Any, summary: str, **more: Any) -> Route:
    return Route(
        method=method, path=f"/feedback{path}", permission=f"feedback:{verb}", endpoint=endpoint, summary=summary,
        tag="feedback", object="feedback", narrows=("team", "own"), **more,
    )  # fmt: skip


ROUTES = (
    _route("POST", "", "create", give_feedback, "Say what one thinks of an answer", writes=tuple(Said.model_fields)),
    _route("GET", "", "view", list_feedback, "What was said of answers"),
    _route("GET", "/analysis", "view", analyse_feedback, "What was thought of models, routes and prompts"),
    _route("GET", "/{id}", "view", get_feedback, "One opinion"),
    _route("DELETE", "/{id}", "create", delete_feedback, "Take back what was said"),
)
"""Routes of feedback."""
