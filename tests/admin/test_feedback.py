"""Feedback by API: said once per rater, listed, added up, and taken to where traces are."""

import asyncio

import msgspec
import pytest

from headgate.core.ids import new_id
from headgate.observe.scores import Opinion
from headgate.storage import feedback as store_module
from tests.admin.records import call, store

FEEDBACK = "/api/v1/feedback"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "headgate.db"


async def say(api, record, who="admin", **said):
    answer = await api.ask("POST", FEEDBACK, who, json={"request_id": record.id, **said})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_an_opinion_is_said_and_changed(api, path):
    told = []
    api.parts = msgspec.structs.replace(api.parts, outside=lambda batch, to: told.append((to, *batch)))
    api.http._transport.app.state.parts = api.parts
    one = call(metadata={"prompt": "greeting@3"})
    store(path, one)
    first = await say(api, one, score=0.5, comment="well")
    then = await say(api, one, thumbs="up", comment=None)
    assert then["id"] == first["id"] and (then["score"], then["thumbs"], then["comment"]) == (0.5, "up", None)
    assert (then["model"], then["route"], then["prompt"]) == ("local/mock", "fast", "greeting@3")
    assert len((await api.ask("GET", FEEDBACK)).json()["data"]) == 1
    assert [to for to, _ in told] == ["langfuse_scores"] * 2
    sent = msgspec.json.decode(told[1][1], type=Opinion)
    assert (sent.trace_id, sent.score, sent.thumbs, sent.id) == (one.trace_id, 0.5, 1, first["id"])


async def test_each_rater_has_an_opinion(api, path):
    one = call(key_id="key-1")
    store(path, one)
    await say(api, one, thumbs="up")
    await say(api, one, "key", thumbs="down", by="ann")
    await say(api, one, "key", thumbs="up", by="bob")
    await say(api, one, "key", thumbs="up", by="ann")
    found = (await api.ask("GET", f"{FEEDBACK}?request_id={one.id}")).json()["data"]
    assert {row["rater"]: row["thumbs"] for row in found} == {
        "admin:admin-1": "up", "key:key-1:ann": "up", "key:key-1:bob": "up",
    }  # fmt: skip


async def test_a_key_speaks_of_its_own_calls_alone(api, path):
    mine, others, foreign = call(key_id="key-1"), call(key_id="key-2"), call(tenant_id="other", key_id="key-1")
    for one in (mine, others, foreign):
        store(path, one)
    await say(api, mine, "key", score=1)
    answers = [
        await api.ask("POST", FEEDBACK, who, json={"request_id": id, "score": 1})
        for who, id in (("key", others.id), ("admin", foreign.id), ("admin", "0190aaaa-0000-7000-8000-000000000000"))
    ]
    assert {(one.status_code, one.json()["error"]["message"]) for one in answers} == {(404, "There is no such call.")}
    await say(api, others, score=0)
    assert len((await api.ask("GET", FEEDBACK, "key")).json()["data"]) == 1
    assert len((await api.ask("GET", FEEDBACK)).json()["data"]) == 2
    assert (await api.ask("GET", FEEDBACK, "other")).json()["data"] == []
    (row,) = (await api.ask("GET", f"{FEEDBACK}?request_id={others.id}")).json()["data"]
    assert (await api.ask("GET", f"{FEEDBACK}/{row['id']}", "key")).status_code == 404


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"score": 1.1},
        {"score": -1},
        {"thumbs": "sideways"},
        {"comment": ""},
        {"comment": "x" * 20_001},
        {"stars": 3},
    ],
)
async def test_what_is_no_opinion_is_refused(api, path, said):
    one = call()
    store(path, one)
    answer = await api.ask("POST", FEEDBACK, json={"request_id": one.id, **said})
    assert answer.status_code == 400, answer.text


