"""A server on a loopback port, in threads of its own, that answers by a function and keeps what it was asked."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self

Answer = tuple[int, Any] | tuple[int, Any, Mapping[str, str]]
"""A status, a body and headers: bytes as they are, pieces of an iterator as chunks, anything else as JSON."""
JSON = {"content-type": "application/json"}


class Asked(NamedTuple):
    """One request as it came. The path has its query; names of headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """What the body says."""
        return json.loads(self.body)

    @property
    def bearer(self) -> str:
        """The key that was shown, if any."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")


class Answering:
    """Serves from when it is made until it is closed."""

    def __init__(self, answer: Callable[[Asked], Answer], port: int = 0) -> None:
        self.by = answer
        self.says: Answer | None = None
        """What is answered to everything, instead."""
        self.asked: list[Asked] = []
        """Oldest first."""
        server = self

        class Handler(_Handler):
            owner = server

        self._server = _Server(("127.0.0.1", port), Handler)
        self.port: int = self._server.server_address[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it; what it still answers it answers."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body leave apart: the body would wait for an acknowledgement
    owner: Answering

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:  # who asked has gone
            self.close_connection = True

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        asked = Asked(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        self.owner.asked.append(asked)
        found = self.owner.says or self.owner.by(asked)
        self._reply(found[0], found[1], found[2] if len(found) == 3 else {})

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def _reply(self, status: int, said: Any, headers: Mapping[str, str]) -> None:
        self.send_response_only(status)
        if isinstance(said, Iterator):
            self._head({**headers, "transfer-encoding": "chunked"})
            for piece in said:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
            return
        data = said if isinstance(said, bytes) else json.dumps(said).encode()
        self._head({**({} if isinstance(said, bytes) else JSON), **headers, "content-length": str(len(data))})
        self.wfile.write(data)

    def _head(self, headers: Mapping[str, str]) -> None:
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
