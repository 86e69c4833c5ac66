"""Rotating the keys above stored secrets while gateways serve, as an operator does it."""

import base64
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.access.vault_double import TOKEN, VaultDouble
from tests.e2e.door import Door, only
from tests.e2e.processes import Gateway
from tests.servers import copied

OWN, MAPPED, LATER = "sk-canary-own-000000000000", "sk-canary-mapped-0000000000", "sk-canary-later-0000000000"
CONFIG = """
providers:
  up: {{kind: openai-compatible, base_url: "{url}/v1", price: {{input: 1, output: 2}}}}
"""
ONE, TWO = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))


@pytest.fixture
def door() -> Iterator[Door]:
    with Door(only(OWN, MAPPED, LATER)) as made:
        yield made


def ask(gateway: Gateway, key: str) -> httpx2.Response:
    body = {"model": "up/m", "messages": [{"role": "user", "content": "Hi"}]}
    headers = {"authorization": f"Bearer {key}"}
    return httpx2.post(f"{gateway.url}/v1/chat/completions", headers=headers, json=body, timeout=20)


def add(gateway: Gateway, key: str) -> None:
    headers = {"authorization": f"Bearer {gateway.admin_key}"}
    url = f"{gateway.url}/api/v1/config/providers/up/keys"
    done = httpx2.post(url, headers=headers, json={"key": key}, timeout=20)
    assert done.status_code == 201, done.text
    time.sleep(1.5)  # until all workers have it: a call without any key would be refused, and the target left alone


def mapped(gateway: Gateway, key: str) -> str:
    headers = {"authorization": f"Bearer {gateway.admin_key}"}
    url = f"{gateway.url}/api/v1/config/virtual-keys"
    body = {"name": "own", "provider_keys": {"up": key}}
    done = httpx2.post(url, headers=headers, json=body, timeout=20)
    assert done.status_code == 201, done.text
    made: str = done.json()["key"]
    return made


def until_used(gateway: Gateway, door: Door, provider_key: str, by: str, within: float = 15) -> None:
    before, end = door.keys[provider_key], time.monotonic() + within
    while door.keys[provider_key] == before:
        last = ask(gateway, by)
        assert time.monotonic() < end, (last.text, gateway.printed)
        time.sleep(0.05)


def under(gateway: Gateway) -> dict[tuple[str, str | None], int]:
    found = gateway.cli("encryption", "status", check=False)
    return {(one["kind"], one["key_id"]): one["count"] for one in found["values"] if one["lasting"]}


def restarted(gateway: Gateway, **env: str) -> Gateway:
    assert gateway.stop() == 0
    gateway.log.write_text("\n".join(line for line in gateway.printed.splitlines() if "hg" in line) + "\n")
    gateway.env |= env
    return gateway.start()


def test_a_new_key_in_the_home_while_it_serves(door: Door, tmp_path: Path) -> None:
    gateway = Gateway(tmp_path / "home", config=CONFIG.format(url=door.url), args=("--workers", "2")).start()
    try:
        add(gateway, OWN)
        first, theirs = gateway.first_key, mapped(gateway, MAPPED)
        until_used(gateway, door, OWN, first)
        [(_, own)] = under(gateway)
        done = gateway.cli("encryption", "rotate", "--new-key")
        assert (
            done["rotated"] == 2
            and done["failed"] == []
            and done["key_id"].startswith("home-")
            and done["key_id"] != own
        )
        assert under(gateway) == {("provider_keys", done["key_id"]): 2}
        until_used(gateway, door, MAPPED, theirs)  # a worker that has not seen the new key opens what is under it
        answers = [ask(gateway, first) for _ in range(10)]
        assert [one.text for one in answers if one.status_code != 200] == []
        add(gateway, LATER)
        until_used(gateway, door, LATER, first)
        assert under(gateway) == {("provider_keys", done["key_id"]): 3}
        again = gateway.cli("encryption", "rotate")
        assert (again["rotated"], again["key_id"]) == (0, done["key_id"])

        restarted(gateway)
        until_used(gateway, door, OWN, first)
        until_used(gateway, door, MAPPED, theirs)
        told = "".join(file.read_bytes().decode("latin-1") for file in gateway.home.rglob("*") if file.is_file())
        assert "sk-canary" not in told
        audit = gateway.cli("audit", "verify")
        assert audit["ok"]
    finally:
        gateway.kill()


