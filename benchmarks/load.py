"""The load generator: a closed loop of keep-alive connections on one epoll, each answer checked.

Runs as its own process: reads a `Job` as JSON from standard input, prints a `Tally` as JSON. It sleeps in the
kernel while nothing comes, never spins, and gives up at the job's hard timeout whatever the target does.
"""

import base64
import json
import os
import re
import select
import socket
import sys
import time
from dataclasses import asdict, dataclass, field

from . import bodies

LENGTH = re.compile(rb"(?i)\r\ncontent-length:[ \t]*(\d+)")
CHUNKED = re.compile(rb"(?i)\r\ntransfer-encoding:[ \t]*chunked")
CLOSES = re.compile(rb"(?i)\r\nconnection:[ \t]*close")
END = b"0\r\n\r\n"
EVENT = b"data:"
READ = 1 << 18
IN, OUT = select.EPOLLIN, select.EPOLLOUT


@dataclass
class Job:
    """What to send and for how long: until *requests* were answered, or else for *seconds*."""

    port: int
    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    concurrency: int = 32
    seconds: float = 3.0
    requests: int = 0
    timeout: float = 60.0  # seconds for everything, the connections' end included
    least: int = 300  # bytes that a good answer's body has at least
    doze: float = 0.0  # seconds slept before each look at the connections
    events: int = 0  # `data:` lines that a good stream has at least; 0: not a stream

    def wire(self) -> bytes:
        head = f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nContent-Type: application/json\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        return f"{head}Content-Length: {len(self.body)}\r\n\r\n".encode() + self.body

    def dump(self) -> str:
        return json.dumps(asdict(self) | {"body": base64.b64encode(self.body).decode()})

    @classmethod
    def load(cls, text: str) -> "Job":
        value = json.loads(text)
        return cls(**(value | {"body": base64.b64decode(value["body"])}))


@dataclass
class Tally:
    """What came back. *seconds* run from the first request sent to the last answer."""

    ok: int = 0
    bad: int = 0
    reconnects: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0  # the generator's own
    trouble: str = ""  # the first wrong answer, shortened
    timed_out: bool = False


class Client:
    """One connection and the answer it is waiting for."""

    __slots__ = ("head", "inbox", "need", "sock", "unsent", "waits")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.unsent = 0  # bytes of the request not sent yet
        self.waits = False  # whether the poll is asked for room to send
        self.reset()

    def reset(self) -> None:
        self.inbox: list[bytes] = []
        self.head = b""
        self.need = -1  # bytes of the whole answer; -1: chunked or until the end of the connection


