"""The audit log over the API: pages, filters, files, and what a verification says."""

import csv
import io
import json

import pytest
from sqlalchemy import text

from headgate.storage.audit import AuditEntry, note

AUDIT = "/api/v1/audit"


@pytest.fixture
async def acts(api):
    async with api.parts.money.audit.engine.begin() as con:
        for number in range(5):
            entry = AuditEntry(
                tenant_id="default", actor_kind="admin", actor_id=f"a{number % 2}", action="keys:create",
                object_kind="key", object_id=f"=k{number}", after={"name": "x", "secret": "s"}, address="10.0.0.1",
            )  # fmt: skip
            await note(con, entry)


async def ask(api, who="admin", **query):
    response = await api.ask("GET", AUDIT, who, params=query)
    assert response.status_code == 200, response.text
    return response.json()


async def test_pages_go_back_in_time(api, acts):
    first = await ask(api, limit=3)
    assert [entry["seq"] for entry in first["data"]] == [5, 4, 3]
    assert (first["has_more"], first["next"]) == (True, 3)
    second = await ask(api, limit=3, before=first["next"])
    assert [entry["seq"] for entry in second["data"]] == [2, 1]
    assert second["has_more"] is False
    assert first["data"][0]["after"] == {"name": "x", "secret": "***"}
    assert first["data"][0]["previous"] == first["data"][1]["hash"]


async def test_filters(api, acts):
    assert [entry["seq"] for entry in (await ask(api, actor_id="a1"))["data"]] == [4, 2]
    assert [entry["seq"] for entry in (await ask(api, object_id="=k2", object_kind="key"))["data"]] == [3]
    assert (await ask(api, since="2999-01-01T00:00:00Z"))["data"] == []
    assert (await ask(api, outcome="refused"))["data"] == []


async def test_another_tenant_sees_its_own_and_a_key_nothing(api, acts):
    assert (await ask(api, "other"))["data"] == []
    assert (await api.ask("GET", AUDIT, "key")).status_code == 403


async def test_files_hold_all_of_it_and_no_formula(api, acts):
    lines = (await api.ask("GET", AUDIT + "/export")).text.splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [1, 2, 3, 4, 5]
    response = await api.ask("GET", AUDIT + "/export", params={"format": "csv", "actor_id": "a0"})
    assert "attachment" in response.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [row["seq"] for row in rows] == ["1", "3", "5"]
    assert rows[0]["object_id"] == "'=k0"
    assert json.loads(rows[0]["after"]) == {"name": "x", "secret": "***"}


async def test_a_verification_says_what_is_wrong(api, acts):
    response = await api.ask("POST", AUDIT + "/verify")
    whole = response.json()
    assert (whole["ok"], whole["entries"], whole["head_seq"], whole["faults"]) == (True, 5, 5, [])
    async with api.parts.money.audit.engine.begin() as con:
        await con.execute(text("DROP TRIGGER audit_no_delete"))
        await con.execute(text("DELETE FROM audit WHERE seq = 3"))
    known = {"seq": whole["head_seq"], "hash": whole["head_hash"]}
    found = (await api.ask("POST", AUDIT + "/verify", json={"known": known})).json()
    assert found["ok"] is False
    assert [(fault["what"], fault["seq"]) for fault in found["faults"]] == [("missing", 3)]


async def test_who_asks_for_what_is_not_his_is_noted_once_a_minute(api):
    for _ in range(3):
        assert (await api.ask("GET", "/api/v1/budgets/0190-of-another")).status_code == 404
    assert (await api.ask("GET", AUDIT, "key")).status_code == 403
    await api.parts.money.refusals.flush()
    refused = (await ask(api, outcome="refused"))["data"]
    assert {(entry["actor_id"], entry["action"], entry["object_id"]) for entry in refused} == {
        ("admin-1", "budgets:view", "0190-of-another"),
        ("key-1", "audit:view", ""),
    }
