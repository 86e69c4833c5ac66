"""Providers by API: made, changed, brought back; whose they are; what they must do without; where they may lead."""

import json

import pytest

from headgate.storage.provider_keys import stored
from tests.admin.people import code, people, person

PROVIDERS, ROUTES = "/api/v1/config/providers", "/api/v1/routes"
UP = {"kind": "openai-compatible", "base_url": "http://127.0.0.1:9/v1", "price": {"input": 1.5, "output": 2}}
OUT = {"kind": "openai-compatible", "base_url": "https://models.example.com/v1"}
SECRET = "sk-canary-0123456789abcdef"


@pytest.fixture(autouse=True)
def staff(api, monkeypatch):
    """Every name leads to a public address, but for what is inside."""
    api.doors.known |= {**people(), "third": person("admin-3", "third", "tenant-admin")}

    async def ask(host: str, port: int) -> list[str]:
        return ["10.0.0.1" if host.startswith("inside") else "93.184.216.34"]

    monkeypatch.setattr("headgate.transport.egress.check_url.__defaults__", (ask, None, None))


async def make(api, name="up", config=UP, who="root", **more):
    return await api.ask("POST", PROVIDERS, who, json={"name": name, "config": config, **more})


def said(answer):
    error = answer.json()["error"]
    return answer.status_code, error["param"], error["message"]


async def test_a_provider_is_made_changed_brought_back_and_removed(api):
    made = await make(api, note="first")
    assert made.status_code == 201, made.text
    shown = made.json()
    assert (shown["managed_by"], shown["version"], shown["shared"], shown["config"]) == ("database", 1, True, UP)
    assert api.parts.live.compiled.providers["up"].kind == "openai-compatible"
    assert api.parts.live.compiled.snapshot.table.resolve("up/anything").targets[0].price is not None
    other = {**UP, "base_url": "http://127.0.0.1:10/v1", "timeouts": {"total": 9}}
    etag = {"if-match": made.headers["etag"]}
    changed = await api.ask("PUT", f"{PROVIDERS}/up", "root", json={"config": other}, headers=etag)
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert code(await api.ask("PUT", f"{PROVIDERS}/up", "root", json={"config": UP}, headers=etag))[0] == 412
    told = (await api.ask("GET", f"{PROVIDERS}/up/diff?before=1&after=2", "root")).json()["changes"]
    assert [line["path"] for line in told] == ["base_url", "timeouts"]
    back = await api.ask("POST", f"{PROVIDERS}/up/rollback", "root", json={"version": 1})
    assert (back.json()["version"], back.json()["config"]) == (3, UP)
    assert (await api.ask("DELETE", f"{PROVIDERS}/up", "root")).status_code == 200
    assert "up" not in api.parts.live.compiled.providers
    assert code(await api.ask("GET", f"{PROVIDERS}/up", "root")) == (404, "not_found")
    again = await api.ask("POST", f"{PROVIDERS}/up/rollback", "root", json={"version": 2})
    assert (again.json()["shared"], again.json()["config"]) == (True, other)
    versions = (await api.ask("GET", f"{PROVIDERS}/up/versions", "root")).json()["data"]
    assert [one["version"] for one in versions] == [5, 4, 3, 2, 1] and versions[1]["config"] is None


async def test_one_list_has_them_all_and_says_who_manages_each(api):
    await make(api)
    await make(api, "off", {**UP, "enabled": False})
    rows = {row["name"]: row for row in (await api.ask("GET", PROVIDERS, "viewer")).json()["data"]}
    assert {
        name: (row["managed_by"], row["enabled"], row["version"]) for name, row in rows.items() if name != "up"
    } == {
        "mine": ("found", True, None),
        "dear": ("file", True, None),
        "fair": ("file", True, None),
        "sandbox": ("found", True, None),
        "off": ("database", False, 1),
    }
    up = rows["up"]
    assert (up["managed_by"], up["version"], up["config"], up["base_url"]) == ("database", 1, UP, UP["base_url"])
    assert up["updated_at"].endswith("Z") and up["keys"] == 0
    shown = (await api.ask("GET", f"{PROVIDERS}/sandbox")).json()
    assert (shown["managed_by"], shown["config"]["kind"]) == ("found", "sandbox")


