"""Guardrails by API: made, changed and versioned like routes, and tried on texts."""

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


async def test_what_is_not_there_is_named(api):
    answer = await api.ask("POST", TEST, json={"texts": ["x"], "guardrails": ["nobody"]})
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "unknown_guardrail"
    assert (await api.ask("POST", TEST, json={"texts": ["x"]})).status_code == 400
    assert (await api.ask("POST", TEST, json={"texts": ["x" * 200_000, "y"], "guardrails": ["n"]})).status_code == 400


async def test_what_calls_other_servers_stands_in_the_file_alone(api):
    body = {"name": "net", "config": {"kind": "presidio", "url": "http://169.254.169.254"}}
    answer = await api.ask("POST", GUARDRAILS, json=body)
    assert answer.status_code == 400 and "in the file alone" in answer.json()["error"]["message"]
