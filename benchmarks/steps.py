"""Microseconds of the gateway's own steps, one by one: what a request's CPU is made of besides sockets.

To add a step: write a coroutine that prepares it and returns the call to be timed, and put it into `STEPS`. What must be
closed or removed afterwards goes onto the stack it is given. Steps are timed inside a running event loop.
"""

import asyncio
import timeit
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from headgate.access.keys import Grant, derive, mint, new_row
from headgate.access.principals import Principals
from headgate.access.types import Budget, Limits, Principal
from headgate.core.money import Price, Usage
from headgate.core.record import Attempt, Record
from headgate.dialects.base import Abilities
from headgate.dialects.envelope import chat_envelope
from headgate.dialects.json_guard import top_level
from headgate.dialects.openai_tap import ChatTap
from headgate.ledger.balances import Scope
from headgate.ledger.books import LedgerBooks
from headgate.ledger.grants import Answer
from headgate.ledger.journal import Journal
from headgate.ledger.types import Ask, Hold
from headgate.limits.gate import LocalGate
from headgate.providers.base import Target, Timeouts
from headgate.routing.policy import Policy, option
from headgate.routing.table import TargetConfig
from headgate.routing.types import EMPTY, Option, Sight
from headgate.storage.tenancy_rows import Found, TenantRow
from headgate.storage.types import Change, KeyRow
from headgate.transport.server_head import parse_head

from . import bodies
from .load import Job
from .results import Timing

Call = Callable[[], object]
Prepare = Callable[[ExitStack], Awaitable[Call]]
REPEATS = 7
ENOUGH = 0.01  # seconds of one timing

LIMITS = Limits(rps=1e6, rpm=60_000_000, tpm=10**12, concurrency=100_000)
WHO = Principal(
    kind="key", id="k1", tenant_id="default", name="bench", limits=LIMITS, budgets=(Budget(10**15, "month"),)
)
NOBODY = Principal(kind="key", id="k2", tenant_id="default", name="free")
PRICE = Price(input=1_000_000, output=2_000_000)


async def read_head(stack: ExitStack) -> Call:
    wire = Job(8080, "/v1/chat/completions", b"", {"Authorization": "Bearer hg_" + "x" * 40}).wire()
    return lambda: parse_head(wire, 8192, 100)


class OneKey:
    """A key store that holds one key."""

    def __init__(self, row: KeyRow) -> None:
        self.row = row

    async def lookup(self, digest: bytes) -> Found | None:
        return Found(tenant=TenantRow(id="default", name="default", created_at=1, updated_at=1), key=self.row)

    async def changes(self, after: int) -> list[Change]:
        return []


async def authenticate(stack: ExitStack) -> Call:
    derived = derive(b"\7" * 32)
    key = mint("key", derived)
    principals = Principals(OneKey(new_row(key, derived, name="bench", now=1, grant=Grant())), derived)
    await principals.refresh()
    headers = [(b"host", b"127.0.0.1:8080"), (b"content-type", b"application/json"), (b"content-length", b"540")]
    headers.append((b"authorization", b"Bearer " + key.reveal().encode()))
    first = principals.authenticate(headers, b"", "127.0.0.1")
    if isinstance(first, Awaitable):
        await first
    return lambda: principals.authenticate(headers, b"", "127.0.0.1")


async def admit(stack: ExitStack) -> Call:
    gate = LocalGate()
    return lambda: gate.admit(WHO).release()


def guard(body: bytes) -> Prepare:
    async def prepare(stack: ExitStack) -> Call:
        return lambda: top_level(body)

    return prepare


def envelope(body: bytes) -> Prepare:
    async def prepare(stack: ExitStack) -> Call:
        return lambda: chat_envelope(body).patched("mock")

    return prepare


def tap(pieces: list[bytes]) -> Prepare:
    async def prepare(stack: ExitStack) -> Call:
        def watch() -> None:
            one = ChatTap(hide_usage=False)
            for piece in pieces:
                one.feed(piece)
            one.close()

        return watch

    return prepare


class AllRoom:
    """A store of grants that always has room."""

    alone = True
    patience = 2

    async def take(self, scope: Scope, cap: int, need: int, least: int) -> Answer:
        return Answer(cap, 0)

    def give(self, scope: Scope, nano: int) -> None:
        pass

    def offer(self, scope: Scope, amount: int, ended: Callable[[bool], object]) -> None:
        ended(True)

    def renew(self) -> None:
        pass

    async def spent(self, scope: Scope) -> int:
        return 0

    async def first(self, scope: Scope, amount: int) -> bool:
        return True


