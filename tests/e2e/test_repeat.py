"""``Idempotency-Key`` through a running gateway with two workers: the same call is made once, whoever is asked."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from tests.e2e.processes import Gateway


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path_factory.mktemp("repeat"), args=("--workers", "2")).start()
    yield gateway
    gateway.kill()


def ask(gateway: Gateway, word: str, text: str = "hello", key: str = "", **more: Any) -> httpx2.Response:
    """Over a connection of its own, so that either worker may get it."""
    metadata = more.pop("metadata", {})
    body = {"model": "sandbox/chat", "messages": [{"role": "user", "content": text}], "metadata": metadata, **more}
    headers = {"authorization": f"Bearer {key or gateway.first_key}", "idempotency-key": word}
    with httpx2.Client(timeout=30) as client:
        return client.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers)


def eventually(gateway: Gateway, word: str, **more: Any) -> httpx2.Response:
    """What is kept is on its way to the disk for a moment."""
    while (again := ask(gateway, word, **more)).status_code == 409:
        pass
    return again


@pytest.mark.parametrize("stream", [False, True])
def test_the_same_bytes_later(gateway: Gateway, stream: bool) -> None:
    first = ask(gateway, f"later-{stream}", stream=stream)
    assert first.status_code == 200 and "idempotency-replayed" not in first.headers
    for _ in range(6):
        again = eventually(gateway, f"later-{stream}", stream=stream)
        assert again.content == first.content and again.headers["content-type"] == first.headers["content-type"]
        assert again.headers["idempotency-replayed"] == "true"
        assert again.headers["x-headgate-model"] == "sandbox/chat"
        assert again.headers.get("x-headgate-cost") == (None if stream else "0")
        assert again.headers["x-request-id"] != first.headers["x-request-id"]
    trace = gateway.trace(again.headers["x-request-id"])
    assert trace["attempts"] == [] and trace["outcome"]["cost_usd"] == "0"
    assert first.headers["x-request-id"] in trace["route"]["reason"]


def test_at_once_one_is_made_and_the_others_are_told(gateway: Gateway) -> None:
    slow = {"sandbox_latency_ms": "1500"}
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: ask(gateway, "at-once", metadata=slow), range(6)))
    made = [one for one in answers if one.status_code == 200]
    refused = [one for one in answers if one.status_code == 409]
    assert (len(made), len(refused)) == (1, 5)
    assert {one.json()["error"]["code"] for one in refused} == {"idempotency_in_progress"}
    assert eventually(gateway, "at-once", metadata=slow).content == made[0].content


def test_another_request_under_the_same_word_is_refused(gateway: Gateway) -> None:
    assert ask(gateway, "other").status_code == 200
    refused = eventually(gateway, "other", text="something else")
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "idempotency_mismatch")
    other = ask(gateway, "other", text="something else", key=gateway.key("another"))
    assert other.status_code == 200, "words are each key's own"


def test_what_failed_is_made_again(gateway: Gateway) -> None:
    failing = {"sandbox_error": "503"}
    first, second = ask(gateway, "failed", metadata=failing), ask(gateway, "failed", metadata=failing)
    while second.status_code == 409:
        second = ask(gateway, "failed", metadata=failing)
    assert first.status_code == second.status_code == 503
    assert len(gateway.trace(second.headers["x-request-id"])["attempts"]) > 0


def test_a_word_that_is_none_is_refused_by_name(gateway: Gateway) -> None:
    refused = ask(gateway, "x" * 256)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "idempotency-key")
