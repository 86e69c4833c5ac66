"""Names that a database cannot hold, or that are too long for its indexes, spoil nothing for anybody else."""

import base64
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.processes import Gateway

pytestmark = pytest.mark.xdist_group("odd-names")
JSON = {"content-type": "application/json"}


@pytest.fixture
def gateway(tmp_path: Path, migrated: str) -> Iterator[Gateway]:
    secret = base64.b64encode(os.urandom(32)).decode()
    made = Gateway(tmp_path, HEADGATE_DATABASE_URL=migrated, HEADGATE_SECRET_KEY=secret)
    try:
        yield made.start()
    finally:
        made.kill()


def test_an_odd_end_user_spoils_nothing_for_others(gateway: Gateway) -> None:
    until = time.monotonic() + 10
    while "curl " not in gateway.printed and time.monotonic() < until:
        time.sleep(0.02)
    http = httpx2.Client(base_url=gateway.url, timeout=20)
    caller, admin = ({"authorization": f"Bearer {key}"} for key in (gateway.first_key, gateway.admin_key))

    def manage(method: str, path: str, **sent: Any) -> Any:
        answer = http.request(method, f"/api/v1{path}", headers=admin, **sent)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    manage("PATCH", "/tenants/default", json={"logging": {"payload": "redacted"}})
    manage("POST", "/budgets", json={"name": "each", "each": "end_user", "tokens": 100_000, "window": "day"})
    time.sleep(1.2)  # it counts everywhere within a second
    long = "".join(map(chr, random.Random(1).sample(range(0x4E00, 0x9000), 7000)))

    def call(user: str, status: int = 200) -> str:
        content = b'{"model":"sandbox/chat","max_tokens":5,"messages":[{"role":"user","content":"hi"}],"user":"%b"}'
        answer = http.post("/v1/chat/completions", content=content % user.encode(), headers=caller | JSON)
        assert answer.status_code == status, answer.text
        return str(answer.headers["x-request-id"])

    for odd in ("\\u0000", "\\ud800", long):
        for _ in range(4):
            call(odd)
    for alike in ("x" * 300 + "1", "x" * 300 + "2"):
        call(alike)
    good = call("ann")
    assert http.get("/health/ready").status_code == 200
    seen, until = 0, time.monotonic() + 15
    while seen != 200 and time.monotonic() < until:
        seen = http.get(f"/api/v1/logs/{good}/payload", headers=admin).status_code
        time.sleep(0.1)
    assert seen == 200, "what was said is kept all the same"
    assert sum(record["end_user"] == "\ufffd" for record in manage("GET", "/logs")["data"]) == 8
    assert len(manage("GET", "/logs?end_user=%00")["data"]) == 8, "and is found by what it was"
    for path in ("/keys?search=a%00b", "/users?email=%00", "/logs?tags=%00&contains=a%00b"):
        assert manage("GET", path)["data"] == []
    assert http.get("/api/v1/keys?tenant_id=%00", headers=admin).status_code == 404
    budget = manage("GET", "/budgets")["data"][0]["id"]
    each = [one["id"] for one in manage("GET", f"/budgets/{budget}/usage")["each"]]
    assert len(each) == 5 and all(len(name) <= 256 for name in each), "those who begin alike are two"
    assert "can never be done" not in gateway.printed