def ledger(who: Principal) -> Prepare:
    """A hold and its end with the record: two lines in a real journal."""

    async def prepare(stack: ExitStack) -> Call:
        journal = Journal(Path(stack.enter_context(TemporaryDirectory())))
        stack.callback(journal.close)
        books = LedgerBooks(journal, AllRoom())
        stack.callback(books.close)
        ask = Ask(
            call_id=RECORD.id,
            trace_id=RECORD.trace_id,
            attempt=1,
            who=who,
            target="local/mock",
            price=PRICE,
            input_tokens=540,
            output_tokens=256,
        )

        def spend() -> None:
            finish(books, books.hold(ask))

        first = books.hold(ask)
        finish(books, await first if isinstance(first, Awaitable) else first)
        return spend

    return prepare


ATTEMPT = Attempt(provider="local", model="mock", started_ms=0.2, headers_ms=1.0, status=200, billed="usage")
RECORD = Record(
    id="01a1fd2b-5960-7ab3-b2cf-4e142e48a0de",
    trace_id="01a1fd2b-5960-7ab3-b2cf-4e142e48a0de",
    at=1,
    tenant_id="default",
    key_id="k1",
    surface="openai",
    operation="chat",
    route="local/mock",
    model_requested="local/mock",
    model_used="mock",
    provider_used="local",
    status="success",
    http_status=200,
    attempts=(ATTEMPT,),
    finish="stop",
    usage=Usage(input=112, output=24),
    cost_nano=160_000,
    billed="usage",
    held_nano=1_052_000,
)


def finish(books: LedgerBooks, hold: object) -> None:
    if not isinstance(hold, Hold):
        raise RuntimeError("the hold waited: there was room")
    hold.charge_nano, hold.charge_tokens = 160_000, 136
    books.end(RECORD, [hold])


STRATEGIES: tuple[dict[str, Any], ...] = (
    {"kind": "priority"},
    {"kind": "weighted"},
    {"kind": "round_robin"},
    {"kind": "least_busy"},
    {"kind": "cost"},
    {"kind": "performance"},
    {"kind": "capability"},
    {"kind": "geography", "regions": ["eu"]},
    {"kind": "budget_aware"},
    {"kind": "complexity", "small": ["p0"], "large": ["p1"]},
    {"kind": "sticky"},
    {"kind": "slo"},
    {"kind": "hybrid", "factors": {"cost": 0.5, "performance": 0.5}},
)
MODELS = (10, 100, 500)


def choose(entry: dict[str, Any], count: int) -> Prepare:
    """A whole decision over *count* deployments, with what is kept of it for the record."""

    async def prepare(stack: ExitStack) -> Call:
        options = [_option(place) for place in range(count)]
        policy = Policy("bench", [entry], options)
        sight = Sight(
            route="bench", model="bench", operation="chat", prompt_bound=540, session="s", text="Why is that?"
        )
        return lambda: policy.decide(sight, policy.options, EMPTY, 0.5)

    return prepare


def _option(place: int) -> Option:
    name = f"p{place % 20}/m{place}"
    target = Target(
        provider=_Named(name.partition("/")[0]),
        model=f"m{place}",
        name=name,
        price=Price(input=1_000_000 + place, output=2_000_000),
        context=128_000,
        max_output=4096,
        abilities=Abilities(f"m{place}", name),
        timeouts=Timeouts(),
        capabilities=("chat", "tools"),
    )
    return option(target, TargetConfig(name), place, (frozenset(("eu-west-1",)), frozenset(), frozenset()))


class _Named:
    """A provider that is only named."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(name)


EVENTS = bodies.chat_events(bodies.CHUNKS)
STEPS: tuple[tuple[str, Prepare], ...] = (
    ("server: read a head", read_head),
    ("access: authenticate a known key", authenticate),
    ("limits: admit and release", admit),
    ("dialect: guard 540 bytes of JSON", guard(bodies.small("local/mock"))),
    ("dialect: guard 300 KB of JSON", guard(bodies.large("local/mock"))),
    ("dialect: read and patch 540 bytes", envelope(bodies.small("local/mock"))),
    ("dialect: read and patch 300 KB", envelope(bodies.large("local/mock"))),
    ("dialect: watch 100 chunks, one a read", tap(EVENTS)),
    ("dialect: watch 100 chunks in one read", tap([b"".join(EVENTS)])),
    ("ledger: hold and end, no budget", ledger(NOBODY)),
    ("ledger: hold and end, budget and tokens per minute", ledger(WHO)),
    *((f"routing: {e['kind']} over {count}", choose(e, count)) for e in STRATEGIES for count in MODELS),
)


def measure(steps: tuple[tuple[str, Prepare], ...] = STEPS) -> list[Timing]:
    """Time every step, inside a running loop, each with its own things."""

    async def every() -> list[Timing]:
        timings = []
        for name, prepare in steps:
            with ExitStack() as stack:
                timings.append(time_one(name, await prepare(stack)))
        return timings

    return asyncio.run(every())


def time_one(name: str, call: Call) -> Timing:
    timer = timeit.Timer(call)
    count = 1
    while timer.timeit(count) < ENOUGH / 2:
        count *= 4
    each = sorted(seconds / count * 1e6 for seconds in timer.repeat(REPEATS, count))
    return Timing(name, median(each), each[0])
