"""Time to first byte, one request at a time: the target and the mock in turn, with a sleep between requests.

Runs as its own process like `load`. Taking turns, both medians meet the same noise: their difference is
the target's. For a stream the first byte is the first event's, not the header's.
"""

import json
import socket
import sys
import time
from dataclasses import asdict

from .load import CHUNKED, CLOSES, END, EVENT, LENGTH, READ, Job
from .results import Times

PAUSE = 0.001  # seconds; the machine sleeps and wakes as it would between rare requests


class Asker:
    """A blocking connection that times each answer's first byte."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.request = job.wire()
        self.sock: socket.socket | None = None

    def ask(self) -> float:
        if self.sock is None:
            self.sock = socket.create_connection(("127.0.0.1", self.job.port), timeout=10)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock = self.sock
        begun = time.perf_counter()
        sock.sendall(self.request)
        data = sock.recv(READ)
        first = time.perf_counter()
        while self.job.events and EVENT not in data:
            data += self.more(sock)
            first = time.perf_counter()
        while (end := data.find(b"\r\n\r\n") + 4) < 4:
            data += self.more(sock)
        length = LENGTH.search(data, 0, end)
        while not (data.endswith(END) if length is None else len(data) >= end + int(length[1])):
            data += self.more(sock)
        if data[9:12] != b"200":
            raise ValueError(data[:400].decode(errors="replace"))
        if CLOSES.search(data, 0, end) or not (length or CHUNKED.search(data, 0, end)):
            sock.close()
            self.sock = None
        return first - begun

    def more(self, sock: socket.socket) -> bytes:
        data = sock.recv(READ)
        if not data:
            raise ConnectionError("closed before the answer's end")
        return data


def take_turns(target: Job, direct: Job) -> Times:
    """Ask each `target.requests` times, or until `target.timeout` seconds are over."""
    times = Times()
    askers = (Asker(direct), times.direct), (Asker(target), times.target)
    deadline = time.monotonic() + target.timeout
    try:
        for asker, _ in askers * 5:
            asker.ask()
        while len(times.target) < target.requests and time.monotonic() < deadline:
            for asker, into in askers:
                time.sleep(PAUSE)
                into.append(asker.ask())
    except (OSError, ValueError) as error:
        times.trouble = str(error)
    for asker, _ in askers:
        if asker.sock:
            asker.sock.close()
    return times


def main() -> None:
    jobs = json.loads(sys.stdin.read())
    print(json.dumps(asdict(take_turns(Job.load(jobs["target"]), Job.load(jobs["direct"])))))


if __name__ == "__main__":
    main()
