"""Whatever is written by strangers is shown as text."""

from playwright.sync_api import expect

from tests.browser.house import House, Visit, pages

EVIL = """<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>"""
BREAK = """"><svg onload='window.hacked=1'>{{7*7}}${7*7}<a href="javascript:window.hacked=1">x</a>"""


def test_script_and_html_are_text(house: House, admin: Visit) -> None:
    key = house.api("POST", "/config/virtual-keys", {"name": EVIL})["key"]
    house.api("POST", "/teams", {"name": BREAK})
    house.api("POST", "/budgets", {"name": EVIL, "usd": "1", "window": "day", "hard": False})
    ids = [
        house.call(key, EVIL, metadata={"sandbox_text": EVIL}, user=BREAK[:60]).headers["x-request-id"],
        house.call(key, BREAK, model=EVIL[:60]).headers["x-request-id"],
    ]
    house.gateway.trace(ids[0])
    page = admin.go("/playground")
    page.get_by_label("Message").fill(EVIL + BREAK)
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".said.user")).to_have_text(EVIL + BREAK)
    expect(page.locator(".said:not(.user):not([aria-busy])")).not_to_be_empty()
    page.get_by_label("Model or route").fill(EVIL)
    page.get_by_label("Message").fill("x")
    admin.refused |= {400, 404}
    page.get_by_role("button", name="Send").click()
    expect(admin.alert).to_contain_text("<img src=x")
    admin.go("/keys")
    expect(page.get_by_role("main")).to_contain_text(EVIL)
    for path in [*pages(), *(f"/trace?id={id}" for id in ids)]:
        admin.go(path)
        assert page.evaluate("window.hacked") is None, path
        assert page.locator("img[src=x], svg[onload], a[href^=javascript]").count() == 0, path
