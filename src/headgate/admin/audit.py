"""``/audit``: who did what, and whether all of it is still as it was written."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Query, Response
from pydantic import BaseModel, Field
from starlette.responses import StreamingResponse

from headgate.admin.crud import Parts, Who
from headgate.admin.fields import Answer, Body, Instant, UtcTime, instant, micros
from headgate.admin.route import Route
from headgate.audit.verify import Verdict, verify
from headgate.core.sheet import line
from headgate.storage.audit_log import AuditFilter
from headgate.storage.audit_rows import AuditRow

COLUMNS = (
    "seq", "at", "actor_kind", "actor_id", "action", "object_kind", "object_id", "outcome", "address", "request_id",
    "before", "after", "previous", "hash", "seal",
)  # fmt: skip
TYPES = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}


class AuditListing(BaseModel):
    """Which entries are wanted."""

    actor_id: Annotated[str, Field(max_length=128)] | None = None
    action: Annotated[str, Field(max_length=64)] | None = None
    object_kind: Annotated[str, Field(max_length=64)] | None = None
    object_id: Annotated[str, Field(max_length=128)] | None = None
    outcome: Literal["done", "refused", "failed"] | None = None
    since: Instant | None = None
    until: Instant | None = None

    def filter(self) -> AuditFilter:
        """Return it as the store has it."""
        named = {name: getattr(self, name) for name in ("actor_id", "action", "object_kind", "object_id", "outcome")}
        since, until = (micros(at) if at else None for at in (self.since, self.until))
        return AuditFilter(**named, since=since, until=until)


class AuditPaging(AuditListing):
    """Which entries, and which page of them."""

    before: Annotated[int, Field(ge=1, le=2**62)] | None = None
    """What the page before gave as ``next``."""
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class AuditExport(AuditListing):
    """Which entries, and as what."""

    format: Literal["jsonl", "csv"] = "jsonl"


class Entry(Answer):
    """One act. ``before`` and ``after`` have no secrets."""

    seq: int
    at: UtcTime
    actor_kind: str
    actor_id: str
    action: str
    object_kind: str
    object_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    address: str | None
    request_id: str | None
    outcome: str
    previous: str
    hash: str
    seal: str


class Entries(Answer):
    """A page of entries, latest first; ``next`` is the ``before`` of the following one."""

    data: list[Entry]
    has_more: bool
    next: int | None


class Known(Body):
    """An entry that was written down elsewhere: what a verification gave as its head."""

    seq: Annotated[int, Field(ge=1, le=2**62)]
    hash: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Verification(Body):
    """What is to be looked for besides."""

    known: Known | None = None


class FaultAnswer(Answer):
    """Something that is not as it was written."""

    what: Literal["changed", "missing", "inserted", "moved", "head", "exchanges"]
    seq: int | None
    """Of the entry."""
    hour: UtcTime | None
    """Of the exchanges."""
    words: str


class Verified(Answer):
    """What a verification found. Write the head down elsewhere: the next one can start from it."""

    ok: bool
    entries: int
    exchanges: int
    head_seq: int
    head_hash: str
    faults: list[FaultAnswer]
    more: int
    """Faults that are not listed."""


async def list_audit(who: Who, to: Parts, query: Annotated[AuditPaging, Query()]) -> Entries:
    """Return what was done in the tenant, latest first."""
    rows = await to.money.audit.page(who.tenant_id, query.filter(), before=query.before, limit=query.limit + 1)
    data, more = rows[: query.limit], len(rows) > query.limit
    return Entries(data=[_entry(row) for row in data], has_more=more, next=data[-1].seq if more else None)


async def export_audit(who: Who, to: Parts, query: Annotated[AuditExport, Query()]) -> Response:
    """Return all entries, oldest first, in a file."""
    rows = to.money.audit.rows(who.tenant_id, query.filter())
    headers = {"content-disposition": f'attachment; filename="audit.{query.format}"'}
    return StreamingResponse(_written(rows, query.format), headers=headers, media_type=TYPES[query.format])


async def verify_audit(who: Who, to: Parts, body: Verification | None = None) -> Verified:
    """Look at every entry and every exchange of the tenant, and say what is not as it was written."""
    known = (body.known.seq, body.known.hash) if body is not None and body.known is not None else None
    return _verified(await verify(to.money.audit, who.tenant_id, to.money.sealing, known=known))


def _verified(found: Verdict) -> Verified:
    faults = [
        FaultAnswer(
            what=one.what,
            seq=one.seq,
            hour=None if one.hour is None else instant(one.hour * 3_600_000_000),
            words=one.words,
        )
        for one in found.faults
    ]
    return Verified(
        ok=not faults,
        entries=found.entries,
        exchanges=found.exchanges,
        head_seq=found.head_seq,
        head_hash=found.head_hash,
        faults=faults,
        more=found.more,
    )


def _entry(row: AuditRow) -> Entry:
    told = msgspec.structs.asdict(row) | {"at": instant(row.at)}
    del told["tenant_id"]
    for name in ("before", "after"):
        told[name] = None if told[name] is None else msgspec.json.decode(told[name])
    for name in ("previous", "hash", "seal"):
        told[name] = bytes(told[name]).hex()
    return Entry(**told)


async def _written(rows: AsyncIterator[AuditRow], format: str) -> AsyncIterator[str]:
    if format == "csv":
        yield line(COLUMNS)
    async for row in rows:
        entry = _entry(row)
        if format == "jsonl":
            yield entry.model_dump_json() + "\n"
            continue
        told = entry.model_dump(mode="json")
        texts = {"before": row.before, "after": row.after}
        yield line(texts[name] if name in texts else told[name] for name in COLUMNS)


ROUTES = (
    Route(
        method="GET",
        path="/audit",
        permission="audit:view",
        endpoint=list_audit,
        summary="What was done",
        tag="audit",
        object="audit",
    ),
    Route(
        method="GET",
        path="/audit/export",
        permission="audit:view",
        endpoint=export_audit,
        summary="All entries in a file",
        tag="audit",
        object="audit",
    ),
    Route(
        method="POST",
        path="/audit/verify",
        permission="audit:view",
        endpoint=verify_audit,
        summary="Whether it is as it was written",
        tag="audit",
        object="audit",
        writes=("known",),
    ),
)
