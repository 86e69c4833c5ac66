"""The same request twice is done once; and routes that will go say so."""

import asyncio

from headgate.admin.app import create
from headgate.admin.route import Route
from tests.admin.conftest import KEYS

HEADERS = {"idempotency-key": "order-1"}


async def test_the_same_request_later_gets_the_same_bytes(api):
    first = await api.ask("POST", KEYS, json={"name": "a"}, headers=HEADERS)
    again = await api.ask("POST", KEYS, json={"name": "a"}, headers=HEADERS)
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert first.headers["etag"] == again.headers["etag"]
    assert again.headers["idempotency-replayed"] == "true"
    assert first.headers["x-request-id"] != again.headers["x-request-id"]
    assert len((await api.ask("GET", KEYS)).json()["data"]) == 1


async def test_what_is_kept_shows_no_secret(api, tmp_path):
    made = await api.ask("POST", KEYS, json={"name": "a"}, headers=HEADERS)
    secret = made.json()["key"].encode()
    for file in tmp_path.glob("headgate.db*"):
        assert secret not in file.read_bytes()


async def test_another_request_with_the_same_key_is_refused(api):
    await api.ask("POST", KEYS, json={"name": "a"}, headers=HEADERS)
    for path, body in ((KEYS, {"name": "b"}), ("/api/v1/teams", {"name": "a"})):
        other = await api.ask("POST", path, json=body, headers=HEADERS)
        assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_mismatch")


async def test_of_two_at_once_one_is_done(api):
    released = asyncio.Event()
    add_key = api.keys.add_key

    async def slow(*args, **kwargs):
        await released.wait()
        await add_key(*args, **kwargs)

    api.keys.add_key = slow
    first = asyncio.ensure_future(api.ask("POST", KEYS, json={"name": "a"}, headers=HEADERS))
    while True:
        await asyncio.sleep(0.05)
        kept = await api.parts.tenancy.answers.begin("default", "admin:admin-1:order-1", b"")
        if kept is not None:
            break
        await api.parts.tenancy.answers.forget("default", "admin:admin-1:order-1")
    second = await api.ask("POST", KEYS, json={"name": "a"}, headers=HEADERS)
    assert (second.status_code, second.json()["error"]["code"]) == (409, "idempotency_in_progress")
    released.set()
    assert (await first).status_code == 201
    assert len((await api.ask("GET", KEYS)).json()["data"]) == 1


async def test_what_was_refused_may_be_tried_again(api):
    for _ in range(2):
        refused = await api.ask("POST", KEYS, json={"name": ""}, headers=HEADERS)
        assert refused.status_code == 400
        assert "idempotency-replayed" not in refused.headers
    assert (await api.ask("POST", KEYS, json={"name": "a"}, headers=HEADERS)).status_code == 201


async def test_others_have_keys_of_their_own(api):
    one = await api.ask("POST", "/api/v1/teams", json={"name": "a"}, headers=HEADERS)
    two = await api.ask("POST", "/api/v1/teams", "other", json={"name": "a"}, headers=HEADERS)
    assert one.json()["id"] != two.json()["id"]


async def test_an_answer_outlives_its_caller_s_patience(api):
    gone = asyncio.ensure_future(api.ask("POST", KEYS, json={"name": "a"}, headers=HEADERS))
    for _ in range(1000):
        await asyncio.sleep(0)
        if await api.keys.page("default"):
            break
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    for _ in range(100):
        again = await api.ask("POST", KEYS, json={"name": "a"}, headers=HEADERS)
        if again.status_code != 409:
            break
        await asyncio.sleep(0.05)
    assert again.status_code == 201
    assert len((await api.ask("GET", KEYS)).json()["data"]) == 1


async def test_keys_that_are_none(api):
    for bad in ("", "x" * 256, "a\tb"):
        response = await api.ask("POST", KEYS, json={"name": "a"}, headers={"idempotency-key": bad})
        assert (response.status_code, response.json()["error"]["param"]) == (400, "idempotency-key")


async def test_a_route_that_will_go_says_when(api):
    async def endpoint() -> dict[str, str]:
        return {}

    old = Route(
        method="GET", path="/old", permission="teams:view", endpoint=endpoint, summary="Old", tag="x", object="team",
        deprecated=1_767_225_600, sunset=1_798_761_600,
    )  # fmt: skip
    app = create(api.parts, (old,))
    assert app.openapi()["paths"]["/api/v1/old"]["get"]["deprecated"] is True
    api.http._transport.app = app
    response = await api.ask("GET", "/api/v1/old")
    assert response.headers["deprecation"] == "@1767225600"
    assert response.headers["sunset"] == "Fri, 01 Jan 2027 00:00:00 GMT"
