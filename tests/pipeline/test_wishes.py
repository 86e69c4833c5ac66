"""What a body asks of the gateway itself."""

from typing import Any

import msgspec
import pytest

from headgate.core.call import Call, Options
from headgate.core.errors import BadRequest
from headgate.dialects import openai_chat
from headgate.pipeline.wishes import name_first, take_wishes

MESSAGES = [{"role": "user", "content": "hi"}]


def asking(**fields: Any) -> Call:
    body = msgspec.json.encode({"model": "a/b", "messages": MESSAGES, **fields})
    call = Call(surface="openai", operation="chat", dialect=openai_chat, link=None, headers=[], t0=0.0)
    call.body, call.envelope = body, openai_chat.envelope(body)
    take_wishes(call)
    return call


def test_options_are_read_and_go_no_further() -> None:
    call = asking(headgate={"tags": ["x"], "timeout": 3, "on_unsupported": "drop", "clamp": False, "session": "s"})
    assert call.options == Options(tags=("x",), timeout=3, on_unsupported="drop", clamp=False, session="s")
    assert "headgate" not in msgspec.json.decode(call.body)
    assert b"headgate" not in call.envelope.patched("a/b")


def test_a_list_of_models_follows_the_model() -> None:
    call = asking(models=["c/d", "a/b", "e"])
    assert call.names == ("a/b", "c/d", "e")
    assert b"models" not in call.envelope.patched("a/b")


def test_a_list_may_stand_for_the_model() -> None:
    body = msgspec.json.encode({"models": ["c/d", "e"], "messages": MESSAGES})
    with pytest.raises(BadRequest) as missing:
        openai_chat.envelope(body)
    assert openai_chat.envelope(name_first(body, missing.value)).model == "c/d"


def test_without_a_list_the_missing_model_is_named() -> None:
    error = BadRequest("missing", param="model")
    with pytest.raises(BadRequest) as refused:
        name_first(msgspec.json.encode({"messages": MESSAGES}), error)
    assert refused.value is error


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"headgate": {"timeout": 0}}, "headgate.timeout"),
        ({"headgate": {"tags": "x"}}, "headgate.tags"),
        ({"headgate": {"tags": ["x" * 65]}}, "headgate.tags[0]"),
        ({"headgate": {"nonsense": 1}}, "headgate"),
        ({"headgate": {"metadata": {"k": "v" * 5000}}}, "headgate.metadata"),
        ({"headgate": 3}, "headgate"),
        ({"models": []}, "models"),
        ({"models": "a"}, "models"),
        ({"models": [""]}, "models[0]"),
        ({"models": ["m"] * 21}, "models"),
    ],
)
def test_nonsense_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        asking(**fields)
    assert refused.value.param == param
