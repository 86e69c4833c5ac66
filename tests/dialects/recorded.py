"""Exchanges recorded from real providers, where they lie beside the repository (../shared/recorded)."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2].parent / "shared" / "recorded"
CHAT = ("openai", "azure", "groq", "mistral", "deepseek", "together")


@cache
def every(name: str) -> list[dict[str, Any]]:
    """Return the exchanges of one provider, or skip the test that asks for them."""
    file = FOLDER / f"{name}.jsonl"
    if not file.is_file():
        pytest.skip("the recorded exchanges are not here")
    return [json.loads(line) for line in file.read_text().splitlines()]


@cache
def rows(name: str) -> list[dict[str, Any]]:
    """Return the chat exchanges of one provider."""
    return [row for row in every(name) if row["api"] in ("chat", "messages")]


def streams(name: str) -> list[bytes]:
    """Return the event streams of one provider."""
    return [row["response"]["text"].encode() for row in rows(name) if row["response"].get("text")]


def wholes(name: str) -> list[dict[str, Any]]:
    """Return the replies that came whole."""
    bodies = [row["response"].get("body") for row in rows(name) if row["response"]["status"] == 200]
    return [body for body in bodies if isinstance(body, dict) and "error" not in body]


def requests(name: str) -> list[dict[str, Any]]:
    """Return the request bodies."""
    bodies = [row["request"].get("body") for row in rows(name)]
    return [body for body in bodies if isinstance(body, dict) and body.get("messages")]


def dumped(document: Any) -> bytes:
    """Return a recorded document as a body."""
    return json.dumps(document).encode()
