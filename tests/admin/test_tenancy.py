"""Tenants, teams, apps, users, roles and who has them: what is made, narrowed, refused and removed."""

from typing import Any

import pytest

from headgate.access.permissions import ROLES
from headgate.access.types import Principal
from tests.admin.conftest import KEYS, Api, who


async def made(api: Api, things: str, caller: str = "admin", **body: Any) -> dict[str, Any]:
    response = await api.ask("POST", f"/api/v1/{things}", caller, json=body)
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    assert response.headers["etag"]
    return found


async def code(api: Api, method: str, path: str, caller: str = "admin", **more: Any) -> tuple[int, str]:
    response = await api.ask(method, f"/api/v1{path}", caller, **more)
    return response.status_code, response.json().get("error", {}).get("code", "")


def lead(api: Api, team: str, role: str = "tenant-admin", name: str = "lead") -> str:
    """Let somebody administer one team; return the word that stands for it."""
    api.doors.known[name] = who(name, "default", kind="user", scope=f"team:{team}", permissions=ROLES[role])
    return name


OBJECTS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("teams", {"name": "search"}, {"limits": {"rpm": 5}}),
    ("apps", {"name": "shop", "default_model": "fast", "policies": ["strict"]}, {"cost_optimize": True}),
    ("users", {"email": "Ann@Example.com", "name": "Ann"}, {"is_active": False}),
    ("roles", {"name": "keeper", "permissions": ["teams:view", "teams:update"]}, {"permissions": ["teams:view"]}),
    ("tenants", {"name": "Acme", "zone": "Europe/Oslo", "catalogue": ["openai/*"]}, {"email": "it@acme.example"}),
]


@pytest.mark.parametrize(("things", "body", "change"), OBJECTS, ids=[things for things, _, _ in OBJECTS])
async def test_an_object_is_made_shown_changed_and_removed(api, things, body, change):
    one = await made(api, things, **body)
    path = f"/api/v1/{things}/{one['id']}"
    shown = await api.ask("GET", path)
    assert shown.json() == one
    assert [o["id"] for o in (await api.ask("GET", f"/api/v1/{things}")).json()["data"]] == [one["id"]] or (
        things == "tenants"
    )
    wrong = await api.ask("PATCH", path, json=change, headers={"if-match": '"1"'})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (412, "etag_mismatch")
    right = await api.ask("PATCH", path, json=change, headers={"if-match": shown.headers["etag"]})
    assert right.status_code == 200, right.text
    changed = right.json()
    expected = {name: {**one[name], **value} if isinstance(value, dict) else value for name, value in change.items()}
    assert {name: changed[name] for name in change} == expected
    assert {n: v for n, v in changed.items() if n not in (*change, "updated_at")} == {
        n: v for n, v in one.items() if n not in (*change, "updated_at")
    }
    assert right.headers["etag"] != shown.headers["etag"]
    stale = await api.ask("DELETE", path, headers={"if-match": shown.headers["etag"]})
    assert stale.status_code == 412
    assert (await api.ask("DELETE", path)).json()["id"] == one["id"]
    for method in ("GET", "PATCH", "DELETE"):
        assert await code(api, method, f"/{things}/{one['id']}", json=change) == (404, "not_found")


async def test_names_are_taken_once_in_a_tenant(api):
    await made(api, "teams", name="search")
    assert await code(api, "POST", "/teams", json={"name": "search"}) == (409, "name_taken")
    await made(api, "teams", "other", name="search")
    await made(api, "users", email="a@x.example")
    assert await code(api, "POST", "/users", json={"email": "A@x.example"}) == (409, "name_taken")


async def test_pages_by_name(api):
    for name in ("c", "a", "d", "b"):
        await made(api, "teams", name=name)
    seen, after = [], ""
    while after is not None:
        query = {"limit": 3, "sort": "-name", **({"after": after} if after else {})}
        page = (await api.ask("GET", "/api/v1/teams", params=query)).json()
        seen += [team["name"] for team in page["data"]]
        after = page["next"]
    assert seen == ["d", "c", "b", "a"]
    for bad in ("x", "e30=", "WyJhIl0="):
        assert await code(api, "GET", "/teams", params={"sort": "name", "after": bad}) == (400, "invalid_parameter")