async def test_one_that_was_found_is_not_removed(api):
    status, param, words = said(await api.ask("DELETE", f"{PROVIDERS}/sandbox", "root"))
    assert (status, param) == (409, "name") and "it was found" in words and "configuration file" not in words


async def test_what_the_file_has_is_read_only_and_shows_no_secret(api):
    live = api.parts.live
    live.load(
        live.text.replace(
            '"http://h/v1", price: {input: 5',
            f'"http://h/v1", api_key: {SECRET}, headers: {{x-of: {SECRET}}}, price: {{input: 5',
        )
    )
    for method, path, body in (
        ("POST", PROVIDERS, {"name": "dear", "config": UP}),
        ("PUT", f"{PROVIDERS}/dear", {"config": UP}),
        ("POST", f"{PROVIDERS}/dear/rollback", {"version": 1}),
        ("DELETE", f"{PROVIDERS}/dear", None),
    ):
        answer = await api.ask(method, path, "root", json=body)
        assert code(answer) == (409, "managed_by_file"), answer.text
    shown = await api.ask("GET", f"{PROVIDERS}/dear")
    versions = await api.ask("GET", f"{PROVIDERS}/dear/versions")
    assert shown.json()["config"]["api_key"] == "***" and shown.json()["config"]["headers"] == {"x-of": "***"}
    assert SECRET not in shown.text + versions.text


@pytest.mark.parametrize(
    ("change", "param", "words"),
    [
        ({"api_key": SECRET}, "config.api_key", "/api/v1/config/providers/up/keys"),
        ({"api_key": "${OPENAI_API_KEY}"}, "config.api_key", "providers keys add up"),
        ({"api_key": "file:/etc/shadow"}, "config.api_key", "providers keys add up"),
        ({"api_keys": [SECRET]}, "config.api_keys", "providers keys add up"),
        ({"base_url": "http://${HOME}/v1"}, "config.base_url", "must not refer to the environment"),
        ({"headers": {"x-of": "${HOME}"}}, "config.headers.x-of", "must not refer to the environment"),
        ({"region": "file:/etc/passwd"}, "config.region", "must not refer to the environment or to files"),
        ({"headers": {"authorization": "x"}}, "config.headers.authorization", "is a credential"),
        ({"headers": {"X-Api-Key": "x"}}, "config.headers.X-Api-Key", "is a credential"),
        ({"headers": {"x-of": SECRET}}, "config.headers.x-of", "is a credential"),
        ({"headers": {"host": "x"}}, "config.headers.host", "is not a header that can be set"),
        ({"secret_access_key": "x"}, "config.secret_access_key", "only the configuration file"),
        ({"credentials": "/etc/passwd"}, "config.credentials", "only the configuration file"),
        ({"client_secret": "x"}, "config.client_secret", "only the configuration file"),
        ({"profile": "default"}, "config.profile", "what this machine holds"),
        ({"managed_identity": True}, "config.managed_identity", "what this machine holds"),
        ({"ca": "/etc/passwd"}, "config.ca", "what this machine holds"),
        ({"token_url": "http://169.254.169.254/"}, "config.token_url", "only the configuration file"),
        ({"kind": "opnai-compatible"}, "config.kind", "did you mean `openai-compatible`"),
        ({"kind": None}, "config.kind", "must be text"),
        ({"base_url": "ftp://x"}, "config.base_url", "must be a URL such as"),
        ({"base_url": "http://u:p@h/v1"}, "config.base_url", "must not hold a user or password"),
        ({"base_url": 5}, "config.base_url", "must be text"),
        ({"price": {"input": -1}}, "config.price.input", "must be from 0"),
        ({"timeouts": {"total": 0}}, "config.timeouts.total", "must be from 0.001"),
        ({"concurrency": 0}, "config.concurrency", "must be from 1"),
        ({"passthrough": "wide"}, "config.passthrough", "must be one of known, open, owned"),
        ({"enabled": "perhaps"}, "config.enabled", "must be on or off"),
        ({"bse_url": "x"}, "config", "did you mean `base_url`"),
    ],
)
async def test_what_does_not_fit_is_refused_with_its_path_and_what_to_do(api, change, param, words):
    answer = await make(api, config={**UP, **change})
    assert code(answer) == (400, "invalid_value"), answer.text
    assert said(answer)[1] == param and words in said(answer)[2], answer.text
    assert SECRET not in answer.text
    assert (await api.ask("GET", f"{PROVIDERS}/up", "root")).status_code == 404


