"""Who may serve from the files of a home."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headgate.storage import alone as module
from headgate.storage.alone import claim
from headgate.storage.types import StorageRefused

HOLD = """import sys
from pathlib import Path
from headgate.storage.alone import claim
held = claim(*map(Path, sys.argv[1:]))
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held(home: Path, database: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that has taken these."""
    words = [sys.executable, "-c", HOLD, os.fspath(home), os.fspath(database)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None
    try:
        assert process.stdout.readline() == b"held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_one_has_a_home_until_it_gives_it_up_or_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ENDED_WITHIN", 0.0)
    database = tmp_path / "headgate.db"
    with held(tmp_path, database) as other:
        with pytest.raises(StorageRefused, match="HEADGATE_HOME") as refused:
            claim(tmp_path, database)
        assert (refused.value.path, refused.value.exit_code) == (str(tmp_path), 3)
        claim(tmp_path, None).give_up()  # on a server they share
        other.kill()
        other.wait()
        mine = claim(tmp_path, database)
    with pytest.raises(StorageRefused):
        claim(tmp_path, database)
    mine.give_up()
    mine.give_up()
    claim(tmp_path, database).give_up()


def test_nor_do_two_homes_share_a_database(tmp_path: Path) -> None:
    homes = [tmp_path / name for name in ("a", "b")]
    for home in homes:
        home.mkdir()
    mine = claim(homes[0], tmp_path / "shared.db")
    with pytest.raises(StorageRefused):
        claim(homes[1], tmp_path / "shared.db")
    claim(homes[1], homes[1] / "headgate.db").give_up()
    mine.give_up()


def test_a_home_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "serve.lock").mkdir()
    with pytest.raises(StorageRefused, match=r"serve\.lock: cannot be used: Is a directory"):
        claim(tmp_path, tmp_path / "headgate.db")
