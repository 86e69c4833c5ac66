"""The page on tenants and keys, followed to the letter on a running gateway."""

import os
import subprocess
import time
from pathlib import Path

import httpx2
import pytest

from tests.e2e.processes import HEADGATE, ROOT, Gateway
from tests.e2e.test_how_to import blocks

pytestmark = pytest.mark.xdist_group("e2e-how-to")
PAGE = ROOT / "docs" / "how-to" / "tenants-and-keys.md"


def test_every_command_of_the_page(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path / "home").start(40)
    jq = tmp_path / "jq"  # the one use that the page makes of it
    jq.write_text("#!/usr/bin/env python3\nimport json, sys\nprint(json.load(sys.stdin)[sys.argv[2][1:]])\n")
    jq.chmod(0o755)
    try:
        script = "\n".join(blocks(PAGE.read_text(), "sh")).replace("127.0.0.1:8080", f"127.0.0.1:{gateway.port}")
        script = script.replace("curl -s", "sleep 1.2; curl -s").replace(
            "headgate teams on", "sleep 1.2; $CALL; headgate teams on"
        )
        call = f"""curl -s -o {tmp_path}/off -w '%{{http_code}}' http://127.0.0.1:{gateway.port}/v1/models -H x-api-key:$KEY"""
        script = script.replace("$CALL", call)
        env = {**gateway.env, "PATH": f"{tmp_path}:{HEADGATE.parent}:{os.environ['PATH']}"}
        done = subprocess.run(["bash", "-ec", script], env=env, capture_output=True, text=True, timeout=110)
        assert done.returncode == 0, done.stderr + done.stdout
        assert '"chat.completion"' in done.stdout
        assert "401" in done.stdout
        assert "invalid_api_key" in (tmp_path / "off").read_text()
    finally:
        gateway.kill()


def test_what_is_switched_off_is_refused_by_every_worker_and_comes_back(tmp_path: Path) -> None:
    gateway = Gateway(
        tmp_path / "home", args=("--workers", "2"), HEADGATE_ADMIN_KEY="hga_the-key-of-the-house-1"
    ).start(40)
    admin = {"authorization": "Bearer hga_the-key-of-the-house-1"}
    api = f"{gateway.url}/api/v1"

    def post(path: str, **body: object) -> dict[str, str]:
        answer = httpx2.post(f"{api}{path}", json=body, headers=admin, timeout=30)
        assert answer.status_code == 201, answer.text
        made: dict[str, str] = answer.json()
        return made

    def settles(key: str, status: int) -> None:
        until, straight = time.monotonic() + 10, 0
        while straight < 20:  # each on a connection of its own, so that both workers are asked
            got = httpx2.get(f"{gateway.url}/v1/models", headers={"x-api-key": key}, timeout=10).status_code
            straight = straight + 1 if got == status else 0
            assert time.monotonic() < until, f"{got}, not {status}"

    try:
        team = post("/teams", name="search")
        user = post("/users", email="ann@example.com")
        app = post("/apps", name="shop", team_id=team["id"])
        key = post("/keys", name="k", app_id=app["id"], user_id=user["id"])["key"]
        settles(key, 200)
        for path in (f"/teams/{team['id']}", f"/apps/{app['id']}", f"/users/{user['id']}"):
            httpx2.patch(f"{api}{path}", json={"is_active": False}, headers=admin, timeout=30).raise_for_status()
            settles(key, 401)
            httpx2.patch(f"{api}{path}", json={"is_active": True}, headers=admin, timeout=30).raise_for_status()
            settles(key, 200)
        httpx2.delete(f"{api}/users/{user['id']}", headers=admin, timeout=30).raise_for_status()
        settles(key, 401)
    finally:
        gateway.kill()