async def test_another_tenant_s_objects_are_as_those_that_never_were(api):
    for things, body, change in OBJECTS[:4]:
        one = await made(api, things, **body)
        for method in ("GET", "PATCH", "DELETE"):
            theirs = await api.ask(method, f"/api/v1/{things}/{one['id']}", "other", json=change)
            nobodys = await api.ask(method, f"/api/v1/{things}/{one['id'][:-4]}0000", "other", json=change)
            assert (theirs.status_code, theirs.json()) == (404, nobodys.json())
        assert (await api.ask("GET", f"/api/v1/{things}", "other")).json()["data"] == []
        assert (await api.ask("GET", f"/api/v1/{things}/{one['id']}")).json() == one
    team = await made(api, "teams", name="theirs")
    refused = await api.ask("POST", "/api/v1/apps", "other", json={"name": "x", "team_id": team["id"]})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "team_id")


async def test_who_administers_the_platform_speaks_of_any_tenant(api):
    acme = await made(api, "tenants", id="acme", name="Acme")
    assert acme["id"] == "acme"
    team = (await api.ask("POST", "/api/v1/teams?tenant_id=acme", json={"name": "search"})).json()
    assert await code(api, "GET", f"/teams/{team['id']}") == (404, "not_found")
    assert await code(api, "GET", f"/teams/{team['id']}?tenant_id=acme") == (200, "")
    assert await code(api, "GET", "/teams?tenant_id=nowhere") == (404, "not_found")
    assert await code(api, "GET", "/teams?tenant_id=default", "other") == (404, "not_found")
    assert await code(api, "GET", "/teams?tenant_id=other", "other") == (200, "")
    ids = {one["id"] for one in (await api.ask("GET", "/api/v1/tenants")).json()["data"]}
    assert "acme" in ids


async def test_a_tenant_sees_itself_and_does_not_loosen_what_binds_it(api):
    await made(api, "tenants", id="other", name="Other", limits={"rpm": 5})
    assert [t["id"] for t in (await api.ask("GET", "/api/v1/tenants", "other")).json()["data"]] == ["other"]
    assert await code(api, "GET", "/tenants/default", "other") == (404, "not_found")
    assert await code(api, "POST", "/tenants", "other", json={"name": "x"}) == (403, "permission_denied")
    assert await code(api, "DELETE", "/tenants/other", "other") == (403, "permission_denied")
    for field, value in (("limits", {}), ("models", []), ("catalogue", []), ("providers", []), ("is_active", True)):
        assert await code(api, "PATCH", "/tenants/other", "other", json={field: value}) == (403, "beyond_your_own")
    assert await code(api, "PATCH", "/tenants/other", "other", json={"email": "me@other.example"}) == (200, "")
    assert (await api.ask("GET", "/api/v1/tenants/other", "other")).json()["limits"]["rpm"] == 5


async def test_with_a_tenant_goes_all_that_is_its(api):
    await made(api, "tenants", id="gone", name="Gone")
    q = "?tenant_id=gone"
    team = (await api.ask("POST", f"/api/v1/teams{q}", json={"name": "t"})).json()
    key = (await api.ask("POST", f"{KEYS}{q}", json={"name": "k", "team_id": team["id"]})).json()
    assert (await api.ask("DELETE", "/api/v1/tenants/gone")).status_code == 200
    assert await api.keys.whole("gone", key["id"]) is None
    assert await api.parts.tenancy.teams.page("gone") == []
    await api.make()
    assert await code(api, "DELETE", "/tenants/default") == (409, "conflict")


async def test_with_a_team_go_its_apps_and_the_keys_of_both(api):
    team = await made(api, "teams", name="search")
    app = await made(api, "apps", name="shop", team_id=team["id"])
    of_team, of_app = await api.make(team_id=team["id"]), await api.make(app_id=app["id"])
    other = await api.make()
    assert (await api.ask("DELETE", f"/api/v1/teams/{team['id']}")).status_code == 200
    states = [(await api.ask("GET", f"{KEYS}/{key['id']}")).json()["status"] for key in (of_team, of_app, other)]
    assert states == ["revoked", "revoked", "active"]
    assert await code(api, "GET", f"/apps/{app['id']}") == (404, "not_found")


