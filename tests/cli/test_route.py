"""``headgate route``, on a home of its own."""

import json

CONFIG = """
providers:
  dear: {kind: openai-compatible, base_url: "http://h/v1", price: {input: 5, output: 5}}
  fair: {kind: openai-compatible, base_url: "http://h/v1", price: {input: 1, output: 1}}
routes:
  r:
    targets: [dear/m, fair/m]
    strategy: [{kind: prefer, targets: [dear], when: {tags: [vip]}}, {kind: cost}]
"""


def test_an_explanation(cli, tmp_path):
    (tmp_path / "headgate.yaml").write_text(CONFIG)
    told = json.loads(cli("route", "explain", "r", "--json").stdout)
    assert [one["target"] for one in told["candidates"]] == ["fair/m", "dear/m"]
    told = json.loads(cli("route", "explain", "r", "--tags", "vip, x", "--json").stdout)
    assert [one["target"] for one in told["candidates"]] == ["dear/m", "fair/m"]
    assert told["candidates"][0]["rule"] == "prefer"
    shown = cli("route", "explain", "r").stdout
    assert "route r: fair/m first, by prefer, then cost" in shown
    assert "chosen" in shown


def test_a_body_is_taken_from_a_file(cli, tmp_path):
    (tmp_path / "headgate.yaml").write_text(CONFIG)
    (tmp_path / "body.json").write_text('{"messages": [{"role": "user", "content": "hi"}], "max_tokens": 7}')
    short = json.loads(cli("route", "explain", "r", "--body", "body.json", "--json").stdout)
    long = json.loads(cli("route", "explain", "r", "--json").stdout)
    assert float(short["candidates"][0]["hold_usd"]) < float(long["candidates"][0]["hold_usd"])
    (tmp_path / "body.json").write_text("[1]")
    assert "is no JSON object" in cli("route", "explain", "r", "--body", "body.json", code=2).output


def test_the_list(cli, tmp_path):
    (tmp_path / "headgate.yaml").write_text(CONFIG)
    assert "prefer, cost" in cli("route", "list").stdout
    assert json.loads(cli("route", "list", "--json").stdout)[0]["name"] == "r"


FAST = '{"targets": ["fair/m"]}'


def test_a_route_is_made_changed_compared_brought_back_and_removed(cli, tmp_path):
    (tmp_path / "headgate.yaml").write_text(CONFIG)
    assert "is at version 1" in cli("route", "set", "fast", "-", "--note", "first", input=FAST).stdout
    (tmp_path / "slow.yaml").write_text("targets: [dear/m, fair/m]\ntimeout: 9\n")
    assert "would be at version 2" in cli("route", "set", "fast", "slow.yaml", "--dry-run").stdout
    made = json.loads(cli("route", "set", "fast", "slow.yaml", "--json").stdout)
    assert json.loads(cli("route", "show", "fast").stdout) == made
    assert "database, own" in cli("route", "list").stdout
    assert "dear/m" in cli("route", "explain", "fast").stdout
    told = cli("route", "diff", "fast", "1", "2").stdout
    assert "timeout" in told and "fair/m" in told
    assert "which says what version 1 said" in cli("route", "rollback", "fast", "1").stdout
    assert "first" in cli("route", "versions", "fast").stdout
    stale = cli("route", "set", "fast", "slow.yaml", "--etag", made["etag"], code=1)
    assert "It is not what this change was made for" in stale.output
    cli("route", "delete", "fast")
    assert "There is no such route" in cli("route", "show", "fast", code=1).output


def test_what_does_not_fit_is_told(cli, tmp_path):
    (tmp_path / "headgate.yaml").write_text(CONFIG)
    assert "no provider `none`" in cli("route", "set", "x", "-", input='{"targets": ["none/m"]}', code=1).output
    assert "is neither JSON nor YAML" in cli("route", "set", "x", "-", input="{", code=2).output
    assert "is no mapping" in cli("route", "set", "x", "-", input="[1]", code=2).output
    assert "managed by the configuration file" in cli("route", "set", "r", "-", input=FAST, code=1).output


def test_aliases_and_use_cases(cli, tmp_path):
    (tmp_path / "headgate.yaml").write_text(CONFIG)
    cli("alias", "set", "quick", "-", "--shared", input="r")
    cli("use-case", "set", "letters", "-", input=FAST)
    assert "quick" in cli("alias", "list").stdout
    assert "own" in cli("use-case", "list").stdout
    assert "route r: fair/m first" in cli("route", "explain", "quick").stdout
    cli("alias", "delete", "quick")
