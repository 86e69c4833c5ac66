"""A gateway that tells of its calls elsewhere, as a user starts it; and one whose listeners never answer."""

import json
import socket
from pathlib import Path

import httpx2

from tests.e2e.processes import Gateway
from tests.observe.sinks import Server, eventually
from tests.observe.test_otlp import one, spans

CONFIG = """
observe:
  otlp: {{endpoint: "{url}"}}
  log: {{to: "{log}"}}
  webhook: {{url: "{hook}", secret: s3cret-of-the-hook}}
"""
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_traces_lines_and_webhooks_and_one_that_is_stuck(tmp_path: Path) -> None:
    stuck = socket.create_server(("127.0.0.1", 0))  # takes connections and never says a word
    log = tmp_path / "calls.jsonl"
    with Server().running() as server, stuck:
        config = CONFIG.format(url=server.url, log=log, hook=f"http://127.0.0.1:{stuck.getsockname()[1]}/x")
        gateway = Gateway(tmp_path / "home", config=config).start()
        try:
            headers = {"authorization": f"Bearer {gateway.first_key}", "traceparent": f"00-{TRACE}-{PARENT}-01"}
            body = {"model": "sandbox/chat", "messages": [{"role": "user", "content": "canary of a prompt"}]}
            for _ in range(20):
                answer = httpx2.post(f"{gateway.url}/v1/chat/completions", headers=headers, json=body, timeout=20)
                assert answer.status_code == 200
            eventually(lambda: log.exists() and len(log.read_text().splitlines()) == 20)
            found = eventually(
                lambda: (all_ := [s for p in server.posts for s in spans(p[2])]) and len(all_) == 40 and all_
            )
            page = httpx2.get(f"{gateway.url}/metrics", timeout=20).text
        finally:
            assert gateway.stop() == 0
    assert {one(span, 1).hex() for span, _ in found} == {TRACE}
    exchanges = [span for span, about in found if "headgate.route" in about or one(span, 6) == 2]
    assert {one(span, 4).hex() for span in exchanges} == {PARENT}
    used = [about for span, about in found if one(span, 6) == 3]
    assert all(about["gen_ai.usage.output_tokens"] > 0 for about in used)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert sum(line["usage"]["output"] for line in lines) == sum(about["gen_ai.usage.output_tokens"] for about in used)
    assert 'headgate_outlet_sent_total{outlet="otlp"} 20' in page
    assert 'headgate_outlet_waiting{outlet="webhook"} 20' in page
    assert len((tmp_path / "home" / "outlets" / "webhook.jsonl").read_bytes().splitlines()) == 20
    told = b"".join(body for _, _, body in server.posts) + log.read_bytes()
    assert b"canary of a prompt" not in told
