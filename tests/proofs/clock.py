"""A machine's clock jumps while its gateway serves: no window of a budget begins twice, no limit opens, no time is lost."""

import time
from contextlib import ExitStack
from datetime import UTC, datetime
from glob import glob
from pathlib import Path

from tests.proofs import Progress
from tests.proofs.fleet import NANO, Fleet
from tests.proofs.outage import ask

LIBRARIES = "/usr/lib/*/faketime/libfaketimeMT.so.1"
HOUR, DAY = 3600, 86_400
HOLDS = 20


def prove(scale: float, folder: Path, progress: Progress) -> str:
    found = glob(LIBRARIES)
    if not found:
        return "not run: libfaketime is not installed"
    jumps = 0
    for turn, postgres in enumerate((False, True)):
        with ExitStack() as at_end:
            jumps += jumped(folder / str(turn), at_end, found[0], postgres=postgres)
        progress(turn + 1, 2)
    return f"{jumps} jumps of an hour and of a day, on SQLite and PostgreSQL: every window began once, every limit held"


def jumped(folder: Path, at_end: ExitStack, library: str, *, postgres: bool) -> int:
    folder.mkdir()
    clock = folder / "clock"
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0).timestamp()
    begin = 0 if postgres else round(noon - time.time())  # so that an hour either way is the same day
    clock.write_text(f"{begin:+d}")
    fleet = Fleet(
        folder,
        at_end,
        count=1,
        postgres=postgres,
        LD_PRELOAD=library,
        FAKETIME_TIMESTAMP_FILE=str(clock),
        FAKETIME_NO_CACHE="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1",
    )
    gateway, done = fleet.first, 0
    window = "total" if postgres and datetime.now(UTC).hour in (0, 23) else "day"
    spent = gateway.key("spent", "--budget", f"{HOLDS * NANO / 1e9:.9f}", "--window", window)
    slow = gateway.key("slow", "--rpm", "2")

    def left() -> int:
        """Spend what is left of the day; return how many calls that was."""
        count = 0
        while (status := answered(spent)) == 200:
            count += 1
            assert count <= HOLDS, "more than the budget"
        assert status == 429, status
        return count

    def answered(key: str) -> int:
        """Return the status of one call; a busy machine's database may take longer than a call waits for it."""
        while (status := ask(gateway, key)) == 503:
            time.sleep(0.2)
        return status

    def jump(seconds: int) -> None:
        nonlocal done
        clock.write_text(f"{begin + seconds:+d}")
        done += 1

    assert left() > HOLDS // 2  # near the end a call's worst case may not fit
    assert [answered(slow) for _ in range(3)] == [200, 200, 429]
    for seconds in (HOUR, -HOUR, 0):
        jump(seconds)
        assert left() == 0, f"a jump of {seconds} s opened a budget"
        assert answered(slow) == 429, f"a jump of {seconds} s opened a limit"
        assert answered(gateway.first_key) == 200
    jump(DAY)
    opened = left()
    if postgres:
        assert opened == 0, "one machine's clock opened a budget that all share"
    else:
        assert opened > HOLDS // 2, "the next day has its own"
    for seconds in (0, DAY, 0):
        jump(seconds)
        assert left() == 0, "a day's budget came back"
    fleet.stop()
    durations = [record["total_ms"] for record in fleet.records().values()]
    assert all(0 <= each < 30_000 for each in durations), max(durations)
    return done
