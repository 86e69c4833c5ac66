"""What was said, by the API: each tenant's its own, within one's reach, and erased by end user."""

import json

import msgspec

from headgate.access.keyring import Keyring
from headgate.core.record import Record
from headgate.guardrails.detect import detected
from headgate.observe.payload import row_of
from headgate.observe.spool import PAYLOADS, Frame, Taken
from headgate.storage import payloads_sql
from headgate.storage.sql import open_sql
from tests.admin.conftest import DERIVED, Api, who
from tests.admin.records import call, store


def say(database, record: Record, text: str = "hello", level: str = "redacted") -> None:
    """Keep what was said in the call of *record*."""
    asked = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode()
    taken = Taken(
        record.id, record.tenant_id, record.at, record.key_id, record.end_user, level, 9999, "chat", "openai-chat",
        "application/json", False, len(asked), 2,
    )  # fmt: skip
    row = row_of(Frame(taken, asked, b"{}"), detected, Keyring(DERIVED).direct(PAYLOADS))
    sql = open_sql(database)
    payloads_sql.put(sql, [msgspec.structs.astuple(row)])
    sql.close()


def path(record: Record) -> str:
    return f"/api/v1/logs/{record.id}/payload"


async def test_each_sees_what_is_within_his_reach(api: Api, database) -> None:
    mine, other, bare = call(key_id="key-1"), call(tenant_id="other"), call()
    store(database, mine, other, bare)
    for record in (mine, other):
        say(database, record)
    may = frozenset({"payloads:view", "logs:view"})
    api.doors.known["own"] = who("own", "default", kind="client", scope="own", permissions=may)
    api.doors.known["clerk"] = who("clerk", "default", scope="tenant", permissions=frozenset({"logs:view"}))
    seen = await api.ask("GET", path(mine))
    assert (seen.status_code, seen.json()["request"]["text"]) == (200, "hello"), seen.text
    assert (await api.ask("GET", path(mine), "clerk")).status_code == 403
    assert (await api.ask("GET", path(mine), "key")).status_code == 403
    assert (await api.ask("GET", path(mine), "own")).json()["error"]["code"] == "not_found"
    for name in ("admin", "other"):
        theirs = await api.ask("GET", path(other if name == "admin" else mine), name)
        never = await api.ask("GET", f"/api/v1/logs/{'0' * 36}/payload", name)
        assert theirs.status_code == never.status_code == 404
        assert theirs.json() == never.json()
    assert (await api.ask("GET", path(other), "other")).status_code == 200
    assert (await api.ask("GET", path(bare))).json()["error"]["code"] == "payload_not_kept"


async def test_it_is_erased_by_end_user_and_nobody_elses(api: Api, database) -> None:
    gone, others, foreign = call(end_user="ada"), call(end_user="bob"), call(end_user="ada", tenant_id="other")
    store(database, gone, others, foreign)
    for record in (gone, others, foreign):
        say(database, record)
    assert (await api.ask("DELETE", "/api/v1/payloads")).status_code == 400
    assert (await api.ask("DELETE", "/api/v1/payloads?end_user=ada")).json() == {"calls": 1}
    assert (await api.ask("DELETE", "/api/v1/payloads?end_user=ada")).json() == {"calls": 0}
    assert (await api.ask("GET", path(gone))).status_code == 404
    assert (await api.ask("GET", path(others))).status_code == 200
    assert (await api.ask("GET", path(foreign), "other")).status_code == 200
    log = (await api.ask("GET", "/api/v1/audit?object_kind=payload&outcome=done")).json()["data"]
    assert [entry["after"] for entry in log] == [{"end_user": "ada", "calls": 0}, {"end_user": "ada", "calls": 1}]


async def test_a_tenant_app_and_key_say_what_is_kept(api: Api) -> None:
    logging = {"payload": "full", "retention_days": 90, "payload_days": 7, "max_bytes": 4096, "audit_reads": True}
    changed = await api.ask("PATCH", "/api/v1/tenants/default", json={"logging": logging})
    if changed.status_code == 404:  # it is made with the first key
        await api.make()
        changed = await api.ask("PATCH", "/api/v1/tenants/default", json={"logging": logging})
    assert changed.json()["logging"].items() >= logging.items(), changed.text
    app = (await api.ask("POST", "/api/v1/apps", json={"name": "a", "payload": "redacted"})).json()
    assert app["payload"] == "redacted"
    key = await api.make(app_id=app["id"], payload="none")
    assert key["payload"] == "none"
    one = f"/api/v1/config/virtual-keys/{key['id']}"
    assert (await api.ask("PATCH", one, json={"payload": None})).json()["payload"] is None
    assert (await api.ask("PATCH", one, json={"payload": "everything"})).status_code == 400
