"""Fifty thousand calls against providers that fail in every way, from callers that leave when they like: at the end
nothing is held, and ledger, balances and records say the same to the last unit.
"""

import json
import random
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

from tests.proofs import Progress
from tests.proofs.fleet import Fleet
from tests.proofs.load import read_answer

CALLS = 50_000
CALLERS = 64
GOOD = ("good", "good", "good", "good")
BAD = ("s500", "s503", "s429", "s400", "s404", "cut", "reset", "empty", "garbage", "no_usage", "endless")
MODELS = tuple(f"wall/{name}" for name in (*GOOD, *BAD))


def prove(scale: float, folder: Path, progress: Progress, *, postgres: bool = False, redis: bool = False) -> str:
    with ExitStack() as at_end:  # whatever happens, no gateway is left running
        fleet = Fleet(folder, at_end, postgres=postgres, redis=redis)
        budget = ("--budget", "1000000", "--window", "month", "--concurrency", "500")
        keys = [fleet.first.key(f"caller{n}", *budget) for n in range(4)]
        seen = called(fleet.ports, keys, round(CALLS * scale), progress)
        settled(fleet)
        fleet.stop()
        return judge(fleet, seen)


class Seen:
    """What the callers saw together."""

    def __init__(self) -> None:
        self.done = self.whole = self.left = 0
        self.lock = threading.Lock()


def called(
    ports: list[int], keys: list[str], wanted: int, progress: Progress, models: tuple[str, ...] = MODELS
) -> Seen:
    """Make about as many calls as are *wanted*, each caller at least one."""
    seen, each = Seen(), max(wanted // CALLERS, 1)
    threads = [
        threading.Thread(target=caller, args=(ports, keys, each, seen, random.Random(n), models))
        for n in range(CALLERS)
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.5)
        progress(seen.done, each * CALLERS)
    return seen


def caller(
    ports: list[int], keys: list[str], calls: int, seen: Seen, dice: random.Random, models: tuple[str, ...]
) -> None:
    for _ in range(calls):
        model, stream, leaves = dice.choice(models), dice.random() < 0.5, dice.random() < 0.25
        leaves = leaves or model == "wall/endless"
        ask = {"model": model, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 60}
        body = json.dumps({**ask, "stream": stream}).encode()
        trace = uuid4().hex
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {dice.choice(keys)}\r\n"
            f"content-type: application/json\r\ntraceparent: 00-{trace}-{trace[:16]}-01\r\ncontent-length: {len(body)}\r\n\r\n"
        ).encode()
        whole = False
        try:
            with socket.create_connection(("127.0.0.1", dice.choice(ports)), 10) as sock:
                sock.settimeout(30)
                sock.sendall(head + body)
                if leaves:
                    time.sleep(dice.random() * 0.05)
                else:
                    whole = read_answer(sock)[2]
        except OSError:
            pass
        with seen.lock:
            seen.done += 1
            seen.whole += whole
            seen.left += leaves


def settled(fleet: Fleet) -> None:
    """Wait until no place is lent and every grant is back, while the processes live."""
    until = time.monotonic() + 30
    query = "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM grants WHERE period = 'c'"
    while fleet.rows(query)[0][0]:
        assert time.monotonic() < until, "places in flight that never came back"
        time.sleep(0.1)


def judge(fleet: Fleet, seen: Seen) -> str:
    records = fleet.records()
    missing = fleet.sent() - records.keys()
    assert not missing, f"{len(missing)} calls reached the provider and are not on record"
    spent = fleet.spent()
    told = sum(record.get("cost_nano") or 0 for record in records.values())
    kept = {row[0]: int(row[1]) for row in fleet.rows("SELECT scope, nano FROM balances WHERE period = 't'")}
    days = int(
        fleet.rows("SELECT CAST(SUM(nano) AS BIGINT) FROM balances WHERE period = 'd' AND scope LIKE 'tenant:%'")[0][0]
    )
    assert spent == told, f"the ledger sums to {spent}, the records to {told}"
    assert spent == days == kept["tenant:default"] == sum(nano for scope, nano in kept.items() if ":" not in scope)
    left = fleet.rows("SELECT owner, scope, period, amount FROM grants WHERE amount <> 0")
    assert not left, f"still granted or lent: {left[:5]}"
    billed: dict[str, int] = {}
    for record in records.values():
        billed[record.get("billed", "none")] = billed.get(record.get("billed", "none"), 0) + 1
    return (
        f"{seen.done} calls, {seen.left} callers left: nothing held, {len(records)} records and the ledger agree on "
        f"{spent} nano-dollars ({', '.join(f'{count} {kind}' for kind, count in sorted(billed.items()))})"
    )
