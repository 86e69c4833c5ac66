"""Bills over the API: who pays for what, invoices that stay, prices, channels, schedules, and providers' own figures."""

import pytest

from headgate.core.ids import now
from headgate.storage.billing_rows import MessageRow
from tests.admin.records import call, store

BILLING = "/api/v1/billing"


@pytest.fixture
async def calls(api, tmp_path):
    await api.make()
    at = now() - 40 * 86_400_000_000
    store(tmp_path / "headgate.db", call(), call(tags=()), call(at=at), call(tenant_id="other", cost_nano=9))


async def get(api, path, caller="admin", **query):
    response = await api.ask("GET", BILLING + path, caller, params=query)
    assert response.status_code == 200, response.text
    return response.json()


async def test_who_pays_for_what(api, calls):
    made = await get(api, "/chargeback", by="tag")
    assert {line["name"]: line["calls"] for line in made["data"]} == {"team-a": 1, "": 1}
    assert (made["total"]["cost_usd"], made["due_usd"]) == ("0.000003", "0.000003")
    sheet = await api.ask("GET", BILLING + "/chargeback/export", params={"by": "model"})
    assert sheet.text.splitlines()[1].startswith("local/mock,local/mock,2,")
    assert (await api.ask("GET", BILLING + "/chargeback", "key")).status_code == 403
    refused = await api.ask("GET", BILLING + "/chargeback", params={"first": "2026-02-01", "end": "2026-01-01"})
    assert refused.status_code == 400
    assert (await get(api, "/forecast"))["forecast"] is None  # nothing is known of whole days


async def test_an_invoice_is_issued_and_read_in_every_form(api, calls):
    response = await api.ask("POST", BILLING + "/invoices", json={})
    assert response.status_code == 201, response.text
    one = response.json()
    assert (await api.ask("POST", BILLING + "/invoices", json={})).json() == one
    path = f"{BILLING}/invoices/{one['id']}"
    assert (await api.ask("GET", path)).json()["number"] == one["number"]
    page = await api.ask("GET", path, params={"format": "html"})
    assert "sandbox" in page.headers["content-security-policy"]
    assert "<h1>Invoice" in page.text
    assert (await api.ask("GET", path, params={"format": "csv"})).text.startswith("by,id,name,calls")
    assert (await api.ask("GET", path, "other")).status_code == 404
    running = await api.ask("POST", BILLING + "/invoices", json={"day": "2999-01-01"})
    assert (running.status_code, running.json()["error"]["code"]) == (409, "not_over")
    assert (await api.ask("POST", BILLING + "/invoices", json={"kind": "report"})).status_code == 400
    assert [i["id"] for i in (await get(api, "/invoices"))["data"]] == [one["id"]]


async def test_prices_change_what_is_billed(api, calls):
    body = {"model": "local/*", "price": {"input": 1, "output": 2}, "markup_percent": 50}
    one = (await api.ask("POST", BILLING + "/prices", json=body)).json()
    assert (one["price"]["output"], one["markup_percent"]) == (2, 50)
    total = (await get(api, "/chargeback"))["total"]
    assert (total["cost_usd"], total["billed_usd"]) == ("0.000003", "0.00042")
    changed = await api.ask("PATCH", f"{BILLING}/prices/{one['id']}", json={"price": None})
    assert changed.json()["price"] is None
    assert (await get(api, "/chargeback"))["total"]["billed_usd"] == "0.0000045"
    assert (await api.ask("PATCH", f"{BILLING}/prices/{one['id']}", json={"markup_percent": None})).status_code == 400
    assert (await api.ask("POST", BILLING + "/prices", json={"model": "x", "markup_percent": 1})).status_code == 400


async def test_channels_keep_their_secret_and_invoices_go_through_them(api, calls):
    body = {"name": "hook", "kind": "webhook", "target": "https://example.com/x", "secret": "s" * 20}
    made = await api.ask("POST", BILLING + "/channels", json=body)
    assert made.status_code == 201, made.text
    assert "s" * 20 not in made.text
    one = made.json()
    assert (await api.ask("POST", BILLING + "/channels", json={**body, "secret": None})).status_code == 400
    mail = {"name": "mail", "kind": "email", "target": "a@b.c, d@e.f"}
    assert (await api.ask("POST", BILLING + "/channels", json=mail)).status_code == 400
    invoice = (await api.ask("POST", BILLING + "/invoices", json={"channel_ids": [one["id"]]})).json()
    sent = await api.ask("POST", f"{BILLING}/invoices/{invoice['id']}/send", json={"channel_ids": [one["id"]]})
    assert len(sent.json()["message_ids"]) == 1
    messages: list[MessageRow] = await api.parts.money.notices.messages("default")
    assert [message.event for message in messages] == ["billing:invoice"] * 2
    nobody = await api.ask("POST", f"{BILLING}/invoices/{invoice['id']}/send", json={"channel_ids": ["x"]})
    assert nobody.status_code == 400


async def test_schedules(api):
    made = await api.ask("POST", BILLING + "/schedules", json={"kind": "invoice"})
    one = made.json()
    assert one["next_at"] > one["created_at"]
    assert (await api.ask("POST", BILLING + "/schedules", json={"kind": "report", "app_ids": ["x"]})).status_code == 400
    off = await api.ask("PATCH", f"{BILLING}/schedules/{one['id']}", json={"is_active": False})
    assert off.json()["is_active"] is False
    assert (await api.ask("DELETE", f"{BILLING}/schedules/{one['id']}", "other")).status_code == 404


async def test_what_a_provider_exported_is_set_beside_ours_once(api, calls):
    day = (await get(api, "/imports"))["data"]
    assert day == []
    data = f"Day,Model,In,USD\n{now_day()},mock,150,1\n"
    columns = {"day": "Day", "model": "Model", "input": "In", "cost_usd": "USD"}
    body = {"provider": "local", "format": "csv", "data": data, "columns": columns}
    made = await api.ask("POST", BILLING + "/imports", json=body)
    assert made.status_code == 201, made.text
    one = made.json()
    found = {line["kind"]: (line["ours"], line["theirs"], line["drift"]) for line in one["totals"]}
    assert found == {"input": (200, 150, 50), "cost_usd": ("0.000003", "1", "-0.999997")}
    assert (await api.ask("POST", BILLING + "/imports", json=body)).json()["error"]["code"] == "given_before"
    page = await api.ask("GET", f"{BILLING}/imports/{one['id']}/page")
    assert "<svg" in page.text
    assert (await get(api, f"/imports/{one['id']}"))["totals"] == one["totals"]
    for wrong in ({"data": "nothing\n"}, {"columns": {"colour": "x"}}, {"encoding": "base64"}):
        assert (await api.ask("POST", BILLING + "/imports", json={**body, **wrong})).status_code == 400


def now_day():
    from headgate.admin.fields import instant

    return instant(now()).date().isoformat()
