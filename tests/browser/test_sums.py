"""What is shown as used is what was used, and rows add up to what stands above them."""

from playwright.sync_api import expect

from tests.browser.house import House, Visit


def test_a_budget_is_not_used_by_the_room_that_is_set_aside(house: House, admin: Visit) -> None:
    made = house.api("POST", "/budgets", {"name": "set aside", "usd": "5", "window": "month"})
    key = house.api("POST", "/config/virtual-keys", {"name": "spender"})["key"]
    assert house.call(key).status_code == 200
    house.until(lambda: house.api("GET", f"/budgets/{made['id']}/usage")["used"]["usd"] != "0")
    page = admin.go("/budgets")
    meter = page.get_by_role("row", name="set aside").get_by_role("meter")
    expect(meter).to_have_attribute("aria-valuenow", "0")
    house.api("DELETE", f"/budgets/{made['id']}")


def test_calls_of_a_model_that_nobody_knows_have_a_row(house: House, admin: Visit) -> None:
    key = house.api("POST", "/config/virtual-keys", {"name": "stray"})["key"]
    house.call(key, "hello there")
    failed = house.call(key, model="nosuch/x")
    assert failed.status_code == 404
    house.gateway.trace(failed.headers["x-request-id"])
    page = admin.go("/usage")
    table = page.get_by_role("region", name="Usage by model")
    expect(table.get_by_role("row", name="(none)")).to_be_visible()
    page.get_by_label("By", exact=True).select_option("provider")
    table = page.get_by_role("region", name="Usage by provider")
    expect(table.get_by_role("row", name="(none)")).to_be_visible()
