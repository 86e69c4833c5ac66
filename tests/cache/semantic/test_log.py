"""What processes tell each other: a file and Redis under one contract, and answers that are compared."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from headgate.cache.semantic.log import OUTCOMES, FileLog, Log, RedisLog, Signer
from headgate.cache.semantic.same import agreement
from headgate.cache.semantic.threads import Threads
from headgate.cache.semantic.types import Down
from headgate.cache.semantic.verifier import rarity
from headgate.storage.redis import Redis

SIGNER = Signer(b"s" * 32, "cache")


@pytest.fixture(params=["file", "redis"])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Log]:
    with Threads(1) as threads:
        made: Log
        if request.param == "file":
            made = FileLog(tmp_path / "new/near.db", SIGNER, threads)
        else:
            made = RedisLog(partial(Redis, request.getfixturevalue("redis_url")), "t[1]:", SIGNER, 60)
        yield made
        await made.close()


async def test_records_come_back_in_their_order_from_where_one_stopped(log: Log) -> None:
    assert await log.since("a", "p", "") == ([], "")
    for one in (b"1", b"\x002"):
        await log.append("a", "p", one, 10)
    await log.append("b", "p", b"other", 10)
    records, cursor = await log.since("a", "p", "")
    assert records == [b"1", b"\x002"] and await log.since("a", "p", cursor) == ([], cursor)
    await log.append("a", "p", b"3", 10)
    assert (await log.since("a", "p", cursor))[0] == [b"3"]
    assert (await log.since("a", "q", ""))[0] == [] == (await log.since("c", "p", ""))[0]


async def test_a_place_holds_its_last_and_is_cleared(log: Log) -> None:
    for number in range(400):
        await log.append("a", "p", b"%d" % number, 100)
    records, _ = await log.since("a", "p", "")
    assert 100 <= len(records) <= 211 and records[-1] == b"399"
    for tenant, place in (("a", "q"), ("a", OUTCOMES), ("b", "p"), ("c", "p")):
        await log.append(tenant, place, b"x", 10)
    await log.clear("a")
    assert (await log.since("a", "p", ""))[0] == [] == (await log.since("a", "q", ""))[0]
    assert (await log.since("a", OUTCOMES, ""))[0] == [b"x"] == (await log.since("b", "p", ""))[0]
    await log.clear(None)
    assert (await log.since("b", "p", ""))[0] == [] == (await log.since("c", "p", ""))[0]


async def test_a_file_holds_so_many_records_in_all_and_every_outcome(tmp_path: Path) -> None:
    with Threads(1) as threads:
        log = FileLog(tmp_path / "near.db", SIGNER, threads)
        await log.sweep(5)
        for number in range(20):
            await log.append("a", OUTCOMES if number < 4 else f"p{number}", b"x", 10)
        await log.sweep(5)
        assert len((await log.since("a", OUTCOMES, ""))[0]) == 4
        assert [len((await log.since("a", f"p{number}", ""))[0]) for number in range(13, 20)] == [0, 0, 1, 1, 1, 1, 1]


async def test_a_record_that_was_not_put_there_does_not_open(log: Log) -> None:
    await log.append("a", "p", b"good", 10)
    log._signer, kept = Signer(b"t" * 32, "cache"), log._signer  # type: ignore[attr-defined]
    await log.append("a", "p", b"forged", 10)
    log._signer = kept  # type: ignore[attr-defined]
    assert (await log.since("a", "p", ""))[0] == [b"good"]
    assert SIGNER.open("b", "p", SIGNER.close("a", "p", b"x")) is None
    assert SIGNER.open("a", "p", SIGNER.close("a", "p", b"x")) == b"x"


async def test_what_cannot_be_written_is_down(tmp_path: Path) -> None:
    with Threads(1) as threads:
        (tmp_path / "near.db").write_bytes(b"no database" * 100)
        log = FileLog(tmp_path / "near.db", SIGNER, threads)
        with pytest.raises(Down):
            await log.append("a", "p", b"x", 10)
    with pytest.raises(Down):
        await RedisLog(partial(Redis, "redis://127.0.0.1:1/0"), "t:", SIGNER, 60).since("a", "p", "")


@pytest.mark.parametrize(
    ("stored", "fresh", "alike"),
    [
        ("Paris.", "Paris.", True),
        ("Paris is the capital of France.", "The capital of France is Paris.", True),
        ("It has 12 legs.", "It has 13 legs.", False),
        ("Yes, it is safe.", "No, it is not safe.", False),
        ("Eat less sugar, sleep well and walk every day.", "Sleep well, walk every day and eat less sugar.", True),
        ("Eat less sugar and walk.", "The stock market closed higher after the election.", False),
        ("", "Paris", False),
    ],
)
def test_answers_that_say_the_same(stored: str, fresh: str, alike: bool) -> None:
    assert (agreement(stored, fresh, rarity()) >= 0.6) is alike
    assert agreement(stored, fresh, rarity()) == pytest.approx(agreement(fresh, stored, rarity()))
