"""A gateway with a cache, as a user starts it: two workers, one file; what it saved, and clearing it everywhere."""

import time
from pathlib import Path
from typing import Any

import httpx2
import openai

from tests.e2e.processes import Gateway

CONFIG = """
providers:
  local: {kind: sandbox, price: {input: 1, output: 2}}
caches:
  answers: {store: sqlite}
  quick: {}
routes:
  fast: {targets: [local/mock], cache: answers}
  soon: {targets: [local/mock], cache: quick}
"""


def asked(client: openai.OpenAI, text: str, model: str = "fast", **more: object) -> str:
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": text}], **more  # type: ignore[call-overload]
    )  # fmt: skip
    raw.parse()
    verdict: str = raw.headers["x-headgate-cache"]
    return verdict


def told(api: httpx2.Client) -> dict[str, dict[str, Any]]:
    """What each cache holds and did."""
    answer = api.get("/caches/stats")
    assert answer.status_code == 200, answer.text
    return {row["cache"]: row for row in answer.json()["data"]}


def test_a_cache_for_all_workers(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path / "home", config=CONFIG, args=("--workers", "2")).start()
    try:
        until = time.monotonic() + 10
        while "hg_" not in gateway.printed and time.monotonic() < until:
            time.sleep(0.05)
        key, admin = gateway.first_key, {"authorization": f"Bearer {gateway.admin_key}"}
        api = httpx2.Client(base_url=f"{gateway.url}/api/v1", headers=admin, timeout=20)
        clients = [openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key) for _ in range(8)]
        assert asked(clients[0], "one") == "miss"
        time.sleep(0.2)
        assert {asked(client, "one") for client in clients} == {"hit"}, "whichever worker is asked"
        chunks = list(
            clients[1].chat.completions.create(model="fast", messages=[{"role": "user", "content": "one"}], stream=True)
        )
        assert chunks[-1].choices[0].finish_reason == "stop"
        assert asked(clients[2], "one", extra_headers={"x-headgate-cache": "no-cache"}) == "miss"
        for client in clients:
            asked(client, "two", "soon")

        until = time.monotonic() + 10
        while True:
            rows = told(api)
            done = rows["answers"]["hits"] == 9 and rows["quick"]["hits"] + rows["quick"]["misses"] == 8
            if (done and rows["quick"]["entries"] >= 1) or time.monotonic() > until:
                break
            time.sleep(0.1)
        assert (rows["answers"]["hits"], rows["answers"]["misses"], rows["answers"]["entries"]) == (9, 2, 1), rows
        assert float(rows["answers"]["saved_usd"]) > 0 and rows["quick"]["entries"] >= 1
        page = httpx2.get(f"{gateway.url}/metrics", timeout=20).text
        assert 'headgate_cache_total{verdict="hit",kind="exact"}' in page

        [shown] = [row for row in gateway.cli("cache", "stats") if row["cache"] == "answers"]
        assert shown == rows["answers"]
        assert gateway.cli("cache", "clear") == {"removed": None}, "some are in the memory of workers"
        time.sleep(1)
        assert asked(clients[3], "one") == "miss"
        fresh = [openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key) for _ in range(2)]
        assert asked(fresh[0], "two", "soon") == "miss"
        off = api.put("/caches/answers", json={"config": {"enabled": False}, "shared": False})
        assert off.status_code == 200, off.text
        until = time.monotonic() + 15
        while {asked(client, "one") for client in clients} != {"bypass"}:
            assert time.monotonic() < until, "a worker still answers from it"
            time.sleep(0.1)
        api.close()
    finally:
        assert gateway.stop() == 0
