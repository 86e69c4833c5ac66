"""Who answered a conversation last, in all processes of a machine."""

import os
from pathlib import Path
from typing import Any

import pytest

from headgate.routing.conversations import SETS, WAYS, Conversations


def test_what_one_remembers_the_others_know(tmp_path: Path) -> None:
    one, other = (Conversations(tmp_path / "health" / "conversations") for _ in range(2))
    assert one.last(7) == 0
    one.remember(7, 70)
    other.remember(8, 80)
    one.remember(7, 71)
    assert (other.last(7), one.last(8), one.last(9)) == (71, 80, 0)
    assert Conversations().last(7) == 0, "without a file it is the process's own"
    assert Conversations(tmp_path / "health" / "conversations").last(7) == 71, "it outlives who wrote it"


def test_it_never_grows(tmp_path: Path) -> None:
    kept = Conversations(tmp_path / "conversations")
    for number in range(1, 3 * WAYS):
        kept.remember(5 + number * SETS, number)
    known = [number for number in range(1, 3 * WAYS) if kept.last(5 + number * SETS) == number]
    assert len(known) == WAYS and os.path.getsize(tmp_path / "conversations") <= SETS * WAYS * 16


def test_where_a_disk_fails_each_process_knows_its_own(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kept, other = (Conversations(tmp_path / "file" / "conversations") for _ in range(2))
    kept.remember(7, 70)
    assert (kept.last(7), other.last(7)) == (70, 0)


@pytest.mark.parametrize("system", ["linux", "macos"])
def test_its_room_is_taken_before_anything_is_written(tmp_path: Path, monkeypatch: Any, system: str) -> None:
    """To write where a full disk has no room for it would end the process."""
    if system == "macos":
        monkeypatch.delattr(os, "posix_fallocate")
    Conversations(tmp_path / "conversations").last(7)
    told = os.stat(tmp_path / "conversations")
    assert told.st_blocks * 512 >= told.st_size == SETS * WAYS * 16
    Conversations(tmp_path / "conversations").remember(7, 70)
    assert Conversations(tmp_path / "conversations").last(7) == 70