async def test_a_call_whose_record_is_on_its_way_is_waited_for(api, path):
    one = call(id=new_id())
    asked = asyncio.create_task(api.ask("POST", FEEDBACK, json={"request_id": one.id, "score": 1}))
    await asyncio.sleep(0.1)
    store(path, one)
    assert (await asked).status_code == 200


async def test_it_is_added_up_by_model_route_and_prompt(api, path):
    for number in range(40):
        model = "a/good" if number % 2 else "a/poor"
        one = call(model_used=model, route="fast", metadata={"prompt": "p@1"} if number < 10 else None)
        store(path, one)
        good = number % 2 == 1 and number != 39
        await say(api, one, thumbs="up" if good else "down", score=0.9 if good else 0.2)
    by_model = {one["name"]: one for one in (await api.ask("GET", f"{FEEDBACK}/analysis")).json()["data"]}
    good = by_model["a/good"]
    assert (good["answers"], good["ups"], good["downs"], good["scores"]) == (20, 19, 1, 20)
    assert good["up_share"]["mean"] == pytest.approx(0.95)
    assert (good["up_share"]["low"], good["up_share"]["high"]) == pytest.approx((0.7639, 0.9911), abs=1e-4)
    assert good["score"]["mean"] == pytest.approx(0.865)
    assert good["quality"] > 0.8 > 0.3 > by_model["a/poor"]["quality"]
    (route,) = (await api.ask("GET", f"{FEEDBACK}/analysis?by=route")).json()["data"]
    assert (route["name"], route["answers"], route["quality"]) == ("fast", 40, None)
    prompts = (await api.ask("GET", f"{FEEDBACK}/analysis?by=prompt")).json()["data"]
    assert {one["name"]: one["answers"] for one in prompts} == {None: 30, "p@1": 10}
    only = (await api.ask("GET", f"{FEEDBACK}/analysis?model=a/good")).json()["data"]
    assert [one["name"] for one in only] == ["a/good"]


async def test_pages_and_filters(api, path):
    for number in range(5):
        one = call()
        store(path, one)
        await say(api, one, thumbs="up" if number % 2 else "down", **({"correction": "so"} if number == 3 else {}))
    first = (await api.ask("GET", f"{FEEDBACK}?limit=3")).json()
    then = (await api.ask("GET", f"{FEEDBACK}?limit=3&after={first['next']}")).json()
    assert len({row["id"] for row in (*first["data"], *then["data"])}) == 5 and not then["has_more"]
    assert len((await api.ask("GET", f"{FEEDBACK}?thumbs=up")).json()["data"]) == 2
    assert len((await api.ask("GET", f"{FEEDBACK}?corrected=true")).json()["data"]) == 1
    assert (await api.ask("GET", f"{FEEDBACK}?after=x")).status_code == 400
    assert (await api.ask("GET", f"{FEEDBACK}?stars=3")).status_code == 400


async def test_it_is_taken_back_by_who_said_it_or_runs_the_tenant(api, path):
    one = call(key_id="key-1")
    store(path, one)
    theirs = await say(api, one, thumbs="down")
    mine = await say(api, one, "key", thumbs="up", by="ann")
    assert (await api.ask("DELETE", f"{FEEDBACK}/{theirs['id']}", "key")).status_code == 403
    assert (await api.ask("DELETE", f"{FEEDBACK}/{mine['id']}", "key")).status_code == 200
    assert (await api.ask("DELETE", f"{FEEDBACK}/{theirs['id']}")).status_code == 200
    audit = (await api.ask("GET", "/api/v1/audit?action=feedback:delete")).json()["data"]
    assert len(audit) == 2


async def test_an_answer_has_a_bound_of_raters(api, path, monkeypatch):
    monkeypatch.setattr(store_module, "MAX_RATERS", 2)
    one = call()
    store(path, one)
    for name in ("a", "b", "a"):
        await say(api, one, score=1, by=name)
    answer = await api.ask("POST", FEEDBACK, json={"request_id": one.id, "score": 1, "by": "c"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "too_many")
