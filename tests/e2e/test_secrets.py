"""A provider's key that stays in a vault: used by calls, changed while the gateway serves, and written down nowhere."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.config.manager_doubles import TOKEN, VaultKv
from tests.e2e.door import Door, only
from tests.e2e.processes import Gateway
from tests.e2e.test_encryption import LATER, MAPPED, OWN, ask, until_used

CONFIG = """
providers:
  up:
    kind: openai-compatible
    base_url: "{url}/v1"
    api_key: "vault:secret/data/headgate#up"
    price: {{input: 1, output: 2}}
secrets: {{refresh: 1}}
"""
REFERENCE = "vault:secret/data/headgate#up"


@pytest.fixture
def door() -> Iterator[Door]:
    with Door(only(OWN, MAPPED, LATER)) as made:
        yield made


def admin(gateway: Gateway, path: str) -> httpx2.Response:
    headers = {"authorization": f"Bearer {gateway.admin_key}"}
    return httpx2.get(f"{gateway.url}/api/v1/{path}", headers=headers, timeout=30)


def checks(gateway: Gateway) -> dict[str, str]:
    return {one["check"]: one["words"] for one in admin(gateway, "doctor").json()["data"] if one["state"] != "ok"}


def test_a_key_in_a_vault_is_used_changed_and_kept_while_the_vault_is_away(door: Door, tmp_path: Path) -> None:
    vault = VaultKv()
    port = vault.port
    vault.secrets = {"headgate": {"up": OWN}}
    gateway = Gateway(tmp_path / "home", config=CONFIG.format(url=door.url), args=("--workers", "2"), **vault.environ)
    try:
        gateway.start()
        key = gateway.first_key
        assert all(ask(gateway, key).status_code == 200 for _ in range(10))
        assert door.keys == {OWN: 10}
        asked = len(vault.asked)
        began = time.monotonic()
        assert all(ask(gateway, key).status_code == 200 for _ in range(50))
        rounds = (time.monotonic() - began + 2) / 0.9
        assert len(vault.asked) - asked <= 3 * rounds + 3  # by the clock, for parent and two workers; never by a call

        vault.secrets = {"headgate": {"up": LATER}}
        until_used(gateway, door, LATER, key)
        time.sleep(2.5)  # the other worker, too
        door.keys.clear()
        assert all(ask(gateway, key).status_code == 200 for _ in range(20)) and door.keys == {LATER: 20}

        vault.close()
        time.sleep(4)
        assert all(ask(gateway, key).status_code == 200 for _ in range(10)) and door.keys == {LATER: 30}
        told = checks(gateway)["secrets"]
        assert "\nheadgate_secrets_failing 1\n" in httpx2.get(f"{gateway.url}/metrics", timeout=20).text
        assert told.startswith(f"{REFERENCE} cannot be fetched: HashiCorp Vault: Could not connect to 127.0.0.1")
        time.sleep(2.5)
        assert 1 <= gateway.printed.count(f"the secret {REFERENCE} stays as it was") <= 3  # once for each process

        vault = VaultKv(port)
        vault.secrets = {"headgate": {"up": MAPPED}}
        until_used(gateway, door, MAPPED, key)
        until = time.monotonic() + 10
        while "secrets" in checks(gateway):
            assert time.monotonic() < until
            time.sleep(0.2)
        shown = admin(gateway, "config").json()
        assert shown["providers"]["up"]["api_key"] == REFERENCE
        said = "".join(admin(gateway, path).text for path in ("config", "config/origins", "providers", "doctor"))
        files = [file for file in gateway.home.rglob("*") if file.is_file()]
        said += "".join(file.read_bytes().decode("latin-1") for file in files)
        assert len(files) > 5 and all(one not in said for one in (OWN, LATER, MAPPED, "sk-canary", TOKEN))
        assert gateway.stop() == 0
    finally:
        gateway.kill()
        vault.close()


def test_a_worker_that_ends_while_the_vault_is_away_comes_back_with_it(door: Door, tmp_path: Path) -> None:
    vault = VaultKv()
    port = vault.port
    vault.secrets = {"headgate": {"up": OWN}}
    config = CONFIG.format(url=door.url).replace("refresh: 1", "refresh: 600")
    gateway = Gateway(tmp_path / "home", config=config, args=("--workers", "2"), **vault.environ)
    try:
        gateway.start()
        key, workers = gateway.first_key, workers_of(gateway)
        assert len(workers) == 2
        vault.close()
        os.kill(workers[0], signal.SIGKILL)
        until = time.monotonic() + 20
        while "ended (exit code 75); it is started again" not in gateway.printed:
            assert time.monotonic() < until, gateway.printed
            time.sleep(0.1)
        assert all(ask(gateway, key).status_code == 200 for _ in range(5))  # by the other
        vault = VaultKv(port)
        vault.secrets = {"headgate": {"up": LATER}}
        until_used(gateway, door, LATER, key, within=40)
        assert workers[1] in workers_of(gateway)
        assert gateway.process is not None
        os.kill(gateway.process.pid, signal.SIGHUP)  # the other has the old key for ten minutes more, but for this
        time.sleep(3)
        door.keys.clear()
        assert all(ask(gateway, key).status_code == 200 for _ in range(20)) and door.keys == {LATER: 20}
        vault.delay = 30  # one that says nothing does not keep the gateway from ending
        os.kill(gateway.process.pid, signal.SIGHUP)
        time.sleep(2)
        began = time.monotonic()
        assert gateway.stop() == 0 and time.monotonic() - began < 10
    finally:
        gateway.kill()
        vault.close()


def workers_of(gateway: Gateway) -> list[int]:
    assert gateway.process is not None
    pid = gateway.process.pid
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_settings_are_read_from_the_vault_by_every_process(door: Door, tmp_path: Path) -> None:
    vault = VaultKv()
    fixed = "hga_sk-canary-fixed-by-the-vault-0123456789abcdef"
    vault.secrets = {"headgate": {"up": OWN, "admin": fixed}}
    environ = {**vault.environ, "HEADGATE_ADMIN_KEY": "vault:secret/data/headgate#admin"}
    gateway = Gateway(tmp_path / "home", config=CONFIG.format(url=door.url), args=(), **environ)
    try:
        gateway.start()
        headers = {"authorization": f"Bearer {fixed}"}
        shown = httpx2.get(f"{gateway.url}/api/v1/config/origins", headers=headers, timeout=30)
        assert shown.status_code == 200 and "vault:secret/data/headgate#admin" in shown.text
        files = "".join(file.read_bytes().decode("latin-1") for file in gateway.home.rglob("*") if file.is_file())
        assert "sk-canary" not in shown.text + files
    finally:
        gateway.kill()
        vault.close()


def test_a_start_without_the_vault_says_which_secret_is_missing(tmp_path: Path) -> None:
    gone = VaultKv()
    gone.close()
    gateway = Gateway(tmp_path / "home", config=CONFIG.format(url="http://127.0.0.1:9"), args=(), **gone.environ)
    with pytest.raises(AssertionError, match="the gateway ended with 2"):
        gateway.start()
    place = f"{gateway.config}:6:14: providers.up.api_key: the secret {REFERENCE} cannot be fetched: HashiCorp Vault:"
    assert place in gateway.printed and TOKEN not in gateway.printed
