"""What an answer from the exact cache costs, beside the same call relayed: CPU of the whole gateway, records and all.

`python -m benchmarks.cache_hit` starts one gateway and the mock behind it, and asks the same 540-byte request of a route
with a cache, where every call is a hit, and of one without, in turns. The figure is the ratio within each round.
"""

import argparse
import json
import sys
from contextlib import ExitStack
from statistics import median

from . import bodies
from .load import Job, Tally
from .measure import Meter, idle_share
from .stage import alone, helper
from .targets import Command, Headgate, Place

GOAL = 0.8
CONFIG = """providers:
  local: {{kind: openai-compatible, base_url: "http://127.0.0.1:{mock}/v1", price: {{input: 1, output: 2}}}}
caches:
  answers: {{store: {store}}}
routes:
  plain: {{targets: [local/mock]}}
  kept: {{targets: [local/mock], cache: answers}}
"""


class Caching(Headgate):
    """The gateway with a cache."""

    def __init__(self, store: str, redis: str = "") -> None:
        self.store = store
        self.redis = redis

    def env(self, place: Place) -> dict[str, str]:
        return super().env(place) | ({"HEADGATE_REDIS_URL": self.redis} if self.redis else {})

    def command(self, place: Place) -> Command:
        made = super().command(place)
        (place.home / "headgate.yaml").write_text(CONFIG.format(mock=place.mock, store=self.store))
        return made


def load(place: Place, headers: dict[str, str], route: str, *, seconds: float = 0.0, requests: int = 0) -> Tally:
    job = Job(place.port, "/v1/chat/completions", bodies.small(route), headers, seconds=seconds, requests=requests)
    text, trouble = helper("benchmarks.load", job.dump(), 120)
    tally = Tally(**json.loads(text)) if text else Tally(bad=1, trouble=trouble)
    if tally.bad:
        raise SystemExit(f"{route}: {tally.bad} bad answers, {tally.ok} good: {tally.trouble!r}")
    return tally


def measure(store: str, seconds: float, rounds: int) -> list[float]:
    """Print the rounds; return the ratios."""
    with ExitStack() as stack:
        redis = ""
        if store == "redis":
            from tests.servers import RedisServer

            server = RedisServer().start()
            stack.callback(server.close)
            redis = server.url
        recipe = Caching(store, redis)
        gateway, place = stack.enter_context(alone(recipe))
        headers = dict(recipe.headers(place))
        for route in ("plain", "kept"):
            load(place, headers, route, requests=500)
        idle, found = idle_share(gateway), []
        for number in range(1, rounds + 1):
            costs = {}
            for route in ("plain", "kept"):
                meter = Meter(gateway, idle)
                tally = load(place, headers, route, seconds=seconds)
                meter.loaded()
                costs[route] = meter.spent().cpu_ns / tally.ok / 1e3
            found.append(costs["kept"] / costs["plain"])
            print(
                f"round {number}: {costs['plain']:.0f} us a relayed call, {costs['kept']:.0f} us a hit: {found[-1]:.3f}",
                flush=True,
            )
        return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cache_hit", description=__doc__)
    parser.add_argument("--store", choices=("memory", "sqlite", "redis"), default="memory")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one load")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--strict", action="store_true", help="end with status 1 above the goal")
    given = parser.parse_args()
    ratio = median(measure(given.store, given.seconds, given.rounds))
    verdict = "met" if ratio <= GOAL else "missed"
    print(f"an exact hit ({given.store}): {ratio:.3f} of a relayed call's CPU; at most {GOAL}: {verdict}")
    return int(given.strict and ratio > GOAL)


if __name__ == "__main__":
    sys.exit(main())
