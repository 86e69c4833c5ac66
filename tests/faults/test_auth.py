"""Who may not come in, at both doors of the running gateway: the same words for every cause, and a broken store is no 401."""

import json
import re
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from headgate.access.home import open_home
from headgate.access.keys import digest
from headgate.core.secret import Secret
from headgate.faultlab.wall import Wall
from tests.e2e.processes import Gateway
from tests.faults.asking import CHAT, MESSAGES, SURFACES, Asker, body_of, judge, parsed

pytestmark = pytest.mark.xdist_group("faults")
both = pytest.mark.parametrize("path", SURFACES, ids=["chat", "messages"])
WORDS = "Incorrect or missing API key. Send a Headgate key (hg_...) as a bearer token."


@pytest.fixture(scope="module")
def asker(gateway: Gateway, wall: Wall) -> Asker:
    return Asker(gateway, wall, gateway.key("good"))


@pytest.fixture(autouse=True)
def alive(asker: Asker) -> Iterator[None]:
    yield
    asker.alive()


def refused(asker: Asker, path: str, body: Any = None, key: Any = None, **headers: str) -> None:
    error = asker.refuse(path, body_of(path) if body is None else body, 401, "invalid_api_key", key=key, **headers)
    assert error["message"] == WORDS


def wait_for(asker: Asker, path: str, status: int, key: str, within: float) -> httpx2.Response:
    """Ask until the answer is *status*; every answer until then must be the other one, of a key that is good."""
    until = time.monotonic() + within
    while True:
        answer = asker.post(path, body_of(path), key=key)
        if answer.status_code == status:
            return answer
        assert answer.status_code == 200, answer.text
        assert time.monotonic() < until, "still served"
        time.sleep(0.02)


MISSING: dict[str, dict[str, str]] = {
    "none": {"authorization": ""},
    "basic": {"authorization": "Basic aGdfeDpoZ194"},
    "no scheme": {"authorization": "KEY"},
    "other scheme": {"authorization": "Token KEY"},
    "empty": {"authorization": "Bearer"},
    "empty x-api-key": {"authorization": "", "x-api-key": ""},
    "cookie": {"authorization": "", "cookie": "key=KEY"},
    "two different": {"x-api-key": "hg_another"},
    "two different, the good one last": {"authorization": "Bearer hg_another", "x-api-key": "KEY"},
    "two different, neither bearer": {"authorization": "", "x-api-key": "KEY", "api-key": "hg_another"},
    "good one under another scheme beside a good one": {"authorization": "Basic KEY", "x-api-key": "KEY"},
    "two in one header": {"authorization": "Bearer KEY, Bearer KEY"},
    "words after it": {"authorization": "Bearer KEY x"},
}
WRONG: dict[str, str] = {
    "unknown": "hg_" + "A" * 49,
    "malformed": "x",
    "10 KB": "hg_" + "A" * 10_240,
    "SQL": "hg_' OR '1'='1' --",
    "SQL union": "' UNION SELECT * FROM keys; DROP TABLE keys; --",
    "another vendor's": "sk-proj-0123456789abcdef0123456789abcdef",
    "brackets": "{{7*7}}${jndi:ldap://x}",
    "wildcards": "hg_%",
    "null": "null",
    "a path": "../../etc/passwd",
    "almost": "KEY-",
    "shortened": "SHORT",
    "other case": "UPPER",
}


def filled(asker: Asker, text: str) -> str:
    return {"SHORT": asker.key[:-1], "UPPER": asker.key.swapcase()}.get(text) or text.replace("KEY", asker.key)


@both
@pytest.mark.parametrize("headers", MISSING.values(), ids=MISSING.keys())
def test_no_credential_or_two(asker: Asker, path: str, headers: dict[str, str]) -> None:
    given = {name: filled(asker, value) for name, value in headers.items()}
    answer = asker.post(path, body_of(path), **given)
    assert judge(answer, path, 401, "invalid_api_key")["message"] == WORDS
    assert answer.headers["www-authenticate"].startswith("Bearer")


