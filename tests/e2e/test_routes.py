"""Routes that are made while the gateway runs: every worker goes by them within a second, and after a start."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.e2e.processes import Gateway

pytestmark = pytest.mark.xdist_group("e2e-routes")

CONFIG = "routes:\n  plain: {targets: [sandbox/chat]}\n"
SOON = 6.0
"""Seconds, for a machine that does other things too; a second is what it takes."""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    one = Gateway(tmp_path / "home", config=CONFIG, HEADGATE_WORKERS="2", HEADGATE_ACCEPT_GRACE="0.1")
    one.start()
    until = time.monotonic() + SOON
    while "curl " not in one.printed and time.monotonic() < until:
        time.sleep(0.02)
    yield one
    one.kill()


def used(gateway: Gateway, route: str) -> str:
    """The model that answers *route*, else the error's code. Each call has a connection, and so any worker."""
    body = {"model": route, "messages": [{"role": "user", "content": "hi"}]}
    headers = {"authorization": f"Bearer {gateway.first_key}"}
    answer = httpx2.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers, timeout=10)
    code = answer.json().get("error", {}).get("code", "")
    return answer.headers.get("x-headgate-model", code)


def always(what: Callable[[], str], wanted: str) -> None:
    """Wait until *what* is as wanted, and see that every worker agrees."""
    until = time.monotonic() + SOON
    while {what() for _ in range(6)} != {wanted}:
        assert time.monotonic() < until, what()


def test_a_route_that_is_made_is_used_by_every_worker_and_after_a_start(gateway: Gateway) -> None:
    admin = {"authorization": f"Bearer {gateway.admin_key}"}
    with httpx2.Client(base_url=f"{gateway.url}/api/v1/routes", headers=admin, timeout=20) as api:
        assert used(gateway, "fast") == "model_not_found"
        made = api.put("/fast", json={"config": {"targets": ["sandbox/chat"]}, "shared": True})
        assert made.status_code == 200, made.text
        always(lambda: used(gateway, "fast"), "sandbox/chat")
        changed = api.put(
            "/fast", json={"config": {"targets": ["sandbox/code"]}}, headers={"if-match": made.headers["etag"]}
        )
        assert changed.status_code == 200
        always(lambda: used(gateway, "fast"), "sandbox/code")
        assert api.put("/plain", json={"config": {"targets": ["sandbox/code"]}}).status_code == 409
        refused = api.put("/fast", json={"config": {"targets": ["nowhere/m"]}})
        assert refused.json()["error"]["param"] == "config.targets[0]"
        # The file takes the name too: it is refused, and what was in force stays in force.
        gateway.config.write_text(CONFIG + "  fast: {targets: [sandbox/chat]}\n")
        until = time.monotonic() + SOON
        while "is in this file and in the database" not in gateway.printed:
            assert time.monotonic() < until
            time.sleep(0.05)
        assert used(gateway, "fast") == "sandbox/code"
        gateway.config.write_text(CONFIG)
        assert api.post("/fast/rollback", json={"version": 1}).status_code == 200
        always(lambda: used(gateway, "fast"), "sandbox/chat")
    gateway.stop()
    gateway.start()
    assert used(gateway, "fast") == "sandbox/chat"
    with httpx2.Client(base_url=f"{gateway.url}/api/v1/routes", headers=admin, timeout=20) as api:
        assert api.delete("/fast").status_code == 200
        always(lambda: used(gateway, "fast"), "model_not_found")
