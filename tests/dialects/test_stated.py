"""What providers say that an answer costs, in the three forms they have for it."""

import json
from decimal import Decimal
from typing import Any

import pytest

from headgate.dialects.stated import Statements, stated

OPENROUTER = {"prompt_tokens": 1, "completion_tokens": 1, "cost": 0.00011018, "is_byok": False}
OWN_KEY = {**OPENROUTER, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.002}}
PERPLEXITY = {"cost": {"input_tokens_cost": 0.000016, "output_tokens_cost": 0.0001, "total_cost": 0.006116}}


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        (OPENROUTER, "0.00011018"),
        ({**OPENROUTER, "cost_details": {"upstream_inference_cost": 0.00011018}}, "0.00011018"),  # part of it
        (OWN_KEY, "0.00211018"),
        ({**OWN_KEY, "cost_details": {"upstream_inference_cost": None}}, "0.00011018"),
        ({**OWN_KEY, "cost_details": None}, "0.00011018"),
        (PERPLEXITY, "0.006116"),
        ({"cost_in_usd_ticks": 37756000}, "0.0037756"),
        ({"cost_in_usd_ticks": 0}, "0"),
        ({"cost": -1}, "-1"),
        ({"cost": 1e-12}, "1E-12"),
        ({"cost": None}, None),
        ({"cost": {}}, None),
        ({"cost": {"total_cost": None}}, None),
        ({}, None),
        (None, None),
        ([], None),
    ],
)
def test_it_is_read_digit_by_digit(usage: Any, usd: str | None) -> None:
    expected = None if usd is None else Decimal(usd)
    assert stated(json.dumps({"id": "x", "usage": usage}).encode()) == expected
    event = {"type": "response.completed", "response": {"id": "x", "usage": usage}}
    assert stated(json.dumps(event).encode()) == expected


@pytest.mark.parametrize("said", ["true", '"0.1"', '"nan"', "[1]", "1e99999999999999999999", "0." + "1" * 99])
def test_what_is_no_amount_is_not_passed_over(said: str) -> None:
    for usage in (f'{{"cost": {said}}}', f'{{"cost": {{"total_cost": {said}}}}}', f'{{"cost_in_usd_ticks": {said}}}'):
        found = stated(f'{{"usage": {usage}}}'.encode())
        assert found is not None and not found.is_finite(), usage


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"usage": {"cost": 1', b"null", b"\xff\xfe"])
def test_what_is_no_answer_states_nothing(body: bytes) -> None:
    assert stated(body) is None


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_of_a_stream_the_last_word_counts_however_it_is_cut(size: int) -> None:
    events = [{"usage": {"cost": {"total_cost": 0.001}}}, {"choices": [{"delta": {"content": '"cost'}}]}, {}]
    events.append({"choices": [], "usage": PERPLEXITY})
    stream = b": PROCESSING\n\n" + b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in events)
    stream += b"data: [DONE]"
    heard = Statements()
    for at in range(0, len(stream), size):
        heard.feed(stream[at : at + size])
    heard.feed(b"")
    assert heard.last == Decimal("0.006116")
