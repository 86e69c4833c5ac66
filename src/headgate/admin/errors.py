"""Errors of the management API: OpenAI's shape for every one of them, and never a 5xx for what a client sent."""

import logging
import re
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from headgate.core.errors import BadRequest, HeadgateError, MethodNotAllowed, NotFound, Unavailable
from headgate.core.ids import new_id
from headgate.core.redact import redact
from headgate.storage.sql import DiskFull, SqlError
from headgate.storage.sqlite import is_full

log = logging.getLogger("headgate.admin")

CODES = {"missing": "missing_parameter", "extra_forbidden": "unknown_parameter", "json_invalid": "invalid_json"}
WORDS = {"missing": "is required", "extra_forbidden": "is not known here"}
SHOULD = re.compile(r"^(Decimal |String |List |Tuple )?(input )?should", re.IGNORECASE)
PLACES = ("body", "query", "path", "header")


def answer(error: HeadgateError) -> JSONResponse:
    """Return *error* as the response to print."""
    body = {"message": redact(error.message), "type": error.type, "param": error.param, "code": error.code}
    headers = {"x-request-id": new_id(), **error.headers}
    return JSONResponse({"error": body}, status_code=error.status, headers=headers)


def from_validation(problems: list[dict[str, Any]]) -> BadRequest:
    """Return the first problem as an error that names its field, and the number of the others.

    What was sent is not repeated: it may be a credential in the wrong place.
    """
    first = problems[0]
    param = _path(first["loc"])
    words = WORDS.get(first["type"]) or SHOULD.sub("must", str(first["msg"]).removeprefix("Value error, "))
    others = f" ({len(problems)} faults in all.)" if len(problems) > 1 else ""
    message = f"{param or 'The request body'} {words[:1].lower()}{words[1:]}.{others}"
    return BadRequest(message, code=CODES.get(first["type"], "invalid_parameter"), param=param or None)


def broken(request: Request, error: Exception) -> JSONResponse:
    """Return the answer to what went wrong on our side, after logging it."""
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    if lost or isinstance(error, OperationalError | InterfaceError | PoolTimeout | SqlError):
        log.error("%s %s failed: %s", request.method, request.url.path, error)
        if isinstance(error, DiskFull) or is_full(getattr(error, "orig", None)):
            return answer(Unavailable("The disk of the database is full. Make room.", code="storage_unavailable"))
        return answer(Unavailable("The database cannot be reached now. Try again.", code="storage_unavailable"))
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return answer(HeadgateError("The gateway failed to answer; its log says why."))


def install(app: FastAPI) -> None:
    """Give *app* its one way to say that something is wrong."""

    @app.exception_handler(HeadgateError)
    async def ours(_: Request, error: HeadgateError) -> JSONResponse:
        return answer(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return answer(from_validation(list(error.errors())))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        where = f"{request.method} {request.url.path[:200]}"
        if error.status_code == 405:
            allow = ", ".join(sorted(_methods(app, request.url.path)))
            return answer(MethodNotAllowed(f"{where} is not possible; it takes {allow}.", headers={"allow": allow}))
        if error.status_code == 404:
            return answer(NotFound(f"There is nothing at {where}. /docs lists what there is."))
        return answer(BadRequest(str(error.detail)))


def _methods(app: FastAPI, path: str) -> set[str]:
    matching = (route for route in app.routes if isinstance(route, APIRoute) and route.path_regex.match(path))
    return {method for route in matching for method in route.methods or ()}


def _path(place: tuple[str | int, ...]) -> str:
    text = ""
    for part in place[1:] if place and place[0] in PLACES else place:
        text += f"[{part}]" if isinstance(part, int) else f".{part[:100]}"
    return text.removeprefix(".")
