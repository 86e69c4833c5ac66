"""Formatters run on whole blocks, where they are installed."""

import asyncio
from pathlib import Path

import pytest

from headgate.surfaces import formatters
from headgate.surfaces.formatters import MAX_PROCESSES, Formatters


async def test_json_needs_no_program() -> None:
    assert (
        await Formatters().formatted("json", '{"b":1,"a":[1,2]}') == '{\n  "b": 1,\n  "a": [\n    1,\n    2\n  ]\n}\n'
    )
    assert await Formatters().formatted("json", "{oops") is None


async def test_an_unknown_language_or_none_is_left_alone() -> None:
    assert await Formatters().formatted("brainfuck", "++") is None
    assert await Formatters().formatted(None, "x") is None


def program(folder: Path, text: str) -> None:
    file = folder / "gofmt"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


async def test_a_program_is_given_the_code_on_its_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "tr a-z A-Z")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert await Formatters().formatted("golang", "func") == "FUNC"


@pytest.mark.parametrize("text", ["exit 3", "sleep 60"])
async def test_a_program_that_fails_or_hangs_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    program(tmp_path, text)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(formatters, "TIMEOUT", 1.0)
    assert await Formatters().formatted("go", "func") is None


async def test_a_few_run_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, f"touch {tmp_path}/$$.on; ls {tmp_path} | grep -c on; sleep 0.3; rm {tmp_path}/$$.on")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    formatters_ = Formatters()
    counts = await asyncio.gather(*[formatters_.formatted("go", "func") for _ in range(3 * MAX_PROCESSES)])
    assert all(counts) and max(int(count or 99) for count in counts) <= MAX_PROCESSES
