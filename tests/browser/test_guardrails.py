"""A guardrail tried as a draft, kept, tried again, and brought back to what it was."""

from playwright.sync_api import expect

from tests.browser.house import House, Visit


def test_try_keep_and_try_again(house: House, admin: Visit) -> None:
    page = admin.go("/guardrails")
    page.get_by_role("button", name="New guardrail").click()
    dialog = page.get_by_role("dialog", name="New guardrail")
    dialog.get_by_label("Name", exact=True).fill("private")
    dialog.get_by_label("Kind", exact=True).select_option("pii")
    dialog.get_by_text("Try this draft on a text").click()
    dialog.get_by_label("Text", exact=True).fill("Write to ada@example.com <b>now</b>")
    dialog.get_by_role("button", name="Try it").click()
    verdict = dialog.get_by_role("region", name="Verdict")
    expect(verdict.locator("mark")).to_contain_text("ada@example.com")
    expect(verdict.locator(".said").first).to_contain_text("<b>now</b>")
    dialog.get_by_role("button", name="Check", exact=True).click()
    expect(dialog.get_by_role("status")).to_contain_text("valid")
    assert house.api("GET", "/guardrails")["data"] == []
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name="private")).to_contain_text("pii")
    trial = {"texts": ["hello"], "guardrails": ["private"]}
    house.until(lambda: house.ask("POST", "/guardrails/test", trial).is_success)

    page.get_by_role("tab", name="Playground").click()
    page.get_by_label("Text", exact=True).fill("Write to grace@example.com")
    page.get_by_role("button", name="Try it").click()
    verdict = page.get_by_role("region", name="Verdict")
    expect(verdict.locator("mark")).to_contain_text("grace@example.com")
    expect(verdict.get_by_text("As the model would see it")).to_be_visible()
    expect(verdict.locator(".said").last).not_to_contain_text("grace@example.com")
