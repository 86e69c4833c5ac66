"""Ten million calls on record, a million of them with what was said: every page of the log, one trace, every question
and every search answers within a second, on SQLite and on PostgreSQL; and removing a tenth of them stalls nobody.
"""

import asyncio
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx2
from sqlalchemy import text

from headgate.audit.sealing import sealing
from headgate.observe.analytics import Analytics
from headgate.observe.errors_seen import ErrorFilter, SqlErrors
from headgate.observe.log import LogFilter, SqlLogStore
from headgate.observe.retention import Retention
from headgate.observe.usage import Question, SqlUsage
from headgate.storage.engine import open_engine
from headgate.storage.expire import Days
from headgate.storage.sql import Sql, open_sql
from headgate.storage.upgrade import ensure
from tests.admin.conftest import DERIVED
from tests.e2e.processes import Gateway
from tests.proofs import Progress
from tests.proofs.rows_made import DAY, TENANT, fill, same
from tests.servers import Postgres, psql

CALLS = 10_000_000
DAYS = 30
"""Of as many calls as there are at full scale: they are as close together at any other."""
JUDGED = 0.05
"""From this scale on, times count."""
KEPT = Path(tempfile.gettempdir()) / "headgate-rows"
"""Where calls are made once, for this run and those after it; whoever needs the room removes it."""


def prove(scale: float, folder: Path, progress: Progress) -> str:
    calls = max(round(CALLS * scale), 3_000)
    found = []
    for number, kind in enumerate(("sqlite", "postgresql")):

        def tell(done: int, number: int = number) -> None:
            progress(number * calls + done, 2 * calls)

        with ExitStack() as at_end:
            place = Place(kind, folder if scale < JUDGED else KEPT, max(round(DAYS * scale), 2), at_end)
            found.append(f"{kind}: {of(place, calls, scale >= JUDGED, tell)}")
    return f"{calls:,} calls; " + "; ".join(found)


class Place:
    """A home with a database of a kind. What was made in it before is gone on with."""

    def __init__(self, kind: str, folder: Path, days: int, at_end: ExitStack) -> None:
        self.days = days
        self.home = folder / f"rows-{kind}"
        self.home.mkdir(parents=True, exist_ok=True)
        self.env: dict[str, str] = {}
        if kind == "sqlite":
            self.url = f"sqlite:///{self.home / 'headgate.db'}"
        else:
            server = Postgres(self.home / "server" if folder == KEPT else None).start()
            at_end.callback(server.close)
            with suppress(Exception):  # it is there from an earlier run
                psql(server.url, "create database rows")
            self.url = self.env["HEADGATE_DATABASE_URL"] = server.url.rsplit("/", 1)[0] + "/rows"
        ensure(self.url)
        self.sql = open_sql(self.url, patience=600.0)
        at_end.callback(self.sql.close)


