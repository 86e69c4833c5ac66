"""A key from its making to its end."""

import re

from playwright.sync_api import expect

from tests.browser.house import House, Visit, secret


def test_make_limit_and_revoke_a_key(house: House, admin: Visit) -> None:
    page = admin.go("/keys")
    page.get_by_role("button", name="Make a key").click()
    page.get_by_label("Name", exact=True).fill("passing by")
    page.get_by_label("Requests a minute").fill("2")
    page.get_by_role("button", name="Make it").click()
    key = secret(page.get_by_role("dialog", name="The key passing by"))
    page.get_by_role("button", name="I have it").click()
    row = page.get_by_role("row", name=re.compile("passing by"))
    expect(row).to_contain_text("2/min")

    answers = [house.call(key) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    page.get_by_role("link", name="Logs").click()
    page.get_by_label("Status").select_option("failure")
    calls = page.get_by_role("region", name="Calls")
    calls.get_by_role("row", name="passing by").filter(has_text="rate_limit").click()
    expect(page.locator(".card", has_text="Outcome")).to_contain_text("429")
    expect(page.locator(".note-box.bad")).to_contain_text("minute")

    page.get_by_role("link", name="Keys", exact=True).click()
    row.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("dialog")).to_contain_text("refused within a second")
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(row).to_contain_text("revoked")
    house.until(lambda: house.call(key).status_code == 401)
    page.get_by_role("link", name="Audit").click()
    expect(page.get_by_role("region", name="Audit log")).to_contain_text("api_keys:delete")
