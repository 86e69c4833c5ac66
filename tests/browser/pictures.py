"""Every page as a picture, in both themes and widths: `python -m tests.browser.pictures FOLDER [--calls 100000]`.

Without calls, the pages are those of a gateway that nobody has used yet.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from playwright.sync_api import sync_playwright

from headgate.core.call import Attempt, Record
from headgate.core.money import Usage
from headgate.ledger.batch import Ended, ended_of
from headgate.ledger.keeper import Keeper
from headgate.ledger.lines import Charge
from headgate.storage.upgrade import ensure
from tests.browser.house import CHROMIUM, House, build, launched, pages, visit
from tests.servers import Postgres

DAY = 86_400_000_000
DAYS = 30
BATCH = 2_000
MODELS = (
    # provider, model, nano-dollars of a token in and out, how often
    ("anthropic", "claude-sonnet-4-5", 3_000, 15_000, 5), ("openai", "gpt-4o-mini", 150, 600, 9),
    ("openai", "gpt-4.1", 2_000, 8_000, 4), ("google", "gemini-2.5-flash", 300, 2_500, 6),
    ("mistral", "mistral-large-latest", 2_000, 6_000, 1), ("groq", "llama-3.3-70b-versatile", 590, 790, 2),
)  # fmt: skip
TEAMS = ("Search", "Support", "Research", "Payments")
APPS = ("shop-backend", "helpdesk", "notebooks", "fraud-scores", "translations with a name that goes on and on")
FAULTS = (
    ("upstream_server_error", 502),
    ("rate_limit_exceeded", 429),
    ("upstream_timeout", 504),
    ("budget_exceeded", 402),
)


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


def lived_in(house: House, url: str, home: Path, calls: int) -> str:
    """Give the gateway a month of use; return the id of a call."""
    teams = [house.api("POST", "/teams", {"name": name})["id"] for name in TEAMS]
    apps = [house.api("POST", "/apps", {"name": name, "team_id": random.choice(teams)})["id"] for name in APPS]
    for name in ("ada", "grace", "alan", "edsger", "barbara"):
        house.api("POST", "/users", {"email": f"{name}@example.com", "name": name.title()})
    keys = []
    for number in range(60):
        body = {"name": f"key of {APPS[number % 5]} {number}", "app_id": apps[number % 5], "limits": {"rpm": 600}}
        if number % 7 == 0:
            body |= {"budgets": [{"usd": "250.00", "window": "month"}], "models": ["openai/*", "safe"]}
        keys.append(house.api("POST", "/config/virtual-keys", body)["id"])
    for name, match in (("all of it", {}), ("Research", {"team": teams[2]}), ("batch work", {"tags": ["batch"]})):
        house.api("POST", "/budgets", {"name": name, "match": match, "usd": "900.00", "window": "month"})
    house.api("POST", "/routes", {"name": "quick", "config": {"targets": ["sandbox/chat"]}, "note": "to begin with"})
    house.api("POST", "/guardrails", {"name": "private", "config": {"kind": "pii", "on": ["input"], "action": "mask"}})
    ask = {"kind": "budget", "subject_kind": "key", "subject_id": keys[0], "usd": "500", "window": "month"}
    house.api("POST", "/approvals", {**ask, "reason": "The launch week doubles our traffic, see the plan."})
    keeper = Keeper(url, home / "dead", lambda batch: None, "pictures")
    begun = time.time_ns() // 1000 - DAYS * DAY
    for first in range(0, calls, BATCH):
        batch = list(made(first, min(BATCH, calls - first), begun, DAYS * DAY // calls, (keys, teams, apps)))
        keeper.store("pictures", batch, first + len(batch))
        print(f"\r{first + len(batch):,} calls", end="", file=sys.stderr)
    keeper.close()
    house.wall.faults["steady"] = "s503"
    answer = house.call(house.api("POST", "/config/virtual-keys", {"name": "traced"})["key"], model="safe")
    house.gateway.trace(answer.headers["x-request-id"])
    return str(answer.headers["x-request-id"])


def made(first: int, count: int, begun: int, step: int, whose: tuple[list[str], ...]) -> Iterator[Ended]:
    dice = random.Random(first)
    keys, teams, apps = whose
    for number in range(first, first + count):
        at = begun + number * step
        provider, model, price_in, price_out, _ = dice.choices(MODELS, [one[4] for one in MODELS])[0]
        usage = Usage(input=int(dice.lognormvariate(6, 1)), output=int(dice.lognormvariate(5, 1)))
        cost = usage.input * price_in + usage.output * price_out
        fault = dice.choice(FAULTS) if dice.random() < 0.03 else None
        who = dice.randrange(len(keys))
        first_ms = dice.lognormvariate(6, 0.4)
        total_ms = first_ms + usage.output * 8
        attempt = Attempt(
            provider=provider, model=model, started_ms=0.4, headers_ms=first_ms * 0.9, first_ms=first_ms,
            ended_ms=total_ms, status=fault[1] if fault else 200, outcome=fault[0] if fault else "ok",
            held_nano=2 * cost, cost_nano=0 if fault else cost, billed="usage",
        )  # fmt: skip
        id = str(UUID(int=(at // 1000) << 80 | 7 << 76 | number & (1 << 62) - 1 | 1 << 63))
        record = Record(
            id=id, trace_id=id.replace("-", ""), at=at, tenant_id="default", key_id=keys[who], team_id=teams[who % 4],
            app_id=apps[who % 5], user_id=f"user-{who % 9}", end_user=f"customer-{number % 5_003}",
            tags=("batch",) if number % 4 == 0 else (), surface=("openai", "anthropic", "gemini")[number % 3],
            operation="chat", route="quick" if number % 2 else None, model_requested=f"{provider}/{model}",
            model_used=f"{provider}/{model}", provider_used=provider, status="failure" if fault else "success",
            http_status=fault[1] if fault else 200, code=fault[0] if fault else None,
            error_message="The provider did not answer as it should." if fault else None, attempts=(attempt,),
            finish=None if fault else "stop", cost_nano=attempt.cost_nano, usage=usage, billed="usage",
            held_nano=2 * cost, total_ms=total_ms, overhead_ms=0.4, first_token_ms=first_ms,
        )  # fmt: skip
        charge = Charge(
            1, at, keys[who], record.cost_nano or 0, usage.output or 0, "usage", f"{provider}/{model}", "UTC", []
        )
        yield ended_of(record, [charge] if record.cost_nano else [])


def shoot(house: House, folder: Path, paths: list[str], call: str, themes: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        with visit(browser, house.url) as found:
            found.signed_in(house.admin)
            for path in paths:
                page = found.go(path + (f"?id={call}" if path == "/trace" and call else ""))
                page.wait_for_timeout(400)
                for theme in themes:
                    page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
                    for width, height in ((1440, 900), (390, 844)):
                        page.set_viewport_size({"width": width, "height": height})
                        name = path.strip("/") or "overview"
                        page.screenshot(path=folder / f"{name}-{theme}-{width}.png", full_page=True)
        browser.close()


if __name__ == "__main__":
    raise SystemExit(main())
