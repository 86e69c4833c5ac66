"""The operations on one kind of object that is configured by file or by API, all of the same shape."""

from typing import Annotated, Any

from fastapi import Query, Request, Response

from headgate.admin.configured import Check, Objects, Parts, Who, anything, permission
from headgate.admin.route import Route
from headgate.admin.versions import (
    Change,
    Diff,
    NewObject,
    Number,
    Rollback,
    Shown,
    ShownList,
    VersionList,
    VersionShown,
    differences,
    plain,
    tagged,
)

MAX_PAGE = 200

Shared = Annotated[bool | None, Query(description="All tenants' (true) or the own (false); without it, whichever.")]

Told = tuple[Any, str, str, str, str]
"""An endpoint, its method, its path, its name and its summary."""


def operations(
    kind: str,
    plural: str,
    *,
    tag: str,
    check: Check = anything,
    below: str = "",
    of: type[Objects] = Objects,
) -> tuple[Route, ...]:
    """Return the operations on objects of *kind* below ``/plural``, itself *below* a path; *check* may refuse what is
    good configuration, and *of* says what is particular to the kind."""
    path, word = f"{below}/{plural}", kind.replace("_", " ")

    async def every(who: Who, to: Parts) -> ShownList:
        return ShownList(data=await of(kind, who, to).listed())

    async def one(name: str, response: Response, who: Who, to: Parts, shared: Shared = None) -> Shown:
        found: Shown = tagged(await of(kind, who, to).one(plain(name), shared), response)
        return found

    async def make(body: NewObject, request: Request, response: Response, who: Who, to: Parts) -> Shown:
        made: Shown = tagged(await of(kind, who, to, check).put(body.name, body, request, new=True), response)
        return made

    async def put(name: str, body: Change, request: Request, response: Response, who: Who, to: Parts) -> Shown:
        made: Shown = tagged(await of(kind, who, to, check).put(plain(name), body, request), response)
        return made

    async def remove(name: str, request: Request, who: Who, to: Parts, shared: Shared = None) -> None:
        await of(kind, who, to).remove(plain(name), request, shared)

    async def versions(
        name: str,
        who: Who,
        to: Parts,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
        before: Number | None = None,
        shared: Shared = None,
    ) -> VersionList:
        found = await of(kind, who, to).versions(plain(name), before=before, limit=limit, shared=shared)
        return VersionList(data=found)

    async def version(name: str, number: Number, who: Who, to: Parts, shared: Shared = None) -> VersionShown:
        return await of(kind, who, to).version(plain(name), number, shared)

    async def diff(name: str, before: Number, after: Number, who: Who, to: Parts, shared: Shared = None) -> Diff:
        objects, name = of(kind, who, to), plain(name)
        first, second = [await objects.version(name, number, shared) for number in (before, after)]
        return Diff(before=before, after=after, changes=differences(first.config, second.config))

    async def roll_back(name: str, body: Rollback, request: Request, response: Response, who: Who, to: Parts) -> Shown:
        made: Shown = tagged(await of(kind, who, to, check).roll_back(plain(name), body, request), response)
        return made

    listed: tuple[Told, ...] = (
        (every, "GET", path, f"list_{plural}", f"List {word}s"),
        (make, "POST", path, f"make_{kind}", f"Make a {word}"),
        (one, "GET", f"{path}/{{name}}", f"show_{kind}", f"Show a {word}"),
        (put, "PUT", f"{path}/{{name}}", f"change_{kind}", f"Make or change a {word}"),
        (remove, "DELETE", f"{path}/{{name}}", f"remove_{kind}", f"Remove a {word}"),
        (versions, "GET", f"{path}/{{name}}/versions", f"list_{kind}_versions", f"List a {word}'s versions"),
        (version, "GET", f"{path}/{{name}}/versions/{{number}}", f"show_{kind}_version", f"Show a {word}'s version"),
        (diff, "GET", f"{path}/{{name}}/diff", f"diff_{kind}", f"How two versions of a {word} differ"),
        (roll_back, "POST", f"{path}/{{name}}/rollback", f"roll_back_{kind}", f"Make a {word}'s older version anew"),
    )
    writes: dict[Any, tuple[str, ...]] = {
        make: tuple(NewObject.model_fields),
        put: tuple(Change.model_fields),
        roll_back: tuple(Rollback.model_fields),
    }
    return tuple(
        _route(kind, one, tag=tag, writes=writes.get(one[0], ()), status=201 if one[0] is make else 200)
        for one in listed
    )


def _route(kind: str, told: Told, *, tag: str, writes: tuple[str, ...], status: int) -> Route:
    endpoint, method, where, name, summary = told
    endpoint.__name__, endpoint.__doc__ = name.replace("-", "_"), f"{summary}."
    return Route(
        method=method,  # type: ignore[arg-type]
        path=where,
        permission=permission(kind, method, where),
        endpoint=endpoint,
        summary=summary,
        tag=tag,
        object=kind,
        writes=writes,
        status=status,
    )
