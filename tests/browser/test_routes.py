"""A route from its first version to the third, which is the first again."""

import re

from playwright.sync_api import expect

from tests.browser.house import House, Visit


def test_edit_preview_apply_and_roll_back(house: House, admin: Visit) -> None:
    def targets() -> list[str]:
        found: list[str] = house.api("GET", "/routes/quick")["config"]["targets"]
        return found

    page = admin.go("/routes")
    page.get_by_role("button", name="New route").click()
    dialog = page.get_by_role("dialog", name="New route")
    dialog.get_by_label("Name", exact=True).fill("quick")
    dialog.get_by_label("Deployment 1").fill("sandbox/chat")
    dialog.get_by_label("Note").fill("to begin with")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    row = page.get_by_role("region", name="Routes").get_by_role("row", name=re.compile("^quick"))
    expect(row).to_contain_text("v1")

    row.click()
    dialog = page.get_by_role("dialog", name="Route quick")
    dialog.get_by_role("button", name="Add a deployment").click()
    dialog.get_by_label("Deployment 2").fill("wall/nothing-here:x y")
    dialog.get_by_label("Deployment 2").fill("wall/steady")
    dialog.get_by_role("button", name="Up").last.click()
    dialog.get_by_role("button", name="Try").click()
    expect(dialog.get_by_role("status")).to_contain_text("valid")
    assert targets() == ["sandbox/chat"]
    dialog.get_by_label("Note").fill("the wall first")
    dialog.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("v2")
    assert targets() == ["wall/steady", "sandbox/chat"]
    expect(row).to_contain_text("wall/steady, sandbox/chat")  # it is in force, and so what is explained

    page.get_by_role("textbox", name="Model or route").or_(page.get_by_role("combobox", name="Model or route")).fill(
        "quick"
    )
    page.get_by_role("button", name="Explain").click()
    expect(page.get_by_role("region", name="Candidates").get_by_role("row").nth(1)).to_contain_text("wall/steady")

    row.click()
    dialog = page.get_by_role("dialog", name="Route quick")
    dialog.get_by_role("button", name="Versions").click()
    first = dialog.get_by_role("row", name="to begin with")
    first.get_by_role("button", name="Compare").click()
    expect(dialog.get_by_text("From version 1 to 2")).to_be_visible()
    first.get_by_role("button", name="Roll back").click()
    page.get_by_role("dialog", name="Back to version 1").get_by_role("button", name="Roll back").click()
    expect(row).to_contain_text("v3")
    assert targets() == ["sandbox/chat"]


def test_a_wrong_route_is_told_what_is_wrong(admin: Visit) -> None:
    admin.refused |= {400, 404, 409, 422}
    page = admin.go("/routes")
    page.get_by_role("button", name="New route").click()
    dialog = page.get_by_role("dialog", name="New route")
    dialog.get_by_label("Name", exact=True).fill("broken")
    dialog.get_by_label("Deployment 1").fill("nobody/has-this")
    dialog.get_by_role("button", name="Try").click()
    admin.said("nobody")


def test_a_route_is_written_as_yaml(house: House, admin: Visit) -> None:
    house.api("POST", "/routes", {"name": "written", "config": {"targets": ["sandbox/chat"]}})
    page = admin.go("/routes")
    row = page.get_by_role("region", name="Routes").get_by_role("row", name=re.compile("^written"))
    row.click()
    dialog = page.get_by_role("dialog", name="Route written")
    dialog.get_by_role("button", name="YAML").click()
    source = dialog.get_by_label("Configuration")
    expect(source).to_have_value("targets:\n  - sandbox/chat\n")
    source.fill("targets: [sandbox/chat\n")
    expect(dialog.get_by_role("alert")).to_contain_text("line")
    expect(dialog.get_by_role("button", name="Save")).to_be_disabled()
    source.fill("targets: [wall/steady, sandbox/chat]  # the wall first\nstrategy:\n  - kind: cost\n")
    dialog.get_by_role("button", name="Try").click()
    expect(dialog.get_by_role("status")).to_contain_text("valid")
    dialog.get_by_role("button", name="Form").click()
    expect(dialog.get_by_label("Deployment 1")).to_have_value("wall/steady")
    expect(dialog.get_by_label("cost")).to_be_checked()
    dialog.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("v2")
    config = house.api("GET", "/routes/written")["config"]
    assert config["targets"] == ["wall/steady", "sandbox/chat"]
    assert config["strategy"] == [{"kind": "cost"}]
