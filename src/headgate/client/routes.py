"""The part of the client that is about routes, aliases and use cases."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

T = TypeVar("T")
Found = dict[str, Any]


class Calls(Protocol):
    """What a client can do; see ``client.admin.Admin``."""

    def _get(self, path: str, kind: type[T], /, **query: Any) -> T: ...

    def _send(
        self,
        method: str,
        path: str,
        kind: type[T],
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> T: ...


class RouteCalls:
    """Methods of ``Admin``; they raise ``ApiError``.

    *plural* is ``routes``, ``aliases``, ``use-cases``, ``guardrails``, ``caches`` or ``config/providers``.
    """

    def routes(self: Calls) -> list[Found]:
        """Return the routes in force, with their deployments and strategies."""
        listed: list[Found] = self._get("/routes", Found)["data"]
        return listed

    def explain(self: Calls, model: str, **asked: Any) -> Found:
        """Return what would become of a call; *asked* are the API's fields, ``None`` ones are left out."""
        body = {name: value for name, value in asked.items() if value is not None}
        return self._send("POST", "/routes/explain", Found, {"model": model, **body})

    def try_guardrails(self: Calls, texts: list[str], names: list[str], *, place: str = "user") -> list[Found]:
        """Return what becomes of each text under the guardrails of these names."""
        body = {"texts": texts, "guardrails": names, "place": place}
        tried: list[Found] = self._send("POST", "/guardrails/test", Found, body)["data"]
        return tried

    def cache_stats(self: Calls, *, hours: int = 24, all_tenants: bool = False) -> list[Found]:
        """Return what each cache holds and did over the last *hours*."""
        query: dict[str, Any] = {"hours": hours, **({"all_tenants": "true"} if all_tenants else {})}
        rows: list[Found] = self._get("/caches/stats", Found, **query)["data"]
        return rows

    def clear_caches(self: Calls, *, all_tenants: bool = False, **which: str | None) -> int | None:
        """Remove answers and return how many, ``None`` where workers remove theirs within a second; *which* is
        ``cache``, ``model``, ``key_id``."""
        body: dict[str, Any] = {name: value for name, value in which.items() if value is not None}
        found = self._send("POST", "/caches/clear", Found, body | ({"all_tenants": True} if all_tenants else {}))
        removed: int | None = found["removed"]
        return removed

    def configured(self: Calls, plural: str) -> list[Found]:
        """Return the objects of a kind, by name."""
        listed: list[Found] = self._get(f"/{plural}", Found)["data"]
        return listed

    def show(self: Calls, plural: str, name: str) -> Found:
        """Return one object: who manages it, its version and what it says."""
        return self._get(_path(plural, name), Found)

    def put(
        self: Calls, plural: str, name: str, config: Mapping[str, Any], *, etag: str | None = None, **more: Any
    ) -> Found:
        """Make or change an object; *etag* is that of the version it was made for. *more*: note, shared, dry_run."""
        body = {"config": config, **{field: value for field, value in more.items() if value is not None}}
        headers = None if etag is None else {"if-match": etag}
        return self._send("PUT", _path(plural, name), Found, body, headers)

    def drop(self: Calls, plural: str, name: str, *, shared: bool | None = None) -> None:
        """Remove an object; its versions stay."""
        query = "" if shared is None else f"?shared={str(shared).lower()}"
        self._send("DELETE", _path(plural, name) + query, type(None))

    def versions(self: Calls, plural: str, name: str, *, limit: int = 50) -> list[Found]:
        """Return an object's versions, newest first."""
        listed: list[Found] = self._get(_path(plural, name) + "/versions", Found, limit=limit)["data"]
        return listed

    def diff(self: Calls, plural: str, name: str, before: int, after: int) -> list[Found]:
        """Return the places in which two versions differ."""
        found: list[Found] = self._get(_path(plural, name) + "/diff", Found, before=before, after=after)["changes"]
        return found

    def roll_back(self: Calls, plural: str, name: str, version: int) -> Found:
        """Make an older version the newest."""
        return self._send("POST", _path(plural, name) + "/rollback", Found, {"version": version})


def _path(plural: str, name: str) -> str:
    return f"/{plural}/{quote(name, safe='')}"
