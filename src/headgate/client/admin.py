"""A typed client of the management API, over HTTP or, for a home on this machine, in process."""

import ssl
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx2
import msgspec

from headgate.client.alerts import AlertCalls
from headgate.client.answers import Key, KeyPage, Log, LogPage, MadeKey, ProviderKey, Trace, Usage
from headgate.client.encryption import EncryptionCalls
from headgate.client.entry import EntryCalls
from headgate.client.exports import ExportCalls
from headgate.client.money import MoneyCalls
from headgate.client.routes import RouteCalls
from headgate.client.tenancy import TenancyCalls

T = TypeVar("T")
PREFIX = "/api/v1"


class ApiError(Exception):
    """The gateway refused, or did not answer (``status`` 0, ``code`` ``unreachable``)."""

    def __init__(self, status: int, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.exit_code = 3 if code == "storage_unavailable" else 1


class Admin(AlertCalls, TenancyCalls, RouteCalls, EntryCalls, EncryptionCalls, ExportCalls, MoneyCalls):
    """One gateway, seen with one key. Every method raises :class:`ApiError`.

    >>> with Admin("http://127.0.0.1:8080", "hga_...") as gateway:
    ...     made = gateway.create_key("my app", budgets=[{"usd": "5", "window": "month"}])
    """

    def __init__(
        self,
        base_url: str,
        key: str = "",
        *,
        tenant: str | None = None,
        transport: httpx2.BaseTransport | None = None,
        timeout: float = 30.0,
    ) -> None:
        """*tenant* is whom it is about, for who administers the platform; else it is the key's own."""
        headers = {"authorization": f"Bearer {key}"} if key else {}
        plain = base_url.startswith("http://")  # to load all authorities takes longer than most requests
        self._http = httpx2.Client(
            base_url=base_url,
            headers=headers,
            transport=transport,
            timeout=timeout,
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else True,
        )
        if tenant is not None:
            self._http.params = self._http.params.set("tenant_id", tenant)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def keys(self, *, limit: int = 100, after: str | None = None, **filters: Any) -> KeyPage:
        """Return a page of keys. *filters* are the API's: ``team_id``, ``app_id``, ``user_id``, ``search`` ..."""
        return self._get("/config/virtual-keys", KeyPage, limit=limit, after=after, **filters)

    def all_keys(self, **filters: Any) -> Iterator[Key]:
        """Yield every key, page by page."""
        after = None
        while True:
            page = self.keys(limit=1000, after=after, **filters)
            yield from page.data
            if not page.has_more:
                return
            after = page.next

    def key(self, id: str) -> Key:
        """Return one key."""
        return self._get(f"/config/virtual-keys/{quote(id, safe='')}", Key)

    def create_key(self, name: str, **fields: Any) -> MadeKey:
        """Make a key. *fields* are those of the API: ``models``, ``limits``, ``budgets``, ``expires_at`` and so on."""
        return self._send("POST", "/config/virtual-keys", MadeKey, {"name": name, **fields})

    def update_key(self, id: str, **fields: Any) -> Key:
        """Change what is said of a key; ``is_active=False`` switches it off."""
        return self._send("PATCH", f"/config/virtual-keys/{quote(id, safe='')}", Key, fields)

    def revoke_key(self, id: str) -> Key:
        """Turn a key off for ever."""
        return self._send("DELETE", f"/config/virtual-keys/{quote(id, safe='')}", Key)

    def rotate_key(self, id: str, *, overlap: float = 0) -> MadeKey:
        """Give a key a new secret; the present one stays good for *overlap* seconds."""
        return self._send("POST", f"/config/virtual-keys/{quote(id, safe='')}/rotate", MadeKey, {"overlap": overlap})

    def logs(self, **filters: Any) -> LogPage:
        """Return a page of calls, latest first. *filters* are the API's, ``None`` ones are left out."""
        return self._get("/logs", LogPage, **filters)

    def tail(self, **filters: Any) -> Iterator[Log]:
        """Yield calls as they end, without an end. *filters* are those of :meth:`logs`, but for pages."""
        after: str | None = None
        while True:
            for event in self._text("/logs/tail", after=after, **filters).split("\n\n"):
                fields = dict(line.partition(": ")[::2] for line in event.splitlines())
                after = fields.get("id", after)
                if fields.get("event") == "call":
                    yield msgspec.json.decode(fields["data"], type=Log)

    def trace(self, id: str) -> Trace:
        """Return everything about one call, by its request id or its trace id."""
        return self._get(f"/traces/{quote(id, safe='')}", Trace)

    def usage(self, **filters: Any) -> Usage:
        """Return calls, tokens and cost, by one dimension."""
        return self._get("/metrics/usage", Usage, **filters)

    def analytics(self, **filters: Any) -> dict[str, Any]:
        """Return calls, tokens, cost and durations by any dimension and window. *filters* are the API's."""
        return self._get("/analytics", dict[str, Any], **filters)

    def errors(self, **filters: Any) -> list[dict[str, Any]]:
        """Return what goes wrong, by kind, those met last first. *filters* are the API's."""
        listed: list[dict[str, Any]] = self._get("/errors", dict[str, Any], **filters)["data"]
        return listed

    def config(self) -> dict[str, Any]:
        """Return the configuration in force, without secrets."""
        return self._get("/config", dict[str, Any])

    def models(self) -> list[dict[str, Any]]:
        """Return what this key can call now, as ``GET /v1/models`` lists it."""
        listed: list[dict[str, Any]] = self._call("GET", "/v1/models", dict[str, Any])["data"]
        return listed

    def providers(self) -> list[dict[str, Any]]:
        """Return the accounts in force."""
        listed: list[dict[str, Any]] = self._get("/config/providers", dict[str, Any])["data"]
        return listed

    def provider_keys(self, provider: str) -> list[ProviderKey]:
        """Return what may be shown of the sealed keys of an account."""
        return self._get(f"/config/providers/{quote(provider, safe='')}/keys", dict[str, list[ProviderKey]])["data"]

    def add_provider_key(self, provider: str, key: str, *, name: str = "") -> ProviderKey:
        """Seal a key of an account."""
        body = {"key": key, "name": name}
        return self._send("POST", f"/config/providers/{quote(provider, safe='')}/keys", ProviderKey, body)

    def remove_provider_key(self, provider: str, id: str) -> ProviderKey:
        """Delete a sealed key."""
        return self._send(
            "DELETE", f"/config/providers/{quote(provider, safe='')}/keys/{quote(id, safe='')}", ProviderKey
        )

    def registry(self, **filters: Any) -> list[dict[str, Any]]:
        """Return what is known of every model, page by page. *filters* are the API's."""
        found: list[dict[str, Any]] = []
        after = None
        while True:
            page = self._get("/config/models", dict[str, Any], **filters, limit=1000, after=after)
            found += page["data"]
            after = page["next"]
            if after is None:
                return found

    def experiment(self, route: str) -> dict[str, Any]:
        """Return how the targets of *route* compare, and what copies of its calls came to."""
        return self._get("/experiments", dict[str, Any], route=route)

    def _get(self, path: str, kind: type[T], /, **query: Any) -> T:
        return self._call("GET", PREFIX + path, kind, params={k: v for k, v in query.items() if v is not None})

    def _send(
        self,
        method: str,
        path: str,
        kind: type[T],
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        return self._call(method, PREFIX + path, kind, json=body, headers=headers)

    def _text(self, path: str, **query: Any) -> str:
        params = {k: v for k, v in query.items() if v is not None}
        return self._answer("GET", PREFIX + path, params=params).text

    def _file(self, path: str, to: Path) -> str:
        digest = sha256()
        try:
            with self._http.stream("GET", PREFIX + path) as response, to.open("ab") as file:
                if response.status_code >= 400:
                    response.read()
                    raise _refusal(response)
                for data in response.iter_bytes():
                    digest.update(data)
                    file.write(data)
        except httpx2.HTTPError as error:
            raise ApiError(0, "unreachable", f"{self._http.base_url} does not answer: {error}") from None
        return digest.hexdigest()

    def _answer(self, method: str, path: str, **request: Any) -> httpx2.Response:
        try:
            response = self._http.request(method, path, **request)
        except httpx2.HTTPError as error:
            raise ApiError(0, "unreachable", f"{self._http.base_url} does not answer: {error}") from None
        if response.status_code >= 400:
            raise _refusal(response)
        return response

    def _call(self, method: str, path: str, kind: type[T], **request: Any) -> T:
        response = self._answer(method, path, **request)
        try:
            return msgspec.json.decode(response.content or b"null", type=kind)
        except msgspec.MsgspecError:
            raise ApiError(
                response.status_code, "unexpected_answer", f"{response.url} is not a Headgate management API"
            ) from None


def _refusal(response: httpx2.Response) -> ApiError:
    try:
        error = response.json()["error"]
        return ApiError(response.status_code, error["code"], error["message"], error.get("param"))
    except (ValueError, KeyError, TypeError):
        return ApiError(response.status_code, "unexpected_answer", f"{response.url} answered {response.status_code}")
