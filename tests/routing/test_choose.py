"""What a strategy sees of a call, and how a whole configuration decides."""

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from headgate.access.types import Principal
from headgate.cli.compiled import NoSenders
from headgate.config.compile import compile_config
from headgate.config.load import loads
from headgate.config.types import Known
from headgate.core.call import Call, Options
from headgate.core.errors import Forbidden
from headgate.dialects import anthropic_messages, openai_chat
from headgate.pipeline.choose import answers_tools, last_turn, needs, prefix, turns_of
from headgate.pipeline.steps import authorize, plan, resolve
from headgate.routing.conversations import Conversations
from headgate.routing.kinds import KINDS
from headgate.routing.policy import name_digest
from headgate.routing.retold import read, remade, verdicts
from headgate.routing.types import EMPTY

KNOWN = Known(kinds=frozenset(("openai-compatible",)), providers=frozenset(("sandbox",)), strategies=KINDS, models=())
WHO = Principal(kind="key", id="k", tenant_id="default", name="k")


class NoBooks:
    def used_share(self, who: Principal) -> float | None:
        return None


def parts_of(text: str) -> Any:
    compiled = compile_config(loads(text.encode(), {}, KNOWN), {}, NoSenders())
    return SimpleNamespace(snapshot=compiled.snapshot, health=EMPTY, books=NoBooks(), conversations=Conversations())


def asking(model: str = "r", dialect: Any = openai_chat, options: Options | None = None, **fields: Any) -> Call:
    fields.setdefault("messages", [{"role": "user", "content": "hi"}])
    call = Call(surface="openai", operation="chat", dialect=dialect, link=None, headers=[], t0=0.0)
    call.body = msgspec.json.encode({"model": model, **fields})
    call.envelope, call.who = dialect.envelope(call.body), WHO
    call.options = options or call.options
    return call


def planned(call: Call, parts: Any) -> list[str]:
    resolve(call, parts)
    authorize(call, parts)
    plan(call, parts)
    return [target.name for target in call.plan]


CANARY = """
providers:
  old: {kind: openai-compatible, base_url: "http://h/v1", price: {input: 5, output: 5}}
  new: {kind: openai-compatible, base_url: "http://h/v1", price: {input: 1, output: 1}}
routes:
  plain: {targets: [old/m, new/m]}
  cheap: {targets: [old/m, new/m], strategy: [{kind: cost}]}
  night:
    targets: [old/m, new/m]
    strategy: [{kind: compliance, require: [hipaa], when: {tags: [patient]}}]
    fallback: last
  last: {targets: [{model: old/safe, tags: [hipaa]}, new/other], strategy: [{kind: compliance, require: [hipaa]}]}
  canary: {targets: [{model: old/m, weight: 9}, new/m], strategy: [{kind: weighted, sticky: user}]}
  stays: {targets: [old/m, new/m], strategy: [{kind: sticky}]}
  saves: {targets: [old/m, new/m], strategy: [{kind: cost, cached: 0.5}]}
aliases: {economy: cheap}
"""


def test_a_route_without_strategies_decides_nothing():
    call = asking("plain")
    assert planned(call, parts_of(CANARY)) == ["old/m", "new/m"]
    assert call.choice is None
    assert call.reason == "route plain: old/m then new/m, in the order of the configuration"


@pytest.mark.parametrize("name", ["cheap", "economy"])
def test_a_strategy_orders_the_plan_and_the_call_keeps_why(name):
    call = asking(name)
    assert planned(call, parts_of(CANARY)) == ["new/m", "old/m"]
    assert call.choice is not None
    assert remade(call.choice) == ["new/m", "old/m"]
    assert call.reason == "route cheap: new/m first, by cost"


def test_only_what_the_key_may_use_is_a_candidate():
    call = asking("cheap")
    call.who = msgspec.structs.replace(WHO, models=frozenset(("old/*",)))
    assert planned(call, parts_of(CANARY)) == ["old/m"]
    assert call.choice is not None
    assert read(call.choice).targets == ("old/m",)


def test_a_fallback_follows_in_its_own_order_and_stands_in_where_nothing_is_left():
    assert planned(asking("night"), parts_of(CANARY)) == ["old/m", "new/m", "old/safe"]
    assert planned(asking("night", options=Options(tags=("patient",))), parts_of(CANARY)) == ["old/safe"]


BOUND = """
providers:
  old: {kind: openai-compatible, base_url: "http://h/v1", price: {input: 5, output: 5}}
  new: {kind: openai-compatible, base_url: "http://h/v1", price: {input: 1, output: 1}}
routes:
  first: {targets: [{model: old/a, tags: [hipaa], region: eu-west-1}], strategy: [RULE], fallback: second}
  second: {targets: [{model: old/b, tags: [hipaa], region: eu-west-2}, new/c], strategy: [{kind: cost}], fallback: third}
  third: {targets: [new/d, {model: old/e, tags: [hipaa], region: eu-west-1}]}
"""
RULES = {
    "compliance": "{kind: compliance, require: [hipaa], when: {tags: [patient]}}",
    "geography": "{kind: geography, regions: [eu], require: true, when: {tags: [patient]}}",
    "prefer": "{kind: prefer, targets: [old], only: true, when: {tags: [patient]}}",
    "condition": "{kind: condition, match: {tags: [patient]}, targets: [old], only: true}",
}


