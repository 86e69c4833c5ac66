"""The journal as a file: what is in it, when, and what a full disk does to it."""

import asyncio
import errno
import fcntl
import os
import resource
import subprocess
import sys
import time
from itertools import pairwise

import pytest

from headgate.ledger import journal as module
from headgate.ledger.journal import Journal, lock_path, segment_path
from headgate.ledger.tail import Tail


def contents(journal: Journal) -> bytes:
    directory = journal._directory
    segments = sorted(directory.glob(f"{journal.id}.*.log"))
    return b"".join(path.read_bytes() for path in segments)


def test_a_line_is_in_the_file_at_once(journal):
    assert journal.append(b'["h"]\n')
    assert contents(journal) == b'["h"]\n'
    assert journal.position == 6


def test_only_the_owner_may_read_it(journal, tmp_path):
    assert (tmp_path / "journal").stat().st_mode & 0o777 == 0o700
    for path in (tmp_path / "journal").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600


def test_it_is_locked_while_it_lives(tmp_path):
    journal = Journal(tmp_path)
    with lock_path(tmp_path, journal.id).open() as file:
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        journal.close()
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    journal.close()


def test_segments_are_named_by_position_and_carry_open_holds(tmp_path):
    journal = Journal(tmp_path, segment_bytes=100)
    journal.open[1] = (object(), b'["h","open"]\n')
    for number in range(30):
        journal.append(b'["e","%04d"]\n' % number)
    journal.close()
    begins = sorted(int(path.name.split(".")[1], 16) for path in tmp_path.glob("*.log"))
    assert len(begins) > 2
    for begin, following in pairwise(begins):
        assert begin + segment_path(tmp_path, journal.id, begin).stat().st_size == following
        assert segment_path(tmp_path, journal.id, following).read_bytes().startswith(b'["c","open"]\n')
    assert contents(journal).count(b'["e"') == 30


def test_a_reader_follows_from_segment_to_segment(tmp_path):
    journal = Journal(tmp_path, segment_bytes=64)
    tail = Tail(tmp_path, journal.id)
    seen = b""
    for number in range(40):
        journal.append(b'["e","%04d"]\n' % number)
        if number % 3 == 0:
            tail.look(sorted(int(p.name.split(".")[1], 16) for p in tmp_path.glob("*.log")))
            while lines := tail.read(20):
                seen += lines
                tail.position += len(lines)
    journal.close()
    assert seen == b"".join(b'["e","%04d"]\n' % n for n in range(40))
    assert tail.position == tail.end == journal.position


def test_a_reader_takes_whole_lines_only(tmp_path):
    path = segment_path(tmp_path, "j", 0)
    tail = Tail(tmp_path, "j")
    whole = b'["e","1"]\n["e","2"]\n'
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        tail.position = 0
        tail.look([0])
        assert tail.read() == whole[: whole[:cut].rfind(b"\n") + 1]


def test_a_line_longer_than_a_chunk_is_read(tmp_path):
    line = b'["e","' + b"x" * 5000 + b'"]\n'
    segment_path(tmp_path, "j", 0).write_bytes(line * 2)
    tail = Tail(tmp_path, "j")
    tail.look([0])
    assert tail.read(16) == line


def test_synced_once_a_second_and_not_when_idle(tmp_path, monkeypatch):
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    journal = Journal(tmp_path, sync_seconds=0.02)
    time.sleep(0.1)
    assert synced == []
    journal.append(b"[]\n")
    time.sleep(0.2)
    assert len(synced) == 1
    journal.append(b"[]\n")
    journal.close()
    assert len(synced) == 2, "and at the end"


def test_synced_with_each_line_if_so_set(tmp_path, monkeypatch):
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    journal = Journal(tmp_path, sync_each=True, sync_seconds=60)
    journal.append(b"[]\n")
    assert len(synced) == 1
    journal.close()


@pytest.fixture
def full(monkeypatch):
    """A disk with room for some more bytes."""
    room = {"left": 10**9}
    real = os.write

    def write(fd: int, data: bytes) -> int:
        fits = min(len(data), room["left"])
        if not fits:
            raise OSError(errno.ENOSPC, "No space left on device")
        room["left"] -= fits
        return real(fd, data[:fits])

    monkeypatch.setattr(os, "write", write)
    return room


def test_a_full_disk_leaves_no_half_line(journal, full):
    assert journal.append(b'["e","1"]\n')
    full["left"] = 4
    assert not journal.append(b'["e","2"]\n')
    assert contents(journal) == b'["e","1"]\n'
    full["left"] = 10**9
    assert journal.append(b'["e","3"]\n')
    assert contents(journal) == b'["e","1"]\n["e","3"]\n'