async def test_names_that_cannot_be(api):
    for name in ("two words", "a/b", "use-case", "x" * 65, "-x"):
        answer = await make(api, name)
        assert said(answer)[:2] == (400, "name"), answer.text
    taken = await make(api, "plain")  # a route
    assert code(taken) == (409, "in_use") and "routes.plain" in taken.json()["error"]["message"]
    needs = await make(api, config={"kind": "openai-compatible"})
    assert said(needs)[:2] == (400, "config") and "base_url" in said(needs)[2]


async def test_no_secret_is_in_the_audit_log_and_who_did_it_is(api):
    await make(api)
    await make(api, "bad", {**UP, "api_key": SECRET})
    await api.ask("PUT", f"{PROVIDERS}/up", "root", json={"config": {**UP, "http2": True}})
    await api.ask("DELETE", f"{PROVIDERS}/up", "root")
    answer = await api.ask("GET", "/api/v1/audit", "root", params={"object_id": "up"})
    entries = [(one["action"], one["actor_id"]) for one in answer.json()["data"]]
    assert entries == [("provider:delete", "root"), ("provider:change", "root"), ("provider:create", "root")]
    changed = answer.json()["data"][1]
    assert changed["before"] == {"version": 1, **UP} and changed["after"] == {"version": 2, **UP, "http2": True}
    assert SECRET not in json.dumps((await api.ask("GET", "/api/v1/audit", "root")).json())


async def test_one_that_is_in_use_is_not_removed_and_the_answer_names_by_what(api):
    await make(api)
    await make(api, "spare", {**UP})
    for name, path, config in (
        ("fast", ROUTES, {"targets": ["up/m"]}),
        ("both", ROUTES, {"targets": ["up/m", "spare/m"]}),
        ("quick", "/api/v1/aliases", {"target": "up/m"}),
    ):
        body = {"name": name, "config": config, "shared": True}
        assert (await api.ask("POST", path, "root", json=body)).status_code == 201
    answer = await api.ask("DELETE", f"{PROVIDERS}/up", "root")
    assert code(answer) == (409, "in_use")
    for place in ("routes.fast.targets[0]", "routes.both.targets[0]", "aliases.quick"):
        assert place in answer.json()["error"]["message"]
    off = await api.ask("PUT", f"{PROVIDERS}/up", "root", json={"config": {**UP, "enabled": False}})
    assert code(off) == (409, "in_use") and "enabled: off" in off.json()["error"]["message"]
    own = {"name": "mine-alone", "config": {"targets": ["spare/m"]}}
    assert (await api.ask("POST", ROUTES, "other", json=own)).status_code == 201
    assert (await api.ask("DELETE", f"{ROUTES}/both", "root")).status_code == 200
    answer = await api.ask("DELETE", f"{PROVIDERS}/spare", "root")
    assert code(answer) == (409, "in_use") and "tenant other" in answer.json()["error"]["message"]


