"""Routes, aliases and use cases by API: made, changed, seen by whom they concern, brought back; the file's are its own."""

import asyncio

import pytest

from headgate.access.permissions import PERMISSIONS
from headgate.storage.object_rows import SHARED
from tests.admin.people import code, people

ROUTES, ALIASES, CASES = "/api/v1/routes", "/api/v1/aliases", "/api/v1/use-cases"
FAST = {"targets": ["fair/m"]}
SLOW = {"targets": ["dear/m", {"model": "fair/m", "weight": 2}], "timeout": 9}


@pytest.fixture(autouse=True)
def staff(api):
    api.doors.known |= people()
    assert "routes:change" in PERMISSIONS


async def make(api, name="fast", config=FAST, who="admin", path=ROUTES, **more):
    return await api.ask("POST", path, who, json={"name": name, "config": config, **more})


async def test_a_route_is_made_changed_and_removed(api):
    made = await make(api, note="first")
    assert made.status_code == 201, made.text
    shown = made.json()
    assert (shown["managed_by"], shown["version"], shown["shared"], shown["config"]) == ("database", 1, False, FAST)
    assert made.headers["etag"] == shown["etag"]
    changed = await api.ask("PUT", f"{ROUTES}/fast", json={"config": SLOW})
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    listed = {row["name"]: row for row in (await api.ask("GET", ROUTES)).json()["data"]}
    assert [target["target"] for target in listed["fast"]["targets"]] == ["dear/m", "fair/m"]
    assert (listed["fast"]["managed_by"], listed["fast"]["etag"]) == ("database", changed.headers["etag"])
    assert (listed["plain"]["managed_by"], listed["plain"]["version"]) == ("file", None)
    assert (await api.ask("DELETE", f"{ROUTES}/fast")).status_code == 200
    assert code(await api.ask("GET", f"{ROUTES}/fast")) == (404, "not_found")


async def test_it_is_seen_by_its_tenant_alone(api):
    await make(api)
    assert code(await api.ask("GET", f"{ROUTES}/fast", "other")) == (404, "not_found")
    assert code(await api.ask("DELETE", f"{ROUTES}/fast", "other")) == (404, "not_found")
    assert code(await api.ask("GET", f"{ROUTES}/fast/versions", "other")) == (404, "not_found")
    assert code(await api.ask("GET", f"{ROUTES}/fast/versions/1", "other")) == (404, "not_found")
    assert "fast" not in [row["name"] for row in (await api.ask("GET", ROUTES, "other")).json()["data"]]
    assert (await make(api, config=SLOW, who="other")).status_code == 201
    assert (await api.ask("GET", f"{ROUTES}/fast")).json()["config"] == FAST


async def test_what_is_shared_takes_a_permission_over_all_tenants(api):
    assert code(await make(api, shared=True)) == (403, "permission_denied")
    made = await make(api, who="root", shared=True)
    assert (made.status_code, made.json()["shared"]) == (201, True)
    for who in ("admin", "other"):
        assert (await api.ask("GET", f"{ROUTES}/fast", who)).json()["config"] == FAST
        assert code(await api.ask("PUT", f"{ROUTES}/fast", who, json={"config": SLOW})) == (409, "conflict")
        assert code(await api.ask("DELETE", f"{ROUTES}/fast", who)) == (403, "permission_denied")
        assert code(await make(api, who=who)) == (409, "conflict")
    changed = await api.ask("PUT", f"{ROUTES}/fast", "root", json={"config": SLOW})
    assert (changed.json()["version"], changed.json()["shared"]) == (2, True)
    assert len(await api.parts.objects.every(SHARED, "route")) == 1
    assert (await api.ask("DELETE", f"{ROUTES}/fast", "root")).status_code == 200


