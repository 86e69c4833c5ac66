"""A stream with personal data masked, beside the same one relayed as it is, through one gateway.

What one core can pass is told by the CPU that a chunk costs, which other work on the machine does not change as it
changes a rate; the time to the first token by asking for both in turns.
"""

import asyncio
import http.client
import json
import re
import tracemalloc
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from benchmarks import bodies, cases
from benchmarks.load import Job, Tally
from benchmarks.measure import Meter, idle_share
from benchmarks.process import NotRun, Running
from benchmarks.stage import alone, helper
from benchmarks.targets import Command, Headgate, Place
from headgate.dialects.walkers import WALKERS
from headgate.guardrails.frames import frames
from headgate.guardrails.mask import plain_placeholder
from headgate.guardrails.rules import compiled, rule
from headgate.guardrails.stream import Filter
from headgate.guardrails.types import NONE

CONFIG = """providers:
  local: {{kind: openai-compatible, base_url: "http://127.0.0.1:{mock}/v1", price: {{input: 1, output: 2}}}}
guardrails:
  hide-pii: {{kind: pii, types: [email, phone, card, iban], on: [input, output], action: mask}}
routes:
"""
ROUTE = "  {name}: {{targets: [local/{model}], guardrails: [{guards}]}}\n"
PLAIN, MASKED = "plain", "masked"
LEAST_SHARE = 0.6
WAITS = 330
"""Characters that personal data may hold back at most."""
TOKEN = re.compile(rb'"content": ?"[^"]')
ASKED = 40
ROUNDS = 3
SECONDS = 3.0
CHUNKS = 100_000
MIXED = ("some words and ", "42 more, ", "mail jane@", "corp.example ", "or 4111 1111 ", "1111 1111. ")


class Masking(Headgate):
    """The gateway, with routes that mask personal data and others to the same models that do not."""

    starts_within = 120.0

    def command(self, place: Place) -> Command:
        made = super().command(place)
        routes = [
            ROUTE.format(name=f"{name}-{model}", model=model, guards="hide-pii" * (name == MASKED))
            for name in (PLAIN, MASKED)
            for model in (bodies.FLAT, bodies.PACED)
        ]
        (place.home / "headgate.yaml").write_text(CONFIG.format(mock=place.mock) + "".join(routes))
        return made


@dataclass
class Up:
    """The gateway that is measured."""

    running: Running
    port: int
    headers: dict[str, str]

    def load(self, name: str, *, seconds: float = 0.0, requests: int = 0) -> Tally:
        """Send streams of 100 chunks, 16 at a time."""
        body = bodies.small(f"{name}-{bodies.FLAT}", stream=True)
        job = Job(self.port, cases.CHAT, body, self.headers, concurrency=16, seconds=seconds, requests=requests)
        job.events, job.doze = cases.FLAT, 0.0003
        text, trouble = helper("benchmarks.load", job.dump(), 120)
        tally = Tally(**json.loads(text)) if text else Tally(bad=1, trouble=trouble)
        if tally.bad:
            raise NotRun(f"{name}: {tally.bad} bad answers, {tally.ok} good: {tally.trouble!r}")
        return tally

    def first_token(self, name: str) -> float:
        """Ask for a paced stream; return the seconds until it has said something."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        body = bodies.small(f"{name}-{bodies.PACED}", stream=True)
        began, first, data = perf_counter(), 0.0, b""
        connection.request("POST", cases.CHAT, body, {**self.headers, "content-type": "application/json"})
        answer = connection.getresponse()
        while piece := answer.read1(65_536):
            data += piece
            if not first and TOKEN.search(data):
                first = perf_counter() - began
        connection.close()
        if not first:
            raise NotRun(f"{name}: said nothing: {data[:200]!r}")
        return first


def measure() -> None:
    """Print what masking a stream costs, and what it holds."""
    print("streams with personal data masked, through the gateway")
    try:
        recipe = Masking()
        with alone(recipe) as (running, place):
            up = Up(running, place.port, dict(recipe.headers(place)))
            _throughput(up)
            _first_token(up)
    except NotRun as why:
        print(f"    not run: {why}")
    for chunks in (1_000, CHUNKS):
        print(f"    memory over {chunks:,} chunks: at most {asyncio.run(_held(chunks)) / 1024:.0f} KiB held")


def _throughput(up: Up) -> None:
    for name in (PLAIN, MASKED):
        up.load(name, requests=64)
    idle = idle_share(up.running)
    shares = []
    for number in range(1, ROUNDS + 1):
        costs = {}
        for name in (PLAIN, MASKED):
            meter = Meter(up.running, idle)
            tally = up.load(name, seconds=SECONDS)
            meter.loaded()
            costs[name] = meter.spent().cpu_ns / tally.ok / bodies.CHUNKS / 1e3
        shares.append(costs[PLAIN] / costs[MASKED])
        told = f"{costs[PLAIN]:.1f} µs CPU a chunk relayed, {costs[MASKED]:.1f} µs masked"
        print(f"    round {number}: {told}: {100 * shares[-1]:.0f} % of its throughput", flush=True)
    share = median(shares)
    verdict = "met" if share >= LEAST_SHARE else "missed"
    print(f"    throughput: {100 * share:.0f} % of unguarded; at least {100 * LEAST_SHARE:.0f} %: {verdict}")


def _first_token(up: Up) -> None:
    times: dict[str, list[float]] = {PLAIN: [], MASKED: []}
    for _ in range(ASKED):
        for name, taken in times.items():
            taken.append(up.first_token(name))
    added = median(times[MASKED]) - median(times[PLAIN])
    letters = len("".join(bodies.stream_texts(bodies.PACED_CHUNKS))) / bodies.PACED_CHUNKS
    window = WAITS / letters * bodies.PACED_SECONDS
    print(
        f"    first token, a chunk of {letters:.0f} characters every {1000 * bodies.PACED_SECONDS:.0f} ms: "
        f"{1000 * added:.1f} ms later ({1000 * median(times[PLAIN]):.1f} and {1000 * median(times[MASKED]):.1f} ms); "
        f"under one window of {WAITS} characters, {1000 * window:.0f} ms: {'met' if added < window else 'missed'}"
    )


async def _held(chunks: int) -> int:
    """Return the most bytes that were held at a time while so many chunks passed."""
    rules = compiled([rule("pii", {"kind": "pii", "action": "mask"})])
    kept = frames("text/event-stream")
    filter_ = Filter(WALKERS["openai-chat"], kept, rules.output, None, lambda i, k, v: plain_placeholder(k), NONE)
    events = [_event(text) for text in MIXED]
    tracemalloc.start()
    for number in range(chunks):
        await filter_.pass_on(events[number % len(events)])
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def _event(text: str) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return (
        b"data: " + json.dumps({"id": "c", "object": "chat.completion.chunk", "choices": [choice]}).encode() + b"\n\n"
    )
