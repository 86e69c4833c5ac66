"""A route of the management API: what it is for, who may, and what it answers. None exists without a permission."""

from collections.abc import Awaitable, Callable, Coroutine, Iterator
from email.utils import formatdate
from typing import Any, Literal

import msgspec
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from headgate.access.permissions import PERMISSIONS, PLATFORM_ONLY
from headgate.access.presented import CREDENTIALS
from headgate.access.reach import Reach, reach
from headgate.access.types import Principal
from headgate.admin.cookies import by_cookie
from headgate.admin.errors import broken
from headgate.admin.idempotent import once
from headgate.admin.parts import AdminParts
from headgate.admin.refusals import unusable
from headgate.config.types import ConfigError
from headgate.core.errors import BadRequest, Forbidden, HeadgateError, NotFound, TooLarge
from headgate.core.ids import new_id
from headgate.dialects import json_guard
from headgate.storage.audit_rows import AuditEntry
from headgate.storage.object_rows import Author
from headgate.storage.tenancy import Narrow

OPEN, SELF = "open", "self"
"""Instead of a permission: anybody may, who need not say who he is; and whoever says it may, about himself."""
TENANT = "tenant_id"
"""The query by which who administers the platform speaks of another tenant."""
MAX_BODY = 1_000_000
NUL = b"%00"


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One operation."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    """Below ``/api/v1``."""
    permission: str
    endpoint: Callable[..., Awaitable[Any]]
    summary: str
    tag: str
    status: int = 200
    object: str
    """The kind of object that it shows or changes."""
    writes: tuple[str, ...] = ()
    """The fields that a body may have: what else it holds is refused."""
    narrows: tuple[Literal["team", "own"], ...] = ()
    """Whose permission reaches not over the whole tenant may come in as well: the endpoint shows what is :func:`within`
    its reach alone."""
    foreign: bool = False
    """What comes is made by others' standards: a body may be a form, and a query that is not known is passed over."""
    also: tuple[str, ...] = ()
    """Other paths of the same."""
    deprecated: int | None = None
    """Since when (seconds since 1970) callers are told not to rely on it."""
    sunset: int | None = None
    """When it will go."""


class ManagedRoute(APIRoute):
    """Authenticates, authorizes and bounds a request before anything of it is parsed."""

    about: Route

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See ``APIRoute``."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            request.state.id = new_id()
            if NUL in request.scope["query_string"]:  # no database can be asked for it, and it is stored so
                request.scope["query_string"] = request.scope["query_string"].replace(NUL, b"%EF%BF%BD")
            try:
                if self.about.permission != OPEN:
                    await self._let_in(request)
                self._guard_query(request)
                if request.method in ("POST", "PUT", "PATCH"):
                    await _guard_body(request, form=self.about.foreign)
                response = await (handler(request) if self.about.permission == OPEN else once(request, handler))
            except (Forbidden, NotFound) as error:
                self._note(request, error)
                raise
            except (HeadgateError, RequestValidationError, HTTPException):
                raise
            except ConfigError as error:  # without a gateway, which has one that is good, it is read for each command
                raise unusable(error) from None
            except Exception as error:
                response = broken(request, error)
            response.headers["x-request-id"] = request.state.id
            response.headers.setdefault("cache-control", "no-store")
            response.headers.update(leaving(self.about))
            return response

        return handle

    def _note(self, request: Request, error: HeadgateError) -> None:
        """Have the audit log say who asked for what is not his; whether it exists elsewhere nobody looks."""
        own: Principal | None = getattr(request.state, "own", None)
        money = parts(request).money
        if own is None or money is None:
            return
        entry = AuditEntry(
            tenant_id=own.tenant_id,
            actor_kind=own.kind,
            actor_id=own.id,
            action=self.about.permission if ":" in self.about.permission else "gateway:use",
            object_kind=self.about.object,
            object_id=request.path_params.get("id", ""),
            after={"code": error.code, "method": request.method, "path": self.path},
            address=request.client.host if request.client else None,
            request_id=request.state.id,
            outcome="refused",
        )
        money.refusals.add(entry)

    async def _let_in(self, request: Request) -> None:
        """Find out who calls, whether it may, over how much, and of which tenant it speaks."""
        who = await authenticate(request)
        request.state.own = who
        far = Reach(own=True) if self.about.permission == SELF else reach(who, self.about.permission)
        if far is None:
            raise Forbidden(f"This takes the permission {self.about.permission}, which you do not have.")
        if self.about.permission in PLATFORM_ONLY and not far.platform:
            raise Forbidden(f"This takes the permission {self.about.permission} over the whole platform.")
        if far.narrow and self.about.permission != SELF and not self._narrowed(far):
            raise Forbidden(f"This takes the permission {self.about.permission} over the whole tenant.")
        asked = request.query_params.get(TENANT)
        if asked is not None and asked != who.tenant_id:
            tenants = parts(request).tenancy.tenants
            if not far.platform or await tenants.find(asked[:64], asked[:64]) is None:
                raise NotFound("There is no such tenant.", param=TENANT)
            who = msgspec.structs.replace(who, tenant_id=asked)
        request.state.who, request.state.reach = who, far

    def _narrowed(self, far: Reach) -> bool:
        return bool(far.teams and "team" in self.about.narrows) or (far.own and "own" in self.about.narrows)

    def _guard_query(self, request: Request) -> None:
        if self.about.foreign:
            return
        known = set(_queries(self.dependant))
        for name in request.query_params:
            if name not in known and (name != TENANT or self.about.permission in (OPEN, SELF)):
                listed = f"; it knows {', '.join(sorted(known))}" if known else ""
                raise BadRequest(
                    f"The query {name[:100]!r} is not known here{listed}.", code="unknown_parameter", param=name[:100]
                )


