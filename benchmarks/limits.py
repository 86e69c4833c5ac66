"""What limits and budgets at five levels cost a request: 100,000 keys of 5,000 tenants, beside one key without any.

`python -m benchmarks.limits` starts one data plane with everything a request touches (server, keys, pipeline, limits,
ledger and its journal; grants over SQLite), the mock behind it, and sends the same load under both kinds of key in
turn. CPU is that of the data plane's process, by the scheduler's account; the figure is the ratio within each round.
"""

import argparse
import asyncio
import gc
import json
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import uvloop

from headgate.access.types import Budget, Limits, Principal, Subject, SubjectKind
from headgate.storage.upgrade import ensure
from headgate.supervise import prepare

from . import bodies, process
from .load import Job, Tally
from .measure import process_cpu_ns
from .stage import ROOT, helper
from .turns import FREE, STAY, key_name

TARGETS = {"memory": 1.15, "postgres": 1.3, "redis": 1.3}
SPREADS = {
    "traffic": "the n-th busiest calling 1/n as often",
    "even": "each in its turn",
}
LIMITS = Limits(rps=10_000, rpm=600_000, tpm=10**10, concurrency=10_000)
USD = 10**15
CONFIG = """providers:
  bench: {kind: openai-compatible, base_url: "http://127.0.0.1:MOCK/v1", price: {input: 1, output: 2}}
"""


def principal(number: int, tenants: int) -> Principal:
    """A key of a team, an app and a user of its tenant, each of the five limited and with a budget."""
    tenant = number % tenants
    ids: list[tuple[SubjectKind, str]] = [
        ("tenant", f"t{tenant}"),
        ("team", f"t{tenant}-team"),
        ("app", f"t{tenant}-app{number // tenants % 4}"),
        ("user", f"t{tenant}-user{number // tenants % 10}"),
    ]
    subjects = tuple(Subject(kind, id, id, LIMITS) for kind, id in ids)
    above = tuple(Budget(USD, "month", scope=one.scope, name=f"budget {one.id!r}") for one in subjects)
    return Principal(
        kind="key",
        id=f"k{number}",
        tenant_id=ids[0][1],
        team_id=ids[1][1],
        app_id=ids[2][1],
        user_id=ids[3][1],
        name=f"key {number}",
        limits=LIMITS,
        subjects=subjects,
        budgets=(Budget(USD, "month"), *above),
    )


def alone() -> tuple[Any, Any, int]:
    """Gate, meters and the number of processes where there is one."""
    from headgate.ledger.meters import LocalMeter
    from headgate.limits.gate import LocalGate

    return LocalGate(), lambda scope, limit: LocalMeter(limit), 1


def shared(desk: Any, owner: str, redis: str) -> tuple[Any, Any, int]:
    """The same for one of two that share a server."""
    from headgate.ledger.shared_meter import SharedMeter
    from headgate.limits.redis_rates import RedisRates
    from headgate.limits.server_rates import ServerRates
    from headgate.limits.shared import SharedGate
    from headgate.storage.redis import Redis

    rates: Any = RedisRates(Redis(redis), "bench:", owner, 2) if redis else ServerRates(desk, owner, 2)
    if redis:
        RUNNING.append(asyncio.ensure_future(rates.run()))
    return SharedGate(rates), partial(SharedMeter, rates), 2


RUNNING: list[object] = []
"""Tasks that last as long as the process."""


async def serve(port: int, mock: int, keys: int, tenants: int, folder: Path, url: str, redis: str) -> None:
    """One data plane, until it is told to end: alone on SQLite, or as one of several on a server (and Redis)."""
    from headgate.access.keys import derive
    from headgate.access.principals import Principals
    from headgate.config.compile import compile_config
    from headgate.config.known import known
    from headgate.config.load import loads
    from headgate.ledger.books import LedgerBooks
    from headgate.ledger.grants import SqlGrants
    from headgate.ledger.journal import Journal
    from headgate.models import tokens
    from headgate.pipeline.parts import Parts
    from headgate.providers.base import Senders
    from headgate.storage.desk import Desk
    from headgate.storage.tenancy_rows import Found
    from headgate.storage.types import Change
    from headgate.surfaces.dispatch import Dispatch
    from headgate.surfaces.state import State
    from headgate.transport.base import Sender
    from headgate.transport.client import Http1Sender
    from headgate.transport.server import bind, start
    from headgate.transport.server_asgi import Receive, Scope, Send

    class Feed:
        """Nobody else, and nothing ever changes."""

        async def lookup(self, digest: bytes) -> Found | None:
            return None

        async def changes(self, after: int) -> list[Change]:
            return []

    class Ways(Senders):
        sender = Http1Sender()

        def get(self, *, proxy: str | None = None, http2: bool = False, ca: str | None = None) -> Sender:
            return self.sender

    class Holders:
        """Whom each key stands for."""

        def __init__(self) -> None:
            self.known = {key_name(number).encode(): principal(number, tenants) for number in range(keys)}
            self.known[FREE.encode()] = Principal(kind="key", id="free", tenant_id="default", name="free")

        def takes(self, credential: bytes) -> bool:
            return credential in self.known

        async def resolve(self, credential: bytes) -> Principal | None:
            return self.known.pop(credential)  # asked once: from then on it is known

    gc.collect()
    gc.freeze()  # as every worker does at its start
    principals = Principals(Feed(), derive(b"\7" * 32), others=(Holders(),), size=4 * keys)
    await principals.refresh()
    running = asyncio.create_task(principals.run())
    journal, desk = Journal(folder / "journal"), Desk(url)
    gate, meter, processes = shared(desk, journal.id, redis) if url.startswith("postgresql") else alone()
    compiled = compile_config(loads(CONFIG.replace("MOCK", str(mock)).encode(), {}, known({})), {}, Ways())
    parts = Parts(
        principals=principals,
        gate=gate,
        books=LedgerBooks(journal, SqlGrants(desk, journal.id, processes), meter=meter),
        snapshot=compiled.snapshot,
        count_tokens=tokens.counted,
        estimate_output=tokens.estimate,
        log_error=lambda call, error: print(repr(error), file=sys.stderr),
    )
    state = State(listing=lambda who: [], ready_checks=dict, started_at=time.monotonic())

    async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
        """No control plane."""

    await start(Dispatch(parts, state, nothing), [bind("127.0.0.1", port)])
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    running.cancel()