async def test_a_change_may_say_which_version_it_was_made_for(api):
    first = (await make(api)).headers["etag"]
    second = await api.ask("PUT", f"{ROUTES}/fast", json={"config": SLOW}, headers={"if-match": first})
    assert second.status_code == 200
    stale = await api.ask("PUT", f"{ROUTES}/fast", json={"config": FAST}, headers={"if-match": first})
    assert code(stale) == (412, "etag_mismatch")
    assert "version 2" in stale.json()["error"]["message"]
    assert code(await api.ask("DELETE", f"{ROUTES}/fast", headers={"if-match": first})) == (412, "etag_mismatch")
    new = {"if-none-match": "*"}
    assert code(await api.ask("PUT", f"{ROUTES}/fast", json={"config": FAST}, headers=new)) == (412, "etag_mismatch")
    gone = await api.ask("PUT", f"{ROUTES}/none", json={"config": FAST}, headers={"if-match": first})
    assert code(gone) == (412, "etag_mismatch")


async def test_of_two_who_edit_at_once_one_is_told(api):
    etag = (await make(api)).headers["etag"]
    tries = [
        api.ask("PUT", f"{ROUTES}/fast", json={"config": {**FAST, "timeout": n}}, headers={"if-match": etag})
        for n in (1, 2)
    ]
    assert sorted(one.status_code for one in await asyncio.gather(*tries)) == [200, 412]


@pytest.mark.parametrize(
    ("config", "param", "said"),
    [
        ({"targets": ["none/m"]}, "config.targets[0]", "no provider `none`"),
        ({"targets": [{"model": "fair/m", "weight": 0}]}, "config.targets[0].weight", "must be from 0.001"),
        ({"targets": ["fair/m"], "fallback": "bad"}, "config.fallback", "leads in a circle"),
        ({"targets": ["fair/m"], "strategy": [{"kind": "csot"}]}, "config.strategy[0].kind", "did you mean `cost`"),
        ({"targets": ["fair/${HOME}"]}, "config.targets[0]", "must not refer to the environment"),
        ({"targets": []}, "config.targets", "must name at least one"),
        ({}, "config", "needs `targets`"),
    ],
)
async def test_what_does_not_fit_is_refused_with_its_path(api, config, param, said):
    answer = await make(api, "bad", config)
    assert code(answer) == (400, "invalid_value")
    assert answer.json()["error"]["param"] == param
    assert said in answer.json()["error"]["message"]
    assert (await api.ask("GET", f"{ROUTES}/bad")).status_code == 404


async def test_a_name_that_cannot_be_is_refused(api):
    assert code(await make(api, "dear/x"))[0] == 400
    assert code(await make(api, "two words"))[0] == 400
    big = {"targets": ["fair/m"], "skip": ["x" * 70_000]}
    assert code(await make(api, "big", big)) == (400, "string_above_max_length")


async def test_a_dry_run_changes_nothing(api):
    tried = await make(api, dry_run=True)
    assert (tried.status_code, tried.json()["version"]) == (201, 1)
    assert code(await make(api, config={"targets": ["no/m"]}, dry_run=True))[0] == 400
    assert (await api.ask("GET", f"{ROUTES}/fast")).status_code == 404


async def test_versions_are_listed_compared_and_brought_back(api):
    await make(api, note="first")
    await api.ask("PUT", f"{ROUTES}/fast", json={"config": SLOW, "note": "slower"})
    listed = (await api.ask("GET", f"{ROUTES}/fast/versions")).json()["data"]
    assert [(one["version"], one["note"], one["author_id"]) for one in listed] == [
        (2, "slower", "admin-1"),
        (1, "first", "admin-1"),
    ]
    assert (await api.ask("GET", f"{ROUTES}/fast/versions?limit=1&before=2")).json()["data"] == listed[1:]
    assert (await api.ask("GET", f"{ROUTES}/fast/versions/1")).json()["config"] == FAST
    told = (await api.ask("GET", f"{ROUTES}/fast/diff?before=1&after=2")).json()["changes"]
    assert told == [
        {"path": "targets[0]", "before": "fair/m", "after": "dear/m"},
        {"path": "targets[1]", "before": None, "after": {"model": "fair/m", "weight": 2}},
        {"path": "timeout", "before": None, "after": 9},
    ]
    back = await api.ask("POST", f"{ROUTES}/fast/rollback", json={"version": 1})
    assert (back.json()["version"], back.json()["config"]) == (3, FAST)
    assert (await api.ask("GET", f"{ROUTES}/fast/versions")).json()["data"][0]["note"] == "back to version 1"
    await api.ask("DELETE", f"{ROUTES}/fast")
    assert (await api.ask("POST", f"{ROUTES}/fast/rollback", json={"version": 2})).json()["version"] == 5
    assert code(await api.ask("POST", f"{ROUTES}/fast/rollback", json={"version": 4})) == (400, "invalid_value")
    assert code(await api.ask("POST", f"{ROUTES}/fast/rollback", json={"version": 9})) == (404, "not_found")


