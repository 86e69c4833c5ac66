"""Converse exchanges recorded from Bedrock, where they lie beside the repository."""

import base64
import json
from functools import cache
from typing import Any

import pytest

from tests.dialects.recorded import FOLDER


@cache
def rows() -> list[dict[str, Any]]:
    """Return the exchanges, or skip the test that asks for them."""
    file = FOLDER / "bedrock.jsonl"
    if not file.is_file():
        pytest.skip("the recorded exchanges are not here")
    return [json.loads(line) for line in file.read_text().splitlines()]


def streams() -> list[bytes]:
    """Return the event streams."""
    return [base64.b64decode(row["response"]["body_b64"]) for row in rows() if "body_b64" in row["response"]]


def wholes() -> list[dict[str, Any]]:
    """Return the replies that came whole."""
    return [row["response"]["body"] for row in rows() if row["response"]["status"] == 200 and "body" in row["response"]]


def requests() -> list[dict[str, Any]]:
    """Return the request bodies."""
    return [row["request"]["body"] for row in rows()]
