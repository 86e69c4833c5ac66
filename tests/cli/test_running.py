"""The command line beside a gateway that runs, and after it has ended."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from click.testing import CliRunner

from headgate.cli import group
from tests.servers import embedded
from tests.transport.certificates import certificate

HELLO = {"model": "sandbox/chat", "messages": [{"role": "user", "content": "hello"}]}


class Gateway:
    """``headgate serve`` on a home of its own, and commands on that home."""

    def __init__(self, home: Path, **more: str) -> None:
        environ = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")} | more
        self.environ = {**environ, "HEADGATE_HOME": str(home), "HEADGATE_PORT": "0"}
        self.cwd = home.parent
        home.mkdir(exist_ok=True)
        shutil.copy(embedded(), home / "headgate.db")
        words = [sys.executable, "-m", "headgate", "serve"]
        self.process = subprocess.Popen(
            words, env=self.environ, cwd=self.cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.said = ""
        while "curl " not in self.said:
            line = self.process.stdout.readline()
            assert line, self.process.stderr and self.process.stderr.read()
            self.said += line
        match = re.search(r"https?://[0-9.]+:([0-9]+)", self.said)
        assert match
        self.url = match[0]
        self.environ["HEADGATE_PORT"] = match[1]

    def run(self, *words: str, code: int = 0, input: str | None = None) -> str:
        done = CliRunner().invoke(group, list(words), env=self.environ, input=input)
        assert done.exit_code == code, (done.exit_code, done.output, done.exception)
        return done.stdout if code == 0 else done.stderr

    def json(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--json"))

    def ask(self, key: str) -> httpx2.Response:
        headers = {"authorization": f"Bearer {key}"}
        return httpx2.post(f"{self.url}/v1/chat/completions", json=HELLO, headers=headers, timeout=10)

    def becomes(self, key: str, status: int, within: float) -> float:
        """Ask until the answer is *status*; return how many seconds that took."""
        began = time.monotonic()
        while self.ask(key).status_code != status:
            assert time.monotonic() - began < within
            time.sleep(0.02)
        return time.monotonic() - began

    def end(self, how: signal.Signals) -> None:
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.communicate(timeout=30)


@pytest.fixture
def gateway(tmp_path) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path / "home")
    yield gateway
    gateway.end(signal.SIGKILL)


def test_keys_made_turned_and_revoked_beside_it_count_within_a_second(gateway):
    made = gateway.json("keys", "create", "--name", "app")
    gateway.becomes(made["key"], 200, within=1)
    turned = gateway.json("keys", "rotate", made["id"], "--overlap", "1h")
    gateway.becomes(turned["key"], 200, within=1)
    assert gateway.ask(made["key"]).status_code == 200
    gateway.run("keys", "revoke", made["id"])
    gateway.becomes(turned["key"], 401, within=1)
    gateway.becomes(made["key"], 401, within=1)


def test_a_budget_is_not_used_by_the_room_that_the_one_process_sets_aside(gateway):
    gateway.run("budgets", "create", "--name", "all", "--usd", "5", "--window", "month")
    made = gateway.json("keys", "create", "--name", "app")
    gateway.becomes(made["key"], 200, within=1)
    assert gateway.ask(made["key"]).status_code == 200
    until = time.monotonic() + 5
    while (stands := gateway.json("budgets", "list")[0]["usage"])["used"]["usd"] == "0":
        assert time.monotonic() < until
        time.sleep(0.05)
    used, left, aside = (Decimal(stands[name]["usd"]) for name in ("used", "remaining", "set_aside"))
    assert 0 < used < Decimal("0.01")
    assert left == 5 - used
    assert 0 <= aside <= left
    assert stands["share"] == round(float(used / 5), 6)
    assert "0.0%" in gateway.run("budgets", "list")


def test_rows_of_usage_add_up_with_a_call_of_a_model_that_nobody_knows(gateway):
    gateway.json("chat", "hello there")
    gateway.run("chat", "--model", "nosuch/x", "hello", code=1)
    until = time.monotonic() + 5
    while (used := gateway.json("usage"))["total"]["requests"] < 2:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert [(row["name"], row["requests"], row["failures"]) for row in used["data"]] == [
        ("sandbox/chat", 1, 0),
        (None, 1, 1),
    ]
    for by in ("model", "provider", "route", "code", "user"):
        table = [line.split() for line in gateway.run("usage", "--by", by).splitlines()]
        assert table[-1][:3] == ["all", "2", "1"] or table[-1][:3] == ["(none)", "2", "1"], (by, table)
    assert ["(none)", "1", "1"] in [line.split()[:3] for line in gateway.run("usage").splitlines()]


def test_chat_then_logs_trace_usage_and_the_same_from_elsewhere(gateway):
    said = gateway.json("chat", "hello there")
    assert said["content"]
    assert said["cost_usd"]
    assert gateway.run("chat", input="hello from a pipe").strip()
    time.sleep(1)
    logs = gateway.json("logs")
    assert [log["id"] for log in logs][1] == said["id"]
    assert {log["cost_source"] for log in logs} == {"price"}
    trace = gateway.json("trace", said["id"])
    assert trace["outcome"]["cost_usd"] == said["cost_usd"]
    assert "sandbox/chat" in gateway.run("trace", said["id"])
    usage = gateway.json("usage", "--since", "1d")
    assert usage["total"]["requests"] == 2
    compared = gateway.json("usage", "--by", "model", "--compare", "--since", "1h")
    assert (compared["total"]["requests"], compared["previous"]["total"]["requests"]) == (2, 0)
    assert "p95 ms" in gateway.run("usage", "--by", "model", "--compare", "--since", "1h")
    assert gateway.json("logs", "--max-ms", "0") == gateway.json("logs", "--contains", "nothing of the kind") == []
    assert gateway.json("logs", "--surface", "openai", "--min-cost", "0.000000001", "--since", "1h") == logs
    assert gateway.json("errors") == []
    assert {key["status"] for key in gateway.json("keys", "list") if key["name"] == "headgate chat"} == {"revoked"}
    admin = re.search(r"hga_\S+", gateway.said)
    first = re.search(r"\bhg_\S+", gateway.said)
    assert admin and first
    elsewhere = ("--url", gateway.url, "--key")
    assert gateway.json("logs", *elsewhere, admin[0]) == logs
    assert gateway.json("logs", *elsewhere, first[0]) == []
    assert "404" not in gateway.run("trace", said["id"], *elsewhere, first[0], code=1)
    assert [key["name"] for key in gateway.json("keys", "list", *elsewhere, first[0])] == ["first key"]
    assert "permission" in gateway.run("keys", "create", "--name", "x", *elsewhere, first[0], code=1)
    assert "Incorrect or missing API key" in gateway.run("logs", *elsewhere, "hga_wrong", code=1)
    assert {m["id"] for m in gateway.json("models", *elsewhere, first[0])} >= {"sandbox/chat"}
    assert "a gateway runs on" in gateway.run("doctor")


def test_one_with_https_and_names_of_its_own(tmp_path):
    cert, key = certificate(tmp_path, host="192.0.2.1")
    of_its_own = {"HEADGATE_TLS_CERT": str(cert), "HEADGATE_TLS_KEY": str(key)}
    gateway = Gateway(tmp_path / "home", HEADGATE_ALLOWED_HOSTS="*.example.com", **of_its_own)
    try:
        assert "a gateway runs on" in gateway.run("doctor")
        assert gateway.json("chat", "hello there")["content"]
        other, others_key = certificate(tmp_path, "second")
        gateway.environ |= {"HEADGATE_TLS_CERT": str(other), "HEADGATE_TLS_KEY": str(others_key)}
        assert "does not show" in gateway.run("doctor")
        gateway.environ["HEADGATE_TLS_CERT"] = str(tmp_path / "none.pem")
        assert "none.pem cannot be read as a certificate" in gateway.run("chat", "hello there", code=1)
    finally:
        gateway.end(signal.SIGKILL)


def test_a_file_written_while_it_runs_is_taken_over(gateway):
    (gateway.cwd / "headgate.yaml").write_text("routes:\n  fresh: {targets: [sandbox/chat]}\n")
    made = gateway.json("keys", "create", "--name", "app")
    began = time.monotonic()
    headers = {"authorization": f"Bearer {made['key']}"}
    body = {**HELLO, "model": "fresh"}
    while httpx2.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers).status_code != 200:
        assert time.monotonic() - began < 3
        time.sleep(0.05)
    (gateway.cwd / "headgate.yaml").write_text("limits: {body: 2000}\nroutes:\n  fresh: {targets: [sandbox/chat]}\n")
    long = {**body, "user": "u" * 2000}
    while httpx2.post(f"{gateway.url}/v1/chat/completions", json=long, headers=headers).status_code != 413:
        assert time.monotonic() - began < 6
        time.sleep(0.05)
    (gateway.cwd / "headgate.yaml").write_text("routes:\n  fresh: {targets: [nowhere/chat]}\n")
    (key,) = re.findall(r"hga_\S+", gateway.said)[:1]
    words = ["doctor", "--url", gateway.url, "--key", key]
    while "is not in force" not in CliRunner().invoke(group, words, env=gateway.environ).output:
        assert time.monotonic() - began < 12
        time.sleep(0.1)
    httpx2.post(f"{gateway.url}/v1/chat/completions", json=body, headers={"authorization": "Bearer hg_wrong"})
    time.sleep(1.2)
    page = httpx2.get(f"{gateway.url}/metrics").text
    assert 'headgate_refused_total{code="invalid_api_key"}' in page
    assert 'headgate_config_changes_total{outcome="refused"} 1' in page and "headgate_config_failing 1" in page


def test_what_a_killed_gateway_recorded_is_there(gateway):
    made = gateway.json("keys", "create", "--name", "app")
    gateway.becomes(made["key"], 200, within=1)
    answers = [gateway.ask(made["key"]).headers["x-request-id"] for _ in range(5)]
    gateway.end(signal.SIGKILL)
    assert {log["id"] for log in gateway.json("logs", "--key-id", made["id"])} >= set(answers)
    assert "does not answer" in gateway.run("chat", "anybody there?", code=1)
    assert "is free" in gateway.run("doctor")


def test_a_model_that_is_not_there(gateway):
    assert "model_not_found" in gateway.run("chat", "--model", "nowhere/x", "hello", code=1)
