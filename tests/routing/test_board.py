"""What workers tell, and what they are told."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from headgate.core.errors import Unavailable
from headgate.dialects.upstream import read_error
from headgate.observe.metrics import Metrics
from headgate.providers.breaker import COOLDOWN, IN_A_ROW
from headgate.providers.keys import Ring
from headgate.routing import board as module
from headgate.routing.board import Board, Doing, agree, keep_posted
from headgate.routing.health import Health
from headgate.routing.probes import LEASE, FileProbes
from tests.routing.test_health import fail, target


async def until(done) -> None:
    async with asyncio.timeout(5):
        while not done():
            await asyncio.sleep(0.01)


class Said:
    """What people have set, told once."""

    def __init__(self) -> None:
        self.set: Any = None

    async def news(self):
        found, self.set = self.set, None
        if isinstance(found, Exception):
            raise found
        return found


async def test_a_worker_tells_and_obeys(tmp_path: Path) -> None:
    board, health, said = Board(tmp_path / "health"), Health(), Said()
    fail(health, "a/b", times=IN_A_ROW)
    posting = asyncio.create_task(keep_posted(board, health, 3, every=0.01, hands=said))
    await until(board.read)
    [post] = board.read()
    assert (post.worker, [(row.name, row.state) for row in post.rows]) == (3, [("a/b", "open")])
    said.set = {"c/d": "open"}
    await until(lambda: health.shut("c/d"))
    said.set = Unavailable("The database does not answer.")
    await until(lambda: said.set is None)
    assert health.shut("c/d"), "what was set before holds"
    said.set = {}
    await until(lambda: not health.shut("c/d"))
    posting.cancel()


def test_what_an_ended_worker_told_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board(tmp_path)
    board.write(0, [])
    monkeypatch.setattr(module, "STALE", 0.0)
    assert board.read() == []


async def test_what_cannot_be_told_is_logged_once_and_so_is_its_end(tmp_path: Path, caplog: Any) -> None:
    board, rounds = Board(tmp_path / "health"), 0

    def doing() -> Doing:
        nonlocal rounds
        rounds += 1
        return Doing()

    board._directory.write_text("in the way")
    posting = asyncio.create_task(keep_posted(board, Health(), 0, every=0.01, doing=doing))
    await until(lambda: rounds > 5)
    (told,) = caplog.records
    assert told.getMessage().startswith("telling what is known of deployments is not possible now: ")
    assert told.exc_info is None
    board._directory.unlink()
    await until(board.read)
    await until(lambda: len(caplog.records) == 2)
    assert caplog.messages[-1] == "telling what is known of deployments is possible again"
    posting.cancel()


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


class Together:
    """Processes that call the same, at instants that the test gives."""

    def __init__(self, file, count=3):
        self.now = 1000.0
        self.healths = [Health(lambda: self.now, shared=True) for _ in range(count)]
        self.probes = FileProbes(file, lambda: self.now)

    async def agree(self):
        for number, health in enumerate(self.healths):
            await agree(self.probes, health, f"worker {number}")

    def may(self):
        return [number for number, health in enumerate(self.healths) if health.shut("a/x") is None]


async def test_of_all_processes_one_tries_what_is_shut_and_tells_the_others(tmp_path):
    them = Together(tmp_path / "probes.json")
    for health in them.healths:
        fail(health, "a/x", times=IN_A_ROW)
    await them.agree()
    assert them.may() == []
    them.now += COOLDOWN
    await them.agree()
    assert them.may() == [0]
    first = them.healths[0]
    deployment = first.at(target("a/x"))
    assert first.enter(deployment) is True
    await them.agree()
    assert them.may() == [], "one call and no more"
    first.answered(deployment, 100.0, None, 1)
    await them.agree()
    assert them.may() == [0, 1, 2]


async def test_a_probe_that_fails_is_the_only_one_for_five_seconds(tmp_path):
    them = Together(tmp_path / "probes.json")
    for health in them.healths:
        fail(health, "a/x", times=IN_A_ROW)
    tries = 0
    for _ in range(240):  # a minute, four looks a second
        them.now += 0.25
        await them.agree()
        for number in them.may():
            fail(them.healths[number], "a/x")
            tries += 1
    assert 8 <= tries <= 12, "one in five seconds, of all three"


async def test_who_has_leave_and_ends_lets_another_have_it(tmp_path):
    them = Together(tmp_path / "probes.json", 2)
    for health in them.healths:
        fail(health, "a/x", times=IN_A_ROW)
    them.now += COOLDOWN
    await agree(them.probes, them.healths[0], "worker 0")
    assert them.may() == [0]
    them.now += LEASE + 0.1
    await agree(them.probes, them.healths[1], "worker 1")
    assert them.may() == [1]


async def test_what_broke_after_it_was_proven_stays_shut(tmp_path):
    them = Together(tmp_path / "probes.json", 2)
    one, other = them.healths
    for health in them.healths:
        fail(health, "a/x", times=IN_A_ROW)
    them.now += COOLDOWN
    await agree(them.probes, one, "worker 0")
    one.enter(one.at(target("a/x")))
    one.answered(one.at(target("a/x")), 100.0, None, 1)
    await agree(them.probes, one, "worker 0")
    them.now += 1
    fail(other, "a/x", times=IN_A_ROW)
    await agree(them.probes, other, "worker 1")
    assert other.shut("a/x") is not None


async def test_a_file_of_before_the_machine_started_counts_for_nothing(tmp_path):
    file = tmp_path / "probes.json"
    for content in (b'{"a/x": {"owner": "old", "until": 1e12, "proven": 1e12}}', b"junk"):
        file.write_bytes(content)
        agreed = await FileProbes(file, lambda: 5.0).agree("me", ["a/x"], [])
        assert agreed.mine == {"a/x"} and not agreed.proven


def test_keys_of_an_account_are_told_by_number(tmp_path):
    health, ring = Health(), Ring(2)
    health.keys = {"a": ring.breakers}
    ring.rest(1, read_error(401, [], b""))
    told = {row.name: row.state for row in health.told()}
    assert told == {"a#1": "closed", "a#2": "benched"}
