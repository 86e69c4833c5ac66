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
