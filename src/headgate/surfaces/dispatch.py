"""The one ASGI application: one table from path and method to what answers."""

from typing import Any

from headgate.core.errors import HeadgateError, MethodNotAllowed, NotFound
from headgate.core.ids import new_id
from headgate.dialects import anthropic_messages, gemini, openai_chat
from headgate.dialects.base import Dialect
from headgate.pipeline.parts import Parts
from headgate.pipeline.run import run
from headgate.surfaces.calls import call_from
from headgate.surfaces.doors import ANY, API_PREFIXES, CONTROL_PATHS, CONTROL_PREFIXES, DOORS, PAGES, Door, Page
from headgate.surfaces.gemini import PREFIXES, door_at, is_googles
from headgate.surfaces.link import AsgiLink
from headgate.surfaces.state import State
from headgate.transport.server_asgi import App, Receive, Scope, Send

API = tuple(prefix.encode() for prefix in API_PREFIXES)


class Dispatch:
    """The data plane, and the way to the control plane. Paths are compared as they came: nothing has a second name."""

    def __init__(self, parts: Parts, state: State, control: App) -> None:
        self._parts = parts
        self._state = state
        self._control = control
        self._doors: dict[bytes, Door] = {door.path.encode(): door for door in DOORS}
        self._pages: dict[bytes, Page] = {page.path.encode(): page for page in PAGES if not page.rest}
        self._open_pages = [(page.path.encode(), page) for page in PAGES if page.rest]
        self._control_paths = frozenset(path.encode() for path in CONTROL_PATHS)
        self._control_prefixes = tuple(prefix.encode() for prefix in CONTROL_PREFIXES)
        self._api = tuple(prefix + b"/" for prefix in API)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        link = scope.get("extensions", {}).get("headgate") or AsgiLink(scope, receive, send)
        path: bytes = scope["raw_path"]
        door = self._doors.get(path)
        if door is not None and scope["method"] == door.method:
            call = call_from(scope, link, door.surface, door.operation, door.dialect, door.media)
            await run(call, self._parts)
        elif scope["method"] == "POST" and path.startswith(PREFIXES):
            await self._named(scope, link, path)
        elif self.controls(path):
            await self._control(scope, receive, send)
            return
        else:
            await self._page(scope, link, path, door)
        if isinstance(link, AsgiLink):
            await link.flush()

    async def _named(self, scope: Scope, link: Any, path: bytes) -> None:
        """Answer a request whose path names the model."""
        try:
            door, model, stream = door_at(path, scope["query_string"])
        except HeadgateError as error:
            self._parts.refused[error.code] += 1
            refuse(link, error, scope)
            return
        call = call_from(scope, link, door.surface, door.operation, door.dialect, door.media)
        call.path_model, call.path_stream = model, stream
        await run(call, self._parts)

    def controls(self, path: bytes) -> bool:
        """Whether *path* is the control plane's: its API, a page of the dashboard, or nothing at all."""
        if path in self._control_paths:
            return True
        if path in self._pages or path in self._doors:
            return False
        return path.startswith(self._control_prefixes) or not (path.startswith(self._api) or path in API)

    async def _page(self, scope: Scope, link: Any, path: bytes, door: Door | None) -> None:
        page, rest = self._pages.get(path), b""
        if page is None and door is None:
            for start, candidate in self._open_pages:
                if path.startswith(start) and len(path) > len(start):
                    page, rest = candidate, path[len(start) :]
        try:
            if page is None and door is None:
                raise NotFound(f"There is nothing at {scope['method']} {shown(path)}. /docs lists what there is.")
            method = page.method if page is not None else door.method if door is not None else ""
            if method != ANY and scope["method"] not in (method, "HEAD" if method == "GET" else method):
                raise MethodNotAllowed(f"{shown(path)} takes {method}.", headers={"allow": method})
            if page is not None:
                await page.handler(self._state, self._parts, scope, link, rest)
        except HeadgateError as error:
            if "x-request-id" not in error.headers:  # else it is on record under that id
                self._parts.refused[error.code] += 1
            refuse(link, error, scope)


def refuse(link: Any, error: HeadgateError, scope: Scope) -> None:
    """Answer with *error* in the shape that the clients of the path know."""
    request_id = new_id()
    path: bytes = scope["raw_path"]
    dialect: Dialect = anthropic_messages if path.startswith(b"/v1/messages") else openai_chat
    if path.startswith(b"/v1beta/") or (path.startswith(b"/v1/models/") and is_googles(scope)):
        dialect = gemini
    headers = {"content-type": "application/json", "x-request-id": request_id, **error.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    link.respond(error.status, lines.encode("ascii", "backslashreplace"), dialect.write_error(error, request_id))


def shown(path: bytes) -> str:
    """A path as it may stand in a message."""
    return path[:200].decode("ascii", "backslashreplace")