async def test_with_a_user_go_its_keys_roles_and_memberships(api):
    user = await made(api, "users", email="ann@x.example")
    team = await made(api, "teams", name="search")
    app = await made(api, "apps", name="shop", owner_id=user["id"])
    await api.ask("PUT", f"/api/v1/teams/{team['id']}/members/{user['id']}")
    await made(api, "bindings", role="member", subject_kind="user", subject_id=user["id"], scope="own")
    key = await api.make(user_id="ANN@x.example")
    assert key["user_id"] == user["id"]
    assert (await api.ask("DELETE", f"/api/v1/users/{user['id']}")).status_code == 200
    assert (await api.ask("GET", f"{KEYS}/{key['id']}")).json()["status"] == "revoked"
    assert (await api.ask("GET", "/api/v1/bindings")).json()["data"] == []
    assert (await api.ask("GET", f"/api/v1/teams/{team['id']}/members")).json()["data"] == []
    assert (await api.ask("GET", f"/api/v1/apps/{app['id']}")).json()["owner_id"] is None


async def test_members_come_and_go(api):
    user, team = await made(api, "users", email="ann@x.example"), await made(api, "teams", name="search")
    path = f"/teams/{team['id']}/members"
    for _ in range(2):
        response = await api.ask("PUT", f"/api/v1{path}/{user['id']}")
        assert [one["email"] for one in response.json()["data"]] == ["ann@x.example"]
    assert await code(api, "PUT", f"{path}/nobody") == (404, "not_found")
    assert (await api.ask("DELETE", f"/api/v1{path}/{user['id']}")).json()["data"] == []
    assert await code(api, "DELETE", f"{path}/{user['id']}") == (404, "not_found")


async def test_who_leads_a_team_sees_and_keeps_that_team_alone(api):
    mine, theirs = await made(api, "teams", name="mine"), await made(api, "teams", name="theirs")
    word = lead(api, mine["id"])
    assert [t["id"] for t in (await api.ask("GET", "/api/v1/teams", word)).json()["data"]] == [mine["id"]]
    assert await code(api, "GET", f"/teams/{theirs['id']}", word) == (404, "not_found")
    assert await code(api, "POST", "/teams", word, json={"name": "x"}) == (403, "permission_denied")
    assert await code(api, "DELETE", f"/teams/{mine['id']}", word) == (403, "permission_denied")
    assert await code(api, "PATCH", f"/teams/{mine['id']}", word, json={"name": "ours"}) == (200, "")
    changes: tuple[dict[str, Any], ...] = ({"limits": {}}, {"models": []}, {"is_active": True})
    for loose in changes:
        assert await code(api, "PATCH", f"/teams/{mine['id']}", word, json=loose) == (403, "beyond_your_own")
    app = await made(api, "apps", word, name="shop", team_id=mine["id"])
    assert await code(api, "POST", "/apps", word, json={"name": "x"}) == (403, "permission_denied")
    assert await code(api, "POST", "/apps", word, json={"name": "x", "team_id": theirs["id"]}) == (
        403,
        "permission_denied",
    )
    assert await code(api, "PATCH", f"/apps/{app['id']}", word, json={"team_id": None}) == (403, "permission_denied")
    assert await code(api, "GET", "/users", word) == (200, "")
    assert await code(api, "POST", "/users", word, json={"email": "x@y.example"}) == (403, "permission_denied")


async def test_keys_of_a_team_belong_to_who_leads_it(api):
    mine, theirs = await made(api, "teams", name="mine"), await made(api, "teams", name="theirs")
    word = lead(api, mine["id"])
    app = await made(api, "apps", name="shop", team_id=mine["id"])
    for fields in ({"team_id": mine["id"]}, {"app_id": app["id"]}):
        await api.make(word, **fields)
    hidden = await api.make(team_id=theirs["id"])
    assert len((await api.ask("GET", KEYS, word)).json()["data"]) == 2
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate")):
        response = await api.ask(method, f"{KEYS}/{hidden['id']}{path}", word, json={})
        assert response.status_code == 404
    for fields in ({}, {"team_id": theirs["id"]}, {"user_id": None}):
        assert await code(api, "POST", "/keys", word, json={"name": "x", **fields}) == (403, "permission_denied")
    key = await api.make(word, team_id=mine["id"])
    assert await code(api, "PATCH", f"/keys/{key['id']}", word, json={"team_id": None}) == (403, "permission_denied")
    assert await code(api, "PATCH", f"/keys/{key['id']}", word, json={"is_active": False}) == (200, "")
    assert await code(api, "POST", "/keys", word, json={"name": "x", "kind": "admin", "team_id": mine["id"]}) == (
        403,
        "beyond_your_own",
    )


