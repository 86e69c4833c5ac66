"""The Python client, against the real management API in process and against servers that misbehave."""

import asyncio

import httpx2
import pytest

from headgate.cli.local import local_admin
from headgate.client import Admin, ApiError, Key
from headgate.settings import load


@pytest.fixture
def gateway(tmp_path):
    with local_admin(load({"HEADGATE_HOME": str(tmp_path / "home")})) as admin:
        yield admin


def scripted(answer) -> Admin:
    return Admin("http://gateway:1", "hga_x", transport=httpx2.MockTransport(answer))


def test_the_life_of_a_key(gateway):
    made = gateway.create_key("app", limits={"rps": 2}, budgets=[{"usd": "5", "window": "month"}])
    assert made.key.startswith("hg_")
    assert made.limits.rps == 2
    assert made.budgets[0].usd == "5"
    assert gateway.key(made.id).name == "app"
    turned = gateway.rotate_key(made.id, overlap=5)
    assert turned.key != made.key
    assert gateway.revoke_key(made.id).status == "revoked"
    assert [key.id for key in gateway.all_keys()] == [made.id]


def test_all_keys_follows_the_pages():
    def answer(request: httpx2.Request) -> httpx2.Response:
        after = request.url.params.get("after")
        number = int(after or 0) + 1
        key: dict[str, object] = {
            "id": str(number), "name": "n", "kind": "key", "prefix": "hg_", "last4": "xxxx", "status": "active",
            "models": [], "limits": {"rps": None, "rpm": None, "tpm": None, "concurrency": None}, "budgets": [],
            "tags": [], "user_id": None, "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
            "expires_at": None, "revoked_at": None, "rotated_at": None, "overlap_until": None, "a_newer_field": 1,
        }  # fmt: skip
        more = number < 4
        return httpx2.Response(200, json={"data": [key], "has_more": more, "next": str(number) if more else None})

    with scripted(answer) as admin:
        keys = list(admin.all_keys())
    assert [key.id for key in keys] == ["1", "2", "3", "4"]
    assert all(isinstance(key, Key) for key in keys)


def test_a_refusal_is_an_error_with_its_code(gateway):
    with pytest.raises(ApiError) as caught:
        gateway.create_key("app", limits={"rps": -1})
    assert (caught.value.status, caught.value.code, caught.value.param) == (400, "invalid_parameter", "limits.rps")
    with pytest.raises(ApiError) as caught:
        gateway.key("nothing")
    assert (caught.value.status, caught.value.code, caught.value.exit_code) == (404, "not_found", 1)


def test_ids_stay_in_their_place():
    seen = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.url.raw_path)
        return httpx2.Response(404, json={"error": {"message": "m", "code": "not_found", "param": None}})

    with scripted(answer) as admin:
        for id in ("../../config", "a/b", "a?b=c", "%2e"):
            with pytest.raises(ApiError):
                admin.key(id)
    assert all(path.startswith(b"/api/v1/config/virtual-keys/") and path.count(b"/") == 5 for path in seen)
    assert not any(b"?" in path for path in seen)


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (httpx2.Response(500, text="<html>oops</html>"), "unexpected_answer"),
        (httpx2.Response(502, json=[1]), "unexpected_answer"),
        (httpx2.Response(200, text="<html>hello</html>"), "unexpected_answer"),
        (httpx2.Response(200, json={"data": 1}), "unexpected_answer"),
        (httpx2.Response(301, headers={"location": "http://elsewhere/"}), "unexpected_answer"),
        (httpx2.Response(503, json={"error": {"message": "m", "code": "storage_unavailable"}}), "storage_unavailable"),
    ],
)
def test_servers_that_are_something_else(response, code):
    with scripted(lambda request: response) as admin, pytest.raises(ApiError) as caught:
        admin.keys()
    assert caught.value.code == code
    assert caught.value.exit_code == (3 if code == "storage_unavailable" else 1)


def test_nobody_answers():
    def answer(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    with scripted(answer) as admin, pytest.raises(ApiError, match="does not answer") as caught:
        admin.keys()
    assert (caught.value.status, caught.value.code) == (0, "unreachable")


def test_the_key_is_sent_and_not_shown():
    seen = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["authorization"])
        return httpx2.Response(401, json={"error": {"message": "no", "code": "invalid_api_key", "param": None}})

    with scripted(answer) as admin, pytest.raises(ApiError) as caught:
        admin.keys()
    assert seen == ["Bearer hga_x"]
    assert "hga_x" not in f"{caught.value!r} {admin!r}"


async def test_it_can_be_used_beside_a_running_loop(tmp_path):
    def use() -> str:
        with local_admin(load({"HEADGATE_HOME": str(tmp_path / "home")})) as admin:
            return admin.create_key("app").id

    assert await asyncio.to_thread(use)
