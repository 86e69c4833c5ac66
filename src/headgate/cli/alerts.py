"""``headgate alerts``."""

from datetime import datetime
from pathlib import Path

import click

from headgate.cli.connect import gateway_options, open_admin
from headgate.cli.named import add_commands, listing
from headgate.cli.output import as_json, print_json, print_table
from headgate.cli.when import Moment, iso


@click.group("alerts")
def command() -> None:
    """What is wrong at present, who sees to it, and the rules that say when somebody is told."""


@command.command("list")
@click.option("--state", type=click.Choice(["pending", "firing", "resolved"]), help="These alone.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="At most so many.")
@gateway_options
@as_json
def list_alerts(state: str | None, limit: int, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """List alerts, the one that changed last first."""
    with open_admin(home, url, key) as gateway:
        found = gateway.alerts(state=state, limit=limit)
    if json:
        print_json(found)
        return
    rows = [
        (
            one["id"], one["state"], one["severity"], one["rule"], one["text"], one["since"][:16].replace("T", " "),
            one["fired"], one["acknowledged_by"], (one["silenced_until"] or "")[:16].replace("T", " "),
        )
        for one in found
    ]  # fmt: skip
    columns = ("id", "state", "severity", "rule", "what", "since", "fired>", "seen to by", "silenced until")
    print_table(columns, rows, empty="Nothing is wrong, and nothing was of late.")


@command.command("history")
@click.argument("id")
@gateway_options
@as_json
def history(id: str, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """Show what befell the alert ID, latest first."""
    with open_admin(home, url, key) as gateway:
        found = gateway.alert_history(id)
    if json:
        print_json(found)
        return
    rows = [(one["at"][:19].replace("T", " "), one["event"], one["by"], one["text"]) for one in found]
    print_table(("at", "", "by", "what"), rows, empty="Nothing is known of it.")


@command.command("ack")
@click.argument("id")
@gateway_options
@as_json
def ack(id: str, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """Say that somebody sees to the alert ID: no reminders follow."""
    with open_admin(home, url, key) as gateway:
        done = gateway.acknowledge(id)
    print_json(done) if json else click.echo(f"{done['rule']}: {done['state']}.")


@command.command("silence")
@click.argument("id")
@click.option("--until", type=Moment(), help="2h, 3d, or an instant; without, it is told again.")
@gateway_options
@as_json
def silence(id: str, until: datetime | None, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """Have nobody told of the alert ID for a while, however often it fires."""
    with open_admin(home, url, key) as gateway:
        done = gateway.silence(id, iso(until))
    if json:
        print_json(done)
    else:
        quiet = done["silenced_until"]
        click.echo(f"{done['rule']}: " + (f"silenced until {quiet[:16]}." if quiet else "told of again."))


@command.command("test")
@click.argument("rule")
@gateway_options
@as_json
def test(rule: str, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """Send a test to whom RULE tells."""
    with open_admin(home, url, key) as gateway:
        sent = gateway.try_rule(rule)
    print_json(sent) if json else click.echo(f"{len(sent)} test message(s) on their way.")


@command.command("messages")
@gateway_options
@as_json
def messages(home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """List messages to channels and what became of them, latest first."""
    with open_admin(home, url, key) as gateway:
        found = gateway.messages()
    if json:
        print_json(found)
        return
    rows = [
        (one["created_at"][:16].replace("T", " "), one["channel_id"], one["state"], one["attempts"], one["text"],
         one["error"])
        for one in found
    ]  # fmt: skip
    print_table(("at", "channel", "", "tries>", "what", "why not"), rows, empty="Nothing was sent.")


@click.group("rules")
def rules() -> None:
    """Rules of alerts. Those of the configuration file are changed there."""


@rules.command("list")
@gateway_options
@as_json
def list_rules(home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """List those that are configured; `kinds` shows what is shipped."""
    listing("alert-rules", "rule", home, url, key, json=json)


@rules.command("kinds")
@gateway_options
@as_json
def kinds(home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """Show the kinds of rule, what each can be set to, and the rules that are shipped."""
    with open_admin(home, url, key) as gateway:
        found = gateway.alert_kinds()
    if json:
        print_json(found)
        return
    rows = [(one["kind"], one["help"].partition(". ")[0], ", ".join(one["fields"])) for one in found["data"]]
    print_table(("kind", "what it finds", "settings"), rows, empty="")


add_commands(rules, "alert-rules", "rule")
command.add_command(rules)
