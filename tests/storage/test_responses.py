"""Kept responses: to each key its own, for their time, and never more than there is room for."""

import asyncio
import sqlite3
import stat
from pathlib import Path
from time import time
from typing import cast

import pytest

from headgate.storage import responses
from headgate.storage.responses import Kept, KeptResponses, create, sweep
from headgate.storage.sql import Sql


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "responses.db"


@pytest.fixture(params=["a file", "postgresql"])
def where(request: pytest.FixtureRequest) -> str | Path:
    found: str | Path = request.getfixturevalue("path" if request.param == "a file" else "migrated")
    return found


async def test_what_is_kept_is_its_keys_alone(where: str | Path) -> None:
    kept = KeptResponses(where, 60)
    kept.put("t", "k", "resp_1", b'{"id":"resp_1"}', b"[1]")
    kept.claim("t", "k", ["resp_2"], "openai")
    assert await kept.find("t", "k", "resp_1") == Kept(b'{"id":"resp_1"}', b"[1]")
    assert await kept.find("t", "k", "resp_2") == Kept(b"", b"", "openai")
    assert await kept.find("t", "other", "resp_1") is True and await kept.find("other", "k", "resp_1") is True
    assert await kept.find("t", "k", "resp_3") is False
    assert await kept.delete("t", "other", "resp_1") is False
    assert await kept.delete("t", "k", "resp_2") is False, "its provider's to delete"
    assert await kept.delete("t", "k", "resp_1") is True
    assert await kept.find("t", "k", "resp_1") is False
    kept.close()


async def test_the_same_id_of_two_keys_is_two_responses(where: str | Path) -> None:
    kept = KeptResponses(where, 60)
    kept.put("t", "a", "resp_1", b"1", b"[]")
    kept.put("t", "b", "resp_1", b"2", b"[]")
    one, two = await kept.find("t", "a", "resp_1"), await kept.find("t", "b", "resp_1")
    assert isinstance(one, Kept) and isinstance(two, Kept) and (one.response, two.response) == (b"1", b"2")
    kept.close()


async def test_another_process_finds_it_and_a_restart_too(where: str | Path) -> None:
    one, two = KeptResponses(where, 60), KeptResponses(where, 60)
    one.put("t", "k", "resp_1", b"1", b"[]")
    one.close()
    assert isinstance(await two.find("t", "k", "resp_1"), Kept)
    two.close()


def test_only_its_owner_can_read_it(path: Path) -> None:
    create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_time_ends_it(where: str | Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptResponses(where, 60)
    kept.put("t", "k", "resp_1", b"1", b"[]")
    assert await kept.find("t", "k", "resp_1")
    later = time() + 61
    monkeypatch.setattr(responses, "time", lambda: later)
    assert await kept.find("t", "k", "resp_1") is False
    kept.close()


async def test_what_is_too_long_or_too_much_at_once_is_not_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptResponses(path, 60)
    monkeypatch.setattr(responses, "MAX_ONE", 1000)
    monkeypatch.setattr(responses, "MAX_OWED", 1500)
    kept.put("t", "k", "resp_1", b"x" * 1000, b"[]")
    kept.put("t", "k", "resp_2", b"x" * 700, b"[]")
    kept.put("t", "k", "resp_3", b"x" * 700, b"[]")
    assert kept.missed == 2
    assert isinstance(await kept.find("t", "k", "resp_2"), Kept)
    await asyncio.sleep(0)
    kept.put("t", "k", "resp_4", b"x" * 700, b"[]")
    assert isinstance(await kept.find("t", "k", "resp_4"), Kept) and kept.missed == 2
    kept.close()


async def test_a_disk_that_takes_nothing_is_counted(tmp_path: Path) -> None:
    kept = KeptResponses(tmp_path / "absent" / "responses.db", 60)
    kept.put("t", "k", "resp_1", b"1", b"[]")
    with pytest.raises(Exception, match="cannot be looked up"):
        await kept.find("t", "k", "resp_1")
    assert kept.missed == 1
    kept.close()


def test_past_the_room_the_oldest_of_whoever_keeps_most_go(path: Path) -> None:
    create(path)
    con = sqlite3.connect(path)
    far = 4_000_000_000
    rows = [(f"big_{i}", "t", "big", far + i, 100, None, b"", b"") for i in range(10)]
    rows += [("small", "t", "small", far - 100, 100, None, b"", b""), ("ended", "t", "small", 1, 100, None, b"", b"")]
    con.executemany("INSERT INTO kept VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    sweep(cast(Sql, con), 600)
    left = {row[0] for row in con.execute("SELECT id FROM kept")}
    con.close()
    assert left == {"small", *(f"big_{i}" for i in range(5, 10))}
