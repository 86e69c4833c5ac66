"""The five operations on an object of a tenant: make, list, show, change, remove. A kind says what is its own."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from headgate.access.types import Principal
from headgate.admin.fields import Answer, Body, Text, object_id
from headgate.admin.levels import Sort
from headgate.admin.parts import AdminParts
from headgate.admin.route import Route, author, caller, parts, within
from headgate.core.errors import BadRequest, Conflict, NotFound
from headgate.core.errors import Stale as Mismatch
from headgate.storage.keys import Revoked
from headgate.storage.object_rows import Author
from headgate.storage.owned import Full, Stale, Taken
from headgate.storage.tenancy import Filter, InUse, Narrow, NoSuch, Objects, Page

A = TypeVar("A", bound=Answer)
MAX_PAGE = 1000
TAG = re.compile(r'"([0-9a-f]{1,16})"')

Who = Annotated[Principal, Depends(caller)]
By = Annotated[Author, Depends(author)]
Parts = Annotated[AdminParts, Depends(parts)]
Within = Annotated[Narrow | None, Depends(within)]


class Listing(BaseModel):
    """Which part of a list is wanted, and in which order."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 100
    after: Annotated[str, Field(max_length=1000)] = ""
    """What the page before gave as ``next``."""
    sort: Sort = "created_at"
    search: Annotated[Text, Field(max_length=100)] | None = None
    """What stands somewhere in the name."""


class PageOf(Answer, Generic[A]):
    """A page of a list; ``next`` is the ``after`` of the following one."""

    data: list[A]
    has_more: bool
    next: str | None


P = TypeVar("P", bound=PageOf[Any])


def as_page(page: type[P], rows: Sequence[Any], limit: int, shown: Callable[[Any], Answer]) -> P:
    """Return *rows*, of which one more than *limit* was asked for, as a page; ``next`` is the id of its last one."""
    more = len(rows) > limit
    return page(data=[shown(row) for row in rows[:limit]], has_more=more, next=rows[limit - 1].id if more else None)


