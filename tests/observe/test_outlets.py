"""Outlets: what is taken outside, what waits, what is dropped, and that nobody waits for them."""

import os
import sys
from pathlib import Path
from threading import get_native_id
from time import monotonic
from typing import Any

import pytest

from headgate.observe import outlets as module
from headgate.observe.backlog import Backlog
from headgate.observe.metrics import Metrics, Page
from headgate.observe.outlets import Outlet, Outlets, Refused, Unwell, ills
from headgate.observe.post import Poster
from headgate.transport.client import Http1Sender
from tests.observe.sinks import Server, Told, eventually
from tests.observe.test_metrics import read

LINES = [b'{"n":%d}' % n for n in range(100)]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    monkeypatch.setattr(module, "LAST_SECONDS", 0.2)
    return Told()


@pytest.fixture
def outlet(tmp_path, told):
    made = Outlet("x", Backlog(tmp_path / "x.jsonl"), tmp_path / "x.failing", first_pause=0.01)
    made.use(lambda: told)
    yield made
    made.stop()


def test_what_is_offered_is_taken_in_order(outlet, told):
    outlet.offer(LINES[:50])
    outlet.offer(LINES[50:])
    eventually(lambda: outlet.sent == 100)
    assert told.got == LINES
    assert outlet.backlog.waiting == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a priority is a process's")
def test_who_is_told_runs_behind_others_and_nobody_else_does(tmp_path, told):
    own = os.getpriority(os.PRIO_PROCESS, get_native_id())
    found = []

    def make():
        found.append(os.getpriority(os.PRIO_PROCESS, get_native_id()))
        return told

    outlet = Outlet("x", Backlog(tmp_path / "x.jsonl"), tmp_path / "x.failing")
    outlet.use(make)
    outlet.offer(LINES[:1])
    eventually(lambda: found)
    outlet.stop()
    assert found[0] == min(own + module.BEHIND, 19)
    assert os.getpriority(os.PRIO_PROCESS, get_native_id()) == own


def test_one_who_is_away_is_waited_for(outlet, told, tmp_path):
    told.error = Unwell("nobody there; api_key=sk-1234567890abcdef")
    outlet.offer(LINES)
    eventually(lambda: told.tries > module.TRIES + 1)
    assert outlet.failing_since is not None
    assert "nobody there" in ills(tmp_path)["x"]
    assert "1234567890" not in ills(tmp_path)["x"]
    told.error = None
    eventually(lambda: told.got == LINES)
    eventually(lambda: outlet.failing_since is None)
    assert outlet.dropped == 0
    assert ills(tmp_path) == {}


@pytest.mark.parametrize(("error", "tries"), [(Refused("no"), 1), (ValueError("what?"), module.TRIES)])
def test_a_batch_that_is_at_fault_holds_up_nobody(outlet, told, error, tries):
    told.error = error
    outlet.offer(LINES[:1])
    eventually(lambda: outlet.dropped == 1)
    assert told.tries == tries
    told.error = None
    outlet.offer(LINES[1:])
    eventually(lambda: told.got == LINES[1:])


def test_one_who_never_answers_delays_nobody_and_bounds_hold(tmp_path, told):
    told.stuck = True
    outlet = Outlet("x", Backlog(tmp_path / "x.jsonl", memory=1000, spill=2000), tmp_path / "x.failing")
    outlet.use(lambda: told)
    line = b'{"n":"' + b"x" * 92 + b'"}'
    began = monotonic()
    for _ in range(10_000):
        outlet.offer([line])
    assert monotonic() - began < 5
    assert outlet.backlog.waiting == 10
    assert outlet.backlog.spilled <= 2000
    assert outlet.dropped == 10_000 - 10 - outlet.backlog.spilled // 101
    assert (tmp_path / "x.jsonl").stat().st_size <= 2000
    began = monotonic()
    outlet.stop()
    assert monotonic() - began < 8


def test_what_was_spilled_comes_after_all(tmp_path, told):
    told.stuck = True
    outlet = Outlet("x", Backlog(tmp_path / "x.jsonl", memory=100), tmp_path / "x.failing", first_pause=0.01)
    outlet.use(lambda: told)
    outlet.offer(LINES)
    assert outlet.backlog.spilled > 0
    well = Told()
    outlet.use(lambda: well)
    assert well.got == []  # the one that is stuck has the first batch until its time is up
    outlet.stop()
    again = Outlet("x", Backlog(tmp_path / "x.jsonl"), tmp_path / "x.failing")
    again.use(lambda: well)
    eventually(lambda: again.sent == 100)
    assert sorted(well.got) == sorted(LINES)
    again.stop()
    assert not (tmp_path / "x.jsonl").exists() or (tmp_path / "x.jsonl").stat().st_size == 0


def test_half_read_files_go_on_where_they_were(tmp_path):
    file = tmp_path / "x.jsonl"
    file.write_bytes(b"\n".join([b"%07d" % n for n in range(200_000)]) + b"\n")
    backlog = Backlog(file)
    first = backlog.take(1000)
    assert len(first) == 1000
    backlog.settle()
    assert backlog.save() == 0
    again = Backlog(file)
    rest = []
    while batch := again.take(10_000):
        rest += batch
        again.settle()
    assert sorted(first + rest) == [b"%07d" % n for n in range(200_000)]