@pytest.mark.parametrize("field", ["team_id", "app_id", "user_id"])
async def test_a_key_of_what_does_not_exist(api, field):
    response = await api.ask("POST", KEYS, json={"name": "x", field: "01a1fd2f-2afe-7f31-bdac-dfc543cf49a1"})
    assert (response.status_code, response.json()["error"]["param"]) == (400, field)


async def test_a_key_and_its_app_are_of_one_team(api):
    one, two = await made(api, "teams", name="one"), await made(api, "teams", name="two")
    app = await made(api, "apps", name="shop", team_id=one["id"])
    response = await api.ask("POST", KEYS, json={"name": "x", "app_id": app["id"], "team_id": two["id"]})
    assert (response.status_code, response.json()["error"]["param"]) == (400, "team_id")


async def test_what_a_key_carries_can_be_changed(api):
    key = await api.make(models=["a"])
    change = {
        "name": "other", "environment": "test", "models": ["b", "b"], "routes": ["fast"], "providers": ["one"],
        "addresses": ["10.0.0.0/8", "192.0.2.7"], "default_model": "fast", "permissions": ["gateway:use"],
        "limits": {"rpm": 3}, "budgets": [{"usd": "1", "window": "day"}], "tags": ["x"],
        "expires_at": "2031-01-01T00:00:00Z", "is_active": False,
    }  # fmt: skip
    response = await api.ask("PATCH", f"{KEYS}/{key['id']}", json=change)
    assert response.status_code == 200, response.text
    changed = response.json()
    assert (changed["status"], changed["models"], changed["addresses"]) == (
        "off",
        ["b"],
        ["10.0.0.0/8", "192.0.2.7/32"],
    )
    assert (changed["budgets"], changed["default_model"]) == ([{"usd": "1", "window": "day"}], "fast")
    cleared = await api.ask(
        "PATCH", f"{KEYS}/{key['id']}", json={"default_model": None, "expires_at": None, "permissions": None}
    )
    assert (cleared.json()["default_model"], cleared.json()["expires_at"], cleared.json()["permissions"]) == (None,) * 3
    assert "key" not in cleared.json()


async def test_a_provider_key_of_a_key_is_sealed_and_goes_with_it(api):
    key = await api.make(provider_keys={"mine": "sk-canary-canary-canary"})
    assert key["provider_keys"] == ["mine"]
    whole = await api.keys.whole("default", key["id"])
    assert whole is not None
    (row,) = whole.mapped
    assert b"canary" not in row.sealed
    assert (await api.ask("GET", "/api/v1/config/providers/mine/keys")).json()["data"] == [], "it is nobody else's"
    path = f"{KEYS}/{key['id']}"
    changed = await api.ask("PATCH", path, json={"provider_keys": {"two": "sk-2", "mine": None}})
    assert changed.json()["provider_keys"] == ["two"]
    assert "sk-2" not in changed.text
    await api.ask("DELETE", path)
    whole = await api.keys.whole("default", key["id"])
    assert whole is not None
    assert whole.mapped == ()


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"addresses": ["10.0.0.0/33"]}, "addresses"),
        ({"addresses": ["10.0.0.1/8"]}, "addresses"),
        ({"permissions": ["users:delete"]}, "permissions"),
        ({"permissions": ["nonsense:do"]}, "permissions"),
        ({"provider_keys": {"x": "a\nb"}}, "provider_keys"),
        ({"roles": [{"role": "member"}]}, None),
        ({"is_active": None}, "is_active"),
    ],
)
async def test_keys_that_make_no_sense(api, body, param):
    response = await api.ask("POST", KEYS, json={"name": "x", **body})
    assert (response.status_code, response.json()["error"]["param"]) == (400, param), response.text


