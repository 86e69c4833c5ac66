"""Gateways that each do a part of the work, on one PostgreSQL."""

import base64
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.processes import HEADGATE, Gateway, clean_environment

pytestmark = pytest.mark.xdist_group("e2e-roles")
BODY: dict[str, Any] = {"model": "sandbox/chat", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def planes(tmp_path: Path, migrated: str) -> Iterator[dict[str, Gateway]]:
    secret = base64.b64encode(os.urandom(32)).decode()
    env = {"HEADGATE_DATABASE_URL": migrated, "HEADGATE_SECRET_KEY": secret, "HEADGATE_ACCEPT_GRACE": "0"}
    roles = ("control", "data", "worker")
    made = {role: Gateway(tmp_path / role, args=("--role", role), **env) for role in roles}
    try:
        for gateway in made.values():
            gateway.start(60)
        yield made
    finally:
        for gateway in made.values():
            gateway.kill()


def test_each_serves_its_plane_and_names_who_serves_the_other(planes: dict[str, Gateway]) -> None:
    first, data = planes["control"], planes["data"]
    until = time.monotonic() + 10
    while "curl " not in first.printed and time.monotonic() < until:
        time.sleep(0.02)
    caller, admin = ({"authorization": f"Bearer {key}"} for key in (first.first_key, first.admin_key))
    answer = httpx2.post(f"{data.url}/v1/chat/completions", json=BODY, headers=caller, timeout=20)
    assert answer.status_code == 200, answer.text
    assert httpx2.get(f"{data.url}/metrics", timeout=20).status_code == 200

    seen, until = 0, time.monotonic() + 10
    while seen != 200 and time.monotonic() < until:  # what the one has answered the other tells of
        at = f"{first.url}/api/v1/traces/{answer.headers['x-request-id']}"
        seen = httpx2.get(at, headers=admin, timeout=20).status_code
    assert seen == 200

    for role, method, path, other in (
        ("data", "GET", "/api/v1/logs", "control"),
        ("data", "GET", "/", "control"),
        ("control", "POST", "/v1/chat/completions", "data"),
        ("control", "GET", "/v1/models", "data"),
        ("worker", "POST", "/v1/messages", "data"),
        ("worker", "GET", "/api/v1/logs", "control"),
    ):
        refused = httpx2.request(method, planes[role].url + path, headers=admin, timeout=20)
        assert refused.status_code == 404, (role, path)
        assert f"--role {other}" in refused.json()["error"]["message"]
    for gateway in planes.values():
        assert httpx2.get(f"{gateway.url}/health/ready", timeout=20).status_code == 200
        assert gateway.stop() == 0


def test_a_part_takes_a_database_that_others_can_reach(tmp_path: Path) -> None:
    env = clean_environment(HEADGATE_HOME=str(tmp_path), HEADGATE_ROLE="data")
    done = subprocess.run([HEADGATE, "serve"], env=env, capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
    assert b"HEADGATE_DATABASE_URL" in done.stderr
