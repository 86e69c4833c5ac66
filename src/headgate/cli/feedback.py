"""``headgate feedback``."""

from pathlib import Path
from typing import Any

import click

from headgate.cli.connect import gateway_options, open_admin
from headgate.cli.output import as_json, print_json, print_table


@click.group("feedback")
def command() -> None:
    """What people think of answers: said, listed, and added up."""


@command.command("add")
@click.argument("request_id")
@click.option("--score", type=click.FloatRange(0, 1), help="From 0 (useless) to 1 (right).")
@click.option("--up", "thumbs", flag_value="up", help="It is good.")
@click.option("--down", "thumbs", flag_value="down", help="It is not.")
@click.option("--comment", help="Why.")
@click.option("--correction", help="What the answer should have been.")
@click.option("--by", help="For whom one says it: each has an opinion of his own.")
@gateway_options
@as_json
def add(request_id: str, home: Path | None, url: str | None, key: str | None, json: bool, **said: Any) -> None:
    """Say what one thinks of the answer to REQUEST_ID; said again, it takes the place of what was said before."""
    given = {name: value for name, value in said.items() if value is not None}
    if not given.keys() - {"by"}:
        raise click.UsageError("Say something: --score, --up, --down, --comment or --correction.")
    with open_admin(home, url, key) as gateway:
        made = gateway.rate(request_id, **given)
    print_json(made) if json else click.echo(f"Noted. id {made['id']}")


@command.command("list")
@click.option("--request-id", help="Of this call alone.")
@click.option("--model", help="Of this provider/model alone.")
@click.option("--route", help="Of this route alone.")
@click.option("--thumbs", type=click.Choice(["up", "down"]), help="These alone.")
@click.option("--corrected", is_flag=True, default=None, help="Those with a correction.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="At most so many.")
@gateway_options
@as_json
def list_feedback(home: Path | None, url: str | None, key: str | None, json: bool, **asked: Any) -> None:
    """List what was said, latest first."""
    with open_admin(home, url, key) as gateway:
        found = gateway.feedback(**asked)
    if json:
        print_json(found)
        return
    rows = [
        (
            one["request_id"], one["updated_at"][:16].replace("T", " "), one["rater"], one["score"], one["thumbs"],
            one["model"], one["route"], one["comment"], one["correction"],
        )
        for one in found
    ]  # fmt: skip
    columns = ("request id", "at", "by", "score>", "thumbs", "model", "route", "comment", "correction")
    print_table(columns, rows, empty="Nobody has said anything.")


@command.command("analysis")
@click.option("--by", type=click.Choice(["model", "route", "prompt"]), default="model", show_default=True)
@gateway_options
@as_json
def analysis(by: str, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """Show what was thought of answers, with intervals that hold the truth 95 times in 100."""
    with open_admin(home, url, key) as gateway:
        found = gateway.opinions(by)
    if json:
        print_json(found)
        return
    rows = [
        (
            one["name"] or "(none)", one["answers"], one["ups"], one["downs"], _interval(one["up_share"]),
            one["scores"], _interval(one["score"]), one["corrections"],
        )
        for one in found
    ]  # fmt: skip
    columns = (by, "answers>", "up>", "down>", "share up>", "scores>", "mean score>", "corrected>")
    print_table(columns, rows, empty="Nobody has said anything.")


def _interval(one: dict[str, float] | None) -> str | None:
    return None if one is None else f"{one['mean']:.2f} ({one['low']:.2f} to {one['high']:.2f})"
