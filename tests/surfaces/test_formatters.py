"""Formatters run on whole blocks, where they are installed."""

from pathlib import Path

import pytest

from headgate.surfaces import formatters
from headgate.surfaces.formatters import formatted


async def test_json_needs_no_program() -> None:
    assert await formatted("json", '{"b":1,"a":[1,2]}') == '{\n  "b": 1,\n  "a": [\n    1,\n    2\n  ]\n}\n'
    assert await formatted("json", "{oops") is None


async def test_an_unknown_language_or_none_is_left_alone() -> None:
    assert await formatted("brainfuck", "++") is None
    assert await formatted(None, "x") is None


def program(folder: Path, text: str) -> None:
    file = folder / "gofmt"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


async def test_a_program_is_given_the_code_on_its_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "tr a-z A-Z")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert await formatted("golang", "func") == "FUNC"


@pytest.mark.parametrize("text", ["exit 3", "sleep 60"])
async def test_a_program_that_fails_or_hangs_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    program(tmp_path, text)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(formatters, "TIMEOUT", 1.0)
    assert await formatted("go", "func") is None
