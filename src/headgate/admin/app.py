"""The management API as an ASGI application: every route in a visible list, each with its permission."""

from typing import Any

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from headgate import __version__
from headgate.admin import (
    alerts,
    analytics,
    approvals,
    apps,
    audit,
    auth,
    billing,
    billing_setup,
    budgets,
    caches,
    clients,
    config,
    doctor,
    encryption,
    errors,
    errors_seen,
    experiments,
    exports,
    feedback,
    guardrails,
    health,
    imports,
    issuers,
    keys,
    logs,
    models,
    notifications,
    origins,
    payload,
    providers,
    roles,
    routes,
    sessions,
    spending,
    sso,
    sso_login,
    tail,
    teams,
    tenants,
    tokens,
    traces,
    usage,
    users,
)
from headgate.admin.parts import AdminParts
from headgate.admin.route import OPEN, ManagedRoute, Route, classified

PREFIX = "/api/v1"
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": "string"},
            },
        }
    },
}
ROUTES: tuple[Route, ...] = (
    *tenants.ROUTES,
    *teams.ROUTES,
    *apps.ROUTES,
    *users.ROUTES,
    *roles.ROUTES,
    *keys.ROUTES,
    *logs.ROUTES,
    *tail.ROUTES,
    *payload.ROUTES,
    *exports.ROUTES,
    *traces.ROUTES,
    *usage.ROUTES,
    *analytics.ROUTES,
    *errors_seen.ROUTES,
    *config.ROUTES,
    *origins.ROUTES,
    *models.ROUTES,
    *providers.ROUTES,
    *routes.ROUTES,
    *experiments.ROUTES,
    *guardrails.ROUTES,
    *caches.ROUTES,
    *alerts.ROUTES,
    *feedback.ROUTES,
    *health.ROUTES,
    *doctor.ROUTES,
    *encryption.ROUTES,
    *audit.ROUTES,
    *budgets.ROUTES,
    *spending.ROUTES,
    *approvals.ROUTES,
    *notifications.ROUTES,
    *billing.ROUTES,
    *imports.ROUTES,
    *billing_setup.ROUTES,
    *auth.ROUTES,
    *tokens.ROUTES,
    *sessions.ROUTES,
    *sso_login.ROUTES,
    *sso.ROUTES,
    *clients.ROUTES,
    *issuers.ROUTES,
)


class AsItCame(FastAPI):
    """Routes by the path as it came: ``%2F`` within a name is no slash, and ``%6c`` no second name of ``l``."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            scope = {**scope, "path": scope["raw_path"].decode("latin-1")}
        await super().__call__(scope, receive, send)


def create(parts: AdminParts, mounted: tuple[Route, ...] = ROUTES) -> FastAPI:
    """Return the application; raise ``ValueError`` where a route has no permission that anybody could have."""
    app = AsItCame(title="Headgate", version=__version__, openapi_url=None, docs_url=None, redoc_url=None)
    app.router.redirect_slashes = False  # a handler has one name
    app.state.parts = parts
    errors.install(app)
    for route in mounted:
        _add(app, route)
    return app


class Piecemeal:
    """The same application for a process that asks little of it: routes are made when their first name is asked for.

    To make them all takes longer than most commands do.
    """

    def __init__(self, parts: AdminParts) -> None:
        self._parts = parts
        self._made: dict[str, FastAPI] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        first = _first(scope["raw_path"].decode("latin-1").removeprefix(PREFIX))
        if first not in self._made:
            mounted = tuple(one for one in ROUTES if first in map(_first, (one.path, *one.also)))
            self._made[first] = create(self._parts, mounted)
        await self._made[first](scope, receive, send)


def _first(path: str) -> str:
    return f"{path}/".split("/", 2)[1]


def openapi(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of *app*, to be merged with the data plane's."""
    document = app.openapi()
    components = document.setdefault("components", {})
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"key": []}]
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):  # FastAPI's own shape, which is never sent
        schemas.pop(unused, None)
    schemas["Error"] = ERROR
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = {
                "description": "What is wrong, in OpenAI's shape",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            }
    return document


def _add(app: FastAPI, route: Route) -> None:
    for number, path in enumerate((route.path, *route.also)):
        made = ManagedRoute(
            PREFIX + path,
            route.endpoint,
            methods=[route.method],
            status_code=route.status,
            summary=route.summary,
            tags=[route.tag],
            operation_id=route.endpoint.__name__ + ("" if number == 0 else f"_{number + 1}"),
            deprecated=route.deprecated is not None or None,
            openapi_extra={"security": []} if route.permission == OPEN else {"x-permission": route.permission},
        )
        classified(route, made)
        made.about = route
        app.router.routes.append(made)