def test_two_machines_move_from_one_key_to_another_and_a_missing_one_is_told(
    door: Door, tmp_path: Path, postgres_url: str, postgres_template: str
) -> None:
    shared = {
        "HEADGATE_DATABASE_URL": copied(postgres_url, postgres_template),
        "HEADGATE_SECRET_KEY": base64.b64encode(bytes(range(32))).decode(),
        "HEADGATE_ENCRYPTION_KEYS": f"k1={ONE}",
    }
    config = CONFIG.format(url=door.url)
    one = Gateway(tmp_path / "one", config=config, args=(), **shared).start()
    two = Gateway(tmp_path / "two", config=config, args=(), **shared).start()
    try:
        add(one, OWN)
        key = one.first_key
        until_used(two, door, OWN, key)
        for keys in (f"k1={ONE},k2={TWO}", f"k2={TWO},k1={ONE}"):  # first all open it, then all seal under it
            for gateway in (one, two):
                restarted(gateway, HEADGATE_ENCRYPTION_KEYS=keys)
                until_used(gateway, door, OWN, key)
        refused = httpx2.post(
            f"{one.url}/api/v1/encryption/rotate", headers={"authorization": f"Bearer {one.admin_key}"},
            json={"new_key": True}, timeout=20,
        )  # fmt: skip
        assert refused.status_code == 409
        assert under(two) == {("provider_keys", "k1"): 1}
        assert one.cli("encryption", "rotate")["rotated"] == 1
        assert under(two) == {("provider_keys", "k2"): 1}
        for gateway in (one, two):
            restarted(gateway, HEADGATE_ENCRYPTION_KEYS=f"k2={TWO}")
            until_used(gateway, door, OWN, key)
        restarted(two, HEADGATE_ENCRYPTION_KEYS=f"k1={ONE}")
        assert "the encryption key k2 is not there, and 1 provider keys cannot be opened without it" in two.printed
        assert "sealed under the key 'k2', which is not there" in two.printed
        assert two.cli("encryption", "status", check=False)["missing"] == ["k2"]
        restarted(two, HEADGATE_ENCRYPTION_KEYS=f"k1={ONE},k2={TWO}")  # nothing is lost
        until_used(two, door, OWN, key)
    finally:
        one.kill()
        two.kill()


def test_a_key_service_is_asked_at_the_start_and_may_go_away(door: Door, tmp_path: Path) -> None:
    vault = VaultDouble()
    port = vault.port
    keys = f"hv=transit:{vault.target}"
    gateway = Gateway(
        tmp_path / "home", config=CONFIG.format(url=door.url), HEADGATE_ENCRYPTION_KEYS=keys, VAULT_TOKEN=TOKEN
    )
    try:
        gateway.start()
        add(gateway, OWN)
        key, theirs = gateway.first_key, mapped(gateway, MAPPED)
        until_used(gateway, door, OWN, key)
        until_used(gateway, door, MAPPED, theirs)
        vault.close()
        gateway.config.write_text(gateway.config.read_text() + "\nroutes:\n  r: {targets: [up/m]}\n")
        time.sleep(2)  # what was read anew opens again
        door.keys.clear()
        assert all(ask(gateway, key).status_code == 200 for _ in range(5)) and door.keys == {OWN: 5}
        refused = httpx2.post(
            f"{gateway.url}/api/v1/config/providers/up/keys", headers={"authorization": f"Bearer {gateway.admin_key}"},
            json={"key": LATER}, timeout=20,
        )  # fmt: skip
        assert refused.status_code == 503 and refused.json()["error"]["code"] == "key_service_unavailable"
        restarted(gateway)
        assert "the key service of 'hv' gives no answer" in gateway.printed
        assert ask(gateway, theirs).status_code == 503  # its provider key cannot be opened now
        vault = VaultDouble(port)
        until_used(gateway, door, OWN, key, within=40)  # by itself
        until_used(gateway, door, MAPPED, theirs)
    finally:
        gateway.kill()
        vault.close()
