"""What a body asks of the gateway itself."""

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from headgate.core.call import Call, Options
from headgate.core.errors import BadRequest
from headgate.dialects import openai_chat
from headgate.pipeline.wishes import able, name_first, supply, take_wishes

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


def test_a_need_may_stand_for_the_model() -> None:
    error = BadRequest("missing", param="model")
    body = msgspec.json.encode({"messages": MESSAGES, "headgate": {"requires": ["vision"]}})
    assert openai_chat.envelope(name_first(body, error)).model == "use-case/chat"


def deployment(name: str, *can: str, known: bool = True) -> Any:
    return SimpleNamespace(name=name, capabilities=can if known else None)


def test_only_what_can_do_it_stays_in_the_plan() -> None:
    call = asking(headgate={"requires": ["vision"]})
    seeing, unknown = deployment("a/eye", "chat", "vision"), deployment("a/dark", known=False)
    call.plan = (deployment("a/blind", "chat"), seeing, unknown)
    assert able(call) == (seeing,)
    call.plan = (unknown,)
    with pytest.raises(BadRequest, match="a/dark: unknown") as refused:
        able(call)
    assert refused.value.param == "headgate.requires"


def test_parameters_of_the_route_fill_what_is_open() -> None:
    call = asking(temperature=0.7, max_completion_tokens=50)
    call.route = SimpleNamespace(parameters={"temperature": 0, "top_p": 0.5, "max_tokens": 9})
    supply(call)
    body = msgspec.json.decode(call.envelope.patched("m"))
    assert (body["temperature"], body["top_p"], body["max_completion_tokens"]) == (0.7, 0.5, 50)
    assert "max_tokens" not in body and call.defaulted == ["top_p=0.5"] and call.limit is None


def test_without_anything_open_nothing_changes() -> None:
    call = asking(temperature=0.7)
    call.route, before = SimpleNamespace(parameters={"temperature": 0}), call.envelope.body
    supply(call)
    assert call.envelope.body is before and not call.defaulted
