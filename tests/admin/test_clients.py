"""OAuth2 clients and trusted issuers, over the management API."""

from base64 import b64encode

import msgspec
import pytest

from headgate.access.permissions import PERMISSIONS
from headgate.access.types import Principal
from tests.admin.entering import bearer, house

TOKEN = "/api/v1/auth/token"
ME = "/api/v1/auth/me"


@pytest.fixture
async def home(database):
    async with house(f"sqlite:///{database}") as made:
        await made.user("boss@corp.test", "tenant-admin")
        yield made


async def boss(home, http) -> dict[str, str]:
    return bearer((await home.log_in(http, "boss@corp.test")).json()["access_token"])


async def ask(http, id: str, secret: str, **form: str):
    return await http.post(
        TOKEN, data={"grant_type": "client_credentials", "client_id": id, "client_secret": secret, **form}
    )


async def test_an_id_and_a_secret_give_a_token(home):
    async with home.browser() as http:
        headers = await boss(home, http)
        body = {"name": "batch", "scopes": ["gateway:use", "usage:view"]}
        made = (await http.post("/api/v1/clients", json=body, headers=headers)).json()
        secret = made["client_secret"]
        shown = await http.get(f"/api/v1/clients/{made['id']}", headers=headers)
        assert secret not in shown.text and shown.json()["last4"] == secret[-4:]

        given = (await ask(http, made["id"], secret)).json()
        assert given["scope"] == "gateway:use usage:view" and given["token_type"] == "Bearer"
        me = (await http.get(ME, headers=bearer(given["access_token"]))).json()
        assert (me["kind"], me["id"], me["permissions"]) == ("client", made["id"], ["gateway:use", "usage:view"])

        less = (await ask(http, made["id"], secret, scope="usage:view users:create")).json()
        assert less["scope"] == "usage:view"
        me = (await http.get(ME, headers=bearer(less["access_token"]))).json()
        assert me["permissions"] == ["usage:view"]
        none = await ask(http, made["id"], secret, scope="users:create")
        assert (none.status_code, none.json()["error"]["code"]) == (400, "invalid_scope")

        basic = b64encode(f"{made['id']}:{secret}".encode()).decode()
        answer = await http.post(
            TOKEN, data={"grant_type": "client_credentials"}, headers={"authorization": f"Basic {basic}"}
        )
        assert answer.status_code == 200
        as_json = {"grant_type": "client_credentials", "client_id": made["id"], "client_secret": secret}
        assert (await http.post(TOKEN, json=as_json)).status_code == 200

        await http.patch(f"/api/v1/clients/{made['id']}", json={"is_active": False}, headers=headers)
        await home.principals.refresh()
        assert (await http.get(ME, headers=bearer(given["access_token"]))).status_code == 401
        assert (await ask(http, made["id"], secret)).status_code == 401


async def test_wrong_ones(home):
    async with home.browser() as http:
        made = (await http.post("/api/v1/clients", json={"name": "x"}, headers=await boss(home, http))).json()
        said = set()
        for id, secret in ((made["id"], "hgc_wrong"), ("nobody", made["client_secret"]), (made["id"], ""), ("", "")):
            answer = await ask(http, id, secret)
            assert answer.status_code == 401
            said.add(answer.text)
        assert len(said) == 1 and "invalid_client" in said.pop()
        for body in (b"", b"grant_type=password", b"\xff\xfe", b"a=1&a=2", b"grant_type", b"x" * 100_000):
            answer = await http.post(TOKEN, content=body, headers={"content-type": "application/x-www-form-urlencoded"})
            assert answer.status_code == 400, body
        for _ in range(50):
            await ask(http, made["id"], "hgc_wrong")
        assert (await ask(http, made["id"], made["client_secret"])).status_code == 429


async def test_a_secret_is_changed_with_an_overlap_or_without(home):
    async with home.browser() as http:
        headers = await boss(home, http)
        first = (await http.post("/api/v1/clients", json={"name": "x"}, headers=headers)).json()
        path = f"/api/v1/clients/{first['id']}/rotate"
        second = (await http.post(path, json={"overlap": 60}, headers=headers)).json()
        assert second["overlap_until"] is not None
        for made in (first, second):
            assert (await ask(http, first["id"], made["client_secret"])).status_code == 200
        third = (await http.post(path, headers=headers)).json()
        states = [(await ask(http, first["id"], m["client_secret"])).status_code for m in (first, second, third)]
        assert states == [401, 401, 200]


async def test_nobody_gives_a_client_more_than_he_has(home):
    await home.user("dev@corp.test", "developer")
    async with home.browser() as http:
        headers = await boss(home, http)
        for scopes, status in ((["tenants:create"], 403), (["no:such"], 400), (["users:create"], 201)):
            answer = await http.post("/api/v1/clients", json={"name": "x", "scopes": scopes}, headers=headers)
            assert answer.status_code == status, answer.text
        dev = bearer((await home.log_in(http, "dev@corp.test")).json()["access_token"])
        assert (await http.post("/api/v1/clients", json={"name": "x"}, headers=dev)).status_code == 403


