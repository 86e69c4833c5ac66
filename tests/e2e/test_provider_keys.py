"""Several keys of one provider against a running gateway: entered, taken in turn, rested, removed, and never told."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.answering import Answer
from tests.e2e.door import Door
from tests.e2e.processes import HEADGATE, Gateway

BAD, LIMITED = "sk-bad-key-00000000000000", "sk-limited-key-0000000000"
CONFIG = """
providers:
  up:
    kind: openai-compatible
    base_url: {url}/v1
    api_keys: [sk-first-key-000000000000, "file:{file}"]
    price: {{input: 1, output: 2}}
"""


def refused(key: str) -> Answer | None:
    if key not in (BAD, LIMITED):
        return None
    said = {"error": {"message": f"Incorrect API key provided: {key}."}}
    return (401, said) if key == BAD else (429, said, {"retry-after": "60"})


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    with Door(refused) as made:
        yield made


@pytest.fixture(scope="module")
def gateway(door: Door, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder: Path = tmp_path_factory.mktemp("provider-keys")
    (folder / "second").write_text("sk-second-key-00000000000\n")
    made = Gateway(folder / "home", config=CONFIG.format(url=door.url, file=folder / "second")).start()
    yield made
    made.kill()


def ask(gateway: Gateway) -> httpx2.Response:
    return httpx2.post(
        f"{gateway.url}/v1/chat/completions",
        headers={"authorization": f"Bearer {gateway.first_key}"},
        json={"model": "up/m", "messages": [{"role": "user", "content": "Hi"}]},
        timeout=20,
    )


def cli(gateway: Gateway, *words: str, given: str = "") -> str:
    done = subprocess.run(
        [HEADGATE, "providers", *words], input=given, env=gateway.env, cwd=gateway.home, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout


def until_used(gateway: Gateway, door: Door, key: str) -> None:
    before, end = door.keys[key], time.monotonic() + 10
    while door.keys[key] == before:
        assert time.monotonic() < end, f"{key} was not used"
        assert ask(gateway).status_code == 200
        time.sleep(0.05)


def test_keys_of_the_file_are_taken_in_turn(gateway: Gateway, door: Door) -> None:
    door.keys.clear()
    assert all(ask(gateway).status_code == 200 for _ in range(6))
    assert door.keys == {"sk-first-key-000000000000": 3, "sk-second-key-00000000000": 3}


def test_a_key_entered_is_used_within_a_second_or_so_and_removed_as_fast(gateway: Gateway, door: Door) -> None:
    third = "sk-third-key-000000000000"
    made = json.loads(cli(gateway, "keys", "add", "up", "--name", "third", "--json", given=third + "\n"))
    assert (made["prefix"], made["last4"]) == ("sk-t", "0000") and "key" not in made
    until_used(gateway, door, third)
    assert third not in cli(gateway, "keys", "list", "up")
    assert "up" in cli(gateway, "list") and "up" in cli(gateway)
    cli(gateway, "keys", "remove", "up", made["id"])
    time.sleep(2)
    door.keys.clear()
    assert all(ask(gateway).status_code == 200 for _ in range(4))
    assert third not in door.keys
    assert third.encode() not in (gateway.home / "headgate.db").read_bytes()


@pytest.mark.parametrize("key", [BAD, LIMITED])
def test_a_refused_key_rests_and_the_call_goes_on_with_another(gateway: Gateway, door: Door, key: str) -> None:
    made = json.loads(cli(gateway, "keys", "add", "up", "--json", given=key + "\n"))
    until_used(gateway, door, key)  # every answer was good all the same
    door.keys.clear()
    assert all(ask(gateway).status_code == 200 for _ in range(6))
    assert key not in door.keys
    cli(gateway, "keys", "remove", "up", made["id"])


def test_no_key_of_a_provider_was_ever_told(gateway: Gateway) -> None:
    shown = (
        gateway.printed
        + httpx2.get(
            f"{gateway.url}/api/v1/logs", headers={"authorization": f"Bearer {gateway.admin_key}"}, timeout=20
        ).text
    )
    shown += httpx2.get(
        f"{gateway.url}/api/v1/config", headers={"authorization": f"Bearer {gateway.admin_key}"}, timeout=20
    ).text
    for file in (gateway.home / "journal").glob("*"):
        shown += file.read_bytes().decode("utf-8", "replace")
    for key in ("sk-first-key", "sk-second-key", "sk-third-key", BAD, LIMITED):
        assert key not in shown
