"""A provider made, found wanting, changed, brought back and removed; what stands in the file is shown as it is."""

import re

from playwright.sync_api import expect

from tests.browser.house import House, Visit


def test_make_change_and_remove(house: House, admin: Visit) -> None:
    admin.refused |= {400}
    page = admin.go("/providers")
    page.get_by_role("tab", name="Configuration").click()
    page.get_by_role("button", name="New provider").click()
    dialog = page.get_by_role("dialog", name="New provider")
    dialog.get_by_label("Name", exact=True).fill("local")
    dialog.get_by_role("button", name="YAML").click()
    source = dialog.get_by_label("Configuration")
    source.fill("kind: openai-compatible\nbase_url: http://127.0.0.1:9/v1\napi_key: sk-canary-0123456789\n")
    dialog.get_by_role("button", name="Check", exact=True).click()
    admin.said("headgate providers keys add local")
    source.fill("kind: openai-compatible\nbase_url: http://127.0.0.1:9/v1\n")
    dialog.get_by_role("button", name="Save").click()
    row = page.get_by_role("row", name=re.compile("^local"))
    expect(row).to_contain_text("database v1, all tenants")
    row.click()
    dialog = page.get_by_role("dialog", name="local")
    dialog.get_by_role("button", name="YAML").click()
    dialog.get_by_label("Configuration").fill("kind: openai-compatible\nbase_url: http://127.0.0.1:10/v1\n")
    dialog.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("v2")
    assert house.api("GET", "/config/providers/local")["config"]["base_url"] == "http://127.0.0.1:10/v1"
    row.click()
    dialog = page.get_by_role("dialog", name="local")
    dialog.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog", name="Remove local").get_by_role("button", name="Remove").click()
    expect(row).to_have_count(0)
    page.get_by_role("row", name=re.compile("^wall")).click()
    dialog = page.get_by_role("dialog", name="wall")
    expect(dialog).to_contain_text("headgate config adopt wall")
    expect(dialog.get_by_role("button", name="Save")).to_have_count(0)
    dialog.get_by_role("button", name="YAML").click()
    expect(dialog.get_by_label("Configuration")).to_have_value(re.compile(r"\*\*\*"))
