"""One suite for the gate of a single process and for the gates of several."""

import asyncio
from collections.abc import Awaitable

import pytest

from headgate.access.types import Limits, Principal
from headgate.core.errors import RateLimited, Unavailable
from headgate.limits.gate import LocalGate
from headgate.limits.server_rates import ServerRates
from headgate.limits.shared import SharedGate
from headgate.limits.store import RateStore, SqlRates
from headgate.limits.types import Gate, Slot
from headgate.storage.desk import Desk
from headgate.storage.sqlite import connect
from tests.clock import Nanoseconds
from tests.limits.redis_clock import Clocked, Running, use_test_clock


def who(key: str = "k1", **limits) -> Principal:
    return Principal(kind="key", id=key, tenant_id="t1", name="app", limits=Limits(**limits))


async def admit(gate: Gate, caller: Principal) -> Slot:
    slot = gate.admit(caller)
    return await slot if isinstance(slot, Awaitable) else slot


async def admitted(gates: list[Gate], caller: Principal, tries: int) -> list[Slot]:
    """Try at each gate in turn; return those let in."""
    found = []
    for number in range(tries):
        try:
            found.append(await admit(gates[number % len(gates)], caller))
        except RateLimited:
            pass
    return found


def rates(kind: str, desk: Desk, owner: str, count: int, clock: Nanoseconds) -> RateStore:
    if kind != "postgresql":
        return SqlRates(desk, owner, count, clock)
    made = ServerRates(desk, owner, count, clock)
    made._rows = SqlRates(desk, owner, count, clock)  # the server's clock, moved by the test as well
    return made


@pytest.fixture(params=["local", "one worker", "four workers", "postgresql", "redis"])
async def gates(request, clock, monkeypatch):
    if request.param == "local":
        yield [LocalGate(clock)]
        return
    if request.param == "redis":
        use_test_clock(monkeypatch)
        running, url = Running(), request.getfixturevalue("redis_url")
        made = [SharedGate(await running.start(Clocked(url, clock), f"p{n}", 3, clock), clock) for n in range(3)]
        yield made
        for gate in made:
            gate.close()
        await running.stop()
        return
    count = 1 if request.param == "one worker" else 4
    where = request.getfixturevalue("migrated" if request.param == "postgresql" else "database")
    desks = [Desk(where) for _ in range(count)]
    made = [SharedGate(rates(request.param, desk, f"process {n}", count, clock), clock) for n, desk in enumerate(desks)]
    yield made
    for gate, desk in zip(made, desks, strict=True):
        gate.close()
        desk.close()


async def test_a_caller_without_limits_passes_and_is_told_nothing(gates):
    slot = gates[0].admit(who())
    assert slot.lines() == ""
    slot.release()
    slot.release()


async def test_requests_a_minute(gates, clock):
    caller = who(rpm=12)
    assert len(await admitted(gates, caller, 40)) == 12
    clock.advance(4.9)
    assert await admitted(gates, caller, 4) == []
    clock.advance(0.2)
    assert len(await admitted(gates, caller, 4)) == 1


async def test_requests_a_second(gates, clock):
    caller = who(rps=5)
    assert len(await admitted(gates, caller, 20)) == 5
    clock.advance(1)
    assert len(await admitted(gates, caller, 20)) == 5


async def test_a_large_limit_is_at_most_one_percent_low_and_never_high(gates, clock):
    caller = who(rpm=2000)
    let_in = len(await admitted(gates, caller, 2400))
    assert 1980 <= let_in <= 2000


async def test_in_flight(gates, clock):
    caller = who(concurrency=3)
    slots = await admitted(gates, caller, 8)
    assert len(slots) == 3
    slots[0].release()
    slots[0].release()
    await asyncio.sleep(0.1)  # another process's place comes back by way of the store
    clock.advance(0.05)
    assert len(await admitted(gates, caller, 8)) == 1, "released twice is released once"


async def test_a_refusal_consumes_nothing(gates, clock):
    caller = who(rpm=10, concurrency=2)
    held = await admitted(gates, caller, 8)
    assert len(held) == 2
    for slot in held:
        slot.release()
    await asyncio.sleep(0.1)
    clock.advance(0.05)
    # six were refused for want of a place: eight of the minute must be left
    let_in = 0
    for _ in range(12):
        for slot in await admitted(gates, caller, 1):
            let_in += 1
            slot.release()
        await asyncio.sleep(0.03)
        clock.advance(0.03)
    assert let_in == 8


async def test_all_or_none_over_second_and_minute(gates, clock):
    caller = who(rps=2, rpm=100)
    assert len(await admitted(gates, caller, 50)) == 2
    for _ in range(30):
        clock.advance(1)
        assert len(await admitted(gates, caller, 3)) == 2
    # 62 of the minute's 100 are used, and 50 have dripped in again
    assert "limit-requests: 100\r\n" in (await admit(gates[0], who("other", rpm=100))).lines()


