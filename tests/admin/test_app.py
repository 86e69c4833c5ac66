"""What holds for every route: permission first, one shape of error, bounds, an honest OpenAPI document."""

from math import inf
from typing import Any, cast

import httpx2
import msgspec
import pytest
from pydantic import BaseModel
from sqlalchemy.exc import OperationalError

from headgate.access.permissions import OWN_KEY
from headgate.admin.app import ROUTES, Piecemeal, create, openapi
from headgate.admin.fields import Body
from headgate.admin.route import OPEN, SELF, Route
from tests.admin.conftest import KEYS

JSON = {"content-type": "application/json"}


CLOSED = [route for route in ROUTES if route.permission != OPEN]


def test_what_is_open_to_those_who_need_not_say_who_they_are():
    assert {f"{route.method} {route.path}" for route in ROUTES if route.permission == OPEN} == {
        "POST /auth/login",
        "POST /auth/logout",
        "POST /auth/refresh",
        "POST /auth/password",
        "POST /auth/token",
        "GET /auth/keys",
        "GET /auth/sso",
        "GET /auth/sso/{id}/start",
        "GET /auth/sso/{id}/callback",
    }


@pytest.mark.parametrize("who", ["nobody", "key"])
async def test_every_route_asks_who_before_anything_else(api, who):
    for route in CLOSED:
        path = "/api/v1" + route.path.replace("{id}", "01a1fd2f-2afe-7f31-bdac-dfc543cf49a1")
        response = await api.ask(route.method, path + "?nonsense=1", who, content=b"{not json", headers=JSON)
        error, name = response.json()["error"], f"{route.method} {path}"
        if who == "nobody":
            assert (response.status_code, error["code"]) == (401, "invalid_api_key"), name
            assert response.headers["www-authenticate"].startswith("Bearer"), name
        elif route.permission == SELF or (route.permission in OWN_KEY and "own" in route.narrows):
            assert response.status_code in (400, 404), name
        else:
            assert (response.status_code, error["type"]) == (403, "permission_error"), name


def test_every_number_that_is_taken_has_a_bound_that_a_store_can_hold():
    document = openapi(create(cast(Any, None)))
    left: list[tuple[str, Any]] = [
        (f"{path} {name}", each.get(name))
        for path, operations in document["paths"].items()
        for each in operations.values()
        for name in ("parameters", "requestBody")
    ]
    numbers: list[tuple[str, Any]] = []
    seen = set()
    while left:
        where, node = left.pop()
        if isinstance(node, list):
            left += [(where, one) for one in node]
        elif isinstance(node, dict):
            if node.get("type") == "integer":
                numbers.append((where, node.get("maximum", node.get("exclusiveMaximum", inf))))
            name = node.get("$ref", "").rpartition("/")[2]
            if name and name not in seen:
                seen.add(name)
                left.append((name, document["components"]["schemas"][name]))
            left += [(f"{where}.{name}", one) for name, one in node.items()]
    assert len(numbers) > 50 and "Rollback" in seen
    assert [where for where, most in numbers if most >= 2**63] == []