def of(place: Place, calls: int, judged: bool, tell: Callable[[int], None]) -> str:
    first = filled(place, calls, tell)
    if not judged:
        same(place.sql, first, place.days)
    if "postgresql" in place.url:
        psql(place.url, "vacuum analyze")  # as it does by itself some minutes later
    among = left(place.sql)  # fewer than were made, after earlier runs
    slow = asyncio.run(asked(place.url, first, place.days * DAY))
    (what, longest), typical = max(slow.items(), key=lambda one: one[1]), sorted(slow.values())[len(slow) // 2]
    assert not judged or longest < 1, {what: round(took, 2) for what, took in slow.items() if took >= 1}
    gone, quiet, busy = removed(place, calls)
    assert not judged or busy < max(3 * quiet, 0.25), f"an answer took {busy:.3f} s, before {quiet:.3f} s"
    return (
        f"{len(slow)} questions among {among:,} calls, the longest ({what}) {longest * 1000:.0f} ms, half within {typical * 1000:.0f} ms; "
        f"{gone:,} removed while the slowest of a hundred answers took {busy * 1000:.0f} ms (before {quiet * 1000:.0f} ms)"
    )


def filled(place: Place, calls: int, tell: Callable[[int], None]) -> int:
    """Make the calls that are missing, and return the instant of the first."""
    where = place.url if "postgresql" in place.url else place.home / "headgate.db"
    return fill(place.sql, where, place.home / "dead", calls, place.days, tell)


async def asked(url: str, first: int, length: int) -> dict[str, float]:
    """Return what was asked, and the seconds that each took."""
    engine = open_engine(url)
    logs, usage, errors = SqlLogStore(engine), SqlUsage(engine), SqlErrors(engine)
    end = first + length
    took: dict[str, float] = {}

    async def timed(what: str, asking: Awaitable[object]) -> object:
        begun = time.perf_counter()
        answer = await asking
        took[what] = time.perf_counter() - begun
        return answer

    try:
        await logs.page(TENANT, LogFilter(), limit=1)  # a connection, and code that is compiled once
        for what, where in pages(first, end).items():
            page = await timed(f"page of {what}", logs.page(TENANT, where, limit=100))
            if page.older is not None:  # type: ignore[attr-defined]
                await timed(f"next page of {what}", logs.page(TENANT, where, after=page.older, limit=100))  # type: ignore[attr-defined]
        middle = (first + length // 2, "f")
        await timed("later page", logs.page(TENANT, LogFilter(), after=middle, back=True, limit=100))
        for words in ("account", "order0", '"needle in a haystack"', "credit debt", "nothingofthekind"):
            await timed(f"search for {words}", logs.page(TENANT, LogFilter(text=words), limit=100))
        (record,) = (await logs.page(TENANT, LogFilter(), after=middle, limit=1)).records
        await timed("trace", logs.get(TENANT, record.id))
        await timed("ledger of a trace", logs.charges(TENANT, record))
        analytics = Analytics(usage, logs)
        for what, question in questions(first, end).items():
            await timed(f"sums {what}", analytics.find(TENANT, question, "cost_nano", 20))
        half = Question(since=end - length // 2, until=end, by="model", finest=3600)
        await timed("the time before", analytics.before(TENANT, half))
        await timed("errors", errors.groups(TENANT, ErrorFilter()))
        async with engine.connect() as con:
            assert (await con.execute(text("SELECT COUNT(*) FROM error_groups"))).scalar_one() > 0
    finally:
        await engine.dispose()
    return took


def pages(first: int, end: int) -> dict[str, LogFilter]:
    return {
        "everything": LogFilter(),
        "a key": LogFilter(key_id="key-7"),
        "a user": LogFilter(user_id="user-7"),
        "a team": LogFilter(team_id="team-3"),
        "an app": LogFilter(app_id="app-3"),
        "an end user": LogFilter(end_user="end-77"),
        "a route": LogFilter(route="route-3"),
        "a model of a provider": LogFilter(model="p1/m3", provider="p1"),
        "a model that was asked for": LogFilter(asked="route-4"),
        "failures": LogFilter(status="failure"),
        "a code": LogFilter(code="deadline_exceeded"),
        "a tag": LogFilter(tags=("tag-4",)),
        "a surface": LogFilter(surface="gemini"),
        "what was dear": LogFilter(min_cost=2_000),
        "what was slow": LogFilter(min_ms=60_000.0),
        "some text": LogFilter(contains="nothing of the kind"),
        "nobody": LogFilter(key_id="nobody"),
        "a day": LogFilter(since=end - 2 * DAY, until=end - DAY, status="failure"),
        "many things": LogFilter(team_id="team-1", route="route-3", status="failure", since=first),
    }


def questions(first: int, end: int) -> dict[str, Question]:
    found = {
        f"by {by} over all days": Question(since=first, until=end, by=by, finest=3600)
        for by in ("team", "key", "user", "app", "tag", "model", "provider", "route", "surface", "status", "code")
    }
    found["of a day by hour"] = Question(since=end - DAY, until=end, interval=3600)
    found["of six hours by minute"] = Question(since=end - DAY // 4, until=end, by="model", interval=60)
    found["of all days by day and model"] = Question(since=first, until=end, by="model", interval=86_400)
    found["of all days by hour and user"] = Question(since=first, until=end, by="user", interval=3600)
    found["of a key by model"] = Question(since=first, until=end, by="model", where={"key": "key-3"}, finest=3600)
    found["of a model by key"] = Question(since=first, until=end, by="key", where={"model": "p1/m3"}, finest=3600)
    found["that only calls answer"] = Question(since=first, until=end, by="app", where={"team": "team-3"})
    return found


def removed(place: Place, calls: int) -> tuple[int, float, float]:
    """Remove a tenth while a gateway serves from this database; return how many, and the slowest answers (1 in 100)."""
    gateway = Gateway(place.home, args=(), **place.env)
    gateway.start(60)
    try:
        key = gateway.key("reader", "--budget", "100", "--window", "month")
        quiet = Prober(gateway, key)
        time.sleep(3 if calls > 100_000 else 0.5)
        before = quiet.end()
        busy = Prober(gateway, key)
        (first,) = place.sql.execute("SELECT MIN(at) FROM records").fetchone()
        kept = max((time.time_ns() // 1000 - first) // DAY - max(place.days // 10, 1), 1)  # after earlier runs as well
        job = Retention(
            place.url,
            "proof",
            sealing(DERIVED),
            lambda sql: {TENANT: Days(records=kept)},
            lambda: False,
        )
        count = left(place.sql)
        gone = job.once()
        job.stop()
        during = busy.end()
        assert gone > 0
        assert left(place.sql) >= count - gone
    finally:
        gateway.kill()
    return gone, before, during


def left(sql: Sql) -> int:
    return int(sql.execute("SELECT COUNT(*) FROM records").fetchone()[0])


class Prober(threading.Thread):
    """Calls a model twenty times a second."""

    def __init__(self, gateway: Gateway, key: str) -> None:
        super().__init__(daemon=True)
        self._gateway, self._key = gateway, key
        self._took: list[float] = []
        self._stopping = threading.Event()
        self.start()

    def run(self) -> None:
        body = {"model": "sandbox/chat", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 20}
        with httpx2.Client(headers={"authorization": f"Bearer {self._key}"}, timeout=30) as http:
            while not self._stopping.wait(0.05):
                begun = time.perf_counter()
                answer = http.post(f"{self._gateway.url}/v1/chat/completions", json=body)
                self._took.append(time.perf_counter() - begun)
                assert answer.status_code == 200, answer.text

    def end(self) -> float:
        """Return the seconds that all but one in a hundred answers took at most."""
        until = time.monotonic() + 30
        while not self._took and time.monotonic() < until:
            time.sleep(0.05)
        self._stopping.set()
        self.join(60)
        took = sorted(self._took)
        return took[min(len(took) * 99 // 100, len(took) - 1)]
