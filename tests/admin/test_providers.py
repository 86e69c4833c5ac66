"""Providers and their keys through the management API."""

from typing import Any

import msgspec
import pytest

from headgate.access.keyring import Keyring
from headgate.access.vault import opened
from headgate.config.effective import Effective
from headgate.config.types import Config
from headgate.providers.discovery import Found, Learned
from headgate.storage.provider_keys import stored
from tests.admin.built import application
from tests.admin.conftest import DERIVED
from tests.admin.live import TestLive

KEYS = "/api/v1/config/providers/mine/keys"
SECRET = "sk-ant-canary-0123456789-abcdef"


async def test_a_key_is_sealed_listed_without_itself_and_removed(api, tmp_path):
    made = await api.ask("POST", KEYS, json={"key": SECRET, "name": "first"})
    assert made.status_code == 201
    shown = made.json()
    assert (shown["provider"], shown["name"], shown["prefix"], shown["last4"]) == ("mine", "first", "sk-a", "cdef")
    assert SECRET not in made.text
    [row] = stored(tmp_path / "headgate.db", "default")
    assert SECRET.encode() not in row.sealed
    assert opened(row, Keyring(DERIVED).envelope).reveal() == SECRET
    listed = await api.ask("GET", KEYS)
    assert listed.json()["data"] == [shown] and SECRET not in listed.text
    gone = await api.ask("DELETE", f"{KEYS}/{shown['id']}")
    assert gone.status_code == 200 and gone.json() == shown
    assert stored(tmp_path / "headgate.db", "default") == []
    assert (await api.ask("DELETE", f"{KEYS}/{shown['id']}")).status_code == 404


async def test_another_tenant_sees_none_of_it(api):
    made = (await api.ask("POST", KEYS, json={"key": SECRET})).json()
    assert (await api.ask("GET", KEYS, "other")).json()["data"] == []
    assert (await api.ask("DELETE", f"{KEYS}/{made['id']}", "other")).status_code == 404
    refused = await api.ask("POST", KEYS, "other", json={"key": SECRET})
    assert refused.status_code == 403 and "virtual key" in refused.json()["error"]["message"]


async def test_who_gave_and_took_a_key_is_in_the_audit_log(api):
    made = (await api.ask("POST", KEYS, json={"key": SECRET, "name": "first"})).json()
    await api.ask("DELETE", f"{KEYS}/{made['id']}")
    answer = await api.ask("GET", "/api/v1/audit", params={"object_id": made["id"]})
    told = {"provider": "mine", "name": "first", "key_prefix": "sk-a", "last4": "cdef"}
    entries = [(one["action"], one["actor_id"], one["before"], one["after"]) for one in answer.json()["data"]]
    assert entries == [
        ("provider_keys:delete", "admin-1", told, None), ("provider_keys:create", "admin-1", None, told),
    ]  # fmt: skip
    assert SECRET not in answer.text


async def test_who_may_not(api):
    assert (await api.ask("GET", KEYS, "key")).status_code == 403
    assert (await api.ask("POST", KEYS, "key", json={"key": SECRET})).status_code == 403
    assert (await api.ask("DELETE", f"{KEYS}/x", "key")).status_code == 403


@pytest.mark.parametrize("key", ["", "two\nlines", "  blank ", "ümlaut", 5, None, "x" * 20_000])
async def test_a_key_that_could_not_be_sent_is_refused_without_repeating_it(api, key):
    answer = await api.ask("POST", KEYS, json={"key": key})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "key"
    if isinstance(key, str) and key.strip():
        assert key not in answer.text


async def test_a_provider_that_does_not_exist(api):
    answer = await api.ask("POST", "/api/v1/config/providers/nobody/keys", json={"key": SECRET})
    assert answer.status_code == 404 and "mine" in answer.json()["error"]["message"]
    assert SECRET not in answer.text
    listed = (await api.ask("GET", "/api/v1/config/providers")).json()
    assert [row["name"] for row in listed["data"]] == ["dear", "fair", "mine", "sandbox"]
    assert (listed["data"][2]["kind"], listed["data"][2]["managed_by"]) == ("anthropic", "found")
    assert listed["keyed"] == ["dear", "fair", "mine"]


async def test_there_is_a_bound(api, monkeypatch):
    monkeypatch.setattr("headgate.admin.providers.MAX_KEYS", 1)
    assert (await api.ask("POST", KEYS, json={"key": SECRET})).status_code == 201
    assert (await api.ask("POST", KEYS, json={"key": SECRET})).status_code == 400


async def test_a_look_tells_whether_the_keys_are_taken(api, monkeypatch):
    kept: dict[str, Any] = {}
    found = Found(at=1, latency_ms=2.5, models={"m": Learned()})

    async def look(provider):
        return found

    monkeypatch.setattr("headgate.admin.providers.look", look)
    application(
        msgspec.structs.replace(api.parts, looked=kept.__setitem__, provider_names=lambda tenant: {"dear", "mine"})
    )
    answer = await api.ask("POST", "/api/v1/config/providers/dear/look")
    assert answer.json() == {"ok": True, "error": None, "latency_ms": 2.5, "models": 1}
    assert kept == {"dear": found}
    without_key = await api.ask("POST", "/api/v1/config/providers/mine/look")
    assert without_key.status_code == 400 and without_key.json()["error"]["param"] == "provider"
    assert (await api.ask("POST", "/api/v1/config/providers/nobody/look")).status_code == 404
    assert (await api.ask("POST", "/api/v1/config/providers/dear/look", "key")).status_code == 403


async def test_a_key_can_be_given_before_a_provider_that_was_made_is_in_force_here(api, monkeypatch):
    made = {"name": "up", "config": {"kind": "openai-compatible", "base_url": "https://up.example.com/v1"}}
    assert (await api.ask("POST", "/api/v1/config/providers", json=made)).status_code == 201
    monkeypatch.setattr(TestLive, "effective", Effective(config=Config()))
    assert (await api.ask("POST", KEYS.replace("mine", "up"), json={"key": SECRET})).status_code == 201
    assert (await api.ask("POST", KEYS.replace("mine", "down"), json={"key": SECRET})).status_code == 404
