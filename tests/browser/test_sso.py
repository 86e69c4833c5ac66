"""Signing in through a real OpenID provider, set up on the page."""

import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.house import House, Visit
from tests.e2e.processes import ROOT
from tests.e2e.test_how_to import PAGES, files

MODULES = ROOT / "tests/upstreams/node_modules"
NODE = ROOT / ".venv/bin/node"


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_sign_in_by_sso(house: House, admin: Visit, browser: object, idp_port: int, tmp_path: Path) -> None:
    if not (MODULES / "oidc-provider").is_dir() or not NODE.exists():
        pytest.skip("oidc-provider is not installed")
    page = admin.go("/signin-settings")
    page.get_by_role("button", name="New identity provider").click()
    dialog = page.get_by_role("dialog")
    for label, value in (
        ("Name", "Staff"),
        ("Issuer", f"http://127.0.0.1:{idp_port}"),
        ("Client id", "headgate"),
        ("Client secret", "a-secret-of-the-client"),
        ("Scopes", "email, groups"),
        ("Role of each group", '{"engineers": "developer"}'),
        ("Domains of e-mail addresses", "example.com"),
    ):
        dialog.get_by_label(label, exact=True).fill(value)
    dialog.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("row", name="Staff")).to_be_visible()
    sso = next(one for one in house.api("GET", "/sso")["data"] if one["name"] == "Staff")

    script = files((PAGES / "sign-in.md").read_text())["provider.mjs"]
    script = script.replace("9400", str(idp_port)).replace("127.0.0.1:8080", f"127.0.0.1:{house.gateway.port}")
    (tmp_path / "provider.mjs").write_text(script)
    (tmp_path / "node_modules").symlink_to(MODULES)
    with (tmp_path / "provider.log").open("wb") as log:
        provider = subprocess.Popen(
            [NODE, "provider.mjs", sso["id"]], cwd=tmp_path, stdout=log, stderr=log, start_new_session=True
        )
    try:
        house.until(lambda: answers(idp_port))
        other = Visit(browser, house.url)  # type: ignore[arg-type]
        page = other.go("/routes?name=main")
        page.get_by_role("button", name="Sign in with e-mail and password").click()
        page.get_by_label("E-mail").fill("grace@example.com")
        page.get_by_label("E-mail").press("Tab")
        page.get_by_role("link", name="Staff").click()
        page.locator("[name=login]").fill("grace")
        page.locator("[name=password]").fill("x")
        page.get_by_role("button", name="Sign-in").click()
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("complementary")).to_contain_text("grace@example.com")
        expect(page.get_by_role("link", name="Routes")).to_be_visible()
        expect(page).to_have_url(re.compile(re.escape(f"{house.url}/routes")))  # back where he was
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Admin key")).to_be_visible()
        assert other.errors == []
        other.close()
    finally:
        os.killpg(provider.pid, signal.SIGTERM)  # what is called node may be a program that starts it
        provider.wait(10)
