"""Every fault of a provider, judged from both sides: what the caller saw, and what the wall recorded."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from headgate.faultlab.wall import Wall
from tests.e2e.processes import Gateway
from tests.faults.conftest import ACCOUNTS

pytestmark = pytest.mark.xdist_group("faults")


def ask(
    gateway: Gateway, model: str, *, stream: bool = False, key: str | None = None, headers: dict[str, str] | None = None
) -> httpx2.Response:
    return httpx2.post(
        f"{gateway.url}/v1/chat/completions",
        json={"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": stream, "max_tokens": 50},
        headers={"authorization": f"Bearer {key or gateway.first_key}", **(headers or {})},
        timeout=60,
    )


def events(answer: httpx2.Response) -> list[Any]:
    lines = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def text_of(found: list[Any]) -> str:
    return "".join(
        choice["delta"].get("content") or "" for e in found if isinstance(e, dict) for choice in e.get("choices", [])
    )


# Without a fallback: fault -> the caller's status and code, and how many attempts the wall may have seen.
ALONE = [
    ("reset", 502, "upstream_connect_error", {1}),
    ("s400", 400, "y", {1}),
    ("s401", 502, "upstream_auth_error", {1}),
    ("s403", 502, "upstream_auth_error", {1}),
    ("s404", 502, "upstream_model_not_found", {1}),
    ("s413", 413, None, {1}),
    ("s422", 422, None, {1}),
    ("s429_wait900", 429, "upstream_rate_limited", {1}),
    ("s429", 429, "upstream_rate_limited", {2, 3}),
    ("s429_garbage", 429, "upstream_rate_limited", {2, 3}),
    ("s429_wait_negative", 429, "upstream_rate_limited", {2, 3}),
    ("s429_past", 429, "upstream_rate_limited", {2, 3}),
    ("s402", 502, "upstream_quota_exhausted", {1}),
    ("credit", 502, "upstream_quota_exhausted", {1}),
    ("s408", 504, "upstream_timeout", {2, 3}),
    ("s409", 502, "upstream_error", {2, 3}),
    ("s502", 503, "upstream_unavailable", {2, 3}),
    ("s503_final", 503, "upstream_unavailable", {1}),
    ("s500", 502, None, {2, 3}),
    ("s503", 503, "upstream_unavailable", {2, 3}),
    ("s529", 503, "upstream_unavailable", {2, 3}),
    ("never", 504, "upstream_timeout", {1}),
    ("html", 502, "upstream_invalid_response", {1, 2, 3}),
    ("empty", 502, "upstream_invalid_response", {1, 2, 3}),
    ("truncated_json", 502, None, {1, 2, 3}),
    ("redirect", 502, "upstream_redirect", {1, 2, 3}),
    ("bomb", 502, "upstream_invalid_response", {1, 2, 3}),
    ("big_error", 503, "upstream_unavailable", {2, 3}),
    ("too_long", 400, "context_length_exceeded", {1}),
    ("filtered", 400, "content_filter", {1}),
]


@pytest.mark.parametrize(("fault", "status", "code", "attempts"), ALONE, ids=[row[0] for row in ALONE])
def test_without_a_fallback(
    gateway: Gateway, wall: Wall, fault: str, status: int, code: str | None, attempts: set[int]
) -> None:
    model = f"{fault}:alone"
    answer = ask(gateway, f"{'locked' if fault in ACCOUNTS else 'wall'}/{model}")
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert code is None or error["code"] == code
    assert len(wall.seen(model)) in attempts
    assert "sk-wall-secret" not in answer.text
    assert answer.headers["x-request-id"]


FAILS_OVER = [
    "reset", "s401", "s402", "s403", "s404", "s429", "s429_wait900", "s500", "s502", "s503", "s529", "never", "html",
    "empty", "redirect", "quota", "error_first", "credit", "s408", "s409", "s429_past", "s503_final", "truncated_json",
]  # fmt: skip


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("fault", FAILS_OVER)
def test_with_a_fallback(gateway: Gateway, wall: Wall, fault: str, stream: bool) -> None:
    stream = stream or fault == "error_first"  # which is an error inside a stream
    answer = ask(gateway, f"{fault}-then-good-{'stream' if stream else 'whole'}", stream=stream)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-headgate-provider"] == "spare"
    assert int(answer.headers["x-headgate-attempts"]) in {2, 3}
    if stream:
        assert text_of(events(answer)) == "fine" and events(answer)[-1] == "[DONE]"
    else:
        assert answer.json()["choices"][0]["message"]["content"] == "fine"
    trace = json.dumps(gateway.trace(answer.headers["x-request-id"]))
    assert "fallback" in trace


def test_refused_connections_fail_over(gateway: Gateway) -> None:
    assert ask(gateway, "refused-then-good").headers["x-headgate-provider"] == "spare"
    assert ask(gateway, "closed/any").json()["error"]["code"] == "upstream_connect_error"


@pytest.mark.parametrize("fault", ["s400", "s404_item", "s413", "s422", "too_long", "filtered"])
def test_the_callers_own_mistake_is_one_attempt_and_no_fallback(gateway: Gateway, wall: Wall, fault: str) -> None:
    before = len(wall.attempts)
    assert ask(gateway, f"{fault}-then-good-whole").status_code in {400, 404, 413, 422}
    assert len(wall.attempts) == before + 1


@pytest.mark.parametrize("fault", ["s500", "s503", "s429_wait1"])
def test_one_failure_is_retried_unseen(gateway: Gateway, fault: str) -> None:
    answer = ask(gateway, f"wall/first_{fault}")
    assert answer.status_code == 200 and answer.headers["x-headgate-attempts"] == "2"


# Once content was sent: how the stream ends.
@pytest.mark.parametrize(
    "fault",
    [
        "cut",
        "cut_by_reset",
        "clean_end_without_finish",
        "stall",
        "error_later",
        "limit_later",
        "two_bad_events",
        "too_big_line",
    ],
)
def test_a_stream_that_dies_ends_in_an_error_event(gateway: Gateway, fault: str) -> None:
    answer = ask(gateway, f"{fault}-then-good-stream", stream=True)
    assert answer.status_code == 200
    found = events(answer)
    assert text_of(found).startswith("some text"), "what had arrived is passed on"
    assert "[DONE]" not in found
    assert set(found[-1]["error"]) == {"message", "type", "param", "code"}
    trace = gateway.trace(answer.headers["x-request-id"])
    assert "estimated" in json.dumps(trace), "what arrived is billed by our own count"


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("good", "fine"),
        ("no_done", "some text "),
        ("double_done", "some text "),
        ("one_bad_event", "some text and on"),
        ("no_usage", "some text "),
        ("odd_framing", "odd"),
        ("tiny_chunks", "".join(f"ä{i}" for i in range(200))),
        ("big_line", "some text " + "x" * 4_000_000),
        ("hints", "fine"),
        ("usage_twice", "some text more"),
    ],
)
def test_a_stream_that_is_only_odd_is_whole(gateway: Gateway, fault: str, text: str) -> None:
    answer = ask(gateway, f"wall/{fault}:odd", stream=True)
    assert answer.status_code == 200, answer.text
    found = events(answer)
    assert text_of(found) == text
    assert found[-1] == "[DONE]" and found.count("[DONE]") == 1


def test_a_zipped_reply_is_read(gateway: Gateway) -> None:
    assert ask(gateway, "wall/zipped").json()["choices"][0]["message"]["content"] == "unzipped"


def test_usage_is_the_providers(gateway: Gateway) -> None:
    answer = ask(gateway, "wall/good:usage")
    assert answer.headers["x-headgate-cost"] == "0.000025"  # 11 x 1 + 7 x 2 USD per million


@pytest.mark.parametrize("fault", ["no_usage", "absurd_usage"])
def test_missing_or_absurd_usage_is_estimated(gateway: Gateway, fault: str) -> None:
    answer = ask(gateway, f"wall/{fault}:bill")
    assert answer.status_code == 200
    assert 0 < float(answer.headers["x-headgate-cost"]) < 0.01
    assert "estimated" in json.dumps(gateway.trace(answer.headers["x-request-id"]))


def test_the_providers_echo_of_our_key_is_taken_out(gateway: Gateway) -> None:
    answer = ask(gateway, "wall/echo_key")
    assert answer.status_code == 400 and "0123456789abcdef" not in answer.text


def test_a_callers_deadline_is_kept(gateway: Gateway, wall: Wall) -> None:
    began = time.monotonic()
    answer = ask(gateway, "never-then-good-whole", headers={"x-headgate-timeout": "0.5"})
    assert time.monotonic() - began < 5
    assert answer.status_code == 504
    assert answer.json()["error"]["code"] in {"deadline_exceeded", "upstream_timeout"}


def test_a_steady_trickle_does_not_outlive_the_deadline(gateway: Gateway) -> None:
    began = time.monotonic()
    answer = ask(gateway, "wall/trickle", headers={"x-headgate-timeout": "1"})
    assert answer.status_code == 504 and time.monotonic() - began < 5
    for _ in range(3):  # a machine that stands still for a second ends it by its idle time
        began = time.monotonic()
        found = events(ask(gateway, "wall/endless:deadline", stream=True, headers={"x-headgate-timeout": "3"}))
        if found[-1]["error"]["code"] != "upstream_timeout":
            break
    assert found[-1]["error"]["code"] == "deadline_exceeded" and time.monotonic() - began < 9


def test_retries_are_not_multiplied_by_the_client(gateway: Gateway) -> None:
    assert ask(gateway, "wall/s503:final").headers["x-should-retry"] == "false"


@pytest.mark.parametrize("route", ["plain", "nowhere"])
def test_what_cannot_be_reached_fails_over(gateway: Gateway, route: str) -> None:
    assert ask(gateway, f"{route}-then-good").headers["x-headgate-provider"] == "spare"
    alone = ask(gateway, f"{route}/any")
    assert (alone.status_code, alone.json()["error"]["code"]) == (502, "upstream_connect_error")
    told = gateway.trace(alone.headers["x-request-id"])["route"]
    assert (told["provider_used"], told["model_used"]) == (route, f"{route}/any")


def test_a_silent_stream_is_given_up(gateway: Gateway, wall: Wall) -> None:
    answer = ask(gateway, "wall/silent:alone", stream=True)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "upstream_timeout")
    assert len(wall.seen("silent:alone")) == 1
    assert ask(gateway, "silent-then-good-stream", stream=True).headers["x-headgate-provider"] == "spare"


def test_a_time_to_wait_is_kept(gateway: Gateway, wall: Wall) -> None:
    answer = ask(gateway, "wall/first_s429_wait2")
    first, second = wall.seen("first_s429_wait2")
    assert answer.status_code == 200 and second.at - first.at >= 1.95


def test_a_rate_limit_without_a_time_is_not_hammered(gateway: Gateway, wall: Wall) -> None:
    assert ask(gateway, "wall/s429:calm").status_code == 429
    times = [attempt.at for attempt in wall.seen("s429:calm")]
    assert len([at for at in times if at < times[0] + 3]) <= 4


def test_what_was_used_is_counted_once(gateway: Gateway) -> None:
    answer = ask(gateway, "wall/usage_twice:bill", stream=True)
    trace = gateway.trace(answer.headers["x-request-id"])
    assert '"input": 11' in json.dumps(trace) and '"output": 7' in json.dumps(trace), trace


def test_a_pooled_connection_that_the_provider_closed_is_not_seen(gateway: Gateway) -> None:
    for _ in range(3):
        assert ask(gateway, "wall/good_once").headers["x-headgate-attempts"] == "1"
        time.sleep(0.4)


def test_where_all_fail_the_first_cause_is_told_with_every_try(gateway: Gateway) -> None:
    answer = ask(gateway, "both-down")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (502, "upstream_auth_error")
    assert "other/s401:both: upstream_auth_error (401)" in error["message"]
    assert "spare/s503:both: upstream_unavailable (503)" in error["message"]
    trace = gateway.trace(answer.headers["x-request-id"])
    assert "uncertain" not in json.dumps(trace), "what failed so is known to have cost nothing"


def test_a_fallback_without_a_price_is_skipped_under_a_budget(gateway: Gateway, wall: Wall) -> None:
    key = gateway.key("priced", "--budget", "5", "--window", "total")
    answer = ask(gateway, "down-then-unpriced", key=key)
    assert answer.headers["x-headgate-model"] == "spare/good:priced", answer.text


def test_a_fallback_that_was_not_granted_is_not_used(gateway: Gateway, wall: Wall) -> None:
    key = gateway.key("narrow", "--models", "wall/*")
    answer = ask(gateway, "s404-then-good-whole", key=key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_model_not_found")
    assert not [a for a in wall.attempts if key in a.head.decode()]


@pytest.mark.parametrize(
    ("route", "status"), [("no-retreat", 503), ("no-hurry", 504), ("larger", 200), ("lenient", 200)]
)
def test_a_route_says_after_which_failures_the_next_target_is_asked(gateway: Gateway, route: str, status: int) -> None:
    assert ask(gateway, route).status_code == status


def test_an_outage_is_not_met_with_a_storm_of_retries(gateway: Gateway, wall: Wall) -> None:
    calls = 60
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(gateway, "outage"), range(calls)))
    assert {answer.status_code for answer in answers} == {503}
    assert all(int(answer.headers.get("x-headgate-attempts", 0)) <= 3 for answer in answers)
    first = [a for a in wall.seen("s503:outage") if b"sk-wall" in a.head]
    second = [a for a in wall.seen("s503:outage") if b"sk-spare" in a.head]
    assert len(first) <= 1.2 * calls + 3 and len(second) <= 1.2 * calls + 3


def test_a_thousand_bad_requests_bench_nobody(gateway: Gateway, wall: Wall) -> None:
    before = len(wall.seen("s400:crowd"))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(gateway, "bad-callers"), range(1000)))
    assert {answer.status_code for answer in answers} == {400}
    assert len(wall.seen("s400:crowd")) - before == 1000 and not wall.seen("good:crowd")
    assert {answer.headers["x-headgate-attempts"] for answer in answers} == {"1"}


@pytest.mark.parametrize("when", ["before the first byte", "in mid-stream", "unary"])
def test_a_client_that_leaves_closes_the_upstream(gateway: Gateway, wall: Wall, when: str) -> None:
    fault = {"before the first byte": "never", "in mid-stream": "endless", "unary": "never"}[when]
    model = f"{fault}:leave-{when.replace(' ', '-')}"
    body = {"model": f"wall/{model}", "messages": [{"role": "user", "content": "hi"}], "stream": when != "unary"}
    with httpx2.Client() as client:
        try:
            with client.stream(
                "POST", f"{gateway.url}/v1/chat/completions", json=body, timeout=0.6,
                headers={"authorization": f"Bearer {gateway.first_key}"},
            ) as answer:  # fmt: skip
                for _ in answer.iter_bytes():
                    if when == "in mid-stream":
                        break
        except httpx2.TimeoutException:
            pass
        left = time.monotonic()
    attempt = wall.seen(model)[0]
    while attempt.closed_at is None and time.monotonic() < left + 3:
        time.sleep(0.01)
    assert attempt.closed_at is not None and attempt.closed_at - left < 2.0
    key = gateway.first_key
    until = time.monotonic() + 5
    while True:
        rows = httpx2.get(
            f"{gateway.url}/api/v1/logs", params={"model": f"wall/{model}"}, timeout=20,
            headers={"authorization": f"Bearer {key}"},
        ).text  # fmt: skip
        if "client_closed" in rows or time.monotonic() > until:
            break
        time.sleep(0.1)
    assert "client_closed" in rows, rows
