"""Sums as the drainer leaves them: every window and dimension once, bounded, whatever fails in between."""

import asyncio
import random

import pytest
from msgspec.structs import replace

from headgate.core.money import Usage
from headgate.core.record import Attempt
from headgate.ledger.batch import ended_of
from headgate.ledger.keeper import Keeper
from headgate.observe import rollups, views
from headgate.observe.analytics import Analytics, former
from headgate.observe.errors_seen import ErrorFilter, SqlErrors
from headgate.observe.facts import Facts
from headgate.observe.log import LogFilter, SqlLogStore
from headgate.observe.sketch import Sketch
from headgate.observe.usage import Question, SqlUsage
from headgate.observe.windows import cut_for, finest_of, spans
from headgate.storage.engine import open_engine
from headgate.storage.sql import BadValue, StoreDown, open_sql
from headgate.storage.sums import SUMS
from tests.admin.records import NOW, call

MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000
START = NOW // DAY * DAY - 10 * DAY


def mixed(count: int, seed: int = 1):
    dice = random.Random(seed)
    return [
        call(
            at=START + dice.randrange(3 * DAY), key_id=f"key-{dice.randrange(3)}", model_used=f"p/m{dice.randrange(4)}",
            provider_used="p", team_id=dice.choice((None, "t1")), tags=tuple(dice.sample(("a", "b", "c"), 2)),
            total_ms=dice.lognormvariate(5, 1), cost_nano=dice.randrange(9_999),
            status=dice.choice(("success", "failure")),
        )
        for _ in range(count)
    ]  # fmt: skip


def drained(url, folder, calls, *, node="home", size=20) -> None:
    keeper = Keeper(url, folder / "dead", lambda batch: None, node)
    for at in range(0, len(calls), size):
        keeper.store("j" + node, [ended_of(one, []) for one in calls[at : at + size]], at + size)
    keeper.close()


