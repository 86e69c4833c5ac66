"""The upstream of every target: fixed answers in OpenAI's and Anthropic's wire form, from one bare epoll loop.

Bare, because on the core that it shares with the load generator it must cost less than any target it serves.
A stream leaves one `send` per event, as providers send them; how many arrive in one read is the network's affair.
"""

import argparse
import heapq
import itertools
import re
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from typing import NoReturn

from . import bodies

LENGTH = re.compile(rb"(?i)\r\ncontent-length:[ \t]*(\d+)")
CHUNKED = re.compile(rb"(?i)\r\ntransfer-encoding:[ \t]*chunked")
STREAM = re.compile(rb'"stream": ?true')
MODEL = re.compile(rb'"model": ?"(mock[a-z-]*)"')
EDGE = 2048  # `model` and `stream` stand before or after the messages, never between: a large body is not searched
MAX_REQUEST = 16 << 20
READ = 1 << 19
IN, OUT, GONE = select.EPOLLIN, select.EPOLLOUT, select.EPOLLHUP | select.EPOLLERR


def whole(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


def streamed(events: Sequence[bytes]) -> list[bytes]:
    """HTTP chunks, one per event; the header rides with the first and the end with the last."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
    head += b"transfer-encoding: chunked\r\n\r\n"
    chunks = [b"%x\r\n%s\r\n" % (len(event), event) for event in events]
    return [head + chunks[0], *chunks[1:-1], chunks[-1] + b"0\r\n\r\n"]


class Answers:
    """The answers of one dialect, made once: a whole one, and by model a stream's pieces and the pause between them."""

    def __init__(self, answer: bytes, events: Callable[[int], list[bytes]]) -> None:
        self.answer = [whole(answer)]
        flat = streamed(events(bodies.CHUNKS))
        self.streams = {
            bodies.FLAT: (flat, 0.0),
            bodies.BURST: ([b"".join(flat)], 0.0),
            bodies.PACED: (streamed(events(bodies.PACED_CHUNKS)), bodies.PACED_SECONDS),
            bodies.LATE: ([flat[0], b"".join(flat[1:])], bodies.LATE_SECONDS),
        }


class Conversation:
    """One connection: what came and is not a whole request yet, and what is still to be sent."""

    __slots__ = ("inbox", "need", "outbox", "sock", "unsent")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.inbox = bytearray()
        self.need = 0
        self.outbox: list[bytes] = []
        self.unsent = 0  # how many bytes of outbox[0] have gone


Timer = tuple[float, int, Conversation, list[bytes], float]  # when, order, to whom, what is left, the pause between


class Mock:
    """An HTTP/1.1 server with keep-alive and no pipelining."""

    def __init__(self, port: int) -> None:
        self.chat = Answers(bodies.chat_answer(), bodies.chat_events)
        self.messages = Answers(bodies.message_answer(), bodies.message_events)
        model = {"id": "mock", "object": "model", "created": 0, "owned_by": "mock"}
        self.listing = whole(bodies.dump({"object": "list", "data": [model], "status": "ok"}))
        self.listener = socket.create_server(("127.0.0.1", port), backlog=1024)
        self.listener.setblocking(False)
        self.port: int = self.listener.getsockname()[1]
        self.poll = select.epoll()
        self.poll.register(self.listener, IN)
        self.open: dict[int, Conversation] = {}
        self.timers: list[Timer] = []
        self.serial = itertools.count()

    def run(self) -> NoReturn:
        listening = self.listener.fileno()
        while True:
            wait = max(0.0, self.timers[0][0] - time.monotonic()) if self.timers else -1
            for descriptor, event in self.poll.poll(wait):
                if descriptor == listening:
                    self.accept()
                    continue
                one = self.open.get(descriptor)
                if one is None:
                    continue
                if event & OUT:
                    self.flush(one)
                if event & (IN | GONE):
                    self.read(one)
            while self.timers and self.timers[0][0] <= time.monotonic():
                self.tick(heapq.heappop(self.timers))

    def accept(self) -> None:
        try:
            sock, _ = self.listener.accept()
        except BlockingIOError:
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.open[sock.fileno()] = Conversation(sock)
        self.poll.register(sock, IN)

    def close(self, one: Conversation) -> None:
        self.open.pop(one.sock.fileno(), None)
        one.sock.close()

    def read(self, one: Conversation) -> None:
        try:
            data = one.sock.recv(READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data or len(one.inbox) > MAX_REQUEST:
            self.close(one)
            return
        if one.inbox or not self.take(one, data):
            one.inbox += data
            if len(one.inbox) >= one.need and self.take(one, one.inbox):
                one.inbox = bytearray()

    def take(self, one: Conversation, data: bytes | bytearray) -> bool:
        """Answer *data* if it is a whole request; else note how many bytes make it whole."""
        end = data.find(b"\r\n\r\n") + 4
        if end < 4:
            return False
        if length := LENGTH.search(data, 0, end):
            one.need = end + int(length[1])
            if len(data) < one.need:
                return False
        elif CHUNKED.search(data, 0, end) and not data.endswith(b"0\r\n\r\n"):
            return False
        one.need = 0
        self.answer(one, data, end)
        return True

    def answer(self, one: Conversation, data: bytes | bytearray, body: int) -> None:
        line = data[: data.index(b"\r\n")]
        if not line.startswith(b"POST"):
            self.send(one, [self.listing])
            return
        answers = self.messages if b"/messages" in line else self.chat
        edges = bytes(data[body : body + EDGE]) + bytes(data[max(body + EDGE, len(data) - EDGE) :])
        if not STREAM.search(edges):
            self.send(one, answers.answer)
            return
        model = MODEL.search(edges)
        pieces, pause = answers.streams[model[1].decode() if model else bodies.FLAT]
        if pause:
            self.tick((time.monotonic(), 0, one, pieces, pause))
        else:
            self.send(one, pieces)

    def tick(self, timer: Timer) -> None:
        """Send the piece that is due and set the next one's time."""
        due, _, one, pieces, pause = timer
        if one.sock.fileno() < 0:
            return
        self.send(one, pieces[:1])
        if len(pieces) > 1:
            heapq.heappush(self.timers, (due + pause, next(self.serial), one, pieces[1:], pause))

    def send(self, one: Conversation, pieces: list[bytes]) -> None:
        if one.outbox:
            one.outbox += pieces
            return
        write = one.sock.send
        for index, piece in enumerate(pieces):
            try:
                sent = write(piece)
            except BlockingIOError:
                sent = 0
            except OSError:
                self.close(one)
                return
            if sent < len(piece):
                one.outbox, one.unsent = pieces[index:], sent
                self.poll.modify(one.sock, IN | OUT)
                return

    def flush(self, one: Conversation) -> None:
        pending = one.outbox
        pending[0] = pending[0][one.unsent :]
        one.outbox, one.unsent = [], 0
        self.poll.modify(one.sock, IN)
        self.send(one, pending)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one; the port is the first line printed")
    mock = Mock(parser.parse_args().port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(mock.port, flush=True)
    mock.run()


if __name__ == "__main__":
    main()
