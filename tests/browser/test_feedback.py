"""What one thinks of an answer: said on its trace, found among what others think."""

from playwright.sync_api import expect

from tests.browser.house import House, Visit


def test_say_it_and_find_it(house: House, admin: Visit) -> None:
    key = house.api("POST", "/config/virtual-keys", {"name": "judged"})["key"]
    id = house.call(key, "tell me something").headers["x-request-id"]
    house.gateway.trace(id)
    page = admin.go(f"/trace?id={id}")
    page.get_by_role("button", name="A bad answer").click()
    expect(page.get_by_role("img", name="bad")).to_be_visible()
    page.get_by_role("button", name="Say more").click()
    dialog = page.get_by_role("dialog", name="What you think of this answer")
    dialog.get_by_label("Comment").fill("The wrong <b>year</b>")
    dialog.get_by_label("What the answer should have been").fill("1969")
    dialog.get_by_role("button", name="Say it").click()
    expect(page.get_by_text("The wrong <b>year</b>")).to_be_visible()

    page.get_by_role("link", name="Feedback", exact=True).click()
    page.get_by_label("Thumbs").select_option("down")
    page.get_by_label("Correction").select_option("true")
    row = page.get_by_role("region", name="Feedback", exact=True).get_by_role("row", name="The wrong")
    expect(row).to_contain_text("1969")
    expect(page.get_by_role("region", name="Feedback by model").get_by_role("row", name="sandbox/chat")).to_be_visible()
    row.click()
    expect(page.get_by_role("button", name="A bad answer")).to_have_attribute("aria-pressed", "true")
