"""What workers tell, and what they are told."""

import asyncio
from pathlib import Path

import pytest

from headgate.observe.metrics import Metrics
from headgate.routing import board as module
from headgate.routing.board import Board, keep_posted
from headgate.routing.breaker import IN_A_ROW
from headgate.routing.health import Health
from tests.routing.test_health import fail


async def until(done) -> None:
    async with asyncio.timeout(5):
        while not done():
            await asyncio.sleep(0.01)


async def test_a_worker_tells_and_obeys(tmp_path: Path) -> None:
    board, health = Board(tmp_path / "health"), Health()
    fail(health, "a/b", times=IN_A_ROW)
    posting = asyncio.create_task(keep_posted(board, health, 3, every=0.01))
    await until(board.read)
    [post] = board.read()
    assert (post.worker, [(row.name, row.state) for row in post.rows]) == (3, [("a/b", "open")])
    board.switch("c/d", "open")
    await until(lambda: health.shut("c/d"))
    board.switch("c/d", None)
    await until(lambda: not health.shut("c/d"))
    posting.cancel()


def test_what_an_ended_worker_told_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board(tmp_path)
    board.write(0, [])
    monkeypatch.setattr(module, "STALE", 0.0)
    assert board.read() == []


def test_a_switch_survives_and_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Board(tmp_path).switch("a/b", "open")
    assert Board(tmp_path).hands() == {"a/b": "open"}
    monkeypatch.setattr(module, "MAX_HANDS", 1)
    with pytest.raises(ValueError, match="already"):
        Board(tmp_path).switch("c/d", "open")


def test_states_are_in_the_metrics_for_names_that_are_known(tmp_path: Path) -> None:
    board, health, metrics = Board(tmp_path), Health(), Metrics()
    fail(health, "a/b", times=IN_A_ROW)
    fail(health, "a/invented")
    board.write(0, health.told())
    metrics.know({"a"}, {"a/b"})
    metrics.states(board.read)
    page = metrics.render().decode()
    assert 'headgate_deployment_state{worker="0",deployment="a/b"} 2' in page
    assert "invented" not in page
