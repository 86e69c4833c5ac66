"""Who answered a conversation last, in all processes of a machine."""

import os
from pathlib import Path

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


def test_a_disk_that_fails_is_forgetful(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kept = Conversations(tmp_path / "file" / "conversations")
    kept.remember(7, 70)
    assert kept.last(7) == 0