@both
@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
@pytest.mark.parametrize("key", WRONG.values(), ids=WRONG.keys())
def test_wrong_key(asker: Asker, path: str, header: str, key: str) -> None:
    wrong = filled(asker, key)
    before = len(asker.gateway.printed)
    value = f"Bearer {wrong}" if header == "authorization" else wrong
    refused(asker, path, **{"authorization": "", header: value})
    told = asker.gateway.printed[before:]
    assert re.search(r"digest [0-9a-f]{8}, from 127\.0\.0\.1", told), told
    assert len(wrong) < 8 or wrong[:40] not in told


def test_a_wrong_key_is_logged_as_a_piece_of_its_digest(asker: Asker) -> None:
    wrong = "hg_" + "Q" * 49
    refused(asker, CHAT, key=wrong)
    found = digest(Secret(wrong), open_home(asker.gateway.home, None).derived).hex()
    assert f"digest {found[:8]}, from" in asker.gateway.printed
    assert found[:10] not in asker.gateway.printed


@both
def test_bytes_that_are_no_text(asker: Asker, path: str) -> None:
    body = body_of(path)
    head = (
        b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n"
    )
    key = b"Authorization: Bearer hg_\xff\xfe\xc3\xa9\r\n\r\n"
    judge(parsed(asker.raw(head % (path.encode(), len(body)) + key + body)), path, 401, "invalid_api_key")


@both
def test_the_same_key_twice_is_one(asker: Asker, path: str) -> None:
    assert asker.post(path, body_of(path), x_api_key=asker.key, api_key=asker.key).status_code == 200
    assert asker.post(path, body_of(path), authorization=f"bearer {asker.key}").status_code == 200
    for name in ("x-api-key", "api-key", "x-goog-api-key"):
        assert asker.post(path, body_of(path), **{"authorization": "", name: asker.key}).status_code == 200


@both
def test_nothing_of_a_request_is_read_before_its_caller_is_known(asker: Asker, path: str) -> None:
    for body in (b"{", b"\xff", b'{"model": "nothing"}', b"[" * 100_000, body_of(path, base_url="x")):
        refused(asker, path, body, key="hg_nobody")
    refused(asker, path, key="hg_nobody", content_type="text/plain")
    refused(asker, path, key="hg_nobody", **{"x-headgate-nonsense": "x"})


@both
def test_a_stream_is_refused_whole(asker: Asker, path: str) -> None:
    refused(asker, path, body_of(path, stream=True), key="hg_nobody")


@pytest.mark.parametrize(
    "path", ["/v1/models", "/v1/models/sandbox/chat", "/api/v1/logs", "/api/v1/config/virtual-keys", "/api/v1/traces/x"]
)
def test_pages_ask_for_a_key_as_well(asker: Asker, path: str) -> None:
    for headers in ({}, {"authorization": "Bearer hg_nobody"}, {"authorization": "Basic x"}):
        answer = asker.client.get(asker.gateway.url + path, headers=headers)
        assert judge(answer, path, 401, "invalid_api_key")["message"] == WORDS
        assert answer.headers["www-authenticate"].startswith("Bearer")


@both
@pytest.mark.parametrize("name", ["key", "api_key", "access_token", "token", "KEY", "x", "api%5Fkey"])
def test_a_key_in_the_address_is_none(asker: Asker, path: str, name: str) -> None:
    secret = asker.new_key("address")["key"] if name == "x" else asker.key
    refused(asker, f"{path}?{name}={secret}", authorization="")
    refused(asker, f"{path}?{name}={secret}")  # nor beside a good one
    assert secret not in asker.gateway.log.read_text().split("Virtual key")[-1].split("\n", 1)[-1]
    for file in (asker.gateway.home / "journal").rglob("*"):
        assert not file.is_file() or secret.encode() not in file.read_bytes()


@both
@pytest.mark.parametrize(
    "query", ["b=%C3%A9", "%C3%A9=b", "%FF", "%00", "%", "%zz=%", "&&=&", "a=b;c", "+", "beta=%ud800", "[]={}"]
)
def test_an_odd_query_means_nothing(asker: Asker, path: str, query: str) -> None:
    assert asker.post(f"{path}?{query}", body_of(path)).status_code == 200
    refused(asker, f"{path}?{query}", key="hg_nobody")


