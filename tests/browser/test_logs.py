"""The log while it is live: what ends appears, also where texts are searched, which no tail follows."""

from playwright.sync_api import expect

from tests.browser.house import House, Visit


def test_live_and_searched(house: House, admin: Visit) -> None:
    key = house.api("POST", "/config/virtual-keys", {"name": "live one"})["key"]
    page = admin.go("/logs")
    live = page.get_by_role("button", name="Live")
    expect(live).to_be_visible()
    mine = page.get_by_role("row", name="live one")
    house.call(key, "first")
    expect(mine).to_have_count(1)
    page.get_by_label("In the record").fill("live-needle")
    expect(page.get_by_text("Nothing fits these filters")).to_be_visible()
    expect(live).to_be_visible()
    house.call(key, "second", user="live-needle")
    expect(mine).to_have_count(1)
    expect(live).to_be_visible()
    assert admin.errors == []
