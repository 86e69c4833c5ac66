"""A provider breaks: what the trace and the page of providers say of it."""

from playwright.sync_api import expect

from tests.browser.house import House, Visit


def test_a_broken_provider_and_who_stepped_in(house: House, admin: Visit) -> None:
    key = house.api("POST", "/config/virtual-keys", {"name": "careful"})["key"]
    assert house.call(key, model="safe").headers["x-headgate-model"].startswith("wall/")
    house.wall.faults["steady"] = "s503"
    try:
        answer = house.call(key, "while it is broken", model="safe")
    finally:
        del house.wall.faults["steady"]
    assert answer.status_code == 200
    page = admin.go("/logs")
    page.get_by_label("Status").select_option("fallback")
    calls = page.get_by_role("region", name="Calls")
    calls.get_by_role("row", name="careful").filter(has_text="fallback").click()
    happened = page.locator(".waterfall")
    expect(happened).to_contain_text("1. wall/steady")
    expect(happened).to_contain_text("503")
    expect(happened).to_contain_text("sandbox/chat")
    expect(page.locator(".card", has_text="Outcome")).to_contain_text("fallback")
    page.get_by_role("link", name="Providers").click()
    standing = page.get_by_role("region", name="Deployments").get_by_role("row", name="wall/steady")
    expect(standing).to_be_visible()
    standing.get_by_role("button", name="Switch off").click()
    page.get_by_role("dialog").get_by_role("button", name="Switch off").click()
    expect(standing.get_by_role("button", name="Let it decide")).to_be_visible()
    house.until(lambda: house.call(key, model="safe").headers["x-headgate-model"].startswith("sandbox/"))
    standing.get_by_role("button", name="Let it decide").click()
    expect(standing.get_by_role("button", name="Switch off")).to_be_visible()