class Asked(msgspec.Struct, frozen=True):
    """Who asks for what, of whom: the same for every operation."""

    who: Principal
    to: AdminParts
    by: Author
    within: Narrow | None
    expect: int | None = None
    """The ``updated_at`` that ``If-Match`` means."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of object."""

    word: str
    """What one is called."""
    things: str
    """What several are called: their path and the first half of their permissions."""
    store: Callable[[AdminParts], Objects[Any]]
    shown: Callable[[Any], Answer]
    """The answer that shows a row."""
    answer: type[Answer]
    page: type[PageOf[Any]]
    listing: type[Listing] = Listing
    new: type[Body]
    changes: type[Body]
    made: Callable[[Asked, Any], Awaitable[Any]]
    """The row that a body asks for."""
    changed: Callable[[Asked, Any, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
    """The columns that fields of a body mean for a row; whoever may not change so much is refused."""
    removing: Callable[[Asked, Any], Awaitable[None]]
    """Refuses who may not remove it."""
    narrows: Mapping[str, tuple[str, ...]] = {}
    """Verb of the permission -> ``Route.narrows``."""


async def unhindered(asked: Asked, row: Any) -> None:
    """``removing`` where all may who come this far: who may not find it, or not remove things of its kind, does not."""


def routes_of(kind: Kind) -> tuple[Route, ...]:
    """Return the routes of a kind."""
    path, one = f"/{kind.things}", f"/{kind.things}/{{id}}"
    new, changes = tuple(kind.new.model_fields), tuple(kind.changes.model_fields)
    named = kind.things.capitalize()

    def route(method: Any, path: str, verb: str, endpoint: Any, summary: str, **more: Any) -> Route:
        about: dict[str, Any] = {"object": kind.word, "tag": kind.things, "narrows": kind.narrows.get(verb, ())}
        permission = f"{kind.things}:{verb}"
        return Route(
            method=method, path=path, permission=permission, endpoint=endpoint, summary=summary, **(about | more)
        )

    return (
        route("GET", path, "view", _lists(kind), named),
        route("POST", path, "create", _makes(kind), f"Make: {kind.word}", status=201, writes=new),
        route("GET", one, "view", _shows(kind), f"One: {kind.word}"),
        route("PATCH", one, "update", _changes(kind), f"Change: {kind.word}", writes=changes),
        route("DELETE", one, "delete", _removes(kind), f"Remove: {kind.word}"),
    )


def _lists(kind: Kind) -> Callable[..., Awaitable[Any]]:
    async def endpoint(who: Who, to: Parts, inside: Within, query: Any) -> Any:
        store, listing = kind.store(to), query
        rows = await store.page(who.tenant_id, wanted(listing, inside), page_of(listing))
        return kind.page(**paged(rows, listing, kind.shown, store.named))

    return _typed(endpoint, f"list_{kind.things}", query=Annotated[kind.listing, Query()], returns=kind.page)


def _makes(kind: Kind) -> Callable[..., Awaitable[Any]]:
    async def endpoint(body: Any, who: Who, to: Parts, by: By, inside: Within, response: Response) -> Any:
        row = await kind.made(Asked(who, to, by, inside), body)
        with told(kind.word):
            await kind.store(to).add(who.tenant_id, row, by)
        return tagged(response, row, kind.shown)

    return _typed(endpoint, f"create_{kind.word}", body=kind.new, returns=kind.answer)


def _shows(kind: Kind) -> Callable[..., Awaitable[Any]]:
    async def endpoint(id: str, who: Who, to: Parts, inside: Within, response: Response) -> Any:
        row = await kind.store(to).find(who.tenant_id, object_id(id, kind.word), inside)
        return tagged(response, found(row, kind.word), kind.shown)

    return _typed(endpoint, f"get_{kind.word}", returns=kind.answer)


def _changes(kind: Kind) -> Callable[..., Awaitable[Any]]:
    async def endpoint(
        id: str, body: Any, request: Request, who: Who, to: Parts, by: By, inside: Within, response: Response
    ) -> Any:
        store, expect = kind.store(to), expected(request)
        row = found(await store.find(who.tenant_id, object_id(id, kind.word), inside), kind.word)
        fields = {name: getattr(body, name) for name in body.model_fields_set}
        columns = await kind.changed(Asked(who, to, by, inside, expect), row, fields)
        with told(kind.word):
            row = await store.set(who.tenant_id, row.id, columns, by, expect=expect, within=inside)
        return tagged(response, found(row, kind.word), kind.shown)

    return _typed(endpoint, f"update_{kind.word}", body=kind.changes, returns=kind.answer)


def _removes(kind: Kind) -> Callable[..., Awaitable[Any]]:
    async def endpoint(id: str, request: Request, who: Who, to: Parts, by: By, inside: Within) -> Any:
        store, expect = kind.store(to), expected(request)
        row = found(await store.find(who.tenant_id, object_id(id, kind.word), inside), kind.word)
        await kind.removing(Asked(who, to, by, inside, expect), row)
        with told(kind.word):
            gone = await store.drop(who.tenant_id, row.id, by, expect=expect, within=inside)
        return kind.shown(found(gone, kind.word))

    return _typed(endpoint, f"delete_{kind.word}", returns=kind.answer)


def _typed(
    endpoint: Callable[..., Awaitable[Any]], name: str, *, returns: Any, **types: Any
) -> Callable[..., Awaitable[Any]]:
    """Say the types that depend on the kind: the framework reads, checks and documents by them."""
    endpoint.__name__ = name
    endpoint.__annotations__ = {**endpoint.__annotations__, **types, "return": returns}
    return endpoint


def wanted(listing: Listing, inside: Narrow | None, **columns: Any) -> Filter:
    """Return the filter that a query asks for: every field of its own kind is a column."""
    common = Listing.model_fields.keys()
    fields = {name: value for name, value in listing if name not in common} | columns
    return Filter({name: value for name, value in fields.items() if value is not None}, listing.search, inside)


def page_of(listing: Listing) -> Page:
    """Return the page that a query asks for, and one row more to see whether there is another."""
    after: tuple[str, ...] = ()
    if listing.after:
        after = (listing.after,) if not listing.sort.endswith("name") else _opened(listing.after)
        object_id(after[-1], "row before it") if len(after[-1]) <= 64 else _opened("")
    return Page(listing.limit + 1, listing.sort, after)


def paged(rows: list[Any], listing: Listing, shown: Callable[[Any], Answer], named: str) -> dict[str, Any]:
    """Return the fields of a page."""
    data, more = rows[: listing.limit], len(rows) > listing.limit
    following = None
    if more:
        last = data[-1]
        following = last.id
        if listing.sort.endswith("name"):
            following = urlsafe_b64encode(msgspec.json.encode((getattr(last, named), last.id))).decode()
    return {"data": [shown(row) for row in data], "has_more": more, "next": following}


def _opened(cursor: str) -> tuple[str, ...]:
    try:
        return msgspec.json.decode(urlsafe_b64decode(cursor), type=tuple[str, str])
    except (ValueError, msgspec.MsgspecError):
        raise BadRequest("after is not what a page gave as next.", code="invalid_parameter", param="after") from None


def tag_of(row: Any) -> str:
    """Return the ETag of a row."""
    return f'"{row.updated_at:x}"'


def tagged(response: Response, row: Any, shown: Callable[[Any], A]) -> A:
    """Return the answer that shows *row*, with its ETag beside it."""
    response.headers["etag"] = tag_of(row)
    return shown(row)


def expected(request: Request) -> int | None:
    """Return the ``updated_at`` that ``If-Match`` means; what can be none of ours is -1."""
    said = request.headers.get("if-match")
    if said is None or said.strip() == "*":
        return None
    match = TAG.fullmatch(said.strip())
    return int(match[1], 16) if match else -1


def found(row: Any, word: str) -> Any:
    """Return *row*, or raise ``NotFound``: the same words, whether there is none or it is another tenant's."""
    if row is None:
        raise NotFound(f"There is no such {word}.")
    return row


@contextmanager
def told(word: str) -> Iterator[None]:
    """Turn what a store refuses into what a client is told."""
    try:
        yield
    except Taken:
        raise Conflict(f"There is another {word} of that name.", code="name_taken", param="name") from None
    except Full:
        raise Conflict(f"There are as many of that kind as can be ({word}).", code="too_many") from None
    except Stale:
        raise Mismatch(f"The {word} has been changed since. Read it again, and then decide.") from None
    except NoSuch as error:
        field = error.args[0]
        why = error.args[1] if len(error.args) > 1 else f"{field} names nothing that exists here."
        raise BadRequest(why, code="invalid_parameter", param=field) from None
    except Revoked:
        raise Conflict(f"The {word} is revoked: make a new one.", code="key_revoked") from None
    except InUse as error:
        raise Conflict(error.args[0], param=error.args[1] if len(error.args) > 1 else None) from None
