"""Secrets and personal data in what callers say, and all that a gateway tells and shows of calls, searched for them."""

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2

from tests.observe.sinks import Server

if TYPE_CHECKING:
    from tests.proofs.projections import Measured

TAILED = 200
"""Calls of one answer of the live tail."""


def canaries(one: "Measured", folder: Path, sink: Server, count: int) -> list[str]:
    """Put secrets and personal data into prompts, and have the provider repeat them; return what they are."""
    said: list[str] = []
    headers = {"authorization": f"Bearer {one.key}"}
    with httpx2.Client(base_url=one.gateway.url, headers=headers, timeout=30) as http:
        for number in range(count):
            word = secrets.token_hex(8)
            mine = [f"sk-proj-{secrets.token_hex(20)}", f"ghp_{secrets.token_hex(18)}", f"{word}@example.com"]
            text = f"Remember {mine[0]} and {mine[1]}, and write to {mine[2]}."
            said += mine
            model = "sandbox/echo" if number % 2 else "wall/good"
            body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 99}
            answer = http.post("/v1/chat/completions", json={**body, "stream": number % 4 > 1})
            assert answer.status_code in (200, 404), answer.text
            one.calls += 1
    admin = ("--url", one.gateway.url, "--key", one.gateway.admin_key)
    wait(lambda: one.count("payloads") >= one.calls)
    for format in ("jsonl", "parquet"):
        one.gateway.cli("export", "--payloads", "--format", format, "--output", str(folder / f"out.{format}"), *admin)
    return said


def shown(one: "Measured") -> list[tuple[str, bytes]]:
    """Return what is shown of the calls: the live tail, metrics, and pages of the management API."""
    headers = {"authorization": f"Bearer {one.gateway.admin_key}"}
    pages: list[tuple[str, bytes]] = []
    with httpx2.Client(base_url=one.gateway.url, headers=headers, timeout=30) as http:
        after, more = "1", True
        while more:  # all calls that it remembers
            page = http.get("/api/v1/logs/tail", params={"after": after})
            assert page.status_code == 200, page.text
            pages.append(("the live tail", page.content))
            calls, after = page.text.count("event: call"), page.text.rpartition("id: ")[2].partition("\n")[0]
            more = calls >= TAILED
        for path in ("/metrics", "/api/v1/logs?limit=1000", "/api/v1/analytics?by=model", "/api/v1/errors"):
            page = http.get(path)
            assert page.status_code == 200, f"{path}: {page.text}"
            pages.append((path, page.content))
    assert b"sandbox/echo" in b"".join(data for path, data in pages if path == "the live tail")
    return pages


def look(folder: Path, sink: Server, said: list[str], pages: list[tuple[str, bytes]]) -> None:
    """Look for what was said in everything that was told or is shown, and in every file of the home."""
    posts = [(asked.path, asked.body) for asked in sink.asked]
    assert {path for path, _ in posts} >= {"/v1/traces", "/api/public/otel/v1/traces", "/hook"}
    files = [(str(path), readable(path)) for path in folder.rglob("*") if path.is_file()]
    for name in ("out.jsonl", "out.parquet"):
        assert any(b"<OPENAI>" in data for path, data in files if name in path), f"nothing was exported to {name}"
    hits = [where for where, data in posts + files + pages for word in said if word.encode() in data]
    assert not hits, f"{len(hits)} hits: {sorted(set(hits))[:10]}"
    kept = json.loads((folder / "out.jsonl").read_bytes().splitlines()[0])
    assert kept["request_text"] == "Remember <OPENAI> and <GITHUB>, and write to <EMAIL>."


def readable(path: Path) -> bytes:
    """Return what is in a file; of Parquet, which is compressed, its values as well."""
    data = path.read_bytes()
    if path.suffix != ".parquet":
        return data
    # In a process of its own: it crashes in one in which the library of a vector index was loaded before.
    values = "import sys, pyarrow.parquet as p; print(p.read_table(sys.argv[1]).to_pylist())"
    return data + subprocess.run([sys.executable, "-c", values, path], capture_output=True, check=True).stdout


def wait(check: Callable[[], bool], every: float = 0.1) -> None:
    """Wait until *check* is true, without taking the time of who is measured."""
    until = time.monotonic() + 180
    while not check():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(every)
