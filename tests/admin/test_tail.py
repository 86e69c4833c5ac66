"""Calls as they end: who sees which, what comes after what, and that nothing grows."""

import asyncio

import msgspec
import pytest

from headgate.admin import tail as module
from headgate.observe.ring import Ring
from tests.admin.records import NOW, call

TAIL = "/api/v1/logs/tail"


def events(text: str) -> tuple[list[dict[str, str]], str]:
    """The calls of an answer, and the id to go on from."""
    fields = [dict(line.partition(": ")[::2] for line in event.splitlines()) for event in text.split("\n\n")]
    ids = [each["id"] for each in fields if "id" in each]
    return [msgspec.json.decode(each["data"]) for each in fields if each.get("event") == "call"], ids[-1]


def offer(api, *calls) -> None:
    api.parts.tail.offer([msgspec.json.encode(each) for each in calls])


async def ask(api, after: str, who: str = "admin", **params) -> tuple[list[str], str]:
    answer = await api.ask("GET", TAIL, who, params=params, headers={"last-event-id": after})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    calls, last = events(answer.text)
    return [each["id"] for each in calls], last


@pytest.fixture(autouse=True)
def brisk(monkeypatch):
    monkeypatch.setattr(module, "WAIT", 0.1)


async def test_calls_are_told_once_in_the_order_they_were_stored(api):
    _, last = await ask(api, "")
    first, second, third = call(at=NOW), call(at=NOW - 60_000_000), call()
    offer(api, first, second)
    seen, last = await ask(api, last)
    assert seen == [first.id, second.id]
    offer(api, third)
    assert (await ask(api, last))[0] == [third.id]
    assert (await ask(api, str(int(last) + 1)))[0] == []


async def test_one_who_waits_is_told_at_once(api, monkeypatch):
    monkeypatch.setattr(module, "WAIT", 10)
    waiting = asyncio.create_task(ask(api, ""))
    await asyncio.sleep(0.1)
    offer(api, call(tenant_id="other"))  # which is none of his
    one = call()
    await asyncio.get_running_loop().run_in_executor(None, offer, api, one)
    assert (await asyncio.wait_for(waiting, 8))[0] == [one.id]


@pytest.mark.parametrize(
    ("params", "fields"),
    [
        ({"status": "failure"}, {"status": "failure"}),
        ({"model": "claude/x"}, {"model_used": "claude/x"}),
        ({"provider": "claude"}, {"provider_used": "claude"}),
        ({"key_id": "key-2"}, {"key_id": "key-2"}),
        ({"min_cost": "1"}, {"cost_nano": 2_000_000_000}),
    ],
)
async def test_filters_are_those_of_the_log(api, params, fields):
    _, last = await ask(api, "")
    one = call(**fields)
    offer(api, call(), one, call(cost_nano=None))
    assert (await ask(api, last, **params))[0] == [one.id]


async def test_nobody_sees_what_is_not_his(api):
    _, last = await ask(api, "")
    own, others, elsewhere = call(key_id="key-1"), call(key_id="key-9"), call(tenant_id="other")
    offer(api, own, others, elsewhere)
    assert (await ask(api, last))[0] == [own.id, others.id]
    assert (await ask(api, last, "key"))[0] == [own.id]
    assert (await ask(api, last, "other"))[0] == [elsewhere.id]


async def test_nonsense_is_refused_by_name(api):
    answer = await api.ask("GET", TAIL, params={"after": "x"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "after")


async def test_many_are_told_in_parts(api, monkeypatch):
    monkeypatch.setattr(module, "MAX_CALLS", 3)
    _, last = await ask(api, "")
    calls = [call() for _ in range(7)]
    offer(api, *calls)
    seen = []
    for _ in range(3):
        part, last = await ask(api, last)
        seen += part
    assert seen == [each.id for each in calls]


def test_a_ring_is_bounded_and_skips_what_cannot_be_read():
    ring = Ring(calls=10, size=50_000)
    start = ring.last
    for _ in range(100):
        ring.offer([msgspec.json.encode(call()), b"{half"])
    found, last = ring.since(start, lambda record: True, 1000)
    assert len(found) == 5
    assert last == start + 200
    ring.offer([b"x" * 60_000])
    assert ring.since(start, lambda record: True, 1000) == ([], start + 201)
