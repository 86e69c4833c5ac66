"""``headgate alerts`` and ``headgate feedback``, on a home of its own."""

import json

from headgate.storage import alerts as store
from headgate.storage.alert_rows import AlertRow
from headgate.storage.sql import open_sql
from tests.admin.records import call
from tests.admin.records import store as store_calls

RULE = '{"kind": "error_rate", "above": 0.05}'


def firing(cli):
    cli("alerts", "list")
    sql = open_sql(cli.home / "headgate.db")
    row = AlertRow(
        id="0190-a", tenant_id="default", rule="fail", kind="error_rate", subject="", severity="warning",
        state="firing", channels='[["default","file:ops"]]',
        text="12% of calls failed", link="/logs", since=1, seen_at=2, fired=1, updated_at=2,
    )  # fmt: skip
    sql.transact(lambda sql: store.put(sql, row))
    sql.close()
    return row


def test_one_is_seen_to_and_silenced(cli):
    assert "Nothing is wrong" in cli("alerts", "list").stdout
    row = firing(cli)
    assert "12% of calls failed" in cli("alerts", "list", "--state", "firing").stdout
    assert "fail: acknowledged" in cli("alerts", "ack", row.id).stdout
    assert "silenced until" in cli("alerts", "silence", row.id, "--until", "2h").stdout
    assert "acknowledged: fail" in cli("alerts", "messages").stdout
    assert "told of again" in cli("alerts", "silence", row.id).stdout
    history = cli("alerts", "history", row.id).stdout
    assert "acknowledged" in history and "unsilenced" in history
    assert "no such alert" in cli("alerts", "ack", "0190-b", code=1).output


def test_rules_are_made_tried_and_versioned(cli):
    cli("alerts", "rules", "set", "mine", "-", input=RULE)
    cli("alerts", "rules", "set", "mine", "-", input=RULE.replace("0.05", "0.5"))
    assert "mine" in cli("alerts", "rules", "list").stdout
    versions = json.loads(cli("alerts", "rules", "versions", "mine", "--json").stdout)
    assert [one["version"] for one in versions] == [2, 1]
    assert "Nobody would be told" in cli("alerts", "test", "mine", code=1).output
    assert "cost_anomaly" in cli("alerts", "rules", "kinds").stdout
    assert "above" in cli("alerts", "rules", "set", "mine", "-", input=RULE.replace("0.05", "7"), code=1).output


def test_a_rule_of_the_file_is_changed_there(cli, tmp_path):
    (tmp_path / "headgate.yaml").write_text("alerts: {mine: {kind: error_rate}}\n")
    refused = cli("alerts", "rules", "set", "mine", "-", input=RULE, code=1).output
    assert "managed by the configuration file" in refused


def test_an_opinion_is_said_listed_and_added_up(cli):
    cli("feedback", "list")
    one = call()
    store_calls(cli.home / "headgate.db", one)
    assert "Noted" in cli("feedback", "add", one.id, "--up", "--comment", "well said", "--by", "ann").stdout
    assert "well said" in cli("feedback", "list").stdout
    assert "local/mock" in cli("feedback", "analysis").stdout
    (told,) = json.loads(cli("feedback", "analysis", "--by", "route", "--json").stdout)
    assert (told["name"], told["ups"]) == ("fast", 1)
    assert "Say something" in cli("feedback", "add", one.id, code=2).output


def test_the_doctor_tells_of_alerts_and_of_what_takes_nothing(cli):
    firing(cli)
    (cli.home / "outlets").mkdir()
    (cli.home / "outlets" / "otlp.failing").write_text("nobody there")
    said = cli("doctor").stdout
    assert "! alert fail: 12% of calls failed" in said
    assert "! outlet otlp: has taken nothing" in said and "nobody there" in said
    assert "    Look whether the other side is up" in said