class TestGrants:
    """Nobody gives what it does not have, nor changes who may do more."""

    async def test_roles(self, api):
        api.doors.known["keeper"] = who(
            "keeper", "default", kind="user", scope="tenant", permissions=frozenset({"roles:create", "roles:update"})
        )
        body = {"name": "r", "permissions": ["roles:create", "users:delete"]}
        assert await code(api, "POST", "/roles", "keeper", json=body) == (403, "beyond_your_own")
        mine = await made(api, "roles", "keeper", name="r", permissions=["roles:create"])
        assert await code(api, "PATCH", f"/roles/{mine['id']}", "keeper", json=body) == (403, "beyond_your_own")
        big = await made(api, "roles", name="big", permissions=["users:delete"])
        assert await code(api, "PATCH", f"/roles/{big['id']}", "keeper", json={"permissions": []}) == (
            403,
            "beyond_your_own",
        )
        user = await made(api, "users", email="u@x.example")
        give = {"subject_kind": "user", "subject_id": user["id"]}
        for role in (big["id"], "tenant-admin"):
            assert await code(api, "POST", "/bindings", "keeper", json={"role": role, **give}) == (
                403,
                "beyond_your_own",
            )
        assert await code(api, "POST", "/bindings", "keeper", json={"role": mine["id"], **give}) == (201, "")
        assert (await api.ask("GET", "/api/v1/roles", "admin")).json()["data"][0]["name"] == "r"

    async def test_the_platform_is_given_by_the_platform_in_its_own_tenant(self, api):
        user = await made(api, "users", email="u@x.example")
        give = {"role": "platform-admin", "subject_kind": "user", "subject_id": user["id"], "scope": "platform"}
        theirs = await made(api, "users", "other", email="u@x.example")
        for body in ({**give, "scope": "tenant"}, {**give, "role": "member"}):
            assert await code(api, "POST", "/bindings", json=body) == (400, "invalid_parameter")
        other = {**give, "subject_id": theirs["id"]}
        assert await code(api, "POST", "/bindings", "other", json=other) == (400, "invalid_parameter")
        await made(api, "tenants", id="other", name="Other")
        assert await code(api, "POST", "/bindings?tenant_id=other", json=other) == (400, "invalid_parameter")
        assert await code(api, "POST", "/bindings", json=give) == (201, "")
        assert await code(api, "POST", "/bindings", json=give) == (409, "name_taken")

    async def test_an_admin_key_of_another_lets_nobody_at_what_is_that_ones_own(self, api):
        ann, clerk = await made(api, "users", email="a@x.example"), await made(api, "users", email="c@x.example")
        managing = frozenset({"api_keys:create", "api_keys:update", "roles:update", "logs:view"})
        api.doors.known["clerk"] = Principal(
            kind="user", id=clerk["id"], user_id=clerk["id"], tenant_id="default", name="clerk",
            permissions=managing, scope="tenant",
            grants=(("tenant", managing - {"logs:view"}), ("own", frozenset({"logs:view"}))),
        )  # fmt: skip
        role = (await made(api, "roles", name="reader", permissions=["logs:view"]))["id"]
        own = {"name": "k", "kind": "admin", "roles": [{"role": role, "scope": "own"}]}
        body = {**own, "user_id": ann["id"]}
        assert await code(api, "POST", "/keys", "clerk", json=body) == (403, "beyond_your_own")
        mine = await made(api, "keys", "clerk", **own, user_id=clerk["id"])
        assert await code(api, "PATCH", f"/keys/{mine['id']}", "clerk", json={"user_id": ann["id"]}) == (
            403,
            "beyond_your_own",
        )
        bare = await made(api, "keys", "clerk", name="b", kind="admin", permissions=[], user_id=ann["id"])
        give = {"role": role, "subject_kind": "key", "subject_id": bare["id"], "scope": "own"}
        assert await code(api, "POST", "/bindings", "clerk", json=give) == (403, "beyond_your_own")
        hers = await made(api, "keys", **body)
        assert await code(api, "POST", f"/keys/{hers['id']}/rotate", "clerk") == (403, "beyond_your_own")

    async def test_who_may_do_more_is_not_changed_by_who_may_less(self, api):
        user = await made(api, "users", email="boss@x.example")
        await made(api, "bindings", role="tenant-admin", subject_kind="user", subject_id=user["id"])
        key = await api.make(kind="admin")
        few = frozenset({"users:update", "users:delete", "api_keys:create", "api_keys:update", "api_keys:delete"})
        api.doors.known["clerk"] = who("clerk", "default", kind="user", scope="tenant", permissions=few)
        change = {"email": "clerk@x.example"}
        assert await code(api, "PATCH", f"/users/{user['id']}", "clerk", json=change) == (403, "beyond_your_own")
        assert await code(api, "DELETE", f"/users/{user['id']}", "clerk") == (403, "beyond_your_own")
        for method, path in (("POST", "/rotate"), ("PATCH", ""), ("DELETE", "")):
            assert await code(api, method, f"/keys/{key['id']}{path}", "clerk", json={}) == (403, "beyond_your_own")
        body = {"name": "mine", "kind": "admin", "permissions": ["api_keys:create"]}
        assert await code(api, "POST", "/keys", "clerk", json=body) == (201, "")
        body["permissions"] = ["users:create"]
        assert await code(api, "POST", "/keys", "clerk", json=body) == (403, "beyond_your_own")

    async def test_an_admin_key_has_what_it_was_given(self, api):
        key = await api.make(kind="admin")
        whole = await api.keys.whole("default", key["id"])
        assert whole is not None
        assert [(r.role, r.scope) for r in whole.roles] == [("tenant-admin", "tenant")]
        platform = await api.make(kind="admin", roles=[{"role": "platform-admin", "scope": "platform"}])
        whole = await api.keys.whole("default", platform["id"])
        assert whole is not None
        assert [(r.role, r.scope) for r in whole.roles] == [("platform-admin", "platform")]
        assert await code(api, "POST", "/keys", "other", json={"name": "x", "kind": "admin"}) == (201, "")

    async def test_a_scope_that_goes_nowhere(self, api):
        user = await made(api, "users", email="u@x.example")
        give = {"role": "member", "subject_kind": "user", "subject_id": user["id"]}
        for scope in ("everything", "team:nothing", "team:"):
            assert await code(api, "POST", "/bindings", json={**give, "scope": scope}) == (400, "invalid_parameter")
        assert await code(api, "POST", "/bindings", json={**give, "role": "nothing"}) == (400, "invalid_parameter")
        assert await code(api, "POST", "/bindings", json={**give, "subject_id": "nobody"}) == (400, "invalid_parameter")


