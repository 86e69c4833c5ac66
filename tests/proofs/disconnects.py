"""Callers that leave at a random moment: the upstream is closed in time, every call is on record, nothing leaks."""

import json
import os
import random
import socket
import sqlite3
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

from headgate.faultlab.wall import Wall
from tests.e2e.processes import Gateway
from tests.proofs import Progress

CALLS = 10_000
CALLERS = 16


def prove(scale: float, folder: Path, progress: Progress) -> str:
    with ExitStack() as at_end:  # whatever happens, no gateway is left running
        return measured(scale, folder, progress, at_end)


def measured(scale: float, folder: Path, progress: Progress, at_end: ExitStack) -> str:
    wall = Wall()
    provider = (
        f'{{kind: openai-compatible, base_url: "http://127.0.0.1:{wall.port}/v1", price: {{input: 1, output: 2}}}}'
    )
    gateway = Gateway(folder / "home", config=f"providers: {{wall: {provider}}}\n").start()
    at_end.callback(gateway.kill)
    key, calls = gateway.first_key, max(round(CALLS * scale), CALLERS)
    assert gateway.process is not None
    pid = gateway.process.pid
    descriptors = len(os.listdir(f"/proc/{pid}/fd"))
    left: dict[str, float] = {}
    threads = [
        threading.Thread(target=leave, args=(gateway.port, key, calls // CALLERS, left, random.Random(i)))
        for i in range(CALLERS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
        progress(len(left), calls)
    time.sleep(2)
    late = sorted(
        a.closed_at - left[trace_of(a.head)] for a in wall.attempts if a.closed_at and trace_of(a.head) in left
    )
    open_still = [a for a in wall.attempts if a.closed_at is None and trace_of(a.head) in left]
    assert not open_still, f"{len(open_still)} upstream calls were never closed"
    p99 = late[int(len(late) * 0.99)]
    limit = 0.25 if scale >= 1 else 2.0  # the figure is judged at full size, on a machine that does nothing else
    assert p99 < limit, f"the upstream was closed after {p99:.3f} s at p99"
    con = sqlite3.connect(gateway.home / "headgate.db")
    recorded = {row[0] for row in con.execute("SELECT COALESCE(trace_id, replace(id, '-', '')) FROM records")}
    missing = {trace_of(a.head) for a in wall.attempts} - recorded
    assert not missing, f"{len(missing)} dispatched calls are not on record"
    grown = len(os.listdir(f"/proc/{pid}/fd")) - descriptors
    assert grown < 40, f"{grown} more descriptors than before"
    assert gateway.stop() == 0
    return (
        f"{len(left)} callers left; {len(late)} upstream calls closed within {p99 * 1000:.0f} ms at p99; all on record"
    )


def trace_of(head: bytes) -> str:
    return head.decode().lower().split("traceparent: 00-")[1][:32]


def leave(port: int, key: str, calls: int, left: dict[str, float], rng: random.Random) -> None:
    for _ in range(calls):
        trace, stream = uuid4().hex, rng.random() < 0.6
        fault = "endless" if stream and rng.random() < 0.7 else "never"
        body = json.dumps(
            {"model": f"wall/{fault}", "messages": [{"role": "user", "content": "hi"}], "stream": stream}
        ).encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key}\r\n"
            f"content-type: application/json\r\ntraceparent: 00-{trace}-{trace[:16]}-01\r\ncontent-length: {len(body)}\r\n\r\n"
        ).encode()
        sock = socket.create_connection(("127.0.0.1", port), 5)
        if rng.random() < 0.1:
            sock.sendall((head + body)[: rng.randrange(20, len(head) + len(body))])
        else:
            sock.sendall(head + body)
        time.sleep(rng.random() * 0.12)
        left[trace] = time.monotonic()
        sock.close()