class Always:
    """Takes everybody for one."""

    def __init__(self, *permissions: str, scope: str = "tenant") -> None:
        self.who = Principal(
            kind="user", id="few", tenant_id="default", name="few", permissions=frozenset(permissions), scope=scope
        )

    def authenticate(self, *asked):
        return self.who


async def refused(home, http, tries, *permissions: str) -> None:
    """Who has *permissions* alone may do nothing of *tries*."""
    home.app.state.parts = msgspec.structs.replace(home.parts, principals=Always(*permissions))
    for method, path, body in tries:
        answer = await http.request(method, f"/api/v1{path}", headers=bearer("x"), json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "beyond_your_own"), (method, path, body)


async def test_nobody_takes_or_changes_a_client_that_may_more_than_he(home):
    async with home.browser() as http:
        headers = await boss(home, http)
        made = await http.post("/api/v1/clients", json={"name": "x", "scopes": ["users:create"]}, headers=headers)
        bound = await http.post("/api/v1/clients", json={"name": "y", "scopes": ["clients:update"]}, headers=headers)
        await home.bind(bound.json()["id"], "tenant-admin", kind="client")
        await refused(
            home,
            http,
            [
                (method, f"/clients/{one.json()['id']}{more}", sent)
                for one in (made, bound)
                for method, more, sent in (
                    ("POST", "/rotate", {}), ("PATCH", "", {"name": "z"}), ("PATCH", "", {"is_active": True}),
                    ("PATCH", "", {"scopes": ["clients:update"]}), ("DELETE", "", None),
                )
            ],
            "clients:update", "clients:delete",
        )  # fmt: skip


async def test_nobody_forges_tokens_of_an_issuer_that_may_more_than_he(home):
    key = {"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
           "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0", "kid": "k1"}  # fmt: skip
    body = {"issuer": "https://ci.test", "keys": {"keys": [key]}}
    async with home.browser() as http:
        whole = Always(*PERMISSIONS, scope="platform")
        home.app.state.parts = msgspec.structs.replace(home.parts, principals=whole)
        ids = []
        for number, mapping in enumerate(
            (
                {"roles": "r", "role_map": {"a": "tenant-admin"}},
                {"permissions": ["users:create"]},
                {"tenant": "org", "permissions": ["issuers:update"]},
            )
        ):
            sent = body | {"name": f"i{number}", "audience": f"a{number}", "mapping": mapping}
            answer = await http.post("/api/v1/issuers", json=sent, headers=bearer("x"))
            assert answer.status_code == 201, answer.text
            ids.append(answer.json()["id"])
        await refused(
            home,
            http,
            [
                (method, f"/issuers/{id}", sent)
                for id in ids
                for method, sent in (
                    ("PATCH", {"keys": {"keys": [key]}}), ("PATCH", {"jwks_url": "https://1.1.1.1/keys"}),
                    ("PATCH", {"is_active": True}), ("PATCH", {"mapping": {"permissions": ["issuers:update"]}}),
                    ("DELETE", None),
                )
            ],
            "issuers:update", "issuers:delete",
        )  # fmt: skip


async def test_issuers(home):
    async with home.browser() as http:
        headers = await boss(home, http)
        key = {"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
               "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0", "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
               "kid": "k1"}  # fmt: skip
        body = {"name": "ci", "issuer": "https://ci.test", "audience": "gw", "keys": {"keys": [key]}}
        made = await http.post("/api/v1/issuers", json=body, headers=headers)
        assert made.status_code == 201, made.text
        assert "d" not in made.json()["keys"]["keys"][0], "a private key has no place here"
        twice = await http.post("/api/v1/issuers", json=body, headers=headers)
        assert twice.status_code == 409
        for change, status in (
            ({"keys": {"keys": []}}, 400),
            ({"keys": None, "jwks_url": "http://127.0.0.1/k"}, 400),
            ({"jwks_url": "https://1.1.1.1/k"}, 400),
            ({"audience": "b", "mapping": {"tenant": "org"}}, 403),
            ({"audience": "b", "mapping": {"role_map": {"a": "platform-admin"}}}, 403),
            ({"audience": "b", "mapping": {"role_map": {"a": "nonsense"}}}, 400),
            ({"audience": "b", "mapping": {"permissions": ["no:such"]}}, 400),
            ({"audience": "b", "mapping": {"what": 1}}, 400),
            ({"audience": "b", "mapping": {"role_map": {"a": "developer"}}}, 201),
        ):
            answer = await http.post("/api/v1/issuers", json=body | change, headers=headers)
            assert answer.status_code == status, (change, answer.text)
        path = f"/api/v1/issuers/{made.json()['id']}"
        assert (await http.patch(path, json={"is_active": False}, headers=headers)).json()["is_active"] is False
        assert (await http.delete(path, headers=headers)).status_code == 200
