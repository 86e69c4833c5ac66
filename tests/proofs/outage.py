"""PostgreSQL crashes under load and stays away: known keys are served, nobody is told 401 or 404, nothing is lost."""

import re
import time
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import httpx2

from tests.e2e.processes import Gateway
from tests.proofs import Progress
from tests.proofs.fleet import Fleet
from tests.proofs.load import Load, Tally
from tests.proofs.sigkill import judge

AWAY = 60.0
CONCURRENCY = 20
RATE = 200.0


def prove(scale: float, folder: Path, progress: Progress) -> str:
    away = AWAY * scale
    with ExitStack() as at_end:
        fleet = Fleet(folder, at_end, count=2, postgres=True)
        assert fleet.postgres is not None
        known = fleet.first.key("known", "--budget", "1000", "--window", "month")
        unknown = fleet.first.key("unknown")
        admin = next(gateway.admin_key for gateway in fleet.gateways if "Admin key" in gateway.printed)
        begun = time.monotonic()
        while any(manage(gateway, admin) != 200 for gateway in fleet.gateways):
            assert time.monotonic() - begun < 20, "administrators are not served while the database is there"
        during, after = Tally(), Tally()
        load = Load(fleet.ports, known, "wall/good", concurrency=CONCURRENCY, tally=during, rate=RATE)
        time.sleep(1.0)  # what is not used goes back: a lease is had by who is at work
        fleet.postgres.stop(immediate=True)
        end, told = time.monotonic() + away, set()
        while time.monotonic() < end:
            told |= {ask(gateway, key) for gateway in fleet.gateways for key in (unknown, unknown[:-1] + "x")}
            told |= {manage(gateway, admin) for gateway in fleet.gateways}
            ready = [httpx2.get(f"{gateway.url}/health/ready", timeout=5).status_code for gateway in fleet.gateways]
            assert set(ready) == {200}, ready
            progress(round(away - (end - time.monotonic())), round(away))
            time.sleep(0.2)
        load.stop()
        fleet.postgres.start()
        back = time.monotonic()
        while ask(fleet.first, unknown) != 200:
            assert time.monotonic() - back < 10, "a new key is not served again"
            time.sleep(0.05)
        again = time.monotonic() - back
        while any(behind(gateway) for gateway in fleet.gateways):
            assert time.monotonic() - back < 10, "the journals are not empty ten seconds after its return"
            time.sleep(0.1)
        empty = time.monotonic() - back
        quiet(fleet, known, after, 1.0)
        fleet.stop()
        assert told == {503}, f"new keys and administrators were told {told}"
        assert set(during.statuses) <= {200, 503} and set(after.statuses) == {200}, (during.statuses, after.statuses)
        refused = during.statuses.get(503, 0)
        assert away > 55 or not refused, f"{refused} calls of a known key were refused"
        assert not during.broken, f"{during.broken} connections broke"
        whole = Tally(answered={**during.answered, **after.answered})
        found = judge(fleet, whole, 0).partition("answered")[0].split(", ")[1]
    return (
        f"away for {away:.0f} s: {during.statuses[200]} calls of known keys served, {refused} refused with 503, none of "
        f"{found.strip()} lost; new keys served again after {again:.1f} s, journals empty after {empty:.1f} s"
    )


def quiet(fleet: Fleet, key: str, tally: Tally, seconds: float) -> None:
    """Some load for a while."""
    load = Load(fleet.ports, key, "wall/good", concurrency=CONCURRENCY, tally=tally, rate=RATE)
    time.sleep(seconds)
    load.stop()


def ask(gateway: Gateway, key: str) -> int:
    """Return the status of one call."""
    body = {"model": "wall/good", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5}
    begun = time.monotonic()
    trace = uuid4().hex
    headers = {"authorization": f"Bearer {key}", "traceparent": f"00-{trace}-{trace[:16]}-01"}
    answer = httpx2.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers, timeout=10)
    assert answer.status_code != 503 or time.monotonic() - begun < 3, "a new key was kept waiting"
    return answer.status_code


def manage(gateway: Gateway, admin: str) -> int:
    """Return the status of a look at the log."""
    headers = {"authorization": f"Bearer {admin}"}
    return httpx2.get(f"{gateway.url}/api/v1/logs", headers=headers, timeout=30).status_code


def behind(gateway: Gateway) -> float:
    """Return the bytes of the gateway's journals that are not in the database."""
    page = httpx2.get(f"{gateway.url}/metrics", timeout=5).text
    found = re.search(r"^headgate_journal_behind_bytes (\S+)$", page, re.M)
    assert found, page
    return float(found[1])