async def test_the_refusal_says_when_to_come_back(gates, clock):
    caller = who(rpm=6)
    await admitted(gates, caller, 6)
    with pytest.raises(RateLimited) as caught:
        await admit(gates[0], caller)
    assert caught.value.headers["retry-after"] == "10"
    assert caught.value.headers["x-ratelimit-limit-requests"] == "6"
    assert caught.value.headers["x-ratelimit-remaining-requests"] == "0"
    assert caught.value.headers["x-ratelimit-reset-requests"] == "60.000s"
    assert (caught.value.status, caught.value.code) == (429, "rate_limit_exceeded")
    assert "app" in caught.value.message
    clock.advance(int(caught.value.headers["retry-after"]))
    await admit(gates[0], caller)


async def test_headers_of_the_scarcer_limit(gates, clock):
    slot = await admit(gates[0], who(rps=50, rpm=3))
    assert slot.lines().split("\r\n") == [
        "x-ratelimit-limit-requests: 3",
        "x-ratelimit-remaining-requests: 2",
        "x-ratelimit-reset-requests: 20.000s",
        "",
    ]


async def test_callers_do_not_disturb_each_other(gates):
    assert len(await admitted(gates, who("a", rpm=3), 5)) == 3
    assert len(await admitted(gates, who("b", rpm=3), 5)) == 3


async def test_a_lowered_limit_holds_at_once_and_a_raised_one_too(gates, clock):
    assert len(await admitted(gates, who(rpm=10), 4)) == 4
    assert await admitted(gates, who(rpm=4), 4) == []
    assert len(await admitted(gates, who(rpm=600), 700)) >= 500
    assert len(await admitted(gates, who("k2", concurrency=4), 8)) == 4
    assert await admitted(gates, who("k2", concurrency=2), 4) == []
    assert len(await admitted(gates, who("k2", concurrency=6), 8)) == 2


async def test_idle_callers_are_forgotten(clock, monkeypatch):
    monkeypatch.setattr("headgate.limits.register.MAX_SCOPES", 3)
    gate = LocalGate(clock)
    busy = gate.admit(who("a", rpm=60, concurrency=1))
    for name in "bc":
        gate.admit(who(name, rpm=60)).release()
    clock.advance(120)
    gate.admit(who("d", rpm=60))
    assert list(gate._known.scopes) == ["c", "a", "d"], "what is in use stays"
    busy.release()


@pytest.fixture
async def pair(clock, database):
    desks = [Desk(database), Desk(database)]
    made = [SharedGate(SqlRates(desk, f"process {n}", 2, clock), clock) for n, desk in enumerate(desks)]
    yield made
    for gate, desk in zip(made, desks, strict=True):
        gate.close()
        desk.close()


async def test_an_idle_slice_goes_back(pair, clock, database):
    await admit(pair[0], who(rpm=1000))
    await asyncio.sleep(0.3)
    con = connect(database)
    (tat,) = con.execute("SELECT tat FROM rates WHERE name = 'rpm'").fetchone()
    con.close()
    state, scale, cost = map(int, tat.split("/"))
    assert state - clock.now * scale == cost, "one request, not a slice of five"


async def test_a_caller_who_leaves_meanwhile_costs_nothing(pair):
    caller = who(concurrency=1)
    waiting = asyncio.ensure_future(pair[0].admit(caller))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.sleep(0.3)
    assert len(await admitted([pair[1]], caller, 2)) == 1


async def test_at_once_they_are_still_exact(pair):
    caller = who(concurrency=7, rpm=50)

    async def one(gate: SharedGate) -> bool:
        try:
            await admit(gate, caller)
        except RateLimited:
            return False
        return True

    assert sum(await asyncio.gather(*[one(pair[n % 2]) for n in range(60)])) == 7


async def test_places_of_a_dead_process_come_back_with_its_grants(pair, database):
    caller = who(concurrency=2)
    assert len(await admitted([pair[0]], caller, 3)) == 2
    con = connect(database)
    con.execute("DELETE FROM grants WHERE owner = 'process 0'")  # what the drainer does with an unlocked journal
    con.close()
    assert len(await admitted([pair[1]], caller, 3)) == 2


async def test_after_a_restart_of_the_machine_the_bucket_is_not_stuck(pair, clock, database):
    caller = who(rpm=6)
    assert len(await admitted(pair, caller, 8)) == 6
    clock.now = 10**9  # the monotonic clock began anew
    desk = Desk(database)
    gate = SharedGate(SqlRates(desk, "later", 2, clock), clock)
    assert await admitted([gate], caller, 1) == [], "as full as it was at most"
    clock.advance(60)
    assert len(await admitted([gate], caller, 8)) == 6
    gate.close()
    desk.close()


async def test_without_the_store_there_is_no_answer(tmp_path, clock):
    desk = Desk(tmp_path / "absent.db")
    gate = SharedGate(SqlRates(desk, "process 0", 2, clock), clock)
    with pytest.raises(Unavailable) as caught:
        await admit(gate, who(rpm=5))
    assert caught.value.code == "storage_unavailable"
    assert not (tmp_path / "absent.db").exists()
    desk.close()
