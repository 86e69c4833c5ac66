"""Hot reload: good changes within a second, bad ones told once, half-written ones waited for."""

import asyncio
import logging
import os
import threading
from time import monotonic

import pytest

from headgate.config import Config, loads
from headgate.config.watch import Watcher
from tests.config.conftest import KNOWN

FAST = "routes:\n  fast: {targets: [sandbox/chat]}\n"
SLOW = "routes:\n  slow: {targets: [sandbox/chat]}\n"


@pytest.fixture
def watched(tmp_path):
    path = tmp_path / "headgate.yaml"
    path.write_text(FAST)
    applied: list[Config] = []
    watcher = Watcher(
        path,
        lambda data: loads(data, {}, KNOWN, file=str(path)),
        applied.append,
        seen=FAST.encode(),
        interval=0.02,
        settle=0.01,
    )
    return path, watcher, applied


async def until(condition, seconds=2.0):
    began = monotonic()
    while not condition():
        assert monotonic() - began < seconds, "it did not come to that"
        await asyncio.sleep(0.005)


async def test_a_file_that_did_not_change_is_left_alone(watched):
    _, watcher, applied = watched
    await watcher.look()
    await watcher.look(always=True)
    assert (applied, watcher.loaded, watcher.refused) == ([], 0, 0)


async def test_a_file_that_is_written_later_is_found(tmp_path):
    here, home = tmp_path / "here.yaml", tmp_path / "home.yaml"
    applied: list[Config] = []
    watcher = Watcher(
        None,
        lambda data: loads(data, {}, KNOWN),
        applied.append,
        find=lambda: next((path for path in (here, home) if path.exists()), None),
        settle=0.01,
    )
    await watcher.look()
    home.write_text(FAST)
    await watcher.look()
    assert (watcher.path, watcher.loaded, list(applied[0].routes)) == (home, 1, ["fast"])
    here.write_text(SLOW)
    await watcher.look()
    assert (watcher.path, watcher.loaded, list(applied[1].routes)) == (here, 2, ["slow"])
    here.unlink()
    await watcher.look()
    assert watcher.path == here and watcher.refused == 1, "it may be on its way back"


async def test_a_good_change_is_taken_over(watched):
    path, watcher, applied = watched
    task = asyncio.create_task(watcher.run())
    try:
        path.write_text(SLOW)
        await until(lambda: applied)
        assert list(applied[0].routes) == ["slow"]
        fresh = path.with_suffix(".new")
        fresh.write_text(FAST)
        os.replace(fresh, path)
        await until(lambda: len(applied) == 2)
        assert list(applied[1].routes) == ["fast"]
    finally:
        task.cancel()


async def test_with_its_usual_pace_a_change_arrives_within_a_second(tmp_path):
    path = tmp_path / "headgate.yaml"
    path.write_text(FAST)
    applied: list[Config] = []
    watcher = Watcher(path, lambda data: loads(data, {}, KNOWN), applied.append, seen=FAST.encode())
    task = asyncio.create_task(watcher.run())
    try:
        await asyncio.sleep(0.15)
        path.write_text(SLOW)
        await until(lambda: applied, seconds=1.0)
    finally:
        task.cancel()


async def test_a_bad_change_keeps_the_old_and_is_told_once(watched, caplog):
    path, watcher, applied = watched
    caplog.set_level(logging.INFO)
    path.write_text("routes:\n  fast: {targets: [nowhere/x]}\n")
    for _ in range(3):
        await watcher.look(always=True)
    assert (applied, watcher.refused) == ([], 1)
    assert [r.levelname for r in caplog.records] == ["ERROR"]
    assert "2:20: routes.fast.targets[0]: no provider `nowhere`" in caplog.text
    assert watcher.problems[0].line == 2
    path.write_text(FAST)
    await watcher.look()
    assert (applied, watcher.problems) == ([], ())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty now"),
        ("  \n", "is empty now"),
        ("limits: {body: 1", "in the middle of a line"),
        ("limits:\n  body: 1", "in the middle of a line"),
    ],
)
async def test_a_file_cut_short_is_not_taken_for_a_change(watched, text, why):
    path, watcher, applied = watched
    path.write_text(text)
    await watcher.look()
    assert (applied, watcher.refused) == ([], 1)
    assert why in watcher.problems[0].message


async def test_a_file_that_is_gone_keeps_the_old(watched):
    path, watcher, applied = watched
    path.unlink()
    await watcher.look()
    await watcher.look(always=True)
    assert (applied, watcher.refused) == ([], 1)
    assert "No such file" in watcher.problems[0].message
    path.write_text(SLOW)
    await watcher.look()
    assert len(applied) == 1


async def test_a_file_still_being_written_is_waited_for(tmp_path):
    path = tmp_path / "headgate.yaml"
    path.write_text(FAST)
    applied: list[Config] = []
    watcher = Watcher(path, lambda data: loads(data, {}, KNOWN), applied.append, seen=FAST.encode(), settle=0.08)

    def write() -> None:
        with path.open("w") as file:
            for line in SLOW.splitlines(keepends=True) * 1:
                file.write(line)
                file.flush()
                threading.Event().wait(0.03)

    writer = threading.Thread(target=write)
    writer.start()
    await asyncio.sleep(0.01)
    await watcher.look()
    writer.join()
    assert watcher.refused == 0
    assert [list(c.routes) for c in applied] == [["slow"]]


async def test_poked_it_looks_at_once(tmp_path):
    path = tmp_path / "headgate.yaml"
    path.write_text(SLOW)
    applied: list[Config] = []
    watcher = Watcher(path, lambda data: loads(data, {}, KNOWN), applied.append, interval=60, settle=0.01)
    task = asyncio.create_task(watcher.run())
    try:
        await asyncio.sleep(0)
        watcher.poke()
        await until(lambda: applied)
    finally:
        task.cancel()


async def test_an_apply_that_fails_does_not_end_the_watch(watched, caplog):
    path, watcher, applied = watched
    watcher._apply = lambda config: (_ for _ in ()).throw(RuntimeError("no"))
    task = asyncio.create_task(watcher.run())
    try:
        path.write_text(SLOW)
        await until(lambda: "could not be followed" in caplog.text)
        watcher._apply = applied.append
        path.write_text(SLOW + "sandbox: on\n")
        await until(lambda: applied)
    finally:
        task.cancel()
