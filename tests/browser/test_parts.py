"""What the gateway itself asked for a call, from the one to the other and back."""

import re

from playwright.sync_api import expect

from tests.browser.house import House, Visit


def test_a_call_and_what_was_made_for_it(house: House, admin: Visit) -> None:
    targets = ["sandbox/chat", "wall/steady"]
    config = {"targets": targets, "fan_out": {"answer": "best", "judge": "sandbox/chat"}}
    house.api("POST", "/routes", {"name": "judged", "config": config})
    key = house.api("POST", "/config/virtual-keys", {"name": "wants the best"})["key"]
    house.until(lambda: house.call(key, "is the route there?", model="judged").status_code == 200)
    id = house.call(key, "which is best?", model="judged").headers["x-request-id"]
    house.until(lambda: bool(house.gateway.trace(id)["parts"]))
    page = admin.go(f"/trace?id={id}")
    part = page.get_by_role("region", name="Made for this call").get_by_role("row", name=re.compile("^judge"))
    expect(part).to_contain_text("sandbox/chat")
    part.click()
    whole = page.get_by_role("link", name=id)
    expect(page.get_by_text("The gateway itself made this call (judge) for")).to_be_visible()
    expect(page.get_by_role("region", name="Made for this call")).to_have_count(0)
    whole.click()
    expect(part).to_be_visible()
    expect(whole).to_have_count(0)