async def test_one_that_is_off_takes_a_key_before_it_is_on(api):
    await make(api, config={**UP, "enabled": False})
    assert (await api.ask("POST", f"{PROVIDERS}/up/keys", "root", json={"key": SECRET})).status_code == 201
    look = await api.ask("POST", f"{PROVIDERS}/up/look", "root")
    assert said(look)[:2] == (400, "provider") and "is off" in said(look)[2]
    assert (await api.ask("PUT", f"{PROVIDERS}/up", "root", json={"config": UP})).status_code == 200


async def test_a_stored_key_does_not_keep_a_name_alive(api):
    """A route to a provider that is gone is found, though a key of it is still sealed."""
    await make(api)
    assert (await api.ask("POST", f"{PROVIDERS}/up/keys", "root", json={"key": SECRET})).status_code == 201
    assert (await api.ask("DELETE", f"{PROVIDERS}/up", "root")).status_code == 200
    body = {"name": "late", "config": {"targets": ["up/m"]}}
    assert said(await api.ask("POST", ROUTES, "root", json=body))[1] == "config.targets[0]"


async def test_what_is_shared_takes_a_permission_over_all_tenants(api):
    assert code(await make(api, who="admin", shared=True)) == (403, "permission_denied")
    assert code(await make(api, who="viewer")) == (403, "permission_denied")
    await make(api)
    for who in ("admin", "other"):
        assert (await api.ask("GET", f"{PROVIDERS}/up", who)).json()["config"] == UP
        assert code(await api.ask("PUT", f"{PROVIDERS}/up", who, json={"config": OUT})) == (409, "conflict")
        assert code(await api.ask("DELETE", f"{PROVIDERS}/up", who)) == (403, "permission_denied")
        assert code(await make(api, config=OUT, who=who)) == (409, "conflict")
        own = {"config": OUT, "shared": False}
        assert code(await api.ask("PUT", f"{PROVIDERS}/up", who, json=own)) == (409, "conflict")


async def test_a_tenants_own_is_seen_by_it_alone(api):
    made = await make(api, "ours", OUT, "other")
    assert (made.status_code, made.json()["shared"]) == (201, False), made.text
    live = api.parts.live.compiled
    assert live.owners == {"ours": "other"}
    assert live.snapshot.table_of("other").resolve("ours/m").targets[0].name == "ours/m"
    for tenant in ("third", "default"):
        with pytest.raises(Exception, match="does not exist"):
            live.snapshot.table_of(tenant).resolve("ours/m")
    for who in ("third", "admin", "root"):
        assert code(await api.ask("GET", f"{PROVIDERS}/ours", who)) == (404, "not_found")
        assert code(await api.ask("GET", f"{PROVIDERS}/ours/versions", who)) == (404, "not_found")
        assert code(await api.ask("DELETE", f"{PROVIDERS}/ours", who)) == (404, "not_found")
        listed = (await api.ask("GET", PROVIDERS, who)).json()
        assert "ours" not in json.dumps(listed)
        key = await api.ask("POST", f"{PROVIDERS}/ours/keys", who, json={"key": SECRET})
        assert key.status_code in (403, 404)
        route = {"name": "to-ours", "config": {"targets": ["ours/m"]}}
        assert said(await api.ask("POST", ROUTES, who, json=route))[1] == "config.targets[0]"
    assert "ours" in [row["name"] for row in (await api.ask("GET", PROVIDERS, "other")).json()["data"]]
    route = {"name": "to-ours", "config": {"targets": ["ours/m", "dear/m"]}}
    assert (await api.ask("POST", ROUTES, "other", json=route)).status_code == 201
    assert code(await api.ask("DELETE", f"{PROVIDERS}/ours", "other")) == (409, "in_use")
    assert code(await make(api, "ours", OUT, "third")) == (409, "conflict")
    assert code(await make(api, "ours", UP)) == (409, "in_use")


