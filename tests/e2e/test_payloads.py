"""What was said, kept as each policy has it, by a gateway as a user starts it."""

import json
import time
from pathlib import Path
from typing import Any

import httpx2

from tests.e2e.processes import Gateway

SECRET = "sk-proj-Q7vX2mKp9LwZ4tRb8NcY1sHd6FgJ3aEu"
MAIL = "ada.lovelace@example.com"
CONFIG = """
guardrails:
  veil: {kind: pii, action: mask, reversible: true, on: [input, output]}
routes:
  veiled: {targets: [sandbox/chat], guardrails: [veil]}
"""
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]


class Home:
    """A gateway, and who asks it."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.http = httpx2.Client(base_url=gateway.url, timeout=30)
        self.admin = {"authorization": f"Bearer {gateway.admin_key}"}
        self.caller = {"authorization": f"Bearer {gateway.first_key}"}

    def policy(self, level: str, **more: Any) -> None:
        logging = {"payload": level, **more}
        done = self.http.patch("/api/v1/tenants/default", json={"logging": logging}, headers=self.admin)
        assert done.status_code == 200, done.text
        time.sleep(1.0)  # until it is obeyed everywhere

    def call(self, text: str, model: str = "sandbox/chat", *, user: str = "ada", **more: Any) -> str:
        body = {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 60, "user": user, **more}
        answer = self.http.post("/v1/chat/completions", json=body, headers=self.caller)
        assert answer.status_code == 200, answer.text
        return answer.headers["x-request-id"]

    def payload(self, id: str, *, status: int = 200, within: float = 10.0) -> Any:
        self.gateway.trace(id)
        until = time.monotonic() + within
        while True:
            answer = self.http.get(f"/api/v1/logs/{id}/payload", headers=self.admin)
            if answer.status_code == status or time.monotonic() > until:
                assert answer.status_code == status, answer.text
                return answer.json()
            time.sleep(0.1)


def test_each_level_keeps_what_it_says(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path / "home", config=CONFIG).start()
    try:
        home = Home(gateway)
        plain = home.call(f"I am {MAIL}")
        assert home.payload(plain, status=404)["error"]["code"] == "payload_not_kept"

        home.policy("redacted", audit_reads=True)
        text = f"My key is {SECRET} and I am {MAIL}"
        kept = home.payload(home.call(text))
        assert kept["level"] == "redacted"
        assert kept["request"]["text"] == "My key is <OPENAI> and I am <EMAIL>"
        assert kept["request"]["document"]["model"] == "sandbox/chat"
        assert kept["request"]["found"] == {"openai": 1, "email": 1}
        assert kept["answer"]["document"]["choices"][0]["message"]["content"] == kept["answer"]["text"] != ""
        streamed = home.payload(home.call(text, stream=True))
        assert streamed["answer"]["document"]["object"] == "chat.completion"
        assert streamed["answer"]["text"] == kept["answer"]["text"]
        called = home.payload(home.call("use the tool", tools=TOOLS, tool_choice="required", stream=True))
        assert [one["name"] for one in called["answer"]["tool_calls"]] == ["look"]
        assert MAIL not in json.dumps([kept, streamed])

        home.policy("full", max_bytes=2048)
        full_id = home.call(text)
        full = home.payload(full_id)
        assert full["request"]["text"] == text
        marks = {one["kind"]: text[one["start"] : one["end"]] for one in full["request"]["marks"]}
        assert marks == {"openai": SECRET, "email": MAIL}
        cut = home.payload(home.call("long " * 1000))
        assert cut["request"]["cut"] and len(cut["request"]["raw"]) == 2048 and cut["request"]["size"] > 5000
        for stream in (False, True):
            masked = home.payload(home.call(f"Repeat: {MAIL}", "veiled", stream=stream))
            assert "<EMAIL_" in masked["request"]["text"] and MAIL not in json.dumps(masked)

        lines, folder = tmp_path / "calls.jsonl", tmp_path / "parquet"
        gateway.cli("export", "--payloads", "--output", str(lines))
        told = [json.loads(line) for line in lines.read_text().splitlines()]
        assert {one["id"]: one["payload_level"] for one in told}.items() >= {plain: None, full_id: "full"}.items()
        assert next(one for one in told if one["id"] == full_id)["request_text"] == text
        away = ("--url", gateway.url, "--key", gateway.admin_key)
        done = gateway.cli("export", "--format", "parquet", "--output", str(folder), *away)
        assert [path.name for path in folder.iterdir()] == ["calls-0001.parquet"] and done["rows"] == len(told)
        assert gateway.cli("logs", "payload", full_id, *away)["request"]["text"] == text

        home.policy("none")
        bare = home.call(f"I am {MAIL}", temperature=0.5)
        asked = gateway.trace(bare)["call"]
        assert asked["parameters"] is None and asked["address"] is None
        assert home.payload(bare, status=404)

        gone = home.http.delete("/api/v1/payloads?end_user=ada", headers=home.admin).json()
        assert gone["calls"] == 7
        assert home.payload(full_id, status=404)["error"]["code"] == "payload_not_kept"
        log = home.http.get("/api/v1/audit?object_kind=payload", headers=home.admin).json()["data"]
        assert {(one["action"], one["object_id"]) for one in log} >= {("payloads:delete", "")}
        assert [one["action"] for one in log].count("payloads:view") == 3
        assert gateway.stop() == 0
        lasting = [path for path in gateway.home.rglob("*") if path.is_file() and "exports" not in path.parts]
        for path in lasting:  # an export has what was asked for
            data = path.read_bytes()
            assert SECRET.encode() not in data and MAIL.encode() not in data, path
    finally:
        gateway.kill()