def test_a_disk_that_takes_nothing_drops_and_counts(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    backlog = Backlog(tmp_path / "file" / "x.jsonl", memory=100)
    assert backlog.add(LINES) > 0
    assert backlog.save() > 0


def test_outlets_come_go_and_change_with_the_configuration(tmp_path):
    first, second = Told(), Told()
    outlets = Outlets(tmp_path)
    outlets.offer(LINES)
    outlets.set({"x": ("one", lambda: first)})
    outlets.offer(LINES[:1])
    eventually(lambda: first.got == LINES[:1])
    outlets.set({"x": ("one", lambda: second)})  # the same settings: nothing changes
    outlets.offer(LINES[1:2])
    eventually(lambda: first.got == LINES[:2])
    outlets.set({"x": ("two", lambda: second)})
    outlets.offer(LINES[2:3])
    eventually(lambda: second.got == LINES[2:3])
    metrics = Metrics()
    metrics.more(outlets.write)
    assert read(metrics)[("headgate_outlet_sent_total", frozenset({("outlet", "x")}))] == 3
    outlets.set({})
    outlets.offer(LINES)
    assert read(metrics) == {}
    outlets.stop()
    assert second.got == LINES[2:3]


def test_a_sink_that_cannot_be_opened_is_tried_again(tmp_path, told, monkeypatch):
    monkeypatch.setattr(module, "REOPEN", 0.01)
    faults = [OSError("no such place")]

    def make() -> Any:
        if faults:
            raise faults.pop()
        return told

    outlet = Outlet("x", Backlog(tmp_path / "x.jsonl"), tmp_path / "x.failing")
    outlet.use(make)
    outlet.offer(LINES)
    eventually(lambda: told.got == LINES)
    outlet.stop()


def test_whatever_happens_the_thread_goes_on_and_says_so(tmp_path, told, monkeypatch):
    monkeypatch.setattr(module, "REOPEN", 0.01)
    outlet = Outlet("x", Backlog(tmp_path / "x.jsonl", memory=100), tmp_path / "x.failing", first_pause=0.01)
    told.error = Unwell("down")
    outlet.use(lambda: told)
    outlet.offer(LINES)
    eventually(lambda: outlet.failing_since and outlet.backlog.spilled)
    (tmp_path / "x.jsonl").unlink()  # somebody makes room on the disk
    told.error = None
    eventually(lambda: told.got and outlet.backlog.waiting == 0)
    outlet.offer(LINES)
    eventually(lambda: told.got[-1] == LINES[-1])
    assert outlet.failing_since is None

    def broken(limit: int) -> list[bytes]:
        raise PermissionError("no such luck")

    with monkeypatch.context() as patch:
        patch.setattr(outlet.backlog, "take", broken)
        outlet.offer(LINES[:1])
        eventually(lambda: "no such luck" in (outlet.error or ""))
        assert (tmp_path / "x.failing").read_text() == "no such luck"
    eventually(lambda: outlet.failing_since is None)
    told.close = lambda: 1 / 0
    well = Told()
    outlet.use(lambda: well)
    outlet.offer(LINES[:1])
    eventually(lambda: well.got == LINES[:1])
    outlet.stop()


def test_half_a_line_joins_no_other(tmp_path):
    file = tmp_path / "x.jsonl"
    file.write_bytes(b'{"n":0}\n{"n":')  # of a process that was killed
    backlog = Backlog(file, memory=0)
    assert backlog.add([b'{"n":1}']) == 0
    with file.open("ab") as other:
        other.write(b'{"hal')  # of a disk that was full just now
    assert backlog.add([b'{"n":2}']) == 0
    with file.open("ab") as other:
        other.write(b'{"hal')
    assert backlog.take(10) == [b'{"n":0}', b'{"n":1}', b'{"n":2}']
    backlog.settle()
    assert backlog.take(10) == [] and backlog.spilled == 0


@pytest.mark.parametrize(("status", "error"), [(429, Unwell), (503, Unwell), (400, Refused), (500, RuntimeError)])
async def test_what_an_answer_means(status, error):
    with Server() as server:
        server.statuses = [status]
        sender = Http1Sender()
        post = Poster(sender, server.url + "/in?a=1", {"authorization": "Basic x"})
        with pytest.raises(error):
            await post(b"{}")
        await post(b"{}", {"x-more": "1"})
        await sender.close()
        _, path, headers, body = server.asked[-1]
        assert (path, headers["authorization"], headers["x-more"], body) == ("/in?a=1", "Basic x", "1", b"{}")


async def test_nobody_there_is_unwell():
    sender = Http1Sender()
    with pytest.raises(Unwell):
        await Poster(sender, "http://127.0.0.1:9/", {})(b"{}")
    await sender.close()


def test_a_page_without_outlets_says_nothing_of_them(tmp_path):
    page = Page()
    Outlets(tmp_path).write(page)
    assert page.bytes() == b"\n"
    assert ills(Path(tmp_path)) == {}
