"""An upstream that answers one recorded exchange at a time, and keeps what it was asked."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CUT = 700  # bytes of a stream in one piece: events are cut anywhere
TOKEN = "/token"  # where accounts that sign in fetch what they are signed with
SKIPPED = frozenset({"content-length", "transfer-encoding", "content-encoding", "connection", "date"})


class Asked:
    """One request as it came."""

    def __init__(self, path: str, headers: dict[str, str], body: bytes) -> None:
        self.path, self.headers, self.raw = path, headers, body

    @property
    def body(self) -> Any:
        return json.loads(self.raw) if self.raw else None


class Replayer:
    """``answer`` is the recorded response that every request gets until it is replaced."""

    def __init__(self) -> None:
        self.answer: dict[str, Any] = {}
        self.asked: list[Asked] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(length)
                if self.path == TOKEN:
                    self._reply({"status": 200, "headers": {}, "body": {"access_token": "token", "expires_in": 3600}})
                    return
                owner.asked.append(Asked(self.path, headers, body))
                self._reply(owner.answer)

            do_GET = do_POST

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except ConnectionError:  # who asked has gone
                    self.close_connection = True

            def _reply(self, answer: dict[str, Any]) -> None:
                self.send_response_only(answer["status"])
                whole, streamed = content(answer)
                headers = {name.lower(): value for name, value in answer["headers"].items()}
                headers.setdefault("content-type", usual(whole) if streamed else "application/json")
                for name, value in headers.items():
                    if name not in SKIPPED:
                        self.send_header(name, value)
                if streamed:
                    self.send_header("transfer-encoding", "chunked")
                    self.end_headers()
                    for at in range(0, len(whole), CUT):
                        piece = whole[at : at + CUT]
                        self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                    self.wfile.write(b"0\r\n\r\n")
                else:
                    self.send_header("content-length", str(len(whole)))
                    self.end_headers()
                    self.wfile.write(whole)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def content(answer: dict[str, Any]) -> tuple[bytes, bool]:
    """The bytes of a recorded response, and whether they came as a stream."""
    if answer.get("text") is not None:
        return answer["text"].encode(), True
    if answer.get("body_b64") is not None:
        return base64.b64decode(answer["body_b64"]), True
    return json.dumps(answer.get("body"), ensure_ascii=False).encode(), False


def usual(stream: bytes) -> str:
    """The content type of a stream whose recording does not tell it."""
    if stream.startswith(b"\0"):
        return "application/vnd.amazon.eventstream"
    return "application/x-ndjson" if stream.startswith(b"{") else "text/event-stream"
