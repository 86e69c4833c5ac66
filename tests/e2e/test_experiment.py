"""A comparison as its owner sees it: calls are dealt out, copied, and set beside each other."""

import time
from pathlib import Path

import httpx2

from tests.e2e.processes import Gateway

CONFIG = """
routes:
  ab:
    targets: [sandbox/chat, sandbox/code]
    strategy: [{kind: weighted, sticky: user}]
    experiment: {measure: latency, since: "2020-01-31"}
    shadow: {target: sandbox/other, share: 1}
  plain: {targets: [sandbox/chat]}
"""
CALLS = 50


def test_it_is_told_how_a_comparison_stands(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path / "home", config=CONFIG).start()
    try:
        for number in range(CALLS):
            answer = httpx2.post(
                f"{gateway.url}/v1/chat/completions",
                headers={"authorization": f"Bearer {gateway.first_key}", "x-headgate-user": f"u{number % 20}"},
                json={"model": "ab", "messages": [{"role": "user", "content": "hi"}]},
            )
            assert answer.status_code == 200
        until = time.monotonic() + 10
        while True:
            told = gateway.cli("route", "experiment", "ab")
            if told["calls"] >= 2 * CALLS or time.monotonic() > until:
                break
            time.sleep(0.2)
        assert told["calls"] == 2 * CALLS and told["complete"]
        assert [arm["target"] for arm in told["targets"]] == ["sandbox/chat", "sandbox/code"]
        assert sum(arm["calls"] for arm in told["targets"]) == CALLS
        [copies] = told["copies"]
        assert (copies["target"], copies["calls"], copies["failed"]) == ("sandbox/other", CALLS, 0)
        assert copies["tokens"] > 0 and copies["tokens_copy"] > 0
        assert gateway.cli("route", "experiment", "plain")["measure"] is None
        refused = gateway.cli("route", "experiment", "nothing", check=False)
        assert refused is None or "error" in refused
    finally:
        assert gateway.stop() == 0
