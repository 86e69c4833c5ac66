"""A small closed-loop load of real requests, each with a trace id of its own, on threads."""

import json
import socket
import threading
import time
from dataclasses import dataclass, field
from uuid import uuid4


@dataclass
class Tally:
    """What the callers saw."""

    answered: dict[str, str] = field(default_factory=dict)
    """Trace id -> request id, of every whole 200."""
    statuses: dict[int, int] = field(default_factory=dict)
    refused: list[tuple[float, int]] = field(default_factory=list)
    """When (monotonic seconds), and with which status, of the first thousand that were not served."""
    broken: int = 0
    """Connections that ended without an answer."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, status: int) -> None:
        with self.lock:
            self.statuses[status] = self.statuses.get(status, 0) + 1
            if status != 200 and len(self.refused) < 1000:
                self.refused.append((time.monotonic(), status))


class Load:
    """*concurrency* callers, each sending its next request when the last is answered, until stopped."""

    def __init__(
        self,
        ports: int | list[int],
        key: str,
        model: str,
        *,
        concurrency: int,
        tally: Tally,
        total: int | None = None,
        max_tokens: int = 50,
        rate: float | None = None,
    ) -> None:
        """*rate* is how many requests a second all callers together make at most."""
        self.pause = concurrency / rate if rate is not None else 0.0
        self.ports = ports if isinstance(ports, list) else [ports]
        self.key, self.tally = key, tally
        self.body = {"model": model, "messages": [{"role": "user", "content": "hi"}], "max_tokens": max_tokens}
        self.left = total
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._caller, args=(i,), daemon=True) for i in range(concurrency)]
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self.join()

    def join(self) -> None:
        for thread in self.threads:
            thread.join(60)

    def _next(self) -> bool:
        if self.left is None:
            return True
        with self.tally.lock:
            self.left -= 1
            return self.left >= 0

    def _caller(self, number: int) -> None:
        stream = number % 5 == 4  # a fifth are streams
        body = json.dumps({**self.body, "stream": stream}).encode()
        sock: socket.socket | None = None
        while not self.stopping.is_set() and self._next():
            begun, trace = time.monotonic(), uuid4().hex
            head = (
                f"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {self.key}\r\n"
                f"content-type: application/json\r\ntraceparent: 00-{trace}-{trace[:16]}-01\r\ncontent-length: {len(body)}\r\n\r\n"
            ).encode()
            try:
                port = self.ports[number % len(self.ports)]
                sock = sock or socket.create_connection(("127.0.0.1", port), 5)
                sock.settimeout(30)
                sock.sendall(head + body)
                status, request_id, whole = read_answer(sock)
            except OSError:
                status, request_id, whole = 0, "", False
            if not whole:
                if sock is not None:
                    sock.close()
                sock = None
                self.tally.broken += 1
                time.sleep(0.01)
                continue
            self.tally.add(status)
            if status == 200:
                with self.tally.lock:
                    self.tally.answered[trace] = request_id
            if self.pause:
                time.sleep(max(self.pause - (time.monotonic() - begun), 0))
        if sock is not None:
            sock.close()


def read_answer(sock: socket.socket) -> tuple[int, str, bool]:
    """Return status, request id, and whether the answer was complete by its own framing."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            return 0, "", False
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    headers = dict(line.split(b": ", 1) for line in lines[1:])
    status = int(lines[0].split()[1])
    length = headers.get(b"content-length")
    while len(body) < int(length) if length is not None else not body.endswith(b"0\r\n\r\n"):
        more = sock.recv(65536)
        if not more:
            return status, "", False
        body += more
    if length is None and status == 200 and b"[DONE]" not in body:
        return status, "", False
    return status, headers.get(b"x-request-id", b"").decode(), True