async def test_what_the_file_has_is_read_only_and_shows_the_change_to_make(api):
    for method, path, body in (
        ("POST", ROUTES, {"name": "plain", "config": FAST}),
        ("PUT", f"{ROUTES}/plain", {"config": FAST}),
        ("POST", f"{ROUTES}/plain/rollback", {"version": 1}),
        ("DELETE", f"{ROUTES}/plain", None),
    ):
        answer = await api.ask(method, path, "root", json=body)
        assert code(answer) == (409, "managed_by_file"), answer.text
        assert "plain" in answer.json()["error"]["message"]
    shown = (await api.ask("GET", f"{ROUTES}/plain")).json()
    assert (shown["managed_by"], shown["shared"], shown["config"]["targets"]) == ("file", True, ["dear/m", "fair/m"])


async def test_versions_of_what_the_file_has_are_those_that_were_loaded(api):
    text = api.parts.live.text
    api.parts.live.load(text)
    api.parts.live.load(text.replace("plain: {targets: [dear/m, fair/m]}", "plain: {targets: [fair/m]}"))
    listed = (await api.ask("GET", f"{ROUTES}/plain/versions")).json()["data"]
    assert [(one["version"], one["author_kind"], one["config"]["targets"]) for one in listed] == [
        (2, "file", ["fair/m"]),
        (1, "file", ["dear/m", "fair/m"]),
    ]
    told = (await api.ask("GET", f"{ROUTES}/plain/diff?before=1&after=2")).json()["changes"]
    assert [line["path"] for line in told] == ["targets[0]", "targets[1]"]


async def test_aliases_and_use_cases_are_kept_alike(api):
    assert (await make(api, "quick", {"target": "plain"}, path=ALIASES)).status_code == 201
    assert (await api.ask("GET", f"{ALIASES}/quick")).json()["config"] == "plain"
    kinds = {row["name"]: row["kind"] for row in (await api.ask("GET", ROUTES)).json()["data"]}
    assert kinds["quick"] == "alias"
    assert code(await make(api, "quick", {"to": "plain"}, path=ALIASES, who="other")) == (400, "invalid_type")
    answer = await make(api, "lost", {"target": "nothing"}, path=ALIASES)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "config.target")
    assert (await make(api, "letters", {"targets": ["fair/m"]}, path=CASES)).status_code == 201
    assert [row["name"] for row in (await api.ask("GET", CASES)).json()["data"]] == ["letters"]


async def test_what_something_else_needs_is_not_removed(api):
    await make(api)
    await make(api, "quick", {"target": "fast"}, path=ALIASES)
    answer = await api.ask("DELETE", f"{ROUTES}/fast")
    assert code(answer) == (409, "in_use")
    assert "aliases.quick" in answer.json()["error"]["message"]


async def test_names_with_slashes_and_other_signs_are_escaped(api):
    assert (await make(api, "team/fast")).status_code == 201
    assert (await api.ask("GET", f"{ROUTES}/team%2Ffast")).json()["name"] == "team/fast"
    assert (await api.ask("GET", f"{ROUTES}/team/fast")).status_code == 404


async def test_who_may_look_may_not_change(api):
    await make(api)
    assert (await api.ask("GET", f"{ROUTES}/fast", "viewer")).status_code == 200
    for method, path in (("POST", ROUTES), ("PUT", f"{ROUTES}/fast"), ("POST", f"{ROUTES}/fast/rollback")):
        assert code(await api.ask(method, path, "viewer", json={})) == (403, "permission_denied")
    assert code(await api.ask("DELETE", f"{ROUTES}/fast", "viewer")) == (403, "permission_denied")
