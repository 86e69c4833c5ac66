"""What a role forbids is neither shown nor done, and what is another tenant's does not exist."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.house import PASSWORD, House, Visit, pages

ACTS = re.compile(
    r"^(New|Make|Add|Remove|Delete|Revoke|Rotate|Approve|Refuse|Seal|Connect|Switch|Ask for|Issue|Password)\b"
)
ASK = """async ([method, path]) => {
    const session = await (await fetch('/api/v1/auth/me')).json();
    const headers = {'content-type': 'application/json', 'x-csrf-token': session.csrf_token};
    return (await fetch('/api/v1' + path, {method, headers, body: '{}'})).status;
}"""
CHANGES = [
    ("POST", "/config/virtual-keys"), ("POST", "/users"), ("POST", "/bindings"), ("POST", "/routes"),
    ("POST", "/budgets"), ("POST", "/providers/health"), ("POST", "/config/providers/wall/keys"), ("POST", "/sso"),
]  # fmt: skip


def test_who_may_only_look_sees_nothing_to_do(house: House, guest: Visit) -> None:
    house.person("olga@example.com", "auditor")
    key = house.api("POST", "/config/virtual-keys", {"name": "watched"})["key"]
    house.call(key)
    page = guest.by_password("olga@example.com")
    expect(page.get_by_role("link", name="Audit")).to_be_visible()
    guest.refused.add(403)
    offered = {}
    for path in pages():
        guest.go(path)
        names = [name for name in page.get_by_role("button").all_inner_texts() if ACTS.search(name)]
        if names:
            offered[path] = names
    assert offered == {}
    assert [page.evaluate(ASK, change) for change in CHANGES] == [403] * len(CHANGES)


def test_a_page_that_a_role_forbids_says_so(house: House, guest: Visit) -> None:
    house.person("mia@example.com", "billing")
    page = guest.by_password("mia@example.com")
    expect(page.get_by_role("link", name="Budgets")).to_be_visible()
    expect(page.get_by_role("link", name="Users")).to_have_count(0)
    guest.refused.add(403)
    guest.go("/users")
    expect(guest.alert).to_contain_text("users:view")


def test_guessed_addresses_lead_nowhere(house: House, browser: Browser, guest: Visit) -> None:
    tenant = house.api("POST", "/tenants", {"name": "beside"})["id"]
    house.person("bob@beside.example", "tenant-admin", tenant)
    made = house.api("POST", "/config/virtual-keys", {"name": "not of bob"})
    call = house.call(made["key"]).headers["x-request-id"]
    house.gateway.trace(call)
    page = guest.by_password("bob@beside.example")
    guest.refused |= {404}

    def told(id: str) -> str:
        guest.go(f"/trace?id={id}")
        expect(guest.alert).to_contain_text("request ")
        return guest.alert.inner_text().replace(id, "ID").partition("request ")[0]

    assert told(call) == told(call[:-4] + "0000")
    for path in ("/logs", "/keys", "/users", "/audit"):
        guest.go(path)
        expect(page.get_by_role("main")).not_to_contain_text(re.compile("not of bob|olga|first key"))
    ask = "async (path) => (await fetch(path)).status"
    for path in (f"/api/v1/traces/{call}", f"/api/v1/config/virtual-keys/{made['id']}"):
        assert page.evaluate(ask, path) == 404
        assert page.evaluate(ask, path + f"?tenant_id={tenant}") in (403, 404)


@pytest.mark.parametrize("path", ["/", "/keys", "/trace"])
def test_nothing_without_signing_in(guest: Visit, path: str) -> None:
    page = guest.go(path)
    expect(page.get_by_label("Admin key")).to_be_visible()
    expect(page.get_by_role("navigation")).to_have_count(0)


def test_a_wrong_key_is_told(guest: Visit) -> None:
    guest.refused.add(401)
    page = guest.go("/")
    page.get_by_label("Admin key").fill("hga_this-is-none")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(guest.alert).to_be_visible()


def test_a_password_is_chosen_with_a_token(house: House, guest: Visit) -> None:
    user = house.api("POST", "/users", {"email": "tom@example.com", "name": "tom"})
    house.api("POST", "/bindings", {"role": "member", "subject_kind": "user", "subject_id": user["id"]})
    page = guest.go("/")
    page.get_by_role("button", name="Sign in with e-mail and password").click()
    page.get_by_role("button", name="Choose a password with a token").click()
    page.get_by_label("Token").fill(house.api("POST", f"/users/{user['id']}/password-reset", {})["token"])
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("button", name="Set the password").click()
    page.get_by_label("E-mail").fill("tom@example.com")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("complementary")).to_contain_text("tom")
