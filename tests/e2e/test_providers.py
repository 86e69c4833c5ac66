"""Providers that are made while the gateway runs: every worker calls them within a second, and after a start."""

import base64
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.answering import Answer, Answering, Asked
from tests.e2e.processes import Gateway
from tests.e2e.scripted import CHAT

pytestmark = pytest.mark.xdist_group("e2e-routes")

SOON = 10.0
"""Seconds, for a machine that does other things too; a second is what it takes."""
KEY = "sk-canary-of-the-account-0001"


Ups = tuple[Answering, Answering]


def up(name: str) -> Answering:
    """Start a server that speaks OpenAI's format and says who it is."""

    def answer(asked: Asked) -> Answer:
        if asked.json["messages"][-1]["content"] == "slowly":
            time.sleep(3)
        return 200, {**CHAT, "model": name}

    return Answering(answer)


@pytest.fixture
def ups() -> Iterator[Ups]:
    with up("one") as one, up("two") as two:
        yield one, two


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    one = Gateway(tmp_path / "home", HEADGATE_WORKERS="2", HEADGATE_ACCEPT_GRACE="0.1").start()
    until = time.monotonic() + SOON
    while "curl " not in one.printed and time.monotonic() < until:
        time.sleep(0.02)
    yield one
    one.kill()


def called(gateway: Gateway, model: str, key: str = "", content: str = "hi") -> str:
    """Who answers, else the error's code. Each call has a connection, and so any worker."""
    body = {"model": model, "messages": [{"role": "user", "content": content}]}
    headers = {"authorization": f"Bearer {key or gateway.first_key}"}
    answer = httpx2.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers, timeout=15).json()
    return str(answer["error"]["code"] if "error" in answer else answer["model"])


def always(what: Callable[[], str], wanted: str) -> None:
    """Wait until *what* is as wanted, and see that every worker agrees."""
    until = time.monotonic() + SOON
    while {what() for _ in range(6)} != {wanted}:
        assert time.monotonic() < until, what()


def healthy(gateway: Gateway, headers: dict[str, str]) -> set[str]:
    rows = httpx2.get(f"{gateway.url}/api/v1/providers/health", headers=headers, timeout=20).json()["data"]
    return {row["name"] for row in rows}


def test_a_provider_is_called_changed_and_gone_without_a_restart(gateway: Gateway, ups: Ups) -> None:
    one, two = ups
    admin = {"authorization": f"Bearer {gateway.admin_key}"}
    config = {"kind": "openai-compatible", "base_url": f"{one.url}/v1", "price": {"input": 1, "output": 2}}
    with httpx2.Client(base_url=f"{gateway.url}/api/v1/config", headers=admin, timeout=20) as api:
        assert called(gateway, "up/any/model") == "model_not_found"
        refused = api.post("/providers", json={"name": "up", "config": {**config, "api_key": KEY}})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "config.api_key")
        made = api.post("/providers", json={"name": "up", "config": config})
        assert made.status_code == 201, made.text
        always(lambda: called(gateway, "up/any/model"), "one")
        assert api.post("/providers/up/keys", json={"key": KEY}).status_code == 201
        until = time.monotonic() + SOON
        while one.asked[-1].bearer != KEY:
            assert time.monotonic() < until, "the key that was given to it is used"
            called(gateway, "up/any/model")
        while "up/any/model" not in healthy(gateway, admin):  # every worker tells of its own once a second
            assert time.monotonic() < until + SOON
        changed = api.put(
            "/providers/up",
            json={"config": {**config, "base_url": f"{two.url}/v1"}},
            headers={"if-match": made.headers["etag"]},
        )
        assert changed.status_code == 200, changed.text
        always(lambda: called(gateway, "up/any/model"), "two")
        assert two.asked[-1].bearer == KEY
        assert api.post("/providers/up/rollback", json={"version": 1}).status_code == 200
        always(lambda: called(gateway, "up/any/model"), "one")
    gateway.stop()
    gateway.start()
    assert called(gateway, "up/any/model") == "one"
    always(lambda: str('provider="up"' in httpx2.get(f"{gateway.url}/metrics", timeout=20).text), "True")
    with httpx2.Client(base_url=f"{gateway.url}/api/v1/config", headers=admin, timeout=20) as api:
        answers: list[str] = []
        slow = threading.Thread(target=lambda: answers.append(called(gateway, "up/m", content="slowly")))
        slow.start()
        time.sleep(0.5)
        assert api.delete("/providers/up").status_code == 200
        always(lambda: called(gateway, "up/any/model"), "model_not_found")
        slow.join()
        assert answers == ["one"], "what was under way ends well"
        assert api.get("/providers/up").status_code == 404
        listed = httpx2.get(f"{gateway.url}/api/v1/config/providers", headers=admin, timeout=20).text
        assert KEY not in listed + gateway.printed


