"""``headgate approvals``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.connect import gateway_options, open_admin
from headgate.cli.output import as_json, print_json, print_table
from headgate.cli.when import Span

if TYPE_CHECKING:
    from headgate.client.money import Approval

STATES = ("open", "approved", "refused", "withdrawn", "expired", "ended")
SUBJECTS = ("budget", "key", "team", "app", "user", "tenant")


@click.group("approvals")
def command() -> None:
    """Ask for a larger budget, other limits, more models or providers; grant or refuse it."""


@command.command("ask")
@click.argument("subject_kind", type=click.Choice(SUBJECTS))
@click.argument("subject_id")
@click.option("--usd", help="What the budget is to be, in USD.")
@click.option("--tokens", type=int, help="What the budget is to be, in tokens.")
@click.option("--window", type=click.Choice(["day", "week", "month", "total"]), help="Which of a key's own budgets.")
@click.option("--rps", type=float, help="Requests per second.")
@click.option("--rpm", type=int, help="Requests per minute.")
@click.option("--tpm", type=int, help="Tokens per minute.")
@click.option("--concurrency", type=int, help="Requests in flight.")
@click.option("--model", "models", multiple=True, help="A model that is to be allowed.")
@click.option("--provider", "providers", multiple=True, help="A provider that is to be allowed.")
@click.option("--reason", default="", help="Why.")
@click.option("--for", "lasts", type=Span(), help="For how long it is wanted: 7d. Without, for good.")
@gateway_options
@as_json
def ask(home: Path | None, url: str | None, key: str | None, json: bool, **given: Any) -> None:
    """Ask for more of SUBJECT_KIND SUBJECT_ID: `approvals ask team 0190... --rpm 600`."""
    kind, asked = _asked(given)
    fields = {**asked, "reason": given["reason"]} | ({"lasts": int(given["lasts"])} if given["lasts"] else {})
    with open_admin(home, url, key) as gateway:
        made = gateway.ask_for(kind, given["subject_kind"], given["subject_id"], **fields)
    print_json(made) if json else click.echo(f"Asked; it is open until {made.expires_at[:16]}. id {made.id}")


@command.command("list")
@click.option("--state", type=click.Choice(STATES), help="These alone.")
@gateway_options
@as_json
def list_approvals(state: str | None, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """List requests, latest first."""
    with open_admin(home, url, key) as gateway:
        found = gateway.approvals(state=state)
    if json:
        print_json(found)
        return
    columns = ("id", "state", "of", "asks for", "by", "asked", "open until", "reason", "decided by", "answer", "until")
    print_table(columns, map(_row, found), empty="Nobody has asked for anything.")


def _decision(name: str, words: str) -> None:
    @command.command(name, help=f"{words} the request ID.")
    @click.argument("id")
    @click.option("--answer", default="", help="What to say with it.")
    @gateway_options
    @as_json
    def decide(id: str, answer: str, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
        with open_admin(home, url, key) as gateway:
            done = gateway.approve(id, answer) if name == "approve" else gateway.refuse(id, answer)
        print_json(done) if json else click.echo(f"The request is {done.state}.")


_decision("approve", "Grant")
_decision("refuse", "Refuse")


def _asked(given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    limits = {name: given[name] for name in ("rps", "rpm", "tpm", "concurrency") if given[name] is not None}
    amount = {name: given[name] for name in ("usd", "tokens", "window") if given[name] is not None}
    kinds = {
        "budget": amount,
        "limits": {"limits": limits} if limits else {},
        "models": {"models": list(given["models"])} if given["models"] else {},
        "providers": {"providers": list(given["providers"])} if given["providers"] else {},
    }
    said = [(kind, fields) for kind, fields in kinds.items() if fields]
    if len(said) != 1:
        raise click.UsageError("Ask for one thing at a time: an amount, limits, models or providers.")
    return said[0]


def _row(one: "Approval") -> tuple[Any, ...]:
    ask = [f"{_shown(value)} {name}" for name, value in one.ask.items() if value]
    return (
        one.id, one.state, f"{one.subject_kind} {one.subject_id}", ask, f"{one.asked_by_kind} {one.asked_by}",
        one.asked_at[:16], one.expires_at[:16], one.reason, one.decided_by, one.answer, (one.until or "")[:16],
    )  # fmt: skip


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {number:g}" for name, number in value.items() if number is not None)
    return ", ".join(value) if isinstance(value, list) else str(value)
