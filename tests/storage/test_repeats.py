"""What was answered under an ``Idempotency-Key``: each caller's own, taken by one, bounded."""

import asyncio
import time
from pathlib import Path

import pytest

from headgate.access.keyring import Keyring
from headgate.access.keys import derive
from headgate.access.vault import Unsealable
from headgate.storage import repeats
from headgate.storage.repeats import Before, Place, Repeats

MINE = Place("t", "key:k", "order-1")
SEALER = Keyring(derive(b"\1" * 32)).direct(b"answers")


@pytest.fixture(params=["a file", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    found: str | Path = tmp_path / "responses.db" if request.param == "a file" else request.getfixturevalue("migrated")
    return found


async def kept(store: Repeats) -> tuple[Before, bytes]:
    """What is there once it was answered."""
    while (found := await store.begin(MINE, "look", b"")) is None or found.sealed is None:
        await asyncio.sleep(0.01)
    return found, store.opened(MINE, found.sealed)


async def test_a_place_is_taken_once_and_answers_from_then_on(where: str | Path) -> None:
    one, two = Repeats(where, SEALER), Repeats(where, SEALER)  # of two processes
    tried = [store.begin(MINE, f"call-{n}", b"digest") for n, store in enumerate((one, two, one, two))]
    found = await asyncio.gather(*tried)
    assert found.count(None) == 1
    winner = f"call-{found.index(None)}"
    assert {before for before in found if before is not None} == {Before(b"digest", winner, None)}
    one.keep(MINE, winner, b"secret answer")
    before, answer = await kept(two)
    assert (before.digest, before.call_id, answer) == (b"digest", winner, b"secret answer")
    one.forget(MINE, winner)  # what was answered stays
    assert (await kept(one))[1] == b"secret answer"
    for other in (Place("u", "key:k", "order-1"), Place("t", "key:l", "order-1"), Place("t", "key:k", "order-2")):
        assert await one.begin(other, "own", b"digest") is None
    one.close()
    two.close()
    if isinstance(where, Path):
        assert b"secret answer" not in b"".join(file.read_bytes() for file in where.parent.glob("responses.db*"))


async def test_what_came_to_nothing_may_be_made_again(where: str | Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Repeats(where, SEALER)
    assert await store.begin(MINE, "a", b"1") is None
    store.forget(MINE, "somebody else's")
    assert await store.begin(MINE, "b", b"1") is not None
    store.forget(MINE, "a")
    assert await store.begin(MINE, "b", b"1") is None
    monkeypatch.setattr(repeats, "MAX_ONE", 10)
    store.keep(MINE, "b", b"longer than ten")
    assert await store.begin(MINE, "c", b"1") is None
    store.close()


async def test_a_killed_process_blocks_nobody_for_long(where: str | Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, at = Repeats(where, SEALER), time.time()
    assert await store.begin(MINE, "a", b"1") is None
    monkeypatch.setattr(repeats, "time", lambda: at + repeats.LEASE - 2)
    store.renew(MINE, "a")
    assert await store.begin(MINE, "b", b"1") is not None
    monkeypatch.setattr(repeats, "time", lambda: at + repeats.LEASE + 2)
    assert await store.begin(MINE, "b", b"1") is not None, "it said that it was under way"
    monkeypatch.setattr(repeats, "time", lambda: at + 2 * repeats.LEASE)
    assert await store.begin(MINE, "b", b"1") is None
    store.close()


async def test_an_answer_of_another_installation_is_not_given(tmp_path: Path) -> None:
    one = Repeats(tmp_path / "responses.db", SEALER)
    assert await one.begin(MINE, "a", b"1") is None
    one.keep(MINE, "a", b"answer")
    await kept(one)
    two = Repeats(tmp_path / "responses.db", Keyring(derive(b"\2" * 32)).direct(b"answers"))
    with pytest.raises(Unsealable):
        await kept(two)
    assert (await kept(one))[1] == b"answer"
    one.close()
    two.close()
