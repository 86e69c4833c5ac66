"""The last look at each provider: who makes it, and how long it stands."""

import asyncio
import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from headgate.core.secret import Secret
from headgate.models.discovered import Discovered, keep_looking, look_all
from headgate.providers import build
from headgate.providers.base import ProviderConfig
from headgate.providers.discovery import Found, Learned
from tests.providers.conftest import Answer
from tests.providers.test_discovery import Pages


def provider(pages: Pages, name: str = "p", kind: str = "openai") -> Any:
    return build(name, ProviderConfig(kind=kind, api_key=Secret("k")), pages)


def good(*names: str) -> Answer:
    return Answer(200, {"data": [{"id": name} for name in names]})


def test_a_look_is_kept_and_read_by_others(tmp_path: Path) -> None:
    here, there = Discovered(tmp_path / "d"), Discovered(tmp_path / "d")
    assert here.read() is False
    here.write("my/provider", Found(at=1, latency_ms=2, models={"m": Learned(context=5)}))
    assert there.read() is True
    assert there.models == {"my/provider": {"m": Learned(context=5)}}
    assert there.read() is False
    (tmp_path / "d" / "broken.json").write_text("{")
    assert there.read() is False and "broken" not in there.found
    for file in (tmp_path / "d").glob("my*.json"):
        file.unlink()
    assert there.read() is True and there.found == {}


def test_a_failed_look_keeps_the_models_of_the_last_good_one(tmp_path: Path) -> None:
    seen = Discovered(tmp_path)
    seen.write("p", Found(at=1, latency_ms=2, models={"m": Learned()}))
    seen.read()
    seen.write("p", Found(at=2, latency_ms=2, error="it is down"))
    assert seen.read() is False
    assert (seen.models, seen.faults()) == ({"p": {"m": Learned()}}, {"p": "it is down"})


async def test_providers_with_a_list_are_looked_at_and_no_others(tmp_path: Path) -> None:
    seen, pages = Discovered(tmp_path), Pages(good("a"))
    sandbox = build("s", ProviderConfig(kind="sandbox"), pages)
    await look_all([provider(pages), provider(pages, "none", "perplexity"), sandbox], seen)
    seen.read()
    assert list(seen.found) == ["p"] and len(pages.asked) == 1


async def test_one_process_looks_and_all_take_it_up(tmp_path: Path) -> None:
    pages = Pages(*(good("a", "b") for _ in range(100)))
    changes: list[int] = []
    tasks = []
    for number in range(2):
        looking = keep_looking(
            Discovered(tmp_path), lambda: [provider(pages)], partial(changes.append, number), 3600, first=0
        )
        tasks.append(asyncio.create_task(looking))
        await asyncio.sleep(0.2)
    async with asyncio.timeout(10):
        while 0 not in changes:
            await asyncio.sleep(0.02)
    assert len(pages.asked) == 1
    assert Discovered(tmp_path).lock() is None
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    held = Discovered(tmp_path).lock()
    assert held is not None
    os.close(held)


async def test_with_looks_switched_off_nobody_is_asked(tmp_path: Path) -> None:
    pages = Pages()
    task = asyncio.create_task(keep_looking(Discovered(tmp_path), lambda: [provider(pages)], lambda: None, 0, first=0))
    await asyncio.sleep(0.3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert pages.asked == []


def test_what_is_forgotten_is_gone_for_all(tmp_path: Path) -> None:
    here, there = Discovered(tmp_path / "d"), Discovered(tmp_path / "d")
    for name in ("mine", "other"):
        here.write(name, Found(at=1, latency_ms=2, models={"m": Learned()}))
    assert here.read() and there.read()
    here.forget(["mine", "never was"])
    assert here.models == {"other": {"m": Learned()}}
    assert there.read() is True and there.found.keys() == {"other"}


async def test_a_new_one_does_not_wait_for_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headgate.models.discovered.READ", 0.02)
    pages = Pages(*(good("a") for _ in range(10)))
    there, seen = [provider(pages, "first")], Discovered(tmp_path)
    task = asyncio.create_task(keep_looking(seen, lambda: there, lambda: None, 3600, first=0))
    async with asyncio.timeout(10):
        while "first" not in seen.found:
            await asyncio.sleep(0.02)
        there.append(provider(pages, "second"))
        while "second" not in seen.found:
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(pages.asked) == 2, "and each is asked once"
