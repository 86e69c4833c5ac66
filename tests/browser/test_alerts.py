"""A rule made, its alert seen to: tested, silenced, acknowledged."""

import re

from playwright.sync_api import expect

from tests.browser.house import House, Visit

LOOKING = 60_000
"""Milliseconds: rules look every quarter of a minute."""


def test_a_rule_and_its_alert(house: House, admin: Visit) -> None:
    key = house.api("POST", "/config/virtual-keys", {"name": "in a hurry"})["key"]
    assert house.call(key).status_code == 200
    told = {"name": "ops", "kind": "email", "target": "ops@example.com", "events": ["alerts"]}
    house.api("POST", "/billing/channels", told)
    page = admin.go("/alerts")
    page.get_by_role("tab", name="Rules").click()
    page.get_by_role("button", name="New rule").click()
    dialog = page.get_by_role("dialog", name="New rule")
    dialog.get_by_label("Name", exact=True).fill("too-slow")
    dialog.get_by_label("Kind", exact=True).select_option("latency")
    dialog.get_by_label("Above").fill("0.000001")
    dialog.get_by_label("Calls").fill("1")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name=re.compile("^too-slow"))).to_contain_text("latency")

    page.get_by_role("tab", name="Alerts").click()
    row = page.get_by_role("region", name="Alerts").get_by_role("row", name="too-slow")
    expect(row).to_contain_text("firing", timeout=LOOKING)
    row.click()
    dialog = page.get_by_role("dialog", name="too-slow")
    dialog.get_by_role("button", name="Send a test").click()
    admin.said("on its way")
    dialog.get_by_label("For how long").select_option("a day")
    dialog.get_by_role("button", name="Silence").click()
    expect(dialog.get_by_role("button", name="Tell of it again")).to_be_visible()
    dialog.get_by_role("button", name="I see to it").click()
    expect(dialog.get_by_text("Acknowledged", exact=True)).to_be_visible()
    dialog.get_by_role("button", name="Close", exact=True).last.click()
    expect(row).to_contain_text("silenced")
    found = next(alert for alert in house.api("GET", "/alerts")["data"] if alert["rule"] == "too-slow")
    assert found["acknowledged_at"]
    assert found["silenced_until"]
