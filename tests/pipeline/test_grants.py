"""What a caller may use: catalogue, grants of every level, providers; and what its key adds to a call."""

from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from headgate.access.types import Principal
from headgate.config.compile import compile_config
from headgate.config.known import known
from headgate.config.load import loads
from headgate.core.call import Call, Options
from headgate.core.errors import BadRequest, Forbidden, ModelNotFound, NotFound
from headgate.core.secret import Secret
from headgate.dialects import openai_chat
from headgate.pipeline import steps
from headgate.pipeline.grants import may_pass
from headgate.pipeline.parts import Parts
from headgate.routing.retold import verdicts
from headgate.transport.client import Http1Sender

CONFIG = b"""
providers:
  one: {kind: openai-compatible, base_url: "http://one/v1", api_key: own-key, price: {input: 5, output: 5}}
  two: {kind: openai-compatible, base_url: "http://two/v1", price: {input: 1, output: 1}}
routes:
  fast: {targets: [one/a, two/a], fallback: spare}
  spare: {targets: [two/b]}
aliases: {quick: fast}
"""
MESSAGES = [{"role": "user", "content": "hi"}]


class Senders:
    def get(self, **_: Any) -> Any:
        return Http1Sender()


@pytest.fixture(scope="module")
def compiled() -> Any:
    return compile_config(loads(CONFIG, {}, known({})), {}, Senders())


def who(**fields: Any) -> Principal:
    sets = ("models", "catalogue", "providers")
    fields = {name: frozenset(value) if name in sets else value for name, value in fields.items()}
    if "narrowed" in fields:
        fields["narrowed"] = tuple(frozenset(one) for one in fields["narrowed"])
    return Principal(kind="key", id="k", tenant_id="default", name="app", **fields)


async def asked(compiled: Any, caller: Principal, model: str | None = "fast", **more: Any) -> Call:
    """A call that went through the steps up to its plan."""
    body = {"messages": MESSAGES, **more} | ({} if model is None else {"model": model})
    parts = cast(Parts, SimpleNamespace(snapshot=compiled.snapshot, max_body=10**6, health=None, books=None))
    call = Call(surface="openai", operation="chat", dialect=openai_chat, link=None, headers=[], t0=0.0)
    call.headers = [(b"content-type", b"application/json")]
    call.link = SimpleNamespace(there=lambda limit: msgspec.json.encode(body))
    call.who = caller
    steps.read(call, parts)
    steps.resolve(call, parts)
    steps.authorize(call, parts)
    steps.plan(call, parts)
    return call


def names(call: Call) -> list[str]:
    return [target.name for target in call.plan]


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        ({}, ["one/a", "two/a", "two/b"]),
        ({"models": {"fast"}}, ["one/a", "two/a", "two/b"]),
        ({"models": {"two/*"}}, ["two/a", "two/b"]),
        ({"models": {"fast"}, "narrowed": [{"one/*", "two/b"}]}, ["one/a", "two/b"]),
        ({"narrowed": [{"fast"}, {"two/b"}]}, ["two/b"]),
        ({"providers": {"one"}}, ["one/a"]),
        ({"models": {"two/a"}, "providers": {"two", "three"}}, ["two/a"]),
        ({"catalogue": {"one/a", "two/b"}, "models": {"fast"}}, ["one/a", "two/b"]),
    ],
)
async def test_every_level_must_allow(compiled, fields, left):
    assert names(await asked(compiled, who(**fields))) == left


@pytest.mark.parametrize(
    "fields",
    [
        {"models": {"other"}},
        {"models": {"fast"}, "narrowed": [{"one/z"}]},
        {"providers": frozenset()},
        {"catalogue": {"fast"}, "models": {"spare"}, "narrowed": [{"one/*"}]},
    ],
)
async def test_what_was_not_granted_is_refused_naming_both(compiled, fields):
    with pytest.raises(Forbidden) as refused:
        await asked(compiled, who(**fields))
    assert "'app'" in refused.value.message
    assert "'fast'" in refused.value.message
    assert (refused.value.status, refused.value.code, refused.value.param) == (403, "permission_denied", "model")


async def test_outside_of_the_catalogue_is_as_what_does_not_exist(compiled):
    bound = who(catalogue={"one/a", "spare"})
    with pytest.raises(ModelNotFound) as hidden:
        await asked(compiled, bound, "two/a")
    with pytest.raises(ModelNotFound) as nowhere:
        await asked(compiled, bound, "two-a")
    assert hidden.value.message.replace("two/a", "two-a") == nowhere.value.message
    assert (hidden.value.code, hidden.value.status) == ("model_not_found", 404)
    assert names(await asked(compiled, bound, "one/a")) == ["one/a"]
    assert names(await asked(compiled, bound, "fast")) == ["one/a"]
    assert names(await asked(compiled, bound, "spare")) == ["two/b"]


