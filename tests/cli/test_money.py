"""Budgets, requests for more, bills and the audit log on the command line of a home."""

import json

import pytest
from click.testing import CliRunner

from headgate.cli import group
from headgate.storage.sqlite import connect


@pytest.fixture
def home(tmp_path, database):
    made = tmp_path / "home"
    made.mkdir()
    database.rename(made / "headgate.db")
    return made


@pytest.fixture
def run(home):
    def run(*words, code=0):
        done = CliRunner().invoke(group, list(words), env={"HEADGATE_HOME": str(home)})
        assert done.exit_code == code, (done.exit_code, done.output, done.exception)
        return done.output

    return run


def test_budgets_and_what_is_asked_of_them(run):
    made = json.loads(run("budgets", "create", "--name", "all", "--usd", "10", "--window", "month", "--json"))
    run("budgets", "create", "--name", "eyes", "--tokens", "1000", "--window", "day", "--each", "end_user", "--soft")
    run("budgets", "create", "--name", "both", "--usd", "1", "--tokens", "1", "--window", "day", code=2)
    listed = run("budgets", "list")
    assert "10 USD a month" in listed
    assert "each end user" in listed
    assert "1,000 tokens a day, soft" in listed
    run("budgets", "set", made["id"], code=2)
    assert "7 USD a month" in run("budgets", "set", made["id"], "--usd", "7")
    asked = json.loads(run("approvals", "ask", "budget", made["id"], "--usd", "50", "--for", "7d", "--json"))
    assert (asked["ask"]["usd"], asked["lasts"]) == ("50", 604_800)
    run("approvals", "ask", "budget", made["id"], "--usd", "50", "--rpm", "5", code=2)
    assert "50 usd" in run("approvals", "list", "--state", "open")
    assert "own request" in run("approvals", "approve", asked["id"], code=1)
    assert "Removed" in run("budgets", "remove", made["id"])


def test_bills_and_their_proof(run, home):
    run("billing", "price", "openai/*", "--markup", "20")
    assert "20" in run("billing", "list", "prices")
    assert "Nothing was used" in run("billing", "chargeback")
    issued = json.loads(run("billing", "issue", "--json"))
    assert issued["number"] in run("billing", "invoices", "--kind", "invoice")
    page = home / "invoice.html"
    run("billing", "show", issued["id"], "--format", "html", "--output", str(page))
    assert "<h1>Invoice" in page.read_text()
    assert "billing:create" in run("audit", "list")
    assert run("audit", "export", "--format", "csv").startswith("seq,at,")
    verified = run("audit", "verify")
    head = verified.split("Head: ")[1].strip()
    assert "as written" in verified
    assert "as written" in run("audit", "verify", "--known", head)
    run("audit", "verify", "--known", "5", code=2)
    con = connect(home / "headgate.db")
    con.execute("DROP TRIGGER audit_no_update")
    con.execute("UPDATE audit SET actor_id = 'nobody' WHERE seq = 1")
    con.close()
    assert "entry 1: changed" in run("audit", "verify", code=1)
