"""The first minute of a newcomer: nothing is there but the gateway and the key that it printed."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.house import House, launched, secret, visit


@pytest.fixture
def newcomer(dashboard: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = launched(tmp_path_factory.mktemp("new"))
    yield house
    assert house.gateway.stop() == 0


def test_the_first_minute(newcomer: House, browser: Browser) -> None:
    with visit(browser, newcomer.url) as guest:
        page = guest.go("/")
        page.get_by_label("Admin key").fill(newcomer.admin)
        page.get_by_role("button", name="Sign in", exact=True).click()
        steps = page.locator(".checklist li")
        expect(steps).to_have_count(4)
        expect(steps.nth(0)).not_to_have_class("done")

        page.get_by_role("link", name="open the playground").click()
        page.get_by_label("Message").fill("Say hello to a newcomer")
        page.get_by_role("button", name="Send").click()
        expect(page.locator(".said:not(.user):not([aria-busy])")).not_to_be_empty()
        expect(page.locator(".chatlog")).to_contain_text(re.compile(r"\d+ → \d+ tokens"))
        page.get_by_role("link", name="Trace").click()
        expect(page.get_by_role("heading", name="Call", exact=True)).to_be_visible()
        expect(page.locator(".card", has_text="Outcome")).to_contain_text("success")
        expect(page.locator(".card", has_text="Cost")).to_contain_text("$")
        expect(page.locator(".waterfall")).to_contain_text("1. sandbox/chat")

        page.get_by_role("link", name="Providers").click()
        page.get_by_role("row", name=re.compile("^wall")).click()
        page.get_by_label("Name of the key").fill("main")
        page.get_by_label("Key", exact=True).fill("sk-pasted-by-hand-1234")
        page.get_by_role("button", name="Seal the key").click()
        guest.said("sealed")
        expect(page.get_by_role("dialog")).to_contain_text("1234")
        page.get_by_role("button", name="Close", exact=True).last.click()

        page.get_by_role("link", name="Keys", exact=True).click()
        page.get_by_role("button", name="Make a key").click()
        page.get_by_label("Name", exact=True).fill("shop")
        page.get_by_role("button", name="Make it").click()
        shown = page.get_by_role("dialog", name="The key shop")
        key = secret(shown)
        for client in ("OpenAI SDK", "Anthropic SDK", "Claude Code", "LangChain"):
            shown.get_by_role("button", name=client).click()
            expect(shown.locator(".snippet").last).to_contain_text(key)
        shown.get_by_role("button", name="I have it").click()
        assert newcomer.call(key, "from the shop", model="wall/steady").status_code == 200

        page.get_by_role("link", name="Overview").click()
        expect(page.locator(".checklist .done")).to_have_count(4)
        expect(page.get_by_role("region", name="Calls").get_by_role("row")).to_have_count(3)