async def test_of_a_caller_s_own_list_what_does_not_exist_is_left_out(compiled):
    bound = who(catalogue={"one/a", "two/b"}, models={"two/b"})
    assert names(await asked(compiled, bound, "two/a", models=["one/a", "two/b"])) == ["two/b"]
    with pytest.raises(ModelNotFound):
        await asked(compiled, bound, "two/a", models=["two/z"])
    with pytest.raises(Forbidden):
        await asked(compiled, bound, "one/a", models=["two/z"])


async def test_what_is_meant_by_no_model(compiled):
    call = await asked(compiled, who(default_model="spare"), None)
    assert (names(call), call.envelope.model, call.defaulted) == (["two/b"], "spare", ["model=spare"])
    assert names(await asked(compiled, who(default_model="spare"), None, models=["one/a"])) == ["one/a"]
    for caller, model in ((who(), None), (who(default_model="spare"), 5)):
        with pytest.raises(BadRequest) as refused:
            await asked(compiled, caller, cast(str, model))
        assert refused.value.param == "model"


async def test_a_call_carries_the_tags_of_its_key(compiled):
    call = await asked(compiled, who(tags=("team-a", "x")), headgate={"tags": ["x", "y"], "session": "s"})
    assert call.options == Options(tags=("team-a", "x", "y"), session="s")
    assert (await asked(compiled, who())).options.tags == ()


async def test_the_cheapest_first_where_its_app_asks_and_nothing_else_decides(compiled):
    call = await asked(compiled, who(cost_optimize=True))
    assert names(call) == ["two/a", "one/a", "two/b"], "a fallback stays behind, however cheap"
    assert call.choice is not None and [one.target for one in verdicts(call.choice)] == names(call)
    assert names(await asked(compiled, who(cost_optimize=True), "one/a", models=["two/a"])) == ["one/a", "two/a"]


async def test_calls_are_signed_with_the_key_s_own_provider_key(compiled):
    call = await asked(compiled, who(mapped={"one": Secret("sk-mine")}))
    first, second, _ = call.plan
    out = first.provider.outbound("chat", first, b"{}")
    assert b"Bearer sk-mine" in out.head
    assert b"own-key" not in out.head
    assert second.provider is compiled.providers["two"]
    again = await asked(compiled, who(mapped={"one": Secret("sk-mine")}))
    assert again.plan[0].provider is first.provider, "it is built once"
    plain = await asked(compiled, who())
    assert b"own-key" in plain.plan[0].provider.outbound("chat", plain.plan[0], b"{}").head


def test_who_may_not_call_is_refused_before_anything_is_read():
    silent = who(calls=False)
    parts = cast(Parts, SimpleNamespace(principals=SimpleNamespace(authenticate=lambda *_: silent)))
    call = Call(surface="openai", operation="chat", dialect=openai_chat, link=None, headers=[], t0=0.0)
    with pytest.raises(Forbidden, match="gateway:use"):
        steps.authenticate(call, parts)


@pytest.mark.parametrize(
    ("fields", "known", "refusal"),
    [
        ({}, False, None),
        ({"models": {"one/*"}}, False, None),
        ({"models": {"one/a"}}, True, None),
        ({"models": {"one/a"}}, False, Forbidden),
        ({"models": {"one/*"}, "narrowed": [{"two/*"}]}, True, Forbidden),
        ({"providers": {"two"}}, True, Forbidden),
        ({"catalogue": {"one/a"}}, True, None),
        ({"catalogue": {"one/a"}}, False, NotFound),
        ({"catalogue": {"two/*"}}, True, NotFound),
    ],
)
def test_who_may_have_calls_of_a_provider_s_own_api_passed_on(fields, known, refusal):
    if refusal is None:
        may_pass(who(**fields), "one", known=known)
    else:
        with pytest.raises(refusal):
            may_pass(who(**fields), "one", known=known)


def test_what_is_listed_is_what_can_be_called(compiled):
    def listed(**fields: Any) -> set[str]:
        return {model.id for model in compiled.listing(who(**fields))} & {"fast", "quick", "spare"}

    assert listed() == {"fast", "quick", "spare"}
    assert listed(providers={"one"}) == {"fast", "quick"}
    assert listed(catalogue={"spare"}) == {"spare"}
    assert listed(models={"quick"}) == {"quick"}
    assert listed(models={"fast"}, narrowed=[{"two/b"}]) == {"fast"}