async def test_made_piece_by_piece_it_answers_as_in_one(api):
    piecemeal = Piecemeal(api.parts)
    transport = httpx2.ASGITransport(piecemeal, raise_app_exceptions=False)
    headers = {"authorization": "Bearer admin"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway", headers=headers) as http:
        for path in ("/teams", "/teams/%2F", "/config/virtual-keys?limit=0", "/nothing", "", "/"):
            found, expected = await http.get(f"/api/v1{path}"), await api.ask("GET", f"/api/v1{path}")
            assert (found.status_code, found.json()) == (expected.status_code, expected.json()), path
    assert set(piecemeal._made) == {"teams", "config", "nothing", ""}
    assert len(piecemeal._made["teams"].routes) < 20


def test_a_route_that_does_not_say_who_may_what_stops_the_application(api):
    class Fields(Body):
        name: str

    class Loose(BaseModel):
        name: str

    async def endpoint(body: Fields) -> None: ...

    async def loose(body: Loose) -> None: ...

    good = Route(
        method="POST", path="/x", permission="teams:view", endpoint=endpoint, summary="x", tag="x", object="x",
        writes=("name",),
    )  # fmt: skip
    create(api.parts, (good,))
    for field, value, fault in (
        ("permission", "", "declares no permission"),
        ("permission", "everything:do", "declares no permission"),
        ("object", "", "what kind of object"),
        ("writes", (), "other fields"),
        ("writes", ("name", "tenant_id"), "other fields"),
        ("endpoint", loose, "takes fields that it does not have"),
    ):
        with pytest.raises(ValueError, match=fault):
            create(api.parts, (msgspec.structs.replace(good, **{field: value}),))


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        (b"", 400, "missing_parameter"),
        (b"[]", 400, "invalid_json"),
        (b"null", 400, "invalid_json"),
        (b'{"name": "a", "name": "b"}', 400, "duplicate_key"),
        (b"[" * 100_000, 400, "json_too_deep"),
        (b'{"name": ' + b"[" * 70 + b"]" * 70 + b"}", 400, "json_too_deep"),
        (b'{"limits": {"rps": 1e999}}', 400, "invalid_number"),
        (b'{"limits": {"rps": NaN}}', 400, "invalid_number"),
        (b'{"name": "\xff"}', 400, "invalid_encoding"),
        (b'\xef\xbb\xbf{"name": "a"}', 400, "invalid_encoding"),
        (b'{"name": "' + b"x" * 1_000_001 + b'"}', 413, "request_too_large"),
    ],
)
async def test_bodies_that_are_refused(api, content, status, code):
    response = await api.ask("POST", KEYS, content=content, headers=JSON)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (status, code)
    assert set(error) == {"message", "type", "param", "code"}
    assert len(response.headers["x-request-id"]) == 36


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=x", "limit"),
        ("limt=5", "limt"),
        ("after=" + "x" * 65, "after"),
    ],
)
async def test_queries_that_are_refused(api, query, param):
    response = await api.ask("GET", f"{KEYS}?{query}")
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


async def test_what_is_not_there(api):
    for path in ("/api/v1/nothing", "/api/v1", KEYS + "/", "/api/v1/config/virtual-keys/a/b/c", "/api/v2/x"):
        response = await api.ask("GET", path)
        assert (response.status_code, response.json()["error"]["type"]) == (404, "not_found_error")


async def test_a_wrong_method_is_told_the_right_ones(api):
    response = await api.ask("PUT", KEYS)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")
    assert response.json()["error"]["code"] == "method_not_allowed"


async def test_a_fault_of_ours_is_logged_and_says_nothing(api, caplog):
    api.parts.keys.page = lambda *a, **k: 1 / 0
    response = await api.ask("GET", KEYS)
    assert (response.status_code, response.json()["error"]["code"]) == (500, "internal_error")
    assert "ZeroDivisionError" in caplog.text
    assert "division" not in response.text


async def test_a_database_that_is_gone_is_503(api, caplog):
    async def gone(*_, **__):
        raise OperationalError("SELECT", {}, Exception("disk I/O error"))

    api.parts.keys.page = gone
    response = await api.ask("GET", KEYS)
    assert (response.status_code, response.json()["error"]["code"]) == (503, "storage_unavailable")


async def test_answers_are_not_cached_and_carry_an_id(api):
    response = await api.ask("GET", "/api/v1/config")
    assert response.json() == {"routes": {}}
    assert response.headers["cache-control"] == "no-store"
    assert len(response.headers["x-request-id"]) == 36


def test_the_document_names_every_route_its_permission_and_its_error(api):
    document = openapi(create(api.parts))
    for route in ROUTES:
        operation = document["paths"]["/api/v1" + route.path][route.method.lower()]
        assert operation.get("x-permission") == (None if route.permission == OPEN else route.permission)
        assert set(operation["responses"]) == {str(route.status), "default"}
    text = msgspec.json.encode(document).decode()
    assert "HTTPValidationError" not in text
