"""The command line beside a gateway with a configuration: what the options of a key do to real requests."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from click.testing import CliRunner

from headgate.cli import group
from tests.e2e.processes import Gateway, free_port
from tests.servers import embedded

pytestmark = pytest.mark.xdist_group("e2e-start")

CONFIG = """
routes:
  fast: {targets: [sandbox/chat]}
  slow: {targets: [sandbox/chat]}
aliases: {quick: fast}
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    home = tmp_path_factory.mktemp("home")
    gateway = Gateway(home, config=CONFIG, HEADGATE_ACCEPT_GRACE="0.1").start()
    gateway.env["HEADGATE_PORT"] = str(gateway.port)
    yield gateway
    gateway.kill()


def plain(gateway: Gateway, *words: str, code: int = 0) -> str:
    """Run a command as people do; return what they read."""
    done = CliRunner().invoke(group, list(words), env=gateway.env)
    assert done.exit_code == code, (words, done.output, done.exception)
    return done.stderr if code else done.stdout


def told(gateway: Gateway, *words: str) -> Any:
    """Run a command as programs do."""
    return json.loads(plain(gateway, *words, "--json"))


def new_key(gateway: Gateway, *words: str) -> str:
    made: str = told(gateway, "keys", "create", *words)["key"]
    return made


def ask(gateway: Gateway, key: str, model: str = "fast", **more: Any) -> httpx2.Response:
    """Ask, and wait for a key that was made a moment ago."""
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}], **more}
    until = time.monotonic() + 2
    while True:
        answer = httpx2.post(f"{gateway.url}/v1/chat/completions", json=body, headers={"x-api-key": key}, timeout=10)
        if answer.status_code != 401 or time.monotonic() > until:
            return answer
        time.sleep(0.05)


def code(answer: httpx2.Response) -> str:
    found: str = answer.json()["error"]["code"]
    return found


def test_a_made_key_is_told_with_id_key_and_prefix(gateway: Gateway) -> None:
    made = told(gateway, "keys", "create", "--name", "app")
    assert made["id"]
    assert made["key"].startswith(made["prefix"])
    assert made["prefix"].startswith("hg_")
    words = plain(gateway, "keys", "create", "--name", "people")
    assert "the only time" in words
    assert ask(gateway, words.split("shown:")[1].split()[0]).status_code == 200


def test_models_of_a_key(gateway: Gateway) -> None:
    key = new_key(gateway, "--name", "narrow", "--models", "fast,sandbox/embed")
    assert ask(gateway, key).status_code == 200
    assert ask(gateway, key, "slow").status_code == 403
    listed = httpx2.get(f"{gateway.url}/v1/models", headers={"x-api-key": key}).json()["data"]
    assert {model["id"] for model in listed} >= {"fast", "sandbox/embed"}
    assert "slow" not in {model["id"] for model in listed}


def test_requests_of_a_key(gateway: Gateway) -> None:
    key = new_key(gateway, "--name", "few", "--rpm", "2")
    assert [ask(gateway, key).status_code for _ in range(3)] == [200, 200, 429]


def test_a_budget_of_a_key(gateway: Gateway) -> None:
    key = new_key(gateway, "--name", "poor", "--budget", "0.0000001", "--window", "total")
    refused = ask(gateway, key)
    assert refused.status_code == 429
    assert code(refused) == "insufficient_quota"
    assert refused.headers["x-should-retry"] == "false"


def test_a_key_that_has_ended(gateway: Gateway) -> None:
    key = new_key(gateway, "--name", "short", "--expires", "6s")
    assert ask(gateway, key).status_code == 200
    time.sleep(6)
    assert ask(gateway, key).status_code == 401


def test_what_people_read(gateway: Gateway) -> None:
    key = new_key(gateway, "--name", "read", "--tpm", "1000000", "--budget", "25", "--window", "month", "--tags", "a,b")
    id = ask(gateway, key, "quick").headers["x-request-id"]
    gateway.trace(id)
    listed = plain(gateway, "keys", "list")
    row = next(line for line in listed.splitlines() if " read " in line)
    assert "1,000,000 tpm" in row
    assert "25 USD a month" in row
    assert key not in listed
    line = next(line for line in plain(gateway, "logs").splitlines() if id in line)
    assert "success" in line
    assert "sandbox/chat" in line
    trace = plain(gateway, "trace", id)
    assert "alias quick" in trace
    assert "stream: no" in trace
    assert "sandbox/chat" in plain(gateway, "usage", "--by", "model")


def test_usable_models_are_those_that_the_gateway_lists(gateway: Gateway) -> None:
    page = httpx2.get(f"{gateway.url}/v1/models", headers={"x-api-key": gateway.first_key}).json()
    assert {row["id"] for row in told(gateway, "models", "--usable")} == {model["id"] for model in page["data"]}


def test_conversations_do_not_crowd_the_list_of_keys(gateway: Gateway) -> None:
    plain(gateway, "chat", "--model", "quick", "hello")
    assert "headgate chat" not in plain(gateway, "keys", "list")
    assert "headgate chat" in {key["name"] for key in told(gateway, "keys", "list")}


def test_a_start_beside_it_on_its_home_or_its_port_is_refused(gateway: Gateway, tmp_path: Path) -> None:
    said = plain(gateway, "serve", code=3)
    assert str(gateway.home) in said
    assert "serves this home" in said
    assert "serves this home" in plain(gateway, "serve", "--port", str(free_port()), code=3)
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(embedded(), home / "headgate.db")
    assert "cannot be listened on" in plain(gateway, "serve", "--home", str(home), code=2)
    assert ask(gateway, gateway.first_key).status_code == 200
