"""Tenants, teams, apps, users and roles from the command line, on a home of its own."""

import json
from typing import Any

import pytest

from headgate.client import Admin


def made(cli, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cli(*words, "--json").stdout)
    return found


def test_a_house_is_set_up_and_taken_down(cli):
    made(cli, "keys", "create", "--name", "first")
    team = made(cli, "teams", "create", "--name", "search", "--rpm", "60", "--models", "fast, local/*")
    assert (team["limits"], team["models"]) == ({"rpm": 60}, ["fast", "local/*"])
    user = made(cli, "users", "create", "--email", "Ann@example.com", "--name", "Ann")
    app = made(cli, "apps", "create", "--name", "shop", "--team", team["id"], "--owner", user["id"], "--cost-optimize")
    assert (app["team_id"], app["cost_optimize"]) == (team["id"], True)
    assert "ann@example.com" in cli("teams", "members", team["id"], "--add", user["id"]).stdout
    key = made(cli, "keys", "create", "--name", "k", "--app", app["id"], "--user", "ann@example.com")
    assert (key["app_id"], key["user_id"]) == (app["id"], user["id"])
    changed = made(cli, "teams", "update", team["id"], "--tpm", "5000", "--models", "fast")
    assert (changed["limits"], changed["models"]) == ({"rpm": 60, "tpm": 5000}, ["fast"])
    assert made(cli, "teams", "update", team["id"], "--no-limits")["limits"] == {}
    assert made(cli, "apps", "update", app["id"], "--owner", "")["owner_id"] is None
    assert made(cli, "teams", "off", team["id"])["is_active"] is False
    assert "off" in cli("teams", "list").stdout
    assert made(cli, "teams", "on", team["id"])["is_active"] is True
    assert "Removed the team 'search'" in cli("teams", "delete", team["id"]).stdout
    assert made(cli, "keys", "list")[1]["status"] == "revoked"  # type: ignore[index]
    assert cli("apps", "list").stdout.startswith("There are no apps.")


def test_roles_are_given_and_taken(cli):
    user = made(cli, "users", "create", "--email", "ann@example.com")
    role = made(cli, "roles", "create", "--name", "reader", "--permissions", "teams:view,apps:view")
    assert role["permissions"] == ["apps:view", "teams:view"]
    given = made(cli, "roles", "give", role["id"], "user", user["id"])
    assert (given["role"], given["scope"]) == (role["id"], "tenant")
    assert user["id"] in cli("roles", "holders").stdout
    assert "Took" in cli("roles", "take", given["id"]).stdout
    assert cli("roles", "holders").stdout.startswith("Nobody has one.")
    assert "teams:view" in cli("roles", "permissions").stdout
    admin = made(cli, "keys", "create", "--name", "a", "--admin", "--roles", "auditor,billing@tenant")
    assert [h["role"] for h in json.loads(cli("roles", "holders", "--json").stdout)] == ["auditor", "billing"]
    assert admin["key"].startswith("hga_")


def test_a_tenant_is_spoken_of_by_its_id(cli):
    acme = made(cli, "tenants", "create", "--name", "Acme", "--zone", "Europe/Oslo", "--catalogue", "openai/*")
    assert (acme["zone"], acme["catalogue"]) == ("Europe/Oslo", ["openai/*"])
    team = made(cli, "teams", "create", "--name", "theirs", "--tenant", acme["id"])
    assert json.loads(cli("teams", "list", "--json").stdout) == []
    assert [t["id"] for t in json.loads(cli("teams", "list", "--tenant", acme["id"], "--json").stdout)] == [team["id"]]
    gone = cli("teams", "list", "--tenant", "nowhere", code=1)
    assert "no such tenant" in gone.stderr


def test_keys_are_changed_switched_and_signed_otherwise(cli):
    key = made(cli, "keys", "create", "--name", "k", "--rpm", "5")
    words = ("--addresses", "10.0.0.0/8", "--default-model", "fast", "--rps", "2", "--environment", "test")
    changed = made(cli, "keys", "update", key["id"], *words)
    assert (changed["addresses"], changed["default_model"]) == (["10.0.0.0/8"], "fast")
    assert changed["limits"] == {"rps": 2.0, "rpm": 5}
    assert made(cli, "keys", "update", key["id"], "--default-model", "")["default_model"] is None
    assert made(cli, "keys", "off", key["id"])["status"] == "off"
    assert made(cli, "keys", "on", key["id"])["status"] == "active"
    shown = cli("keys", "sign-with", key["id"], "openai", "--json", input="sk-canary-canary\n").stdout
    assert json.loads(shown)["provider_keys"] == ["openai"]
    assert "canary" not in shown
    cli("keys", "update", key["id"], code=2)
    assert json.loads(cli("keys", "sign-with", key["id"], "openai", "--remove", "--json").stdout)["provider_keys"] == []


@pytest.mark.parametrize("things", ["tenants", "teams", "apps", "users", "roles"])
def test_what_is_not_there(cli, things):
    for words in (("show",), ("delete",)):
        assert "There is no such" in cli(things, *words, "01a1fd2f-2afe-7f31-bdac-dfc543cf49a1", code=1).stderr
    cli(things, "update", "x", code=2)


def test_the_client_pages_and_says_what_a_change_was_made_for(tmp_path):
    from headgate.cli.local import local_admin
    from headgate.client import ApiError
    from headgate.settings import load

    with local_admin(load({}, {"home": tmp_path / "home"})) as gateway:
        assert isinstance(gateway, Admin)
        ids = [gateway.teams.create(name=f"t{n}").id for n in range(5)]
        assert [team.id for team in gateway.teams.all()] == ids
        page = gateway.teams.page(limit=2, sort="-name")
        assert [team.name for team in page.data] == ["t4", "t3"]
        assert page.has_more
        with pytest.raises(ApiError) as refused:
            gateway.teams.update(ids[0], if_match='"1"', name="x")
        assert (refused.value.status, refused.value.code) == (412, "etag_mismatch")
