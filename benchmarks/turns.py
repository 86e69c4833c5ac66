"""The load generator of `benchmarks.limits`: every request under the next of many keys."""

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

    def __init__(self, job: Job, keys: list[str]) -> None:
        wires = {}
        for key in set(keys):
            job.headers = {"Authorization": f"Bearer {key}"}
            wires[key] = job.wire()
        self.wires = itertools.cycle([wires[key] for key in keys])
        super().__init__(job)

    def next(self, client: Client) -> None:
        self.request = next(self.wires)
        super().next(client)


def main() -> None:
    """A job, how many keys (0 for the one without limits), their spread and a seed on standard input."""
    given = json.loads(sys.stdin.read())
    keys = order(given["keys"], given["spread"], given["seed"])
    print(json.dumps(asdict(Turns(Job.load(given["job"]), keys).run())))


if __name__ == "__main__":
    main()
