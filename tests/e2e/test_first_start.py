"""What a newcomer meets: the first start, the line that is to be pasted, the second start, the end."""

import asyncio
import fcntl
import json
import os
import pty
import re
import signal
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.processes import HEADGATE, Gateway

pytestmark = pytest.mark.xdist_group("e2e-start")

READY_WITHIN = 30.0
"""Seconds; generous, for a machine that does other things too. How fast it really is, the benchmark measures."""

SANDBOX = "sandbox/chat"
ROUTES = "routes:\n  fast: {targets: [sandbox/chat]}\n"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    started: list[Gateway] = []

    def make(**given: Any) -> Gateway:
        gateway = Gateway(tmp_path / "home", **{"HEADGATE_ACCEPT_GRACE": "0.1", **given})
        started.append(gateway)
        gateway.start(READY_WITHIN, tables=False)
        said_by(gateway, "curl ")
        return gateway

    yield make
    for gateway in started:
        gateway.kill()


def said_by(gateway: Gateway, what: str, within: float = 5.0) -> str:
    """What it printed, once *what* is in it."""
    until = time.monotonic() + within
    while what not in gateway.printed and time.monotonic() < until:
        time.sleep(0.02)
    assert what in gateway.printed
    return gateway.printed


def checked(gateway: Gateway) -> dict[str, str]:
    """What its page of readiness says."""
    checks: dict[str, str] = httpx2.get(f"{gateway.url}/health/ready").json()["checks"]
    return checks


def pasted(gateway: Gateway) -> dict[str, Any]:
    """Run the printed line as it stands, in a shell that knows nothing else."""
    line = next(line for line in said_by(gateway, "curl ").splitlines() if line.lstrip().startswith("curl "))
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-c", line], capture_output=True, timeout=20, check=True, env=os.environ
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def ask(gateway: Gateway, key: str, model: str = SANDBOX) -> httpx2.Response:
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
    headers = {"authorization": f"Bearer {key}"}
    return httpx2.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers, timeout=10)


def becomes(gateway: Gateway, key: str, model: str, status: int, within: float = 3.0) -> None:
    until = time.monotonic() + within
    while (got := ask(gateway, key, model).status_code) != status:
        assert time.monotonic() < until, f"{model} still answers {got}"
        time.sleep(0.05)


def test_the_first_start_prints_what_is_needed_and_the_second_nothing_of_it(start: Callable[..., Gateway]) -> None:
    gateway = start()
    answer = pasted(gateway)
    assert answer["choices"][0]["message"]["content"]
    key, admin = gateway.first_key, gateway.admin_key
    assert gateway.printed.count(admin) == 1
    assert (gateway.home / "secrets.json").stat().st_mode & 0o077 == 0
    assert gateway.stop() == 0

    gateway.log.unlink()
    gateway.start(READY_WITHIN)
    assert "hg_" not in said_by(gateway, "Headgate is ready on ")
    assert "hga_" not in gateway.printed
    assert ask(gateway, key).status_code == 200
    assert gateway.stop() == 0


def test_two_workers_answer_one_port_and_end_in_order(start: Callable[..., Gateway]) -> None:
    gateway = start(HEADGATE_WORKERS="2", config=ROUTES)
    key = gateway.first_key
    pasted(gateway)
    with httpx2.Client(headers={"authorization": f"Bearer {key}"}) as known:
        page = known.get(f"{gateway.url}/v1/models").json()
    assert {model["id"] for model in page["data"]} >= {"fast", SANDBOX}
    ids = [ask(gateway, key, "fast").headers["x-request-id"] for _ in range(24)]
    found = [gateway.trace(id)["outcome"]["worker"] for id in ids]
    assert set(found) <= {0, 1}
    assert gateway.stop() == 0


async def test_a_stream_that_runs_at_sigterm_is_finished(start: Callable[..., Gateway]) -> None:
    gateway = await asyncio.to_thread(start)
    body = {
        "model": SANDBOX,
        "stream": True,
        "messages": [{"role": "user", "content": "hello"}],
        "metadata": {"sandbox_tokens_per_second": "40"},
    }
    headers = {"authorization": f"Bearer {gateway.first_key}"}
    process, gateway.process = gateway.process, None
    assert process is not None
    url = f"{gateway.url}/v1/chat/completions"
    async with httpx2.AsyncClient() as http, http.stream("POST", url, json=body, headers=headers, timeout=20) as answer:
        lines = answer.aiter_lines()
        await anext(lines)
        process.send_signal(signal.SIGTERM)
        rest = [line async for line in lines if line]
    assert rest[-1] == "data: [DONE]"
    assert await asyncio.to_thread(process.wait, 10) == 0