@pytest.mark.parametrize("kind", RULES)
def test_where_calls_may_not_go_they_do_not_go_by_way_of_a_fallback(kind):
    parts = parts_of(BOUND.replace("RULE", RULES[kind]))
    assert planned(asking("first"), parts) == ["old/a", "new/c", "old/b", "new/d", "old/e"]
    call = asking("first", options=Options(tags=("patient",)))
    assert planned(call, parts) == ["old/a", "old/b", "old/e"]
    assert call.choice is not None and remade(call.choice) == ["old/a", "old/b", "old/e"]
    removed = {one.target: one.rule for one in verdicts(call.choice) if one.act == "removed"}
    assert removed == {"new/c": kind, "new/d": kind}
    assert planned(asking("second", options=Options(tags=("patient",))), parts) == ["new/c", "old/b", "new/d", "old/e"]


def test_a_fallback_of_which_nothing_is_left_is_told():
    text = BOUND.replace("RULE", RULES["compliance"]).replace("fallback: second", "fallback: third")
    parts = parts_of(text.replace(", {model: old/e, tags: [hipaa], region: eu-west-1}", ""))
    call = asking("first", options=Options(tags=("patient",)))
    assert planned(call, parts) == ["old/a"]
    assert [(one.target, one.act, one.rule) for one in call.verdicts] == [("new/d", "removed", "compliance")]


def test_the_rules_of_every_route_on_the_way_bind():
    rule, other = RULES["compliance"], "{kind: geography, regions: [eu-west-1], require: true}"
    text = BOUND.replace("RULE", rule).replace("[{kind: cost}]", f"[{other}, {{kind: cost}}]")
    assert planned(asking("first"), parts_of(text)) == ["old/a", "old/e"]


def test_where_every_deployment_is_removed_the_call_is_refused():
    text = CANARY.replace("{model: old/safe, tags: [hipaa]}", "old/safe")
    with pytest.raises(Forbidden, match="compliance removed the last of 2"):
        planned(asking("last"), parts_of(text))


def test_a_canary_keeps_users_on_their_side_in_its_proportion():
    parts = parts_of(CANARY)
    sides: dict[str, int] = {}
    for user in range(2000):
        first = planned(asking("canary", options=Options(user=f"u{user}")), parts)[0]
        assert planned(asking("canary", options=Options(user=f"u{user}")), parts)[0] == first
        sides[first] = sides.get(first, 0) + 1
    assert 130 <= sides["new/m"] <= 270  # 200 expected, more than five deviations of either side


def test_needs_are_read_from_the_request_and_not_from_what_is_said_in_it():
    assert needs(asking(messages=[{"role": "user", "content": 'say "image_url" and "json_schema"'}])) == frozenset()
    tools = [{"type": "function", "function": {"name": "f"}}]
    picture = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]
    call = asking(messages=[{"role": "user", "content": picture}], tools=tools)
    assert needs(call) == {"tools", "vision"}


def test_an_empty_list_of_tools_needs_nothing():
    assert needs(asking(tools=[])) == needs(asking(tools=None)) == frozenset()


def test_the_last_user_turn_is_found_in_any_dialect():
    turns = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]
    assert last_turn(asking(messages=[*turns, {"role": "user", "content": "x" * 9000}])) == "x" * 8000
    call = asking(dialect=anthropic_messages, messages=[*turns, {"role": "user", "content": "three"}], max_tokens=9)
    assert last_turn(call) == "three"


def test_a_conversation_keeps_its_prefix_as_it_grows():
    turns = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "one"}]
    one, two = asking(messages=turns), asking(messages=[*turns, {"role": "assistant", "content": "1"}, turns[1]])
    other = asking(messages=[turns[0], {"role": "user", "content": "two"}])
    found = [prefix(call, turns_of(call)) for call in (one, two, other)]
    assert found[0] == found[1] != found[2]


def test_who_answered_is_asked_for_only_where_it_may_count():
    parts, tools = parts_of(CANARY), [{"type": "function", "function": {"name": "f"}}]
    answered = {"role": "tool", "content": "4"}

    def conversation(model: str, **fields: Any) -> int:
        call = asking(model, options=Options(session="s"), **fields)
        call.link = object()  # it is made, and not only explained
        planned(call, parts)
        return call.conversation

    assert conversation("stays") == 0, "without tools it can never be amid them"
    kept = conversation("stays", tools=tools)
    assert kept != 0
    parts.conversations.remember(kept, name_digest("new/m"))
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": None}, answered]
    call = asking("stays", options=Options(session="s"), messages=turns, tools=tools)
    assert planned(call, parts)[0] == "new/m"
    assert call.choice is not None and call.choice.seen["last"] == "new/m" and call.choice.first == 0
    assert conversation("stays", messages=turns) == kept, "a client may leave its tools out to get a text"
    assert conversation("saves") != 0


def test_a_tools_result_is_told_from_a_turn_that_speaks_of_one():
    call = asking(messages=[{"role": "user", "content": 'a "tool_result"'}, {"role": "tool", "content": "4"}])
    assert [answers_tools(turn) for turn in turns_of(call)] == [False, True]
