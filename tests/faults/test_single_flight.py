"""Calls that are the same and come together are one call, where a route asks for it."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from headgate.faultlab.wall import Wall
from tests.e2e.processes import Gateway
from tests.faults.test_upstream import ask

pytestmark = pytest.mark.xdist_group("faults")
TOGETHER = 12


def test_one_call_is_made_and_one_is_paid(gateway: Gateway, wall: Wall) -> None:
    with ThreadPoolExecutor(TOGETHER) as pool:
        answers = list(pool.map(lambda _: ask(gateway, "together"), range(TOGETHER)))
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["choices"][0]["message"]["content"] for answer in answers} == {"fine"}
    assert len(wall.seen("late:together")) == 1
    assert len({answer.headers["x-request-id"] for answer in answers}) == TOGETHER
    paid = [answer for answer in answers if float(answer.headers["x-headgate-cost"])]
    assert len(paid) == 1
    traces = [gateway.trace(answer.headers["x-request-id"]) for answer in answers if answer not in paid]
    for trace in traces:
        assert paid[0].headers["x-request-id"] in json.dumps(trace), "the record says whose answer it was"
    others = [trace["timing"]["total_ms"] - trace["timing"]["overhead_ms"] for trace in traces]
    assert min(others) > 0, "a wait is no time of the gateway's own"
    assert ask(gateway, "together").headers["x-headgate-attempts"] == "1", "nothing is kept for later"


def test_others_keys_and_streams_are_calls_of_their_own(gateway: Gateway, wall: Wall) -> None:
    before, key = len(wall.seen("late:together")), gateway.key("another")
    with ThreadPoolExecutor(4) as pool:
        both = [
            pool.submit(ask, gateway, "together"),
            pool.submit(ask, gateway, "together", key=key),
            pool.submit(ask, gateway, "together", stream=True),
            pool.submit(ask, gateway, "together", stream=True),
        ]
        assert {one.result().status_code for one in both} == {200}
    assert len(wall.seen("late:together")) - before == 4


def test_a_failure_is_everybodys(gateway: Gateway, wall: Wall) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: ask(gateway, "all-fail"), range(4)))
    assert {(answer.status_code, answer.json()["error"]["code"]) for answer in answers} == {(504, "upstream_timeout")}
    assert len(wall.seen("never:together")) == 1


def test_where_the_first_caller_leaves_the_next_is_served(gateway: Gateway, wall: Wall) -> None:
    before = len(wall.seen("late:together"))

    def leave() -> None:
        body = {"model": "together", "messages": [{"role": "user", "content": "hi"}], "stream": False, "max_tokens": 50}
        with pytest.raises(httpx2.TimeoutException):
            httpx2.post(
                f"{gateway.url}/v1/chat/completions",
                json=body,
                headers={"authorization": f"Bearer {gateway.first_key}"},
                timeout=0.5,
            )

    with ThreadPoolExecutor(2) as pool:
        leaving = pool.submit(leave)
        while len(wall.seen("late:together")) == before:
            time.sleep(0.01)
        assert ask(gateway, "together").status_code == 200
        leaving.result()
    assert len(wall.seen("late:together")) - before == 2
