"""A route of the management API: what it is for, who may, and what it answers. None exists without a permission."""

from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, Literal, get_args

import msgspec
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from headgate.access.principals import CREDENTIALS
from headgate.access.types import Principal
from headgate.admin.cookies import by_cookie
from headgate.admin.errors import broken
from headgate.admin.parts import AdminParts
from headgate.core.call import new_id
from headgate.core.errors import BadRequest, Forbidden, HeadgateError, NotFound, TooLarge
from headgate.dialects import json_guard

Permission = Literal[
    "api_keys:view",
    "api_keys:create",
    "api_keys:delete",
    "logs:view",
    "usage:view",
    "config:view",
    "provider_keys:view",
    "provider_keys:create",
    "provider_keys:delete",
    "providers:switch",
    "routes:view",
    "routes:change",
    "users:update",
    "sessions:view",
    "sessions:delete",
    "sso:view",
    "sso:create",
    "sso:update",
    "sso:delete",
    "clients:view",
    "clients:create",
    "clients:delete",
    "open",
    "self",
]
OPEN: Literal["open"] = "open"
SELF: Literal["self"] = "self"
"""Instead of a permission: anybody may, who need not say who he is; and whoever says it may, about himself."""
GRANTED: dict[str, frozenset[Permission]] = {
    "admin": frozenset(get_args(Permission)),
    "key": frozenset(("logs:view", "usage:view", SELF)),  # of its own calls alone: see `own_key`
}
MAX_BODY = 1_000_000


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One operation."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    """Below ``/api/v1``."""
    permission: Permission
    endpoint: Callable[..., Awaitable[Any]]
    summary: str
    tag: str
    status: int = 200


class ManagedRoute(APIRoute):
    """Authenticates, authorizes and bounds a request before anything of it is parsed."""

    permission: Permission

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See ``APIRoute``."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            if self.permission != OPEN:
                who = request.state.who = await authenticate(request)
                if not may(who, self.permission):
                    raise Forbidden(f"This takes the permission {self.permission}, which you do not have.")
            self._guard_query(request)
            if request.method in ("POST", "PUT", "PATCH"):
                await _guard_body(request)
            try:
                response = await handler(request)
            except (HeadgateError, RequestValidationError, HTTPException):
                raise
            except Exception as error:
                response = broken(request, error)
            response.headers["x-request-id"] = new_id()
            response.headers.setdefault("cache-control", "no-store")
            return response

        return handle

    def _guard_query(self, request: Request) -> None:
        known = set(_queries(self.dependant))
        for name in request.query_params:
            if name not in known:
                listed = f"; it knows {', '.join(sorted(known))}" if known else ""
                raise BadRequest(
                    f"The query {name[:100]!r} is not known here{listed}.", code="unknown_parameter", param=name[:100]
                )


def may(who: Principal, permission: str) -> bool:
    """Whether *who* has a permission, somewhere."""
    granted = GRANTED.get(who.kind)
    return permission in granted if granted is not None else permission == SELF or permission in who.permissions


def _queries(dependant: Dependant) -> Iterator[str]:
    yield from (param.alias for param in dependant.query_params)
    for inner in dependant.dependencies:
        yield from _queries(inner)


async def authenticate(request: Request) -> Principal:
    """Return who calls; raise as ``Principals.authenticate``, and ``Forbidden`` ``csrf_failed``."""
    parts: AdminParts = request.app.state.parts
    headers = [(name.lower(), value) for name, value in request.scope["headers"]]
    address = request.client.host if request.client else None
    if parts.entrance is not None and b"cookie" in (names := {name for name, _ in headers}) and not names & CREDENTIALS:
        return await by_cookie(parts.entrance, request)
    who = parts.principals.authenticate(headers, request.scope["query_string"], address)
    return who if isinstance(who, Principal) else await who


def caller(request: Request) -> Principal:
    """Dependency: whom the request was authenticated as."""
    who: Principal = request.state.who
    return who


def parts(request: Request) -> AdminParts:
    """Dependency: the parts of the gateway."""
    found: AdminParts = request.app.state.parts
    return found


def own_key(who: Principal, asked: str | None) -> str | None:
    """Return the key whose records may be seen, ``None`` for the whole tenant's; another's key does not exist."""
    if who.kind == "admin":
        return asked
    if asked not in (None, who.id):
        raise NotFound("There is no such key.", param="key_id")
    return who.id


async def _guard_body(request: Request) -> None:
    """Read the body within bounds and refuse what no parser should meet; FastAPI finds it read afterwards."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise TooLarge(f"The body is larger than {MAX_BODY:,} bytes.")
    request._body = bytes(body)
    if body:
        json_guard.check(request._body)
    elif request.headers.get("content-length", "0") not in ("", "0"):
        raise BadRequest("The body is empty.", code="invalid_json")
