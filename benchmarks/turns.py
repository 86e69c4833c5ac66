"""The load generator of `benchmarks.limits`: many keys take turns on a few connections.

A caller keeps its connection for some requests, as callers do: what the server knows of a connection's last head it
need not read again.
"""

import itertools
import json
import random
import sys
from dataclasses import asdict

from .load import Client, Job, Loop

FREE = "hg_free"


def key_name(number: int) -> str:
    return f"hg_{number:0>40}"


DRAWN = 200_000
STAY = 10
"""Requests of a key before another has its connection."""


def order(count: int, spread: str, seed: int) -> list[str]:
    """Keys in the order in which they call: each once in turn, or as traffic goes, the n-th busiest 1/n as often."""
    dice = random.Random(seed)
    keys = [key_name(number) for number in range(count)] or [FREE]
    random.Random(0).shuffle(keys)
    if spread == "even":
        dice.shuffle(keys)
        return keys
    return dice.choices(keys, [1 / rank for rank in range(1, len(keys) + 1)], k=DRAWN)


class Turns(Loop):
    """A loop whose requests take turns."""

    def __init__(self, job: Job, keys: list[str], stay: int) -> None:
        self.stay = stay
        wires = {}
        for key in set(keys):
            job.headers = {"Authorization": f"Bearer {key}"}
            wires[key] = job.wire()
        self.wires = itertools.cycle([wires[key] for key in keys])
        self.stays: dict[Client, tuple[bytes, int]] = {}
        super().__init__(job)

    def next(self, client: Client) -> None:
        wire, left = self.stays.get(client, (b"", 0))
        if not left:
            wire, left = next(self.wires), self.stay
        self.stays[client] = wire, left - 1
        self.request = wire
        super().next(client)


def main() -> None:
    """A job, how many keys (0 for the one without limits), their spread and a seed on standard input."""
    given = json.loads(sys.stdin.read())
    keys = order(given["keys"], given["spread"], given["seed"])
    print(json.dumps(asdict(Turns(Job.load(given["job"]), keys, given["stay"]).run())))


if __name__ == "__main__":
    main()