@both
def test_a_query_is_never_logged(asker: Asker, path: str) -> None:
    for body in (body_of(path), b"{"):
        assert asker.post(f"{path}?canary=c4n4ry-{path[-1]}", body).status_code in (200, 400)
    asker.post(f"/v1/nothing?canary=c4n4ry-{path[-1]}", b"")
    time.sleep(0.3)
    assert "c4n4ry" not in asker.gateway.printed
    for file in asker.gateway.home.rglob("*"):
        assert not file.is_file() or b"c4n4ry" not in file.read_bytes(), file


@both
def test_a_key_that_expires(asker: Asker, path: str) -> None:
    ends = datetime.now(UTC) + timedelta(seconds=0.7)
    made = asker.new_key("short", expires_at=ends.isoformat())
    assert asker.post(path, body_of(path), key=made["key"]).status_code == 200
    time.sleep(max(0.0, (ends - datetime.now(UTC)).total_seconds()))
    refused(asker, path, key=made["key"])


@pytest.mark.parametrize(("path", "way"), [(CHAT, "api"), (MESSAGES, "api"), (CHAT, "cli")])
def test_a_key_that_is_revoked(asker: Asker, path: str, way: str) -> None:
    made = asker.new_key("revoked")
    key = made["key"]
    assert asker.post(path, body_of(path), key=key).status_code == 200
    if way == "api":
        asker.manage("DELETE", f"/config/virtual-keys/{made['id']}")
    else:
        asker.gateway.cli("keys", "revoke", made["id"])
    error = judge(wait_for(asker, path, 401, key, within=1.0), path, 401, "invalid_api_key")
    assert error["message"] == WORDS
    for _ in range(20):
        refused(asker, path, key=key)


def test_a_new_key_that_was_tried_too_early_is_good_within_a_second(asker: Asker) -> None:
    made = asker.new_key("turned")
    turned = asker.manage("POST", f"/config/virtual-keys/{made['id']}/rotate")
    until = time.monotonic() + 1
    while asker.post(CHAT, body_of(CHAT), key=turned["key"]).status_code != 200:
        assert time.monotonic() < until
    wait_for(asker, CHAT, 401, made["key"], within=1.0)


@both
@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_the_key_was_not_granted(asker: Asker, path: str, stream: bool) -> None:
    name = f"only strict {path} {stream}"
    key = asker.new_key(name, models=["strict", "spare/*"])["key"]
    for model in ("wall/good", "claude-then-good", "sandbox/chat"):
        body = body_of(path, model=model, stream=stream)
        if model == "claude-then-good":  # one of its two targets is granted
            assert asker.post(path, body, key=key).headers["x-headgate-provider"] == "spare"
            continue
        error = asker.refuse(path, body, 403, "permission_denied", "model", key=key)
        assert repr(name) in error["message"] and repr(model) in error["message"]
    assert asker.post(path, body_of(path, model="nothing"), key=key).status_code == 404
    if path == CHAT:
        assert asker.post(path, body_of(path, model="strict", stream=stream), key=key).status_code == 200
    until = time.monotonic() + 5
    while len(denied := [r for r in asker.rows(key) if r["code"] == "permission_denied"]) != 2:
        assert time.monotonic() < until, denied
        time.sleep(0.1)
    assert all(r["billed"] == "none" and r["http_status"] == 403 and r["cost_usd"] in (None, "0") for r in denied)


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/config/virtual-keys"), ("GET", "/config"), ("DELETE", "/config/virtual-keys/00000000-0000-7000-8000-000000000000")],
)  # fmt: skip
def test_a_route_that_the_key_was_not_granted(asker: Asker, method: str, path: str) -> None:
    url = f"{asker.gateway.url}/api/v1{path}"
    answer = httpx2.request(
        method, url, json={"name": "x"}, headers={"authorization": f"Bearer {asker.key}"}, timeout=20
    )
    judge(answer, path, 403, "permission_denied")