def test_ctrl_c_at_a_terminal_ends_it_at_once_while_nothing_runs(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path / "home")  # new connections would be taken for five more seconds after SIGTERM
    master, terminal = pty.openpty()
    process = subprocess.Popen(
        ["bash", "-c", f"exec {os.fspath(HEADGATE)} serve --port {gateway.port}"],
        stdin=terminal, stdout=terminal, stderr=terminal, env=gateway.env, cwd=gateway.home, start_new_session=True,
        preexec_fn=_take_terminal,
    )  # fmt: skip
    os.close(terminal)
    try:
        said = ""
        while "curl " not in said:
            said += os.read(master, 65536).decode()
        assert re.search(r"hg_[A-Za-z0-9_-]{40,}", said)
        began = time.monotonic()
        os.write(master, b"\x03")
        assert process.wait(10) == 0
        assert time.monotonic() - began < 5
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
        os.close(master)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_a_good_change_is_taken_over_and_a_bad_one_is_not(start: Callable[..., Gateway]) -> None:
    gateway = start(config=ROUTES)
    key = gateway.first_key
    assert ask(gateway, key, "fast").status_code == 200
    assert ask(gateway, key, "quick").status_code == 404
    good = ROUTES + "aliases: {quick: fast}\n"
    gateway.config.write_text(good)
    becomes(gateway, key, "quick", 200)
    gateway.config.write_text("routes:\n  fast: {target: [sandbox/chat]}\n")
    assert "did you mean `targets`?" in said_by(gateway, "headgate.yaml:2:")
    assert ask(gateway, key, "quick").status_code == 200
    until = time.monotonic() + 5  # the worker looks at the file by itself
    while "kept the old one" not in checked(gateway).get("config_file", "") and time.monotonic() < until:
        time.sleep(0.05)
    assert "kept the old one" in checked(gateway)["config_file"]
    gateway.config.write_text(ROUTES)
    becomes(gateway, key, "quick", 404)
    assert ask(gateway, key, "fast").status_code == 200
    assert "config_file" not in checked(gateway)
    assert gateway.stop() == 0


def test_who_follows_need_not_wait_for_the_end_of_who_went_before(tmp_path: Path) -> None:
    first = Gateway(tmp_path / "home", HEADGATE_ACCEPT_GRACE="30").start()
    second = Gateway(tmp_path / "home")
    try:
        assert first.process is not None
        with pytest.raises(AssertionError, match="ended with 3"):
            second.start()
        first.process.send_signal(signal.SIGTERM)
        assert first.first_key
        second.start()
        assert first.process.poll() is None, "it drains"
        assert ask(second, first.first_key, SANDBOX).status_code == 200
        second.kill()
        second.start()
    finally:
        first.kill()
        second.kill()


def test_a_weak_admin_key_is_refused_where_others_can_reach_the_port(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path / "home", HEADGATE_ADMIN_KEY="changeme")
    words = [os.fspath(HEADGATE), "serve", "--host", "0.0.0.0", "--port", str(gateway.port)]
    done = subprocess.run(words, env=gateway.env, cwd=gateway.home, capture_output=True, timeout=20, check=False)
    assert done.returncode == 2
    assert b"HEADGATE_ADMIN_KEY" in done.stderr
    assert b"changeme" not in done.stderr
    assert not (gateway.home / "headgate.db").exists()


def test_keys_in_the_environment_make_their_providers_usable(start: Callable[..., Gateway]) -> None:
    gateway = start(OPENAI_API_KEY="sk-none", ANTHROPIC_API_KEY="sk-none", GROQ_API_KEY="sk-none")
    page = httpx2.get(f"{gateway.url}/v1/models", headers={"authorization": f"Bearer {gateway.first_key}"}).json()
    assert {model["id"].partition("/")[0] for model in page["data"]} >= {"openai", "anthropic", "groq", "sandbox"}
    assert "sk-none" not in gateway.printed
