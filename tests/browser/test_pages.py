"""Every page: nothing in the console, nothing wider than the window, nothing that keeps anybody out."""

from typing import Any

import pytest

from tests.browser.house import AXE, House, Visit, pages

WIDTHS = (1440, 390)
WIDE = "(window.scrollTo(10_000, 0), window.scrollX > 0)"
AUDIT = """async (only) => {
    const found = await axe.run(document, {resultTypes: ['violations'], ...(only ? {runOnly: only} : {})});
    return found.violations.filter((v) => ['serious', 'critical'].includes(v.impact))
        .map((v) => `${v.id}: ${v.nodes.map((n) => n.html + ' ' + n.failureSummary).join('; ')}`);
}"""


@pytest.fixture(scope="module")
def lived_in(house: House) -> str:
    """Something on every page; the answer is the id of a call."""
    key = house.api("POST", "/config/virtual-keys", {"name": "walked", "limits": {"rpm": 1000}})["key"]
    ids = [house.call(key, f"hello {n}").headers["x-request-id"] for n in range(6)]
    house.call(key, model="nobody/has-this")
    house.api("POST", "/budgets", {"name": "all of it", "usd": "100", "window": "month"})
    house.gateway.trace(ids[-1])
    return str(ids[-1])


def looked_at(visit: Visit, path: str) -> dict[str, list[str]]:
    """What is wrong with a page, by theme and width."""
    page, wrong = visit.go(path), {}
    for theme in ("light", "dark"):
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            if page.evaluate(WIDE):
                wrong[f"{theme} {width}"] = ["is wider than the window"]
        page.set_viewport_size({"width": WIDTHS[0], "height": 900})
        if "axe" not in wrong:
            found: Any = page.evaluate(AUDIT, ["color-contrast"] if theme == "dark" else None)
            if found:
                wrong[f"axe {theme}"] = found
    return wrong


def test_every_page(house: House, admin: Visit, lived_in: str) -> None:
    admin.context.add_init_script(AXE.read_text())
    wrong = {}
    for path in pages():
        if found := looked_at(admin, path + (f"?id={lived_in}" if path == "/trace" else "")):
            wrong[path] = found
    assert wrong == {}
