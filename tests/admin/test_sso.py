"""Signing in through an identity provider, over the management API: who comes in, and as what."""

from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from headgate.access.types import Principal
from headgate.core.ids import new_id
from headgate.storage.tenancy_objects import SqlRoles
from headgate.storage.tenancy_rows import RoleRow
from tests.access.idp import CLIENT, SECRET, FakeIdp
from tests.admin.entering import BY, bearer, house

ME = "/api/v1/auth/me"


class Corp:
    """A company with a provider, a gateway, and an administrator."""

    def __init__(self, home, idp: FakeIdp) -> None:
        self.home, self.idp = home, idp

    async def boss(self, *roles: str) -> dict[str, str]:
        await self.home.user("boss@corp.test", *(roles or ("tenant-admin",)))
        async with self.home.browser() as http:
            return bearer((await self.home.log_in(http, "boss@corp.test")).json()["access_token"])

    async def add(self, headers: dict[str, str], **fields: Any) -> Any:
        body = {
            "name": "Staff",
            "issuer": self.idp.issuer,
            "client_id": CLIENT,
            "client_secret": SECRET,
            "roles": {"staff": "developer"},
            **fields,
        }
        async with self.home.browser() as http:
            return await http.post("/api/v1/sso", json=body, headers=headers)

    async def provider(self, **fields: Any) -> dict[str, Any]:
        answer = await self.add(await self.boss(), **fields)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def come(self, sso: dict[str, Any], http: Any, back: str = ME) -> Any:
        leaving = await http.get(sso["start"], params={"back": back})
        assert leaving.status_code == 303, leaving.text
        return await http.get(sso["callback"] + "?" + urlencode(self.idp.log_in(leaving.headers["location"])))

    async def me(self, sso: dict[str, Any], status: int = 303) -> Any:
        async with self.home.browser() as http:
            answer = await self.come(sso, http)
            assert answer.status_code == status, answer.text
            if status != 303:
                assert (await http.get(ME)).status_code == 401
                return answer.json()["error"]
            return (await http.get(answer.headers["location"])).json()


@pytest.fixture
async def corp(database):
    async with FakeIdp() as idp, house(f"sqlite:///{database}", f"127.0.0.1:{idp.port}") as home:
        yield Corp(home, idp)


async def test_who_comes_for_the_first_time_gets_an_account_with_its_groups_roles(corp):
    sso = await corp.provider()
    me = await corp.me(sso)
    assert (me["kind"], me["name"], me["tenant_id"]) == ("user", "ada@corp.test", "default")
    assert "gateway:use" in me["permissions"] and "users:create" not in me["permissions"] and me["csrf_token"]
    assert (await corp.me(sso))["id"] == me["id"]


async def test_a_login_page_finds_the_provider(corp):
    sso = await corp.provider(domains=["corp.test"])
    async with corp.home.browser() as http:
        for query, found in (
            ({"email": "x@corp.test"}, [sso["id"]]),
            ({"email": "x@CORP.test"}, [sso["id"]]),
            ({"email": "x@other.test"}, []),
            ({"email": "x@%"}, []),
            ({"email": "orp.test"}, []),
            ({}, [sso["id"]]),
            ({"tenant": "other"}, []),
        ):
            doors = (await http.get("/api/v1/auth/sso", params=query)).json()["data"]
            assert [door["id"] for door in doors] == found, query


@pytest.mark.parametrize("email", ["root", "@corp.test", "a@", "a@b@corp.test", "a b@corp.test", 7, None, "x" * 300])
async def test_what_is_no_address_makes_no_account(corp, email):
    corp.idp.claims["email"] = email
    await corp.me(await corp.provider(), 403)


async def test_groups_are_followed_and_other_roles_stay(corp):
    sso = await corp.provider(roles={"staff": "developer", "finance": "billing"})
    first = await corp.me(sso)
    await corp.home.bind(first["id"], "auditor")
    corp.idp.claims["groups"] = ["finance"]
    second = await corp.me(sso)
    assert second["id"] == first["id"]
    assert "billing:update" in second["permissions"] and "gateway:use" not in second["permissions"]
    assert "audit:view" in second["permissions"]


async def test_who_has_none_of_the_groups_stays_out(corp):
    sso = await corp.provider()
    corp.idp.claims["groups"] = ["guests"]
    assert (await corp.me(sso, 403))["code"] == "permission_denied"
    corp.idp.claims["groups"] = ["staff"]
    first = await corp.me(sso)
    corp.idp.claims["groups"] = []
    await corp.me(sso, 403)
    assert (await corp.home.reader.person(first["id"])) is not None


