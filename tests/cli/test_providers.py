"""``headgate providers``."""

import json

import pytest

from headgate import base
from tests.answering import Answering

CONFIG = """
providers:
  up: {{kind: openai-compatible, base_url: "{url}/v1", api_key: sk-canary-0123456789}}
  silent: {{kind: perplexity, api_key: x}}
"""


@pytest.fixture
def upstream():
    with Answering(lambda asked: (200, {"data": [{"id": "m1", "context_length": 4096}]})) as server:
        yield server


@pytest.fixture
def here(cli, tmp_path, upstream):
    (tmp_path / "headgate.yaml").write_text(CONFIG.format(url=upstream.url))
    return cli


def test_what_is_in_force(here):
    rows = {row["name"]: row for row in json.loads(here("providers", "list", "--json").stdout)}
    assert (rows["up"]["kind"], rows["up"]["keys"], rows["up"]["last_look"]) == ("openai-compatible", 1, None)
    assert "sandbox" in rows
    assert "up" in here("providers").stdout


def test_one_that_nobody_configured_is_shown_and_not_removed(here):
    assert json.loads(here("providers", "show", "sandbox").stdout)["managed_by"] == "found"
    assert "it was found" in here("providers", "delete", "sandbox", code=1).output
    assert "There is no such provider" in here("providers", "show", "nobody", code=1).output


@pytest.mark.parametrize(
    ("command", "code"),
    [("providers list", 2), ("providers show up", 1), ("route list", 1), ("guard show one", 1), ("models", 2)],
)
def test_a_configuration_that_is_broken_is_told_with_its_place(cli, tmp_path, command, code):
    (tmp_path / "headgate.yaml").write_text("providers: {up: [\n")
    told = cli(*command.split(), code=code)
    assert "headgate.yaml:2:1: not valid YAML" in told.stderr and "Traceback" not in told.output


def test_a_look_is_shown_by_every_command(here, upstream):
    shown = here("providers", "discover", "up")
    assert shown.stdout == "m1\n"
    rows = {row["name"]: row for row in json.loads(here("providers", "list", "--json").stdout)}
    assert (rows["up"]["last_look"]["models"], rows["up"]["last_look"]["error"]) == (1, None)
    assert "1 models when looked at" in here("doctor").stdout
    models = {row["id"]: row for row in json.loads(here("models", "--usable", "--json").stdout)}
    assert models["up/m1"]["context"] == 4096
    upstream.says = (401, {"error": {"message": "bad key sk-canary-0123456789"}})
    failed = here("providers", "discover", "up", code=1)
    assert "not well" in failed.stderr and "canary" not in failed.output
    doctor = here("doctor").stdout
    assert "not well when looked at" in doctor and "canary" not in doctor
    assert "up/m1" in here("models", "--usable").stdout


def test_a_look_goes_out_as_a_gateways_calls_do(here, monkeypatch):
    given = []

    class Ways(base.Ways):
        def __init__(self, ca_file=None, proxy=None):
            given.append(proxy.reveal())
            super().__init__(ca_file, proxy)

    monkeypatch.setattr(base, "Ways", Ways)
    monkeypatch.setenv("HEADGATE_PROXY", "http://proxy.example:3128")
    here("providers", "discover", "up")
    assert given == ["http://proxy.example:3128"]


def test_who_cannot_be_looked_at(here):
    assert "There is no provider 'nobody'" in here("providers", "discover", "nobody", code=1).stderr
    assert "no list of its models" in here("providers", "discover", "silent", code=1).stderr


def test_keys_are_kept_and_never_shown(here):
    added = here("providers", "keys", "add", "up", "--name", "second", input="sk-canary-second-key-0123456789\n")
    assert "sk-c…6789" in added.output and "canary-second" not in added.output.replace("Key:", "")
    rows = {row["name"]: row for row in json.loads(here("providers", "list", "--json").stdout)}
    assert rows["up"]["keys"] == 2
    [kept] = json.loads(here("providers", "keys", "list", "up", "--json").stdout)
    assert kept["name"] == "second"
    assert "second" in here("providers", "keys", "list", "up").stdout
    assert "Deleted" in here("providers", "keys", "remove", "up", kept["id"]).stdout
    assert "No key of up" in here("providers", "keys", "list", "up").stdout
    assert "There is no provider" in here("providers", "keys", "add", "nobody", input="k\n", code=1).stderr


def test_a_key_makes_the_provider(here):
    here("providers", "keys", "add", "groq", input="gsk_canary_0123456789abcdef\n")
    rows = {row["name"]: row for row in json.loads(here("providers", "list", "--json").stdout)}
    assert (rows["groq"]["kind"], rows["groq"]["keys"]) == ("groq", 1)


def test_one_is_made_changed_brought_back_and_removed(cli, tmp_path):
    file = tmp_path / "up.yaml"
    file.write_text('{kind: openai-compatible, base_url: "http://127.0.0.1:9/v1"}')
    assert "The provider up would be at version 1" in cli("providers", "set", "up", str(file), "--dry-run").stdout
    assert "The provider up is at version 1" in cli("providers", "set", "up", str(file), "--note", "first").stdout
    file.write_text('{kind: openai-compatible, base_url: "http://127.0.0.1:10/v1"}')
    cli("providers", "set", "up", str(file))
    assert "127.0.0.1:10" in cli("providers", "diff", "up", "1", "2").stdout
    assert "database" in next(line for line in cli("providers", "list").stdout.splitlines() if line.startswith("up "))
    cli("providers", "rollback", "up", "1")
    shown = json.loads(cli("providers", "show", "up").stdout)
    assert (shown["version"], shown["shared"], shown["config"]["base_url"]) == (3, True, "http://127.0.0.1:9/v1")
    assert "first" in cli("providers", "versions", "up").stdout
    file.write_text('{kind: openai-compatible, base_url: "http://127.0.0.1:9/v1", api_key: sk-canary-0123456789}')
    refused = cli("providers", "set", "up", str(file), code=1).output
    assert "headgate providers keys add up" in refused and "canary" not in refused
    file.write_text('{kind: openai-compatible, base_url: "http://127.0.0.1:9/v1", enabled: off}')
    cli("providers", "set", "up", str(file))
    assert next(line for line in cli("providers").stdout.splitlines() if line.startswith("up ")).split()[-1] == "off"
    cli("providers", "rollback", "up", "1")
    cli("providers", "keys", "add", "up", input="sk-canary-0123456789\n")
    rows = {row["name"]: row for row in json.loads(cli("providers", "list", "--json").stdout)}
    assert (rows["up"]["keys"], rows["up"]["managed_by"]) == (1, "database")
    assert "Removed the provider up" in cli("providers", "delete", "up").stdout
    assert "up" not in {row["name"] for row in json.loads(cli("providers", "list", "--json").stdout)}
