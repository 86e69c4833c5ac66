"""What makes two requests the same."""

import random

import msgspec
import pytest

from headgate.cache.key import ambiguous, document, key_of, near, scope_of
from headgate.cache.rules import control


def key(body: bytes) -> bytes:
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    return key_of(scope_of(["a/b"]), document(fields, body))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"a": 1, "b": {"c": 2, "d": 3}}', b'{"b":{"d":3,"c":2},"a":1}'),
        (b'{"a": 1}', b'{"a": 1.0}'),
        (b'{"a": 100}', b'{"a": 1e2}'),
        (b'{"a": [0.50]}', b'{"a": [0.5]}'),
        (b'{"a": "\\u00e9\\/"}', '{"a": "é/"}'.encode()),
        (b'{"a": 1, "stream": true, "user": "x", "model": "y"}', b'{"a": 1}'),
        (b'{"a": 1, "metadata": {"trace": "1"}}', b'{"a": 1}'),
    ],
)
def test_the_same_in_other_words(one: bytes, other: bytes) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"a": 1}', b'{"a": "1"}'),
        (b'{"a": 1}', b'{"a": true}'),
        (b'{"a": 0}', b'{"a": false}'),
        (b'{"a": null}', b"{}"),
        (b'{"a": [1, 2]}', b'{"a": [2, 1]}'),
        (b'{"a": {"b": 1}}', b'{"a": {"b": {"b": 1}}}'),
        (b'{"a": "x"}', b'{"a": "x "}'),
        (b'{"a": 1.5}', b'{"a": 1}'),
        (b'{"a": 12345678901234567890}', b'{"a": 12345678901234567891}'),
        (b'{"a": "\\u0065\\u0301"}', '{"a": "é"}'.encode()),
    ],
)
def test_others(one: bytes, other: bytes) -> None:
    assert key(one) != key(other)


@pytest.mark.parametrize(
    ("body", "twice"),
    [
        (b'{"a": [{"b": "x", "b": "y"}]}', True),
        (b'{"a": {"b": 1, "\\u0062": 2}}', True),
        (b'{"a": {"b": "x\\u005c", "b": 2}}', True),
        (b'{"a": {"b": "x\\\\", "c": "\\" \\u0022 \\\\\\" "}}', False),
        (b'{"a": {"b": "x\\u005c"}}', False),
        (b'{"a": {"b": 1.0, "c": {"b": [{}, {"b": ""}]}}}', False),
    ],
)
def test_a_name_that_stands_twice_is_found(body: bytes, twice: bool) -> None:
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    assert ambiguous(fields, document(fields, body)) is twice


def test_names_do_not_run_into_each_other() -> None:
    assert scope_of(["ab", "c"]) != scope_of(["a", "bc"]) != scope_of(["abc"])
    assert scope_of(["a"], "b") != scope_of(["a", "b"])


def test_no_two_of_many_are_one() -> None:
    chance = random.Random(7)
    texts = {"".join(chance.choices('ab{}[]":,\\ 01', k=chance.randrange(1, 8))) for _ in range(5000)}
    keys = {key(msgspec.json.encode({"messages": [{"role": "user", "content": text}]})) for text in texts}
    assert len(keys) == len(texts)


def asked(**more: object) -> dict[str, object]:
    return {"messages": [{"role": "system", "content": "be"}, {"role": "user", "content": "what?"}], **more}


def test_only_the_last_turn_may_be_near() -> None:
    text, rest = near(asked()) or ("", {})
    assert text == "what?" and rest["messages"] == [{"role": "system", "content": "be"}, {"role": "user"}]
    parts = [{"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]}]
    assert (near({"messages": parts}) or ("", {}))[0] == "one\ntwo"
    assert (near({"input": "what?"}) or ("", {}))[0] == "what?"
    assert (near({"contents": [{"parts": [{"text": "what?"}]}]}) or ("", {}))[0] == "what?"


@pytest.mark.parametrize(
    "not_near",
    [
        asked(tools=[]), asked(temperature=1.5), asked(functions=[]), asked(logprobs=True),
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}, {"type": "text", "text": "a"}]}]},
        {"messages": [{"role": "assistant", "content": "", "tool_calls": []}, {"role": "user", "content": "a"}]},
        {"messages": [{"role": "user", "content": "  "}]}, {"messages": "a"}, {"input": [1]}, {},
        {"contents": [{"role": "user", "parts": [{"inlineData": {}}]}]}, {"generationConfig": {"temperature": 2}, "input": "a"},
    ],
)  # fmt: skip
def test_what_nothing_is_near_to(not_near: dict[str, object]) -> None:
    assert near(not_near) is None


def test_controls() -> None:
    assert control("no-store, max-age=5").max_age == 5
    assert control(" ONLY-IF-CACHED ").only
    for wrong in ("", "max-age", "max-age=-1", "max-age=x", "no-store=1", "threshold=0.1", "off, only-if-cached"):
        with pytest.raises(ValueError, match=r"takes|says"):
            control(wrong)
