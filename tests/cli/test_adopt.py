"""``headgate config adopt``: an entry of the file becomes one of the database, and nothing else changes."""

import json
from typing import Any

from headgate.cli.config import command
from headgate.config.effective import SECTIONS

CONFIG = """\
# what we call
providers:
  dear: {kind: openai-compatible, base_url: "http://h/v1"}  # the first one
  fair: {kind: openai-compatible, base_url: "http://h/v1"}
routes:
  # for those in a hurry
  fast:
    targets:
      - fair/m   # cheap
    strategy: [{kind: weighted}]

  # for the others
  slow:
    targets: [dear/m]
    fallback: fast
aliases:
  quick: fast
use_cases: {fast: {targets: [fair/m]}}
"""


def test_an_entry_is_moved_with_its_lines_and_no_others(cli, tmp_path):
    file = tmp_path / "headgate.yaml"
    file.write_text(CONFIG)
    file.chmod(0o640)
    before = json.loads(cli("route", "explain", "quick", "--json").stdout)
    assert "say --kind route or --kind use_case" in cli("config", "adopt", "fast", code=1).output
    assert "The route fast is in the database now" in cli("config", "adopt", "fast", "--kind", "route").stdout
    left = file.read_text()
    gone = [line for line in CONFIG.splitlines() if line not in left.splitlines()]
    assert gone == ["  fast:", "    targets:", "      - fair/m   # cheap", "    strategy: [{kind: weighted}]"]
    assert "# for the others" in left and "# for those in a hurry" in left
    assert file.stat().st_mode & 0o777 == 0o640
    shown = json.loads(cli("route", "show", "fast").stdout)
    assert (shown["managed_by"], shown["shared"], shown["config"]["strategy"]) == (
        "database",
        True,
        [{"kind": "weighted"}],
    )
    assert json.loads(cli("route", "explain", "quick", "--json").stdout)["candidates"] == before["candidates"]
    cli("config", "adopt", "slow")
    cli("config", "adopt", "quick")
    assert "routes:\n  # for those in a hurry\n\n  # for the others\naliases:\n" in file.read_text()
    assert "good" in cli("config", "check").output
    assert "The file has none" in cli("config", "adopt", "slow", code=1).output


def test_what_cannot_be_cut_out_is_left(cli, tmp_path):
    file = tmp_path / "headgate.yaml"
    file.write_text(CONFIG)
    assert "does not stand on lines of its own" in cli("config", "adopt", "fast", "--kind", "use_case", code=1).output
    merged = CONFIG.replace(
        "providers:\n",
        "x-all: &all\n  far: {kind: openai-compatible, base_url: 'http://h/v1'}\nproviders:\n  <<: *all\n",
    )
    file.write_text(merged)
    assert "does not stand on lines of its own" in cli("config", "adopt", "far", code=1).output
    assert file.read_text() == merged
    anchored = CONFIG.replace("targets: [dear/m]", "targets: &these [dear/m]") + "x-more: *these\n"
    file.write_text(anchored)
    cli("config", "adopt", "slow", code=2)
    assert file.read_text() == anchored
    assert json.loads(cli("route", "show", "slow").stdout)["managed_by"] == "file"


def test_every_kind_can_be_named(cli, tmp_path):
    of: Any = next(option.type for option in command.commands["adopt"].params if option.name == "kind")
    assert list(of.choices) == list(SECTIONS)
    file = tmp_path / "headgate.yaml"
    file.write_text("guardrails:\n  fast: {kind: pii}\n" + CONFIG)
    assert "The guardrail fast is in" in cli("config", "adopt", "fast", "--kind", "guardrail").stdout
    assert json.loads(cli("guard", "show", "fast").stdout)["managed_by"] == "database"
    assert file.read_text() == "guardrails:\n" + CONFIG


PROVIDERS = """\
providers:
  # in the house
  plain:
    kind: openai-compatible
    base_url: "http://h/v1"
    price: {input: 1}
  keyed: {kind: openai-compatible, base_url: "http://h/v1", api_key: sk-canary-0123456789}
  placed: {kind: openai-compatible, base_url: "${AT:-http://h/v1}"}
  headed: {kind: openai-compatible, base_url: "http://h/v1", headers: {authorization: sk-canary-0123456789}}
routes:
  fast: {targets: [plain/m]}
"""


def test_a_provider_is_moved_and_its_routes_stay_good(cli, tmp_path):
    file = tmp_path / "headgate.yaml"
    file.write_text(PROVIDERS)
    assert "The provider plain is in the database now" in cli("config", "adopt", "plain").stdout
    left = file.read_text()
    assert "plain:" not in left and "# in the house" in left and "  keyed: {" in left
    shown = json.loads(cli("providers", "show", "plain").stdout)
    assert (shown["managed_by"], shown["shared"], shown["config"]["price"]) == ("database", True, {"input": 1.0})
    assert json.loads(cli("route", "show", "fast").stdout)["config"]["targets"] == ["plain/m"]
    rows = {row["name"]: row["managed_by"] for row in json.loads(cli("providers", "list", "--json").stdout)}
    assert (rows["plain"], rows["keyed"], rows["sandbox"]) == ("database", "file", "found")


def test_a_provider_with_secrets_or_references_stays_and_it_is_said_why(cli, tmp_path):
    file = tmp_path / "headgate.yaml"
    file.write_text(PROVIDERS)
    for name, words in (
        ("keyed", "headgate providers keys add keyed"),
        ("placed", "refers to the environment"),
        ("headed", "is a credential"),
    ):
        done = cli("config", "adopt", name, code=2 if name == "headed" else 1)
        assert words in done.output and "canary" not in done.output
        assert file.read_text() == PROVIDERS
    assert b"canary" not in (cli.home / "headgate.db").read_bytes()
