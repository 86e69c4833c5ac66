"""A gateway with its dashboard, and what a test asks of it beside the browser."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from playwright.sync_api import Browser, Locator, Page, expect

from headgate.faultlab.wall import Wall
from tests.e2e.processes import ROOT, Gateway

CHROMIUM = shutil.which("chromium")
BUILT = ROOT / "src/headgate/dashboard"
AXE = ROOT / "tests/upstreams/node_modules/axe-core/axe.min.js"
PATIENCE = 30_000
"""Milliseconds that a page may take for anything on a busy machine: what it asks for every ten seconds comes twice."""
expect.set_options(timeout=PATIENCE)
PASSWORD = "nine paper lanterns"
HEAR = """
window.told = [];
new MutationObserver((changes) => {
    for (const { addedNodes } of changes) for (const node of addedNodes)
        if (node.classList?.contains('toast')) window.told.push(node.textContent);
}).observe(document, { childList: true, subtree: true });
"""
"""Keeps what a page says for a few seconds."""
CONFIG = """
providers:
  wall: {{kind: openai-compatible, base_url: "http://127.0.0.1:{port}/v1", api_key: "wall-key"}}
models:
  wall/steady: {{price: {{input: 1.00, output: 2.00}}, context: 128000}}
routes:
  safe: {{targets: [wall/steady, sandbox/chat]}}
"""


def build() -> None:
    """Build the dashboard of the present sources, unless that was done."""
    done = subprocess.run([sys.executable, "scripts/dashboard"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def pages() -> list[str]:
    """The path of every page that was built."""
    names = sorted(file.relative_to(BUILT).with_suffix("").as_posix() for file in BUILT.rglob("*.html"))
    return ["/" if name == "index" else f"/{name}" for name in names if name not in ("404", "_not-found")]


class House:
    """One gateway, its broken or working upstream, and its administrator."""

    def __init__(self, gateway: Gateway, wall: Wall) -> None:
        self.gateway = gateway
        self.wall = wall
        self.url = gateway.url
        self.admin = gateway.admin_key

    def ask(self, method: str, path: str, body: object = None, *, key: str = "") -> httpx2.Response:
        """Ask the management API as the administrator, or as who has *key*."""
        headers = {"authorization": f"Bearer {key or self.admin}"}
        return httpx2.request(method, f"{self.url}/api/v1{path}", json=body, headers=headers, timeout=30)

    def api(self, method: str, path: str, body: object = None, *, key: str = "") -> Any:
        """Ask it what must go well."""
        answer = self.ask(method, path, body, key=key)
        assert answer.is_success, f"{path}: {answer.text}"
        return answer.json() if answer.content else None

    def call(self, key: str, text: str = "hello", model: str = "sandbox/chat", **more: object) -> httpx2.Response:
        """Call a model as an application does."""
        body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
        headers = {"authorization": f"Bearer {key}"}
        return httpx2.post(f"{self.url}/v1/chat/completions", json=body, headers=headers, timeout=30)

    def until(self, true: Callable[[], bool]) -> None:
        """Wait for what takes its moment to be in force."""
        end = time.monotonic() + PATIENCE / 1000
        while not true():
            assert time.monotonic() < end
            time.sleep(0.05)

    def person(self, email: str, role: str, tenant: str = "") -> dict[str, str]:
        """Make a user who has *role* and the password of all of them."""
        query = f"?tenant_id={tenant}" if tenant else ""
        user: dict[str, str] = self.api("POST", f"/users{query}", {"email": email, "name": email.partition("@")[0]})
        self.api("POST", f"/bindings{query}", {"role": role, "subject_kind": "user", "subject_id": user["id"]})
        token = self.api("POST", f"/users/{user['id']}/password-reset{query}", {})["token"]
        body = {"token": token, "new_password": PASSWORD}
        httpx2.post(f"{self.url}/api/v1/auth/password", json=body, timeout=30).raise_for_status()
        return user


class Visit:
    """One browser window of its own cookies, and what it complained of."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.url = url
        self.context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
        self.context.set_default_timeout(PATIENCE)
        self.context.add_init_script(HEAR)
        self.page: Page = self.context.new_page()
        self.errors: list[str] = []
        self.refused: set[int] = set()
        """Statuses that this test provokes: the console names each answer that was none."""
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _heard(self, message: Any) -> None:
        if not self.page.url.startswith(self.url):
            return  # an identity provider's own pages
        expected = any(f"the server responded with a status of {status} " in message.text for status in self.refused)
        if message.type in ("error", "warning") and not expected:
            self.errors.append(f"{message.text} at {urlsplit(message.location.get('url', '')).path} on {self.page.url}")

    def go(self, path: str) -> Page:
        """Open a page of the dashboard; return once it shows what it has."""
        self.page.goto(self.url + path)
        self.settled()
        return self.page

    def settled(self) -> None:
        """Wait until there is a page, or the form to sign in, and nothing is loading."""
        expect(self.page.locator("h1, main.signin form").first).to_be_visible()
        expect(self.page.locator("[aria-busy=true]")).to_have_count(0)

    def signed_in(self, key: str) -> "Visit":
        """As if somebody had signed in with an admin key in this tab before."""
        self.context.add_init_script(f"sessionStorage.setItem('key', {key!r})")
        return self

    def by_password(self, email: str) -> Page:
        """Sign in as a person does."""
        page = self.go("/")
        page.get_by_role("button", name="Sign in with e-mail and password").click()
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        self.settled()
        return page

    def said(self, text: str) -> None:
        """Wait until the page has said *text*, be it gone again."""
        self.page.wait_for_function("(text) => window.told.some((one) => one.includes(text))", arg=text)

    @property
    def alert(self) -> Locator:
        """What the page says is wrong; the frame's own announcer of pages is none."""
        return self.page.locator("[role=alert]:not(#__next-route-announcer__)")

    def close(self) -> None:
        self.context.close()


def secret(dialog: Locator) -> str:
    """The key that a dialog shows this once."""
    shown = dialog.get_by_text(re.compile(r"^hg_[\w-]{40,}$"))
    expect(shown).to_be_visible()
    return shown.inner_text()


@contextmanager
def visit(browser: Browser, url: str) -> Iterator[Visit]:
    """A window that must have had nothing to complain of at its end."""
    found = Visit(browser, url)
    try:
        yield found
    finally:
        found.close()
    assert not found.errors, found.errors


def launched(home: Path, **env: str) -> House:
    """Start a gateway that serves the dashboard."""
    wall = Wall()
    config = CONFIG.format(port=wall.port)
    gateway = Gateway(home, config=config, HEADGATE_ACCEPT_GRACE="0.1")
    gateway.env |= {**env, "HEADGATE_DASHBOARD": "on"}
    return House(gateway.start(60), wall)