class Loop:
    """Keep `concurrency` requests in flight until the job is done."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.request = job.wire()
        self.poll = select.epoll()
        self.clients: dict[int, Client] = {}
        self.tally = Tally()
        self.started = 0
        self.begun = time.monotonic()

    def run(self) -> Tally:
        hard = self.begun + self.job.timeout
        for _ in range(self.job.concurrency):
            self.connect()
        while self.clients:
            now = time.monotonic()
            if now > hard:
                self.tally.timed_out = True
                break
            if self.job.doze:
                time.sleep(self.job.doze)
            for descriptor, event in self.poll.poll(hard - now):
                client = self.clients[descriptor]
                if event & OUT:
                    self.write(client)
                if event & ~OUT:
                    self.read(client)
        for client in self.clients.values():
            client.sock.close()
        self.poll.close()
        self.tally.seconds = time.monotonic() - self.begun
        self.tally.cpu_seconds = time.process_time()
        return self.tally

    def more(self) -> bool:
        if self.job.requests:
            return self.started < self.job.requests
        return time.monotonic() - self.begun < self.job.seconds

    def connect(self) -> None:
        sock = socket.create_connection(("127.0.0.1", self.job.port), timeout=5)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        client = self.clients[sock.fileno()] = Client(sock)
        self.poll.register(sock, IN)
        self.next(client)

    def next(self, client: Client) -> None:
        if not self.more():
            del self.clients[client.sock.fileno()]
            client.sock.close()
            return
        self.started += 1
        client.reset()
        client.unsent = len(self.request)
        self.write(client)

    def write(self, client: Client) -> None:
        total = len(self.request)
        view = self.request if client.unsent == total else memoryview(self.request)[total - client.unsent :]
        try:
            client.unsent -= client.sock.send(view)
        except BlockingIOError:
            pass
        except OSError as error:
            self.broken(client, f"send: {error}")
            return
        if bool(client.unsent) != client.waits:
            client.waits = bool(client.unsent)
            self.poll.modify(client.sock, IN | OUT if client.waits else IN)

    def read(self, client: Client) -> None:
        try:
            data = client.sock.recv(READ)
        except BlockingIOError:
            return
        except OSError as error:
            self.broken(client, f"recv: {error}")
            return
        if not data:
            self.ended(client)
            return
        client.inbox.append(data)
        if not client.head and not self.open_answer(client):
            return
        if client.need < 0:
            if data.endswith(END) or (len(data) < len(END) and b"".join(client.inbox).endswith(END)):
                self.judge(client)
        elif sum(map(len, client.inbox)) >= client.need:
            self.judge(client)

    def open_answer(self, client: Client) -> bool:
        """Find the header's end and how the body ends; False while the header is incomplete."""
        data = b"".join(client.inbox)
        end = data.find(b"\r\n\r\n") + 4
        if end < 4:
            return False
        client.head = data[:end]
        if length := LENGTH.search(client.head):
            client.need = end + int(length[1])
        return True

    def judge(self, client: Client) -> None:
        """Count a whole answer as good or bad and send the next request."""
        answer = b"".join(client.inbox)
        if trouble := self.fault(answer, len(client.head)):
            self.bad(trouble)
        else:
            self.tally.ok += 1
        if CLOSES.search(client.head):
            self.again(client)
        else:
            self.next(client)

    def fault(self, answer: bytes, head: int) -> str:
        job = self.job
        if answer[9:12] == b"200" and len(answer) - head >= job.least and bodies.REPLY_MARK in answer:
            if not job.events or answer.count(EVENT) >= job.events:
                return ""
            if dechunk(answer[head:]).count(EVENT) >= job.events:
                return ""
        return answer[:400].decode(errors="replace")

    def ended(self, client: Client) -> None:
        """The target closed: the end of an answer without length, or a fault."""
        if client.head and client.need < 0 and not CHUNKED.search(client.head):
            client.head += b"\r\nconnection: close"
            self.judge(client)
        else:
            self.broken(client, "closed before the answer's end")

    def broken(self, client: Client, trouble: str) -> None:
        self.bad(trouble)
        if self.tally.bad > 100 + self.tally.ok:
            raise SystemExit(f"too many failures: {self.tally.trouble}")
        self.again(client)

    def again(self, client: Client) -> None:
        del self.clients[client.sock.fileno()]
        client.sock.close()
        if self.more():
            self.tally.reconnects += 1
            self.connect()

    def bad(self, trouble: str) -> None:
        self.tally.bad += 1
        self.tally.trouble = self.tally.trouble or trouble


def dechunk(body: bytes) -> bytes:
    """The payload of a chunked body, for events that a chunk's border has cut in two."""
    parts = []
    at = 0
    while (end := body.find(b"\r\n", at)) > 0 and (size := int(body[at:end].split(b";")[0], 16)):
        parts.append(body[end + 2 : end + 2 + size])
        at = end + 4 + size
    return b"".join(parts)


def main() -> None:
    # Where the mock shares this core, no wake-up of the generator shall cut its writes short.
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    tally = Loop(Job.load(sys.stdin.read())).run()
    print(json.dumps(asdict(tally)))


if __name__ == "__main__":
    main()