async def test_an_account_that_was_there_is_opened_for_a_verified_address_of_its_domain_alone(corp):
    await corp.home.user("ada@corp.test", "auditor")
    await corp.me(await corp.provider(), 403)


@pytest.mark.parametrize("verified", [True, False])
async def test_linked_by_a_verified_address(corp, verified):
    ada = await corp.home.user("ada@corp.test", "auditor")
    corp.idp.claims["email_verified"] = verified
    sso = await corp.provider(domains=["corp.test"])
    if verified:
        assert (await corp.me(sso))["id"] == ada
    else:
        await corp.me(sso, 403)


async def test_who_reaches_beyond_the_tenant_is_never_linked(corp):
    root = await corp.home.user("ada@corp.test")
    await corp.home.bind(root, "platform-admin", "platform")
    await corp.me(await corp.provider(domains=["corp.test"]), 403)


async def test_no_accounts_are_made_where_that_is_off_or_the_domain_is_anothers(corp):
    await corp.me(await corp.provider(creates_users=False), 403)
    answer = await corp.add(await corp_boss(corp), domains=["other.test"], name="other")
    await corp.me(answer.json(), 403)


async def corp_boss(corp: Corp) -> dict[str, str]:
    async with corp.home.browser() as http:
        return bearer((await corp.home.log_in(http, "boss@corp.test")).json()["access_token"])


async def test_the_state_is_of_one_browser_and_good_once(corp):
    sso = await corp.provider()
    async with corp.home.browser() as mine, corp.home.browser() as another:
        leaving = await mine.get(sso["start"])
        url = sso["callback"] + "?" + urlencode(corp.idp.log_in(leaving.headers["location"]))
        stolen = await another.get(url)
        assert (stolen.status_code, stolen.json()["error"]["code"]) == (400, "invalid_state")
        kept = leaving.headers["set-cookie"].partition(";")[0]
        assert (await mine.get(url, headers={"cookie": kept})).status_code == 303
        again = await another.get(url, headers={"cookie": kept})
        assert (again.status_code, again.json()["error"]["code"]) == (400, "invalid_state")
        assert (await another.get(sso["callback"])).status_code == 400


@pytest.mark.parametrize("back", ["//evil.test", "https://evil.test", "/\\evil.test", "x", "/a\r\nset-cookie: x"])
async def test_back_is_a_path_here(corp, back):
    sso = await corp.provider()
    async with corp.home.browser() as http:
        assert (await http.get(sso["start"], params={"back": back})).status_code == 400


async def test_a_provider_that_is_off_or_removed(corp):
    sso = await corp.provider()
    headers = await corp_boss(corp)
    me = await corp.me(sso)
    async with corp.home.browser() as http:
        path = f"/api/v1/sso/{sso['id']}"
        off = await http.patch(path, json={"is_active": False}, headers=headers)
        assert off.status_code == 200 and off.json()["is_active"] is False
        assert (await http.get(sso["start"])).status_code == 404
        assert (await http.delete(path, headers=headers)).status_code == 200
        listed = (await http.get("/api/v1/sessions", headers=headers)).json()["data"]
        assert me["id"] not in {row["user_id"] for row in listed}


async def test_the_secret_is_sealed_and_never_shown(corp, database):
    sso = await corp.provider()
    assert sso["has_secret"] and SECRET not in str(sso)
    async with corp.home.browser() as http:
        shown = await http.get(f"/api/v1/sso/{sso['id']}", headers=await corp_boss(corp))
        assert SECRET not in shown.text
    await corp.me(sso)
    files = b"".join(path.read_bytes() for path in database.parent.glob("headgate.db*"))
    assert SECRET.encode() not in files and b"seven wooden" not in files


async def test_nobody_lets_others_in_as_more_than_himself(corp):
    role = await make_role(corp, ["sso:create", "sso:view", "sso:update", "gateway:use"])
    headers = await corp.boss(role)
    for fields in (
        {"roles": {"staff": "tenant-admin"}},
        {"roles": {}, "default_role": "developer"},
        {"roles": {"staff": role}, "domains": ["corp.test"]},
    ):
        refused = await corp.add(headers, **fields)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "beyond_your_own"), refused.text
    made = await corp.add(headers, roles={"staff": role})
    assert made.status_code == 201
    async with corp.home.browser() as http:
        path = f"/api/v1/sso/{made.json()['id']}"
        assert (await http.patch(path, json={"default_role": "tenant-admin"}, headers=headers)).status_code == 403
        for role in ("platform-admin", "nonsense"):
            assert (await http.patch(path, json={"default_role": role}, headers=headers)).status_code == 400