async def test_every_window_and_dimension_adds_up(url, tmp_path):
    calls = mixed(200)
    await asyncio.to_thread(drained, url, tmp_path, calls[:120])
    await asyncio.to_thread(drained, url, tmp_path, calls[120:], node="other")
    engine = open_engine(url)
    usage = SqlUsage(engine)
    for since, until in (
        (START, START + 3 * DAY),
        (START + HOUR // 2, START + DAY + 7 * MINUTE),
        (START + DAY, START + DAY),
    ):
        wanted = [one for one in calls if since <= one.at < -(-until // MINUTE) * MINUTE]
        for by in ("model", "key", "tag", None):
            asked = Question(since=since, until=until, by=by)
            found = {used.name: used for used in await usage.sums("default", asked)}
            for name, used in found.items():
                mine = [one for one in wanted if by is None or name in (one.model_used, one.key_id, *one.tags)]
                assert used.requests == len(mine)
                assert used.cost_nano == sum(one.cost_nano or 0 for one in mine)
            await usage.durations("default", asked, list(found.values()))
            for name, used in found.items():
                times = sorted(
                    one.total_ms for one in wanted if by is None or name in (one.model_used, one.key_id, *one.tags)
                )
                assert used.latency is not None and used.latency.count == len(times)
                assert used.latency.quantile(1.0) == pytest.approx(times[-1], rel=0.02)
    pair = Question(since=START, until=START + 3 * DAY, by="model", where={"key": "key-1"}, interval=86_400)
    assert sum(used.requests for used in await usage.sums("default", pair)) == sum(c.key_id == "key-1" for c in calls)
    odd = Question(since=START, until=START + 3 * DAY, by="surface", where={"key": "key-1"})
    answer = await Analytics(usage, SqlLogStore(engine)).find("default", odd, "requests", 5)
    assert (answer.source, answer.total.requests) == ("calls", sum(c.key_id == "key-1" for c in calls))
    await engine.dispose()


async def test_rows_by_anything_add_up_in_every_window(url, tmp_path):
    dice = random.Random(7)

    def made(name):
        return dice.choice((None, f"{name}1", f"{name}2"))

    calls = [
        call(
            at=START + dice.randrange(2 * DAY), key_id=made("k"), team_id=made("t"), user_id=made("u"), app_id=made("a"),
            model_used=made("p/m"), provider_used=made("p"), route=made("r"), code=made("c"), cost_nano=dice.randrange(99),
            status=dice.choice(("success", "failure")), usage=Usage(input=dice.randrange(99), output=dice.randrange(9)),
        )
        for _ in range(150)
    ]  # fmt: skip
    await asyncio.to_thread(drained, url, tmp_path, calls[:70])
    await asyncio.to_thread(drained, url, tmp_path, calls[70:], node="other")
    engine = open_engine(url)
    usage = SqlUsage(engine)
    narrowed: tuple[dict[rollups.Dimension, str], ...] = ({}, {"team": "t1"}, {"provider": "p2"}, {"model": "p/m1"})
    for where in narrowed:
        for by in rollups.DIMENSIONS:
            for interval in (None, 3600):
                asked = Question(since=START, until=START + 2 * DAY, by=by, where=where, interval=interval)
                if asked.cut is None or by == "tag":
                    continue
                rows = await usage.sums("default", asked)
                total = added(await usage.sums("default", replace(asked, by=None)))
                assert added(rows) == total, (by, where, interval)
                assert all(used.requests > 0 for used in rows)
                nameless = [used for used in rows if used.name == ""]
                alone = await usage.sums("default", replace(asked, names=("", "k1")))
                assert added(used for used in alone if used.name == "") == added(nameless)
                assert {used.name for used in await usage.sums("default", replace(asked, names=("k1",)))} <= {"k1"}
    await engine.dispose()


def added(some):
    """The numbers of *some*, by window."""
    found: dict[int | None, list[int]] = {}
    for used in some:
        numbers = [getattr(used, name) for name in SUMS]
        found[used.at] = [sum(pair) for pair in zip(found.get(used.at, [0] * len(SUMS)), numbers, strict=True)]
    return found


def test_a_batch_that_fails_and_comes_again_counts_once(database, tmp_path, monkeypatch):
    calls = [ended_of(one, []) for one in mixed(30)]
    keeper = Keeper(database, tmp_path / "dead", lambda batch: None, "home")
    keeper.store("j", calls[:10], 1)
    move = keeper._move_on

    def broken(*args):
        move(*args)
        raise StoreDown("the disk is full")

    monkeypatch.setattr(keeper, "_move_on", broken)
    with pytest.raises(StoreDown):
        keeper.store("j", calls[10:], 2)
    monkeypatch.setattr(keeper, "_move_on", move)
    keeper.store("j", calls[10:], 2)
    keeper.store("j", calls[5:15], 3)  # a piece of the journal read twice
    keeper.close()
    sql = open_sql(database)
    assert sql.execute("SELECT SUM(requests) FROM rollups WHERE cut = 'all' AND grain = 60").fetchone() == (30,)
    packed = sql.execute("SELECT latency FROM rollups WHERE cut = 'all' AND grain = 86400").fetchall()
    assert sum(Sketch.unpack(one).count for (one,) in packed) == 30
    sql.close()


async def test_a_number_that_no_sum_can_hold_stops_nothing(url, tmp_path):
    great = call(at=START, usage=Usage(input=2**64))
    await asyncio.to_thread(drained, url, tmp_path, [call(at=START), great, call(at=START)])
    engine = open_engine(url)
    assert len(await SqlLogStore(engine).list("default", LogFilter())) == 3
    (found,) = await SqlUsage(engine).sums("default", Question(since=START, until=START + DAY))
    assert (found.requests, found.input) == (3, 200)
    await engine.dispose()
    await asyncio.to_thread(drained, url, tmp_path, [call(at=START)], node="next")


def test_sums_that_cannot_be_stored_stop_nothing(database, tmp_path, monkeypatch):
    keeper = Keeper(database, tmp_path / "dead", lambda batch: None, "home")
    add = keeper._viewing._views.add

    def broken(*args):
        add(*args)
        raise BadValue("out of range")

    monkeypatch.setattr(keeper._viewing._views, "add", broken)
    keeper.store("j", [ended_of(one, []) for one in mixed(5)], 1)
    assert (keeper.stored, keeper.unseen) == (5, 5)
    monkeypatch.setattr(keeper._viewing._views, "add", add)
    keeper.store("j", [ended_of(one, []) for one in mixed(4, seed=2)], 2)
    keeper.close()
    sql = open_sql(database)
    assert sql.execute("SELECT SUM(requests) FROM rollups WHERE cut = 'all' AND grain = 60").fetchone() == (4,)
    sql.close()


def test_names_beyond_the_bound_count_together(database, tmp_path, monkeypatch):
    monkeypatch.setattr(rollups, "FEW", 5)
    calls = [call(at=START + number, route=f"r{number}", model_used=f"p/m{number}") for number in range(20)]
    drained(database, tmp_path, calls[:12], size=4)
    drained(database, tmp_path, calls[12:], size=4)
    sql = open_sql(database)
    rows: dict[str, int] = dict(
        sql.execute("SELECT a, requests FROM rollups WHERE cut = 'route' AND grain = 3600").fetchall()
    )
    assert rows == {**{f"r{number}": 1 for number in range(5)}, rollups.OTHER: 15}
    pairs = sql.execute("SELECT COUNT(*), SUM(requests) FROM rollups WHERE cut = 'route+model' AND grain = 3600")
    assert pairs.fetchone() == (6, 20)
    sql.close()


def test_what_is_at_hand_is_bounded_and_read_again(database, tmp_path, monkeypatch):
    monkeypatch.setattr(views, "MAX_CELLS", 3)
    monkeypatch.setattr(views, "MAX_WINDOWS", 2)
    calls = mixed(40)
    drained(database, tmp_path, calls, size=5)
    sql = open_sql(database)
    packed = sql.execute("SELECT latency FROM rollups WHERE cut = 'model' AND grain = 86400").fetchall()
    assert sum(Sketch.unpack(one).count for (one,) in packed) == 40
    sql.close()


async def test_kinds_of_errors_of_several_homes_and_too_many_of_them(url, tmp_path, monkeypatch):
    monkeypatch.setattr("headgate.observe.error_groups.MAX_GROUPS", 3)
    bad = [
        call(
            at=START + number, status="failure", code="upstream_server_error", http_status=502, key_id=f"key-{number % 2}",
            attempts=(Attempt(provider="p", model=f"m{number % 5}", started_ms=0, outcome="upstream_server_error"),),
        )
        for number in range(10)
    ]  # fmt: skip
    await asyncio.to_thread(drained, url, tmp_path, bad[:5], size=1)
    await asyncio.to_thread(drained, url, tmp_path, bad[5:], node="other", size=1)
    engine = open_engine(url)
    found = {one.group.model: one.seen for one in await SqlErrors(engine).groups("default", ErrorFilter())}
    assert {name: seen.count for name, seen in found.items()} == {"p/m0": 2, "p/m1": 2, "p/m2": 2, rollups.OTHER: 4}
    assert (found["p/m0"].first_at, found["p/m0"].last_at) == (START, START + 5)
    assert [one.id for one in found["p/m0"].examples] == [bad[5].id, bad[0].id]
    assert await SqlErrors(engine).groups("default", ErrorFilter(new_since=START + 6)) == []
    await engine.dispose()


def test_windows_fill_a_time_with_few():
    def told(since, until, *grains):
        return [(span.grain, span.since - START, span.until - START) for span in spans(since, until, grains)]

    assert told(START, START + DAY, 60, 3600, 86_400) == [(86_400, 0, DAY)]
    since, until = START + 30 * MINUTE, START + 2 * DAY + 90 * MINUTE
    assert told(since, until, 60, 3600, 86_400) == [
        (60, 30 * MINUTE, HOUR), (3600, HOUR, DAY), (86_400, DAY, 2 * DAY), (3600, 2 * DAY, 2 * DAY + HOUR),
        (60, 2 * DAY + HOUR, 2 * DAY + 90 * MINUTE),
    ]  # fmt: skip
    assert told(START + 1, START + 2, 3600) == [(3600, 0, HOUR)]
    assert told(START, START, 60) == []
    pair = cut_for(("model", "key"))
    assert pair is not None and pair.name == "key+model"
    assert cut_for(("surface", "key")) is None
    assert [finest_of(NOW - length, NOW, NOW) for length in (HOUR, DAY, 200 * DAY)] == [60, 3600, 86_400]


def test_what_callers_make_up_is_no_name():
    facts = Facts(
        id="x", trace_id="x", at=START, tenant_id="t", surface="openai", status="failure", code="model_not_found",
        model_requested="junk-123", tags=tuple("abcdefghijkl"),
    )  # fmt: skip
    names = {cut: name for cut, name, _ in rollups.singles(facts)}
    assert "model" not in names
    assert sum(cut == "tag" for cut, _, _ in rollups.singles(facts)) == rollups.MAX_TAGS
    assert not [one for one in rollups.pairs(facts) if "junk" in "".join(one)]


H, M = 3_600_000_000, 60_000_000
NOON = 20_000 * 24 * H + 12 * H
"""It is twenty past noon."""


@pytest.mark.parametrize(
    ("fields", "since", "until"),
    [
        ({}, -48 * H - 20 * M, -24 * H),
        ({"by": "user"}, -48 * H, -24 * H),  # by the hour alone
        ({"since": NOON - 14 * 24 * H + 5 * M}, -28 * 24 * H, -14 * 24 * H),  # minutes are gone
        ({"where": {"surface": "x", "status": "y"}}, -47 * H - 40 * M, -23 * H - 40 * M),  # calls themselves
        ({"until": NOON - 10 * H + 20 * M}, -39 * H, -24 * H),  # the last hour is counted whole
    ],
)
def test_the_time_before_is_as_long_and_has_no_call_of_it(fields, since, until):
    asked = Question(**{"since": NOON - 24 * H + 20 * M, "until": NOON + 20 * M, "finest": 3600, **fields})
    found = former(asked, NOON + 20 * M)
    assert (found.since - NOON, found.until - NOON) == (since, until)
    if found.cut is not None:
        windows, present = found.spans, asked.spans
        assert (windows[0].since, windows[-1].until) == (found.since, present[0].since)