def leaving(route: Route) -> dict[str, str]:
    """Return what callers are told of a route that will go (RFC 9745, RFC 8594)."""
    told = {}
    if route.deprecated is not None:
        told["deprecation"] = f"@{route.deprecated}"
    if route.sunset is not None:
        told["sunset"] = formatdate(route.sunset, usegmt=True)
    return told


def classified(route: Route, made: APIRoute) -> None:
    """Raise ``ValueError`` where a route does not say who may, on what, or what a body of its may hold."""
    name = f"{route.method} {route.path}"
    if route.permission not in PERMISSIONS and route.permission not in (OPEN, SELF):
        raise ValueError(f"{name} declares no permission that exists: {route.permission!r}")
    if not route.object:
        raise ValueError(f"{name} does not declare what kind of object it is about")
    fields = {field for model in bodies(made.dependant) for field in model.model_fields}
    if fields != set(route.writes):
        raise ValueError(f"{name} declares other fields than its body has: {sorted(fields ^ set(route.writes))}")


def bodies(dependant: Dependant) -> Iterator[type[BaseModel]]:
    """Yield the models of a route's body: each refuses fields that it does not have, or ``ValueError`` is raised."""
    for param in dependant.body_params:
        annotation: Any = param.field_info.annotation
        for model in (annotation, *getattr(annotation, "__args__", ())):
            if isinstance(model, type) and issubclass(model, BaseModel):
                if model.model_config.get("extra") != "forbid":
                    raise ValueError(f"{model.__name__} takes fields that it does not have")
                yield model
    for inner in dependant.dependencies:
        yield from bodies(inner)


def _queries(dependant: Dependant) -> Iterator[str]:
    for param in dependant.query_params:
        model: Any = param.field_info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield from (field.alias or name for name, field in model.model_fields.items())
        else:
            yield param.alias
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
    """Dependency: whom the request was authenticated as. Its tenant is the one that it speaks of."""
    who: Principal = request.state.who
    return who


def reached(request: Request) -> Reach:
    """Dependency: how far the permission that was needed goes."""
    far: Reach = request.state.reach
    return far


def within(request: Request) -> Narrow | None:
    """Dependency: what the caller may see of the tenant; ``None`` is all of it."""
    who, far = caller(request), reached(request)
    return narrow_of(who, far)


def narrow_of(who: Principal, far: Reach) -> Narrow | None:
    """Return what somebody may see whose permission goes so far."""
    if not far.narrow:
        return None
    if not far.own:
        return Narrow(far.teams)
    key = who.id if who.kind in ("key", "admin") else None
    return Narrow(far.teams, who.user_id if who.kind != "key" else None, key)


def author(request: Request) -> Author:
    """Dependency: who makes a change, for the audit log."""
    own: Principal = request.state.own
    address = request.client.host if request.client else None
    return Author(kind=own.kind, id=own.id, tenant_id=own.tenant_id, address=address, request_id=request.state.id)


def parts(request: Request) -> AdminParts:
    """Dependency: the parts of the gateway."""
    found: AdminParts = request.app.state.parts
    return found


def key_asked(who: Principal, asked: str | None) -> str | None:
    """Return the key whose records are asked for; to a virtual key no other exists."""
    if who.kind == "key" and asked not in (None, who.id):
        raise NotFound("There is no such key.", param="key_id")
    return asked


async def _guard_body(request: Request, *, form: bool) -> None:
    """Read the body within bounds and refuse what no parser should meet; FastAPI finds it read afterwards."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise TooLarge(f"The body is larger than {MAX_BODY:,} bytes.")
    request._body = bytes(body)
    if form and not request.headers.get("content-type", "").startswith("application/json"):
        return
    if body:
        json_guard.check(request._body)
    elif request.headers.get("content-length", "0") not in ("", "0"):
        raise BadRequest("The body is empty.", code="invalid_json")