async def test_a_tenant_gives_its_own_a_key(api, tmp_path):
    await make(api, "ours", OUT, "other")
    made = await api.ask("POST", f"{PROVIDERS}/ours/keys", "other", json={"key": SECRET})
    assert made.status_code == 201, made.text
    assert [row.provider for row in stored(tmp_path / "headgate.db", "other")] == ["ours"]
    assert (await api.ask("GET", f"{PROVIDERS}/ours/keys", "other")).json()["data"] == [made.json()]
    assert (await api.ask("POST", f"{PROVIDERS}/dear/keys", "other", json={"key": SECRET})).status_code == 403


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://127.0.0.1/v1", "public address"),
        ("https://localhost:8080/v1", "public address"),
        ("https://10.1.2.3/v1", "public address"),
        ("https://169.254.169.254/latest", "public address"),
        ("https://[::1]/v1", "public address"),
        ("https://[fd00::1]/v1", "public address"),
        ("https://[::ffff:10.0.0.1]/v1", "public address"),
        ("https://inside.example.com/v1", "public address"),
        ("https://0x7f000001/v1", "may not be fetched"),
        ("https://2130706433/v1", "may not be fetched"),
        ("http://models.example.com/v1", "must be https"),
    ],
)
async def test_a_tenants_own_leads_to_no_private_address(api, url, words):
    for name, who, more in (("ours", "other", {}), ("ours", "root", {"shared": False})):
        answer = await make(api, name, {**OUT, "base_url": url}, who, **more)
        assert said(answer)[:2] == (400, "config.base_url"), answer.text
        assert words in said(answer)[2]
    all_tenants = await make(api, "everybodys", {**OUT, "base_url": url})
    assert all_tenants.status_code == 201, "who runs the gateway may name any address"


async def test_what_else_a_tenants_own_must_do_without(api):
    for change, param in (
        ({"proxy": "http://127.0.0.1:3128"}, "config.proxy"),
        ({"http2": True}, "config.http2"),
    ):
        answer = await make(api, "ours", {**OUT, **change}, "other")
        assert said(answer)[:2] == (400, param), answer.text
    named = await make(api, "openai-compatible", OUT, "other")
    assert named.status_code == 400 and "the name of a service" in named.json()["error"]["message"]


async def test_a_tenant_has_a_bound_of_its_own(api, monkeypatch):
    monkeypatch.setattr("headgate.admin.provider_objects.MAX_OWN", 1)
    assert (await make(api, "ours", OUT, "other")).status_code == 201
    assert code(await make(api, "more", OUT, "other")) == (409, "conflict")
    assert (
        await api.ask("PUT", f"{PROVIDERS}/ours", "other", json={"config": {**OUT, "price": {"input": 1}}})
    ).is_success


async def test_who_administers_the_platform_makes_one_for_a_tenant(api):
    await api.ask("POST", "/api/v1/tenants", json={"id": "other", "name": "Other"}, who="root")
    made = await api.ask("POST", f"{PROVIDERS}?tenant_id=other", "root", json={"name": "ours", "config": OUT})
    assert (made.status_code, made.json()["shared"], made.json()["platform"]) == (201, False, True), made.text
    refused = await api.ask("PUT", f"{PROVIDERS}/ours", "other", json={"config": {**OUT, "enabled": False}})
    assert code(refused) == (403, "beyond_your_own")


async def test_health_of_another_tenants_own_is_not_shown(api):
    from headgate.routing.health import Health

    await make(api, "ours", OUT, "other")
    health = Health()
    for name in ("ours/m", "dear/m"):
        provider, _, model = name.partition("/")
        health.at(api.parts.live.compiled.snapshot.table_of("other").at(provider, model).targets[0])
    api.parts.board.write(0, health.told())

    async def seen(who):
        found = (await api.ask("GET", "/api/v1/providers/health", who)).json()["data"]
        return {row["name"] for row in found}

    assert await seen("other") == {"ours/m", "dear/m"} == await seen("root")
    assert await seen("third") == {"dear/m"} == await seen("admin")