async def make_role(corp: Corp, permissions: list[str]) -> str:
    import msgspec

    from headgate.core.ids import new_id
    from headgate.storage.tenancy_objects import SqlRoles
    from headgate.storage.tenancy_rows import RoleRow
    from tests.admin.entering import BY

    text = msgspec.json.encode(permissions).decode()
    row = RoleRow(id=new_id(), tenant_id="default", name="idp", permissions=text, created_at=1, updated_at=1)
    await SqlRoles(corp.home.engine).add("default", row, BY)
    return row.id


@pytest.mark.parametrize("issuer", ["http://127.0.0.1:1", "http://169.254.169.254", "https://10.0.0.1", "ftp://x", "x"])
async def test_an_issuer_at_a_private_address(corp, issuer):
    refused = await corp.add(await corp.boss(), issuer=issuer)
    assert refused.status_code == 400
    assert (refused.json()["error"]["code"], refused.json()["error"]["param"]) == ("url_not_allowed", "issuer")


async def test_another_tenants_provider_does_not_exist(corp):
    sso = await corp.provider()
    await corp.home.user("eve@other.test", "tenant-admin", tenant="other")
    async with corp.home.browser() as http:
        headers = bearer((await corp.home.log_in(http, "eve@other.test")).json()["access_token"])
        assert (await http.get("/api/v1/sso", headers=headers)).json()["data"] == []
        for method in ("GET", "PATCH", "DELETE"):
            body: dict[str, Any] = {"json": {}} if method == "PATCH" else {}
            answer = await http.request(method, f"/api/v1/sso/{sso['id']}", headers=headers, **body)
            assert answer.status_code == 404


@pytest.mark.parametrize(
    "lie", ["another nonce", "signed by a stranger", "another issuer", "HTML at /token", "expired"]
)
async def test_a_lie_makes_no_account(corp, lie):
    sso = await corp.provider()
    corp.idp.lie = lie
    async with corp.home.browser() as http:
        answer = await corp.come(sso, http)
        assert answer.status_code in (400, 503)
        assert not [name for name in http.cookies if "session" in name]
    assert await corp.home.reader.people("ada@corp.test") == []


async def test_nobody_changes_a_provider_that_lets_others_in_as_more_than_he(corp):
    headers = await corp.boss()
    ids = []
    async with corp.home.browser() as http:
        row = RoleRow(
            id=new_id(), tenant_id="default", name="r", permissions='["users:create"]', created_at=1, updated_at=1
        )
        await SqlRoles(corp.home.engine).add("default", row, BY)
        for number, fields in enumerate(
            (
                {},
                {"roles": {}, "default_role": "member"},
                {"roles": {}, "default_role": row.id},
                {"roles": {}, "domains": ["corp.test"]},
            )
        ):
            made = await corp.add(headers, name=f"s{number}", client_id=f"c{number}", **fields)
            assert made.status_code == 201, made.text
            ids.append(made.json()["id"])
        plain = await corp.add(headers, name="plain", client_id="plain", roles={})
        few = frozenset({"sso:update", "sso:delete"})
        whole = corp.home.app.state.parts

        class Always:
            def authenticate(self, *asked):
                return Principal(kind="user", id="few", tenant_id="default", name="few", permissions=few)

        corp.home.app.state.parts = msgspec.structs.replace(whole, principals=Always())
        for id in ids:
            for method, sent in (
                ("PATCH", {"groups_claim": "name"}), ("PATCH", {"client_secret": "mine"}), ("PATCH", {"domains": []}),
                ("PATCH", {"is_active": True}), ("PATCH", {"roles": {}, "default_role": None}), ("DELETE", None),
            ):  # fmt: skip
                answer = await http.request(method, f"/api/v1/sso/{id}", json=sent, headers=bearer("x"))
                assert (answer.status_code, answer.json()["error"]["code"]) == (403, "beyond_your_own"), (id, sent)
        path = f"/api/v1/sso/{plain.json()['id']}"
        assert (await http.patch(path, json={"name": "new"}, headers=bearer("x"))).status_code == 200
        assert (await http.patch(path, json={"roles": {"a": "member"}}, headers=bearer("x"))).status_code == 403
