"""Redis is paused under the load of many users: nobody fails, nobody waits, the log stays short."""

import threading
import time
from contextlib import ExitStack
from pathlib import Path
from signal import SIGCONT, SIGSTOP

from tests.proofs import Progress
from tests.proofs.fleet import Fleet
from tests.proofs.load import Load, Tally
from tests.proofs.revoked import made

PAUSE = 90.0
USERS = 50
RATE = 4.0
"""Requests a second of each user, whose limit is five times that."""


class Timed(Load):
    """A user who sends a request now and then, and notes how long it took."""

    def __init__(self, ports: list[int], key: str, tally: Tally) -> None:
        self.times: list[tuple[float, float]] = []
        self.begun: float | None = None
        super().__init__(ports, key, "wall/good", concurrency=1, tally=tally)

    def _next(self) -> bool:
        now = time.monotonic()
        if self.begun is not None:
            self.times.append((self.begun, now - self.begun))
            time.sleep(max(1 / RATE - (now - self.begun), 0))
        self.begun = time.monotonic()
        return True


def prove(scale: float, folder: Path, progress: Progress) -> str:
    pause = PAUSE * scale
    users = USERS if scale >= 1 else 20
    with ExitStack() as at_end:
        fleet = Fleet(folder, at_end, count=2, postgres=True, redis=True)
        assert fleet.redis is not None
        admin = next(gateway.admin_key for gateway in fleet.gateways if "Admin key" in gateway.printed)
        limits = {"rps": RATE * 5, "rpm": 6000, "concurrency": 10}
        keys = [made(fleet.first, admin, limits=limits)[1] for _ in range(users)]
        tally = Tally()
        loads = [Timed([fleet.ports[n % 2]], key, tally) for n, key in enumerate(keys)]
        time.sleep(max(pause / 3, 2.0))
        logged, answered, paused_at = sizes(fleet), sum(tally.statuses.values()), time.monotonic()
        fleet.redis.send(SIGSTOP)
        at_end.callback(fleet.redis.send, SIGCONT)
        while time.monotonic() - paused_at < pause:
            time.sleep(0.5)
            progress(round(time.monotonic() - paused_at), round(pause))
        fleet.redis.send(SIGCONT)
        back_at = time.monotonic()
        logged, answered = sizes(fleet) - logged, sum(tally.statuses.values()) - answered
        time.sleep(4.0)
        for stop in [threading.Thread(target=load.stop) for load in loads]:
            stop.start()
        for load in loads:
            load.join()
        fleet.stop()
        since = [(round(at - paused_at, 1), status) for at, status in tally.refused]
        assert set(tally.statuses) == {200}, f"{tally.statuses}; seconds after the pause began: {since}"
        assert not tally.broken, tally.broken
        before = p99([took for load in loads for at, took in load.times if at < paused_at])
        during = p99([took for load in loads for at, took in load.times if paused_at <= at < back_at])
        added = during - before
        limit = 0.1 if scale >= 1 else 1.0  # the figure is judged at full size, on a machine that does nothing else
        assert added < limit, f"p99 was {before * 1000:.0f} ms, and {during * 1000:.0f} ms without Redis"
        assert logged <= 200 * answered, f"{logged} bytes of log for {answered} requests"
        lines = sum("Redis is not used" in line for gateway in fleet.gateways for line in gateway.printed.splitlines())
        assert 2 <= lines <= 6, f"{lines} lines for two processes"  # a busy machine may be too slow for it once more
    return (
        f"paused for {pause:.0f} s with {users} users: {answered} answered, 0 failed; p99 {before * 1000:.0f} ms before "
        f"and {during * 1000:.0f} ms meanwhile; {logged / max(answered, 1):.1f} bytes of log a request"
    )


def sizes(fleet: Fleet) -> int:
    return sum(gateway.log.stat().st_size for gateway in fleet.gateways)


def p99(times: list[float]) -> float:
    times = sorted(times)
    assert times
    return times[int(len(times) * 0.99)]