async def test_every_permission_is_listed_with_the_roles(api):
    told = (await api.ask("GET", "/api/v1/permissions")).json()
    assert told["roles"].keys() == ROLES.keys()
    assert {p for permissions in told["roles"].values() for p in permissions} <= told["permissions"].keys()


async def test_a_virtual_key_sees_itself_alone(api):
    mine, theirs = await api.make(), await api.make()
    api.doors.known["mine"] = Principal(
        kind="key",
        id=mine["id"],
        tenant_id="default",
        name="mine",
        scope="own",
        permissions=frozenset({"api_keys:view"}),
    )
    assert [key["id"] for key in (await api.ask("GET", KEYS, "mine")).json()["data"]] == [mine["id"]]
    assert await code(api, "GET", f"/keys/{theirs['id']}", "mine") == (404, "not_found")
    assert await code(api, "DELETE", f"/keys/{mine['id']}", "mine") == (403, "permission_denied")


async def test_both_names_of_keys_are_one(api):
    key = await api.make()
    one, two = await api.ask("GET", f"/api/v1/keys/{key['id']}"), await api.ask("GET", f"{KEYS}/{key['id']}")
    assert one.json() == two.json()
    assert one.headers["etag"] == two.headers["etag"]


async def test_what_binds_a_tenant_is_granted_by_the_platform(api):
    await made(api, "tenants", id="other", name="Other", catalogue=["a"])
    body = {"kind": "models", "subject_kind": "tenant", "subject_id": "other", "models": ["b"], "reason": "we need it"}
    asked = await api.ask("POST", "/api/v1/approvals", "other", json=body)
    assert asked.status_code == 201, asked.text
    api.doors.known["second"] = who("second", "other", scope="tenant", permissions=ROLES["tenant-admin"])
    path = f"/approvals/{asked.json()['id']}/approve"
    assert await code(api, "POST", path, "second", json={}) == (403, "beyond_your_own")
    assert await code(api, "POST", f"{path}?tenant_id=other", json={}) == (200, "")
    assert (await api.ask("GET", "/api/v1/tenants/other")).json()["catalogue"] == ["a", "b"]