def test_what_must_be_kept_is_written_later_and_in_order(journal, full):
    full["left"] = 0
    for number in range(3):
        journal.keep(b'["e","%d"]\n' % number)
    assert contents(journal) == b""
    full["left"] = 15
    assert not journal.append(b'["e","x"]\n'), "the older ones go first"
    assert contents(journal) == b'["e","0"]\n'
    full["left"] = 10**9
    journal.keep(b'["e","3"]\n')
    assert contents(journal) == b"".join(b'["e","%d"]\n' % n for n in range(4))
    assert journal.unwritten == 0


def test_what_is_kept_has_a_bound(journal, full, monkeypatch):
    monkeypatch.setattr(module, "MAX_OWED_BYTES", 25)
    full["left"] = 0
    for _ in range(4):
        journal.keep(b"0123456789\n")
    assert journal.unwritten == 2
    full["left"] = 10**9
    assert journal.flush()
    assert contents(journal) == b"0123456789\n" * 2


def test_half_a_line_that_cannot_be_taken_back_is_ended(journal, full, monkeypatch):
    def refuse(fd: int, size: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "ftruncate", refuse)
    full["left"] = 4
    assert not journal.append(b'["e","1"]\n')
    full["left"] = 10**9
    assert journal.append(b'["e","2"]\n')
    assert contents(journal) == b'["e"\n["e","2"]\n'


def test_the_end_of_half_a_line_goes_before_what_else_is_owed(journal, full, monkeypatch):
    def refuse(fd: int, size: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    full["left"] = 0
    journal.keep(b'["e","1"]\n')
    journal.keep(b'["e","2"]\n')
    monkeypatch.setattr(os, "ftruncate", refuse)
    full["left"] = 4
    assert not journal.flush()
    full["left"] = 10**9
    assert journal.flush()
    assert contents(journal) == b'["e"\n["e","1"]\n["e","2"]\n'


async def recovered(journal: Journal) -> None:
    async with asyncio.timeout(5):
        while journal.trouble is not None:
            await asyncio.sleep(0.01)


async def test_what_is_owed_is_written_without_another_call(journal, full, monkeypatch, caplog):
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    assert journal.trouble is None and journal._timer is None
    full["left"] = 0
    for number in range(3):
        journal.keep(b'["e","%d"]\n' % number)
    await asyncio.sleep(0.05)
    assert journal.trouble == "cannot be written: the disk is full; 3 line(s) wait in memory, 0 are lost"
    full["left"] = 10**9
    await recovered(journal)
    assert contents(journal) == b"".join(b'["e","%d"]\n' % n for n in range(3))
    assert journal._timer is None, "nothing is scheduled while nothing is owed"
    begun, ended = [record.getMessage() for record in caplog.records]
    assert "cannot be written: the disk is full" in begun
    assert ended == "the journal is written again: 3 line(s) that waited are in it, 0 are lost"


async def test_a_disk_that_refused_intents_alone_is_tried_as_well(journal, full, monkeypatch, caplog):
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    full["left"] = 4
    assert not journal.append(b'["h","1"]\n')
    await asyncio.sleep(0.05)
    assert journal.trouble is not None, "a few bytes are no room"
    full["left"] = 10**9
    await recovered(journal)
    assert contents(journal) == b"", "trying leaves nothing"
    assert journal.append(b'["h","2"]\n')
    assert len(caplog.records) == 2


async def test_what_cannot_be_written_to_the_end_is_told(tmp_path, full, monkeypatch, caplog):
    monkeypatch.setattr(module, "MAX_OWED_BYTES", 25)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    journal = Journal(tmp_path)
    full["left"] = 0
    for _ in range(3):
        journal.keep(b"0123456789\n")
    assert journal.trouble is not None and journal.trouble.endswith("2 line(s) wait in memory, 1 are lost")
    journal.close()
    assert caplog.messages[-1] == "2 line(s) of the journal are lost: the disk is full"
    await asyncio.sleep(0.05)
    assert len(caplog.records) == 2, "a closed one tries no more"


def test_no_room_for_another_segment(tmp_path, full):
    journal = Journal(tmp_path, segment_bytes=30)
    journal.open[1] = (object(), b'["h","open"]\n')
    full["left"] = 40
    while journal.append(b'["e","1"]\n'):
        pass
    full["left"] = 10**9
    for _ in range(6):
        assert journal.append(b'["e","1"]\n')
    journal.close()
    assert len(list(tmp_path.glob("*.log"))) > 1, "later there is one"


def test_a_real_limit_on_the_size_of_files(tmp_path):
    code = (
        "import resource, signal\nfrom pathlib import Path\nfrom headgate.ledger.journal import Journal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))\n"
        f"j = Journal(Path({os.fspath(tmp_path)!r}))\n"
        "done = 0\nwhile j.append(b'0123456789' * 7 + b'\\n'):\n    done += 1\n"
        "assert done == 14, done\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
        "assert j.append(b'last\\n')\nj.close()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    (segment,) = tmp_path.glob("*.log")
    assert segment.read_bytes() == (b"0123456789" * 7 + b"\n") * 14 + b"last\n"
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
