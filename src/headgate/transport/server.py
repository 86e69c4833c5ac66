"""Our own HTTP/1.1 server for ASGI applications, on an asyncio (uvloop) event loop.

It owns what must hold before an application sees a request: strict framing, sizes, deadlines for slow clients, the
number of connections, and the notice that a client has left. https://www.rfc-editor.org/rfc/rfc9112
"""

import asyncio
import resource
import socket
import ssl
from collections import Counter
from collections.abc import Callable

import msgspec

from headgate.transport.outbox import Outbox
from headgate.transport.server_asgi import App, Exchange, Scope
from headgate.transport.server_connection import Connection
from headgate.transport.server_edge import Edge
from headgate.transport.server_errors import ClientGone
from headgate.transport.server_link import Link

__all__ = ["App", "ClientGone", "Link", "Scope", "Server", "ServerLimits", "bind", "start"]

_ASGI = {"version": "3.0", "spec_version": "2.3"}


class ServerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of the server; sizes are bytes, times are seconds."""

    head: int = 64 * 1024
    headers: int = 100
    target: int = 8 * 1024
    body: int = 20_000_000
    """Also the bound of a compressed body when inflated."""
    connections: int = 50_000
    """At most half of the files that the process may open: a request has an upstream socket too."""
    head_timeout: float = 10.0
    """From the first byte of a request to the end of its head."""
    body_window: float = 30.0
    body_rate: int = 1024
    """A body must bring this many bytes a second on average over each window."""
    keep_alive: float = 75.0
    """How long a connection may lie idle."""
    write_stall: float = 60.0
    """How long a client may read nothing while we have something for it."""
    linger: float = 2.0
    """How long a refused client may go on sending before the connection is closed under it."""
    tick: float = 0.5
    """How often the time limits are looked at, so how late they may be."""


class Server:
    """A running server. Made by :func:`start`."""

    def __init__(
        self,
        app: App,
        limits: ServerLimits,
        *,
        tls: bool,
        on_error: Callable[[BaseException, Scope], None],
        edge: Edge | None = None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.outbox = Outbox(self.loop)
        self.limits = limits
        self.on_error = on_error
        self.tls = tls
        self.edge = edge
        self.draining = False
        self.stopped = False
        """No connection is accepted any more, and none is kept."""
        self.now = self.loop.time()
        """The loop's clock at the last tick: enough for idle times, and free to read."""
        self.hosts: set[bytes | None] = {None}
        """Host headers that were found valid, up to 256."""
        self.refused: Counter[str] = Counter()
        """How many requests the server itself refused, by error code."""
        self.capacity = min(limits.connections, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
        self._app = app
        self._scheme = "https" if tls else "http"
        self._open: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listeners: list[asyncio.Server] = []
        self._timer = self.loop.call_later(limits.tick, self._sweep)

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self._open)

    @property
    def active(self) -> int:
        """Requests in flight: their application has not returned yet."""
        return len(self._tasks)

    def bound(self, body: int) -> None:
        """Take bodies of so many bytes from the next request on."""
        self.limits = msgspec.structs.replace(self.limits, body=body)

    def begin_drain(self) -> None:
        """Answer every request with ``connection: close`` from now on. New connections are still accepted."""
        self.draining = True

    async def drain(self, accept_grace: float, timeout: float) -> bool:
        """Stop: accept for *accept_grace* seconds more, then let what runs finish, within *timeout* seconds in all.

        What still runs then is told through ``Link.on_shutdown`` and cut a second later. Return whether all finished.
        """
        self.begin_drain()
        deadline = self.loop.time() + timeout
        await asyncio.sleep(min(accept_grace, timeout))
        self._stop_accepting()
        for conn in tuple(self._open):
            conn.close_idle()
        whole = await self._settle(deadline - self.loop.time())
        if not whole:
            for conn in tuple(self._open):
                conn.shut()
            await self._settle(1.0)
        self.abort()
        if not await self._settle(0.5):
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self._timer.cancel()
        return whole

    def abort(self) -> None:
        """Stop accepting and cut every connection now; requests in flight learn of it by ``Link.on_close``."""
        self.draining = True
        self._stop_accepting()
        for conn in tuple(self._open):
            conn.transport.abort()

    async def listen(self, sock: socket.socket, ssl_context: ssl.SSLContext | None) -> None:
        """Accept connections on *sock*, of TCP or of the Unix domain."""
        create = self.loop.create_unix_server if sock.family == socket.AF_UNIX else self.loop.create_server
        listener = await create(
            lambda: Connection(self),
            sock=sock,
            backlog=2048,
            ssl=ssl_context,
            ssl_handshake_timeout=self.limits.head_timeout if ssl_context else None,
        )
        self._listeners.append(listener)

    # What connections ask of their server

    def admit(self, conn: Connection) -> int:
        """Count *conn* in. Return by how many connections the server is now over its capacity (0 or less: not)."""
        self._open.add(conn)
        return len(self._open) - self.capacity

    def leave(self, conn: Connection) -> None:
        """Count *conn* out."""
        self._open.discard(conn)

    def run(self, link: Exchange) -> None:
        """Start the application on *link*."""
        conn, head = link.conn, link.head
        method, path, raw_path, query = head.words or head.read_words()
        scope: Scope = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": "1.1" if head.http11 else "1.0",
            "method": method,
            "scheme": self._scheme,
            "path": path,
            "raw_path": raw_path,
            "query_string": query,
            "root_path": "",
            "headers": list(link.headers.items()),
            "client": conn.client,
            "server": conn.local,
            "extensions": {"headgate": link},
        }
        if self.edge is not None:
            self.edge.correct(scope, link.headers)
        link.task = task = asyncio.Task(link.run(self._app, scope), loop=self.loop)
        self._tasks.add(task)

    def ended(self, link: Exchange) -> None:
        """The application has returned from *link*."""
        if link.task is not None:
            self._tasks.discard(link.task)

    def call(self, callback: Callable[[], None]) -> None:
        """Call an application's *callback*, whose failure is its own."""
        try:
            callback()
        except Exception as exc:
            self.on_error(exc, {})

    def _sweep(self) -> None:
        self.now = self.loop.time()
        for conn in tuple(self._open):
            conn.sweep(self.now)
        self._timer = self.loop.call_later(self.limits.tick, self._sweep)

    def _stop_accepting(self) -> None:
        self.stopped = True
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener.close()

    async def _settle(self, seconds: float) -> bool:
        """Wait until nothing is in flight and every connection is closed; return whether that came to be in time."""
        deadline = self.loop.time() + seconds
        while self._tasks or self._open:
            if self.loop.time() >= deadline:
                return False
            await asyncio.sleep(0.02)
        return True


async def start(
    app: App,
    sockets: list[socket.socket],
    *,
    limits: ServerLimits | None = None,
    ssl_context: ssl.SSLContext | None = None,
    on_error: Callable[[BaseException, Scope], None] | None = None,
    edge: Edge | None = None,
) -> Server:
    """Serve *app* on listening *sockets*, which from now on belong to the server.

    *edge* says which proxies and which names of the server are believed; without it no proxy is, and every name.
    *on_error* is told of every exception that the application let out, with the request's scope; the client is told
    only that something went wrong. Without it the loop's exception handler is.
    """
    server = Server(
        app, limits or ServerLimits(), tls=ssl_context is not None, on_error=on_error or _to_loop, edge=edge
    )
    for sock in sockets:
        await server.listen(sock, ssl_context)
    return server


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one. Raise ``OSError`` if the address cannot be had."""
    family, kind, proto, _, address = socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    sock = socket.socket(family, kind, proto)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(address)
        sock.listen(2048)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _to_loop(exc: BaseException, scope: Scope) -> None:
    asyncio.get_running_loop().call_exception_handler(
        {"message": f"the application failed on {scope.get('method')} {scope.get('path')}", "exception": exc}
    )
