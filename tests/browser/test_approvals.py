"""A key at the end of its budget asks for more, and gets it on the page."""

from playwright.sync_api import expect

from tests.browser.house import House, Visit


def test_approve_a_budget(house: House, admin: Visit) -> None:
    made = house.api(
        "POST", "/config/virtual-keys", {"name": "poor", "budgets": [{"usd": "0.00000001", "window": "month"}]}
    )
    assert house.call(made["key"], model="wall/steady").status_code in (402, 429)
    ask = {"kind": "budget", "subject_kind": "key", "subject_id": made["id"], "usd": "5", "window": "month"}
    house.api("POST", "/approvals", {**ask, "reason": "launch week"}, key=made["key"])

    page = admin.go("/approvals")
    page.get_by_role("row", name="launch week").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("launch week")
    dialog.get_by_label("Answer").fill("until Friday")
    dialog.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("row", name="launch week")).to_have_count(0)
    page.get_by_role("button", name="All", exact=True).click()
    expect(page.get_by_role("row", name="launch week")).to_contain_text("approved")
    house.until(lambda: house.call(made["key"], model="wall/steady").status_code == 200)
