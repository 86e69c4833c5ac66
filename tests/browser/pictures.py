"""Every page and what opens in it, as pictures: `python -m tests.browser.pictures FOLDER [--calls 100000]`.

Without calls, the pages are those of a gateway that nobody has used yet.
"""

import argparse
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from headgate.storage.upgrade import ensure
from tests.browser.house import CHROMIUM, House, build, launched, pages, visit
from tests.browser.lived import lived_in
from tests.servers import Postgres

WIDTHS = ((1440, 900), (390, 844))


def button(name: str) -> Callable[[Page], None]:
    return lambda page: page.get_by_role("button", name=name).first.click()


def tab(name: str) -> Callable[[Page], None]:
    return lambda page: page.get_by_role("tab", name=name, exact=True).click()


def first(page: Page) -> None:
    page.locator("tbody tr.link").first.click()


def yaml(page: Page) -> None:
    page.get_by_role("row", name=re.compile("^quick")).click()
    page.get_by_role("button", name="YAML").click()


STATES: dict[str, tuple[str, Callable[[Page], None]]] = {
    "key-new": ("/keys", button("Make a key")),
    "key": ("/keys", first),
    "route": ("/routes", first),
    "route-yaml": ("/routes", yaml),
    "route-explained": ("/routes", button("Explain")),
    "aliases": ("/routes", tab("Aliases")),
    "guardrail-new": ("/guardrails", button("New guardrail")),
    "alert": ("/alerts", first),
    "alert-rules": ("/alerts", tab("Rules")),
    "cache-clear": ("/caches", button("Clear")),
    "budget-new": ("/budgets", button("New budget")),
    "role-given": ("/roles", button("New role")),
    "roles-shipped": ("/roles", tab("Roles")),
    "invoices": ("/billing", tab("Invoices and reports")),
    "process": ("/settings", tab("Process")),
    "palette": ("/", lambda page: page.keyboard.press("Control+k")),
}
"""What is open within a page: where, and how it is opened. They need calls."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--calls", type=int, default=0)
    parser.add_argument("--only", nargs="*", help="paths of pages, as /keys")
    parser.add_argument("--themes", nargs="*", default=["light", "dark"])
    given = parser.parse_args()
    build()
    server = Postgres().start()
    try:
        ensure(server.url)
        with tempfile.TemporaryDirectory() as home:
            house = launched(Path(home), HEADGATE_DATABASE_URL=server.url)
            try:
                call = lived_in(house, server.url, Path(home), given.calls) if given.calls else ""
                shoot(house, given.folder, given.only or pages(), call, given.themes)
            finally:
                house.gateway.stop()
    finally:
        server.close()
    return 0


def shoot(house: House, folder: Path, paths: list[str], call: str, themes: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    whole = {
        path.strip("/") or "overview": path + (f"?id={call}" if path == "/trace" and call else "") for path in paths
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        with visit(browser, house.url) as found:
            found.signed_in(house.admin)
            for width, height in WIDTHS:
                found.page.set_viewport_size({"width": width, "height": height})
                for name, path in whole.items():
                    taken(found.go(path), folder, f"{{}}{name}-{{}}-{width}", themes, whole=True)
                for name, (path, opened) in STATES.items() if call else ():
                    if path in paths:
                        opened(found.go(path))
                        found.settled()
                        taken(found.page, folder, f"{{}}{name}-{{}}-{width}", themes, whole=False)
        browser.close()


def taken(page: Page, folder: Path, name: str, themes: list[str], *, whole: bool) -> None:
    page.wait_for_timeout(400)
    for theme in themes:
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        page.screenshot(path=folder / f"{name.format('' if whole else 'in-', theme)}.png", full_page=whole)


if __name__ == "__main__":
    raise SystemExit(main())
