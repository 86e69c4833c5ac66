"""A gateway that tells of its calls elsewhere, as a user starts it; and one whose listeners never answer."""

import json
import select
import socket
import subprocess
from pathlib import Path

import httpx2

from tests.e2e.processes import HEADGATE, Gateway
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
    with Server() as server, stuck:
        config = CONFIG.format(url=server.url, log=log, hook=f"http://127.0.0.1:{stuck.getsockname()[1]}/x")
        gateway = Gateway(tmp_path / "home", config=config).start()
        tail = None
        try:
            headers = {"authorization": f"Bearer {gateway.first_key}", "traceparent": f"00-{TRACE}-{PARENT}-01"}
            body = {"model": "sandbox/chat", "messages": [{"role": "user", "content": "canary of a prompt"}]}
            tail = subprocess.Popen(
                [HEADGATE, "logs", "tail", "--url", gateway.url, "--key", gateway.admin_key, "--json"],
                stdout=subprocess.PIPE, env=gateway.env, start_new_session=True,
            )  # fmt: skip
            assert tail.stdout is not None
            sent = 0
            while not select.select([tail.stdout], [], [], 0.2)[0]:  # it looks on from some time on
                answer = httpx2.post(f"{gateway.url}/v1/chat/completions", headers=headers, json=body, timeout=20)
                assert answer.status_code == 200
                sent += 1
                assert sent < 200
            eventually(lambda: log.exists() and len(log.read_text().splitlines()) == sent)
            found = eventually(
                lambda: (all_ := [s for p in server.asked for s in spans(p.body)]) and len(all_) == 2 * sent and all_
            )
            assert tail.stdout is not None
            assert json.loads(tail.stdout.readline())["status"] == "success"
            told = f'headgate_outlet_sent_total{{outlet="otlp"}} {sent}'  # once the receiver's answer has come
            page = eventually(lambda: told in (text := httpx2.get(f"{gateway.url}/metrics", timeout=20).text) and text)
        finally:
            if tail is not None:
                tail.kill()
                tail.communicate()
            assert gateway.stop() == 0
    assert {one(span, 1).hex() for span, _ in found} == {TRACE}
    exchanges = [span for span, about in found if "headgate.route" in about or one(span, 6) == 2]
    assert {one(span, 4).hex() for span in exchanges} == {PARENT}
    used = [about for span, about in found if one(span, 6) == 3]
    assert all(about["gen_ai.usage.output_tokens"] > 0 for about in used)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert sum(line["usage"]["output"] for line in lines) == sum(about["gen_ai.usage.output_tokens"] for about in used)
    assert f'headgate_outlet_waiting{{outlet="webhook"}} {sent}' in page
    assert len((tmp_path / "home" / "outlets" / "webhook.jsonl").read_bytes().splitlines()) == sent
    outside = b"".join(asked.body for asked in server.asked) + log.read_bytes()
    assert b"canary of a prompt" not in outside