def test_a_tenants_own_is_called_by_it_alone_and_reaches_nothing_private(gateway: Gateway, ups: Ups) -> None:
    admin = {"authorization": f"Bearer {gateway.admin_key}"}
    with httpx2.Client(base_url=f"{gateway.url}/api/v1", headers=admin, timeout=20) as api:
        for tenant in ("acme", "beta"):
            assert api.post("/tenants", json={"id": tenant, "name": tenant}).status_code == 201
        keys = {one: api.post(f"/keys?tenant_id={one}", json={"name": "k"}).json()["key"] for one in ("acme", "beta")}
        chief = api.post("/keys?tenant_id=acme", json={"name": "chief", "kind": "admin"}).json()
    own = {"authorization": f"Bearer {chief['key']}"}
    with httpx2.Client(base_url=f"{gateway.url}/api/v1/config", headers=own, timeout=20) as api:
        private = {"kind": "openai-compatible", "base_url": f"{ups[0].url}/v1"}
        refused = api.post("/providers", json={"name": "inner", "config": private})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "config.base_url"), refused.text
        made = api.post("/providers", json={"name": "toy", "config": {"kind": "sandbox"}})
        assert (made.status_code, made.json()["shared"]) == (201, False), made.text
    always(lambda: called(gateway, "toy/chat", keys["acme"]), "chat")
    assert called(gateway, "toy/chat", keys["beta"]) == "model_not_found"
    assert called(gateway, "toy/chat") == "model_not_found"

    def models(key: str) -> str:
        return httpx2.get(f"{gateway.url}/v1/models", headers={"authorization": f"Bearer {key}"}, timeout=20).text

    assert "toy/" in models(keys["acme"]) and "toy/" not in models(keys["beta"]) + models(gateway.first_key)
    assert ups[0].asked == []


def test_gateways_on_one_database_go_by_it_alike(tmp_path: Path, migrated: str, ups: Ups) -> None:
    env: dict[str, Any] = {
        "HEADGATE_DATABASE_URL": migrated,
        "HEADGATE_SECRET_KEY": base64.b64encode(os.urandom(32)).decode(),
    }
    here, there = Gateway(tmp_path / "here", **env), Gateway(tmp_path / "there", **env)
    try:
        key = here.start().first_key
        there.start()
        admin = {"authorization": f"Bearer {here.admin_key}"}
        config = {"kind": "openai-compatible", "base_url": f"{ups[0].url}/v1"}

        def ask(gateway: Gateway, method: str, path: str, **more: object) -> None:
            url = f"{gateway.url}/api/v1/config/providers{path}"
            httpx2.request(method, url, headers=admin, timeout=20, **more).raise_for_status()  # type: ignore[arg-type]

        ask(here, "POST", "", json={"name": "up", "config": config})
        always(lambda: called(there, "up/m", key), "one")
        ask(there, "PUT", "/up", json={"config": {**config, "base_url": f"{ups[1].url}/v1"}})
        always(lambda: called(here, "up/m", key), "two")
        ask(there, "DELETE", "/up")
        always(lambda: called(here, "up/m", key), "model_not_found")
    finally:
        here.kill()
        there.kill()
