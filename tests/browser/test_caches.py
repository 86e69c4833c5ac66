"""A cache made and named in a route; an answer given again, seen, and gone."""

import re

from playwright.sync_api import expect

from tests.browser.house import House, Visit


def test_a_hit_is_seen_and_cleared(house: House, admin: Visit) -> None:
    page = admin.go("/caches")
    page.get_by_role("tab", name="Caches").click()
    page.get_by_role("button", name="New cache").click()
    dialog = page.get_by_role("dialog", name="New cache")
    dialog.get_by_label("Name", exact=True).fill("answers")
    dialog.get_by_label("Store").select_option("sqlite")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name="answers")).to_contain_text("sqlite")
    house.api("POST", "/routes", {"name": "again", "config": {"targets": ["sandbox/chat"], "cache": "answers"}})
    key = house.api("POST", "/config/virtual-keys", {"name": "asks again"})["key"]

    def cached(text: str = "what was it again?") -> str | None:
        return house.call(key, text, model="again").headers.get("x-headgate-cache")

    house.until(lambda: cached("is the route there?") is not None)
    assert cached() == "miss"
    house.until(lambda: cached() == "hit")

    page.get_by_role("tab", name="What they saved").click()
    row = page.get_by_role("region", name="Caches").get_by_role("row", name=re.compile("^answers"))
    expect(row).to_contain_text("%")
    page.get_by_role("button", name="Clear").click()
    dialog = page.get_by_role("dialog", name="Clear caches")
    dialog.get_by_label("Cache").select_option("answers")
    dialog.get_by_role("button", name="Clear").click()
    admin.said("Cleared")
    house.until(lambda: cached() == "miss")
