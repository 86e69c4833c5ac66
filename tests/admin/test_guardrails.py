"""Guardrails by API: made, changed and versioned like routes, and tried on texts."""

from headgate.access.permissions import ROLES
from headgate.access.types import Principal

GUARDRAILS = "/api/v1/guardrails"
TEST = f"{GUARDRAILS}/test"


async def test_one_is_made_tried_and_changed(api):
    config = {"kind": "pii", "types": ["card"], "action": "mask"}
    made = await api.ask("POST", GUARDRAILS, json={"name": "cards", "config": config})
    assert made.status_code == 201, made.json()
    assert made.json()["managed_by"] == "database" and made.json()["config"] == config
    asked = {"texts": ["pay with 4111 1111 1111 1111", "nothing here"], "guardrails": ["cards"]}
    told = (await api.ask("POST", TEST, json=asked)).json()["data"]
    assert [(one["passed"], one["text"]) for one in told] == [(True, "pay with <CARD>"), (True, "nothing here")]
    (verdict,) = told[0]["verdicts"]
    assert (verdict["guardrail"], verdict["act"], verdict["reason"]) == ("cards", "mask", "1 card")
    assert verdict["findings"] == [{"start": 9, "end": 28, "type": "card", "score": 1.0}]
    changed = await api.ask("PUT", f"{GUARDRAILS}/cards", json={"config": {**config, "action": "block"}})
    assert changed.json()["version"] == 2
    told = (await api.ask("POST", TEST, json=asked)).json()["data"]
    assert [one["passed"] for one in told] == [False, True]


async def test_a_draft_is_tried_without_being_made(api):
    asked = {"texts": ["see PRJ-1234"], "config": {"kind": "regex", "patterns": {"ticket": "PRJ-[0-9]{4}"}}}
    told = (await api.ask("POST", TEST, json=asked)).json()["data"]
    assert not told[0]["passed"] and told[0]["verdicts"][0]["guardrail"] == "draft"
    wrong = await api.ask("POST", TEST, json={"texts": ["x"], "config": {"kind": "regex", "patterns": {"x": "(a"}}})
    assert wrong.status_code == 400 and "regular expression" in wrong.json()["error"]["message"]


async def test_only_what_looks_at_such_texts_is_tried(api):
    config = {"kind": "keywords", "words": ["orion"]}
    for on, sees in (("input", {"user", "tool_argument"}), ("output", {"output", "tool_argument"})):
        for place in ("user", "output", "tool_argument"):
            asked = {"texts": ["about Orion"], "place": place, "config": {**config, "on": [on]}}
            [told] = (await api.ask("POST", TEST, json=asked)).json()["data"]
            assert told["passed"] == (place not in sees) and len(told["verdicts"]) == (place in sees), (on, place)


async def test_what_is_not_there_is_named(api):
    answer = await api.ask("POST", TEST, json={"texts": ["x"], "guardrails": ["nobody"]})
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "unknown_guardrail"
    assert (await api.ask("POST", TEST, json={"texts": ["x"]})).status_code == 400
    assert (await api.ask("POST", TEST, json={"texts": ["x" * 200_000, "y"], "guardrails": ["n"]})).status_code == 400


async def test_what_calls_other_servers_stands_in_the_file_alone(api):
    body = {"name": "net", "config": {"kind": "presidio", "url": "http://169.254.169.254"}}
    answer = await api.ask("POST", GUARDRAILS, json=body)
    assert answer.status_code == 400 and "in the file alone" in answer.json()["error"]["message"]


async def test_phrases_are_bounded(api):
    config = {"kind": "keywords", "words": ["fine", "x" * 513]}
    answer = await api.ask("POST", GUARDRAILS, json={"name": "long", "config": config})
    error = answer.json()["error"]
    assert answer.status_code == 400 and error["param"] == "config.words", error
    assert "entry 2 has 513 characters; a phrase may have 512" in error["message"]


async def test_patterns_by_api_are_bounded(api):
    config = {"kind": "regex", "patterns": {"long": "x.{0,90}y", "other": "a.{0,90}b"}}
    answer = await api.ask("POST", GUARDRAILS, json={"name": "long", "config": config})
    error = answer.json()["error"]
    assert answer.status_code == 400 and "may have 256 with a `window` of 1,024" in error["message"], error
    assert (await api.ask("POST", TEST, json={"texts": ["x"], "config": config})).status_code == 400
    made = await api.ask("POST", GUARDRAILS, json={"name": "long", "config": {**config, "window": 200}})
    assert made.status_code == 201, made.json()


HOUSE = {"kind": "keywords", "words": ["orion"], "always": True}
WEAK = {"kind": "keywords", "words": ["nobody says this"]}


async def test_nobody_puts_another_in_the_place_of_what_looks_at_all_tenants(api):
    """However it is asked for: as its own, by way of an older version, or when the name was its own before."""
    for name, tenant, scope in (("root", "default", "platform"), ("other", "other", "tenant")):
        api.doors.known[name] = Principal(
            kind="admin", id=name, tenant_id=tenant, name=name, scope=scope, permissions=ROLES[f"{scope}-admin"]
        )
    mine = {"name": "house", "config": WEAK}
    assert (await api.ask("POST", GUARDRAILS, "other", json=mine)).status_code == 201
    clash = await api.ask("POST", GUARDRAILS, "root", json={"name": "house", "config": HOUSE, "shared": True})
    assert (clash.status_code, clash.json()["error"]["code"]) == (409, "in_use")
    assert "tenant other" in clash.json()["error"]["message"]
    assert (await api.ask("DELETE", f"{GUARDRAILS}/house", "other")).status_code == 200
    made = await api.ask("POST", GUARDRAILS, "root", json={"name": "house", "config": HOUSE, "shared": True})
    assert made.status_code == 201, made.text
    for method, path, body in (
        ("POST", GUARDRAILS, {**mine, "shared": False}),
        ("PUT", f"{GUARDRAILS}/house", {"config": WEAK, "shared": False}),
        ("PUT", f"{GUARDRAILS}/house", {"config": WEAK}),
        ("POST", f"{GUARDRAILS}/house/rollback", {"version": 1, "shared": False}),
        ("POST", f"{GUARDRAILS}/house/rollback", {"version": 1}),
    ):
        answer = await api.ask(method, path, "other", json=body)
        assert answer.status_code in (404, 409), (method, body, answer.text)
    asked = {"texts": ["about Orion"], "guardrails": ["house"]}
    (told,) = (await api.ask("POST", TEST, "other", json=asked)).json()["data"]
    assert not told["passed"]
