"""Exports by the API: who may, what comes, and that nobody sees another tenant's."""

import asyncio
import hashlib

import pytest

from headgate.access.keyring import Keyring
from headgate.access.permissions import ROLES
from headgate.base import Ways
from headgate.observe.archive.exporter import Aims, Exporter
from headgate.observe.spool import PAYLOADS
from tests.admin.conftest import DERIVED, Api, who
from tests.admin.records import call, store

PATH = "/api/v1/exports"


async def work(api: Api, database) -> None:
    """Do what the gateway's thread does."""
    exports, sealer = api.parts.exports, Keyring(DERIVED).direct(PAYLOADS)
    exporter = Exporter(
        exports.folder, f"sqlite:///{database}", exports.node, sealer, aims=Aims, environ={}, ways=lambda: Ways()
    )
    await asyncio.to_thread(exporter.once)


async def test_an_export_is_made_and_fetched(api: Api, database) -> None:
    store(database, call(), call(model_used="other/m"), call(tenant_id="other"))
    made = await api.ask("POST", PATH, json={"format": "jsonl", "model": "local/mock", "since": "2020-01-01T00:00:00Z"})
    assert (made.status_code, made.json()["state"]) == (201, "waiting"), made.text
    one = f"{PATH}/{made.json()['id']}"
    await work(api, database)
    done = (await api.ask("GET", one)).json()
    assert (done["state"], done["rows"], done["done"]) == ("done", 1, 1.0)
    file = done["files"][0]
    fetched = await api.ask("GET", f"{one}/files/{file['name']}")
    assert fetched.headers["content-type"] == "application/x-ndjson"
    assert hashlib.sha256(fetched.content).hexdigest() == file["sha256"] == fetched.headers["x-sha256"]
    assert (await api.ask("GET", f"{one}/files/..%2F..%2Fheadgate.db")).status_code == 404
    assert (await api.ask("GET", PATH)).json()["data"] == [done]
    for path in (one, f"{one}/files/{file['name']}"):
        assert (await api.ask("GET", path, "other")).status_code == 404
    assert (await api.ask("DELETE", one, "other")).status_code == 404
    assert (await api.ask("GET", PATH, "other")).json()["data"] == []
    assert (await api.ask("GET", PATH, "key")).status_code == 403
    assert (await api.ask("DELETE", one)).json()["state"] == "cancelled"
    assert (await api.ask("GET", f"{one}/files/{file['name']}")).status_code == 404
    log = (await api.ask("GET", "/api/v1/audit?object_kind=export&outcome=done")).json()["data"]
    assert [entry["action"] for entry in log] == ["exports:delete", "exports:view", "exports:create"]


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"store": "lake"}, "unknown_store", "store"),
        ({"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "invalid_parameter", "since"),
        ({"format": "csv"}, "invalid_parameter", "format"),
        ({"colour": 1}, "unknown_parameter", "colour"),
    ],
)
async def test_what_makes_no_sense_is_refused(api: Api, body, code, param) -> None:
    refused = await api.ask("POST", PATH, json=body)
    assert refused.status_code == 400
    assert (refused.json()["error"]["code"], refused.json()["error"]["param"]) == (code, param)


async def test_what_was_said_takes_a_permission_of_its_own(api: Api, database) -> None:
    may = {"exports:create", "exports:view"}
    api.doors.known["clerk"] = who("clerk", "default", scope="tenant", permissions=frozenset(may))
    assert (await api.ask("POST", PATH, "clerk", json={"payloads": True})).status_code == 403
    made = (await api.ask("POST", PATH, json={"payloads": True})).json()
    store(database, call())
    await work(api, database)
    name = (await api.ask("GET", f"{PATH}/{made['id']}")).json()["files"][0]["name"]
    assert (await api.ask("GET", f"{PATH}/{made['id']}/files/{name}", "clerk")).status_code == 403
    assert (await api.ask("GET", f"{PATH}/{made['id']}/files/{name}")).status_code == 200
    assert "payloads:view" not in ROLES["auditor"] | ROLES["developer"]


async def test_so_many_at_a_time(api: Api) -> None:
    answers = [await api.ask("POST", PATH, json={}) for _ in range(21)]
    assert [answer.status_code for answer in answers] == [201] * 20 + [409]