def load(
    port: int, keys: int, spread: str, seed: int, *, seconds: float = 0.0, requests: int = 0, stay: int = STAY
) -> Tally:
    job = Job(port, "/v1/chat/completions", bodies.small("bench/mock"), seconds=seconds, requests=requests, timeout=600)
    given = {"job": job.dump(), "keys": keys, "spread": spread, "seed": seed, "stay": stay}
    text, trouble = helper("benchmarks.turns", json.dumps(given), 600)
    tally = Tally(**json.loads(text)) if text else Tally(bad=1, trouble=trouble)
    if tally.bad and not requests:  # while nothing is warm a busy server may be too slow for some
        raise SystemExit(f"{tally.bad} bad answers, {tally.ok} good: {tally.trouble}")
    return tally


def measure(store: str, keys: int, tenants: int, seconds: float, rounds: int) -> dict[str, float]:
    """Print the rounds; return the median ratio for each spread."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-limits-")))
        env = {"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
        ports = process.free_port(), process.free_port()
        mock = [sys.executable, "-m", "benchmarks.mock", "--port", str(ports[1])]
        stack.enter_context(process.running("mock", mock, folder, process.cores()[1], env))
        urls = (f"sqlite:///{folder / 'headgate.db'}", "")
        if store != "memory":
            from tests.servers import Postgres, RedisServer

            postgres, redis = Postgres().start(), RedisServer().start()
            stack.callback(postgres.close)
            stack.callback(redis.close)
            urls = (postgres.url, redis.url if store == "redis" else "")
        argv = [sys.executable, "-m", "benchmarks.limits", "serve", *map(str, (*ports, keys, tenants, folder, *urls))]
        plane = stack.enter_context(process.running("plane", argv, folder, process.cores()[0], env))
        plane.wait_ready(lambda: ports[0] if process.status(ports[0], "/health") else None, 60)
        load(ports[0], 0, "even", 0, requests=2_000)
        begun = time.monotonic()
        load(ports[0], keys, "even", 0, requests=keys, stay=1)
        print(f"the first calls of {keys:,} keys: {keys / (time.monotonic() - begun):,.0f}/s", flush=True)
        ratios: dict[str, list[float]] = {spread: [] for spread in SPREADS}
        for number in range(1, rounds + 1):
            costs = {}
            for kind, spread in ((0, "even"), *((keys, spread) for spread in SPREADS)):
                before = process_cpu_ns(plane.process.pid)
                tally = load(ports[0], kind, spread, number, seconds=seconds)
                costs[kind, spread] = (process_cpu_ns(plane.process.pid) - before) / tally.ok / 1e3
            told = []
            for spread, found in ratios.items():
                found.append(costs[keys, spread] / costs[0, "even"])
                told.append(f"{costs[keys, spread]:.1f} ({spread}: {found[-1]:.3f})")
            print(f"round {number}: {costs[0, 'even']:.1f} us a request without; {', '.join(told)}", flush=True)
        return {spread: median(found) for spread, found in ratios.items()}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limits", description=__doc__)
    parser.add_argument("--store", choices=("memory", "postgres", "redis"), default="memory")
    parser.add_argument("--keys", type=int, default=100_000, help="few, for a shared store whose grants are not short")
    parser.add_argument("--tenants", type=int, default=5_000)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of one load")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--strict", action="store_true", help="end with status 1 above the target")
    given = parser.parse_args()
    ratios = measure(given.store, given.keys, given.tenants, given.seconds, given.rounds)
    for spread, ratio in ratios.items():
        print(
            f"limited and budgeted at five levels, {given.keys:,} keys, {SPREADS[spread]}: {ratio:.3f} of one without"
        )
    target = TARGETS[given.store]
    print(f"at most {target}: {'met' if ratios['traffic'] <= target else 'missed'} as traffic goes")
    return int(given.strict and ratios["traffic"] > target)


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] == "serve":
        port, mock, keys, tenants = map(int, sys.argv[2:6])
        ensure(sys.argv[7])
        prepare()
        uvloop.run(serve(port, mock, keys, tenants, Path(sys.argv[6]), *sys.argv[7:]))
    else:
        sys.exit(main())
