"""`python -m benchmarks.dashboard`: the first page in a real browser with nothing cached, over and over.

When something is painted, when the page has what it shows, and how many bytes of JavaScript came (as sent, gzipped).
"""

import argparse
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, expect, sync_playwright
from tests.browser.house import CHROMIUM, House, build, launched

PAINT_MS, SCRIPT_BYTES = 1000, 250_000
TIMES = """() => ({
    paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null,
    bytes: performance.getEntriesByType('resource').filter((one) => one.name.endsWith('.js'))
        .reduce((sum, one) => sum + one.encodedBodySize, 0),
})"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    given = parser.parse_args()
    build()
    with tempfile.TemporaryDirectory() as home:
        house = launched(Path(home))
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
                opened(browser, house, "")  # the gateway reads its files once
                found = {
                    "sign in": [opened(browser, house, "") for _ in range(given.runs)],
                    "overview": [opened(browser, house, house.admin) for _ in range(given.runs)],
                }
                browser.close()
        finally:
            house.gateway.stop()
    return told(found)


def opened(browser: Browser, house: House, key: str) -> dict[str, Any]:
    """Open the first page in a window that has nothing of it."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    if key:
        context.add_init_script(f"sessionStorage.setItem('key', {key!r})")
    page = context.new_page()
    page.goto(house.url)
    expect(page.get_by_role("heading", name="Overview") if key else page.get_by_label("Admin key")).to_be_visible()
    times: dict[str, Any] = page.evaluate(TIMES)
    whole = page.evaluate("performance.now()")
    context.close()
    return {**times, "shown": whole}


def told(found: dict[str, list[dict[str, Any]]]) -> int:
    """Print the medians; return 1 where one is over its bound."""
    wrong = 0
    for name, runs in found.items():
        paint, shown, size = (median(run[what] for run in runs) for what in ("paint", "shown", "bytes"))
        late, heavy = paint > PAINT_MS, size > SCRIPT_BYTES
        wrong |= late or heavy
        print(f"{name}: first paint {paint:.0f} ms, shown after {shown:.0f} ms, {size / 1000:.0f} KB of JavaScript")
    print(f"bounds: {PAINT_MS} ms, {SCRIPT_BYTES / 1000:.0f} KB: {'missed' if wrong else 'kept'}")
    return int(wrong)


if __name__ == "__main__":
    raise SystemExit(main())