def test_guessing_is_slowed_down_and_good_keys_are_unhurt(asker: Asker) -> None:
    new = asker.new_key("not seen before")["key"]
    transport = httpx2.HTTPTransport(local_address="127.0.0.2")
    with httpx2.Client(base_url=asker.gateway.url, transport=transport, timeout=20) as client:

        def ask(key: str, path: str = CHAT) -> httpx2.Response:
            return client.post(path, json=json.loads(body_of(path)), headers={"authorization": f"Bearer {key}"})

        assert ask(asker.key).status_code == 200
        tries = 0
        while (answer := ask(f"hg_guess{tries}")).status_code == 401:
            tries += 1
            assert tries < 2_100, "two minutes' worth"
        assert tries >= 999
        judge(answer, CHAT, 429, "rate_limit_exceeded", type="rate_limit_error")
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        if int(answer.headers["retry-after"]) >= 3:  # else the minute ends in the middle
            for n in range(100):
                assert ask(f"hg_more{n}").status_code == 429
            judge(ask("hg_x", MESSAGES), MESSAGES, 429, "rate_limit_exceeded")
            assert client.post(CHAT, content=b"{}").status_code == 429, "nor is a request without a key asked about"
        assert ask(asker.key).status_code == 200, "a known key"
        assert ask(new).status_code == 200, "a key that was never seen before"
    refused(asker, CHAT, key="hg_guess0")  # another address is not this one


@pytest.fixture
def breaking(wall: Wall, tmp_path: Path) -> Iterator[tuple[Asker, Path]]:
    """A gateway whose database a test may break."""
    config = (
        f'providers: {{wall: {{kind: openai-compatible, base_url: "http://127.0.0.1:{wall.port}/v1", api_key: x}}}}\n'
    )
    gateway = Gateway(tmp_path / "home", config=config).start()
    database = next(p for p in gateway.home.rglob("*.db") if p.is_file())
    yield Asker(gateway, wall, gateway.key("cached")), database
    gateway.kill()


def break_tables(database: Path) -> None:
    with sqlite3.connect(database, timeout=10) as con:
        for table in ("keys", "changes"):
            con.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
    con.close()


def mend_tables(database: Path) -> None:
    with sqlite3.connect(database, timeout=10) as con:
        for table in ("keys", "changes"):
            con.execute(f"ALTER TABLE {table}_away RENAME TO {table}")
    con.close()


def put_garbage(database: Path) -> None:
    """Over every page, and what is in the log of changes, so that nothing of it can be read."""
    for file in (database, database.with_name(database.name + "-wal")):
        if file.exists():
            with file.open("r+b") as out:
                out.write(b"\xa5" * max(file.stat().st_size, 4096))
    with database.with_name(database.name + "-shm").open("r+b") as shared:
        shared.write(b"\xa5" * 96)  # both copies of its head: or who changes nothing goes on by what it read before


def test_a_store_that_cannot_be_asked_is_no_401(breaking: tuple[Asker, Path]) -> None:
    asker, database = breaking
    body = body_of(CHAT)
    new, newer = asker.new_key("new")["key"], asker.new_key("newer")["key"]
    assert asker.post(CHAT, body).status_code == 200
    time.sleep(0.3)
    break_tables(database)
    stands_without_its_store(asker, new)
    mend_tables(database)
    until = time.monotonic() + 2
    while asker.post(CHAT, body, key=new).status_code != 200:
        assert time.monotonic() < until
        time.sleep(0.05)
    refused(asker, CHAT, key="hg_unknown")
    put_garbage(database)
    until = time.monotonic() + 5
    tries = 0
    while asker.post(CHAT, body, key=f"hg_early{tries}").status_code != 503:  # what was read before is still known
        tries += 1
        assert asker.post(CHAT, body).status_code == 200
        assert time.monotonic() < until
        time.sleep(0.05)
    stands_without_its_store(asker, newer)


def stands_without_its_store(asker: Asker, new: str) -> None:
    until = time.monotonic() + 1.5
    number = 0
    while time.monotonic() < until:
        number += 1
        for path in SURFACES:
            for key in (new, f"hg_unknown{number}"):
                answer = asker.post(path, body_of(path, model="wall/good"), key=key)
                judge(answer, path, 503, "auth_unavailable", type="api_error")
        assert asker.post(CHAT, body_of(CHAT)).status_code == 200, "a cached key is served"
        time.sleep(0.1)
    ready = asker.client.get(f"{asker.gateway.url}/health/ready")
    assert ready.status_code == 200 and "does not answer" in ready.text, ready.text
    asker.alive()
