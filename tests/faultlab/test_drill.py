"""The drill on a user's own configuration: what it prints is what happened."""

import json
import subprocess
from pathlib import Path

import pytest

from headgate.faultlab.caller import Seen, read
from headgate.faultlab.scenarios import SCENARIOS
from tests.e2e.processes import HEADGATE, clean_environment

CONFIG = """
providers:
  openai: {kind: openai, api_key: sk-canary-0123456789}
  claude: {kind: anthropic, api_key: sk-canary-0123456789}
routes:
  main: {targets: [openai/gpt-4o, claude/claude-sonnet-4-5]}
  lone: {targets: [openai/gpt-4o]}
"""


@pytest.mark.xdist_group("faultlab")
@pytest.mark.parametrize(("route", "code"), [("main", 0), ("lone", 1)])
def test_a_drill(tmp_path: Path, route: str, code: int) -> None:
    (tmp_path / "headgate.yaml").write_text(CONFIG)
    done = subprocess.run(
        [HEADGATE, "faultlab", "--config", tmp_path / "headgate.yaml", "--route", route, "--json"],
        env=clean_environment(HEADGATE_HOME=str(tmp_path / "home")), capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == code, (done.stdout[-2000:], done.stderr[-2000:])
    told = {one["id"]: one for one in json.loads(done.stdout)}
    assert list(told) == [scenario.id for scenario in SCENARIOS]
    assert told["S03"]["caller"].startswith("an answer from openai/gpt-4o, try 2")
    if route == "main":
        assert not [one["complaint"] for one in told.values() if one["complaint"]]
        assert "claude/claude-sonnet-4-5" in told["S16"]["caller"]
    else:
        assert "503 upstream_unavailable" in told["S04"]["complaint"]
        assert not told["S08"]["complaint"], "what needs no second target is survived with one"
    assert b"sk-canary" not in done.stdout + done.stderr


def test_a_route_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "headgate.yaml").write_text(CONFIG)
    done = subprocess.run(
        [HEADGATE, "faultlab", "--config", tmp_path / "headgate.yaml", "--route", "other"],
        env=clean_environment(HEADGATE_HOME=str(tmp_path / "home")), capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and b"There are: main, lone" in done.stderr


@pytest.mark.parametrize(
    ("body", "end"),
    [
        (b'data: {"choices": []}\n\ndata: [DONE]\n\n', "done"),
        (b'data: {"choices": []}\n\n', "cut"),
        (b'data: {"error": {"code": "x"}}\n\n', "error"),
    ],
)
def test_how_a_stream_ended_is_seen(body: bytes, end: str) -> None:
    seen = Seen(status=200, headers={"content-type": "text/event-stream"})
    read(seen, body)
    assert seen.end == end and seen.good == (end == "done")
