"""``make prove``: the long proofs at full size, one figure each, resumable, under an optional cap of minutes.

With a cap the proofs rotate: those that ran longest ago go first, each at a part of its size, and the last line says
which did not run.
"""

import argparse
import json
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.proofs import PROOFS, load

STATE = Path(".tools/proofs.json")
CAPPED = {
    "sigkill": 0.5,
    "sigkill_postgres": 0.3,
    "budget_postgres": 0.5,
    "budget_redis": 0.5,
    "disconnects": 0.5,
    "fuzz": 0.1,
    "simulation": 0.05,
    "schedules": 0.005,
    "money": 0.02,
    "money_postgres": 0.02,
    "money_redis": 0.02,
    "totals": 0.05,
    "rows": 0.02,
    "timing": 0.5,
    "attempts": 0.3,
    "resume": 0.1,
    "outage": 0.3,
    "redis": 0.3,
    "revoked": 0.1,
    "guard_chunks": 0.01,
    "canaries": 0.3,
    "canaries_postgres": 0.3,
    "cache_canaries": 0.05,
    "near_canaries": 0.02,
    "matrix": 0.3,
    "schema": 0.05,
    "projections": 0.3,
}
"""What part of its size a proof has under a cap, so that none takes the time of all others: by name it runs whole."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make prove", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(PROOFS)}")
    parser.add_argument("--cap-minutes", type=float, default=None)
    parser.add_argument("--scale", type=float, default=1.0, help="1 is full size")
    given = parser.parse_args()
    given.names = [name.replace("-", "_") for name in given.names]
    if unknown := set(given.names) - set(PROOFS):
        parser.error(f"there is no proof {', '.join(unknown)}; there are {', '.join(PROOFS)}")
    ran = json.loads(STATE.read_text()) if STATE.exists() else {}
    today = time.time() // 86_400  # where nothing is known of earlier runs, each day begins with another
    turn = {name: (place - today) % len(PROOFS) for place, name in enumerate(PROOFS)}
    names = sorted(given.names or PROOFS, key=lambda name: (ran.get(name, 0), turn[name]))
    started, failed, skipped = time.monotonic(), 0, []
    for name in names:
        if given.cap_minutes is not None and time.monotonic() - started > given.cap_minutes * 60 * 0.6:
            skipped.append(name)  # the longest proof must still fit into what is left
            continue
        failed += not run(name, given.scale * (CAPPED.get(name, 1.0) if given.cap_minutes is not None else 1.0))
        ran[name] = time.time()
        STATE.parent.mkdir(exist_ok=True)
        STATE.write_text(json.dumps(ran))
    print(f"not run: {', '.join(skipped) or 'nothing'}")
    print(f"{len(names) - len(skipped) - failed} passed, {failed} failed")
    return 1 if failed else 0


def run(name: str, scale: float) -> bool:
    began = time.monotonic()

    def progress(done: int, of: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{name}: {done}/{of} {time.monotonic() - began:.0f} s", end="", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix=f"prove-{name}-") as folder:
        try:
            figure = load(name)(scale, Path(folder), progress)
        except Exception as error:  # whatever it is, the others are to run
            traceback.print_exc()
            print(f"FAILED {name}: {type(error).__name__}: {error}", flush=True)
            return False
    print(f"{name}: {figure} ({time.monotonic() - began:.0f} s)", flush=True)
    return True


if __name__ == "__main__":
    raise SystemExit(main())
