"""``headgate errors``."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from headgate.cli.connect import gateway_options, open_admin
from headgate.cli.output import as_json, print_json, print_table
from headgate.cli.when import Moment, iso

COLUMNS = ("last seen", "first seen", "kind", "provider", "model", "code", "count>", "keys>", "example", "says")


@click.command("errors")
@click.option("--since", type=Moment(past=True), help="Those met since then: 1h, 2026-12-01.")
@click.option("--new-since", type=Moment(past=True), help="Those met for the first time since then.")
@click.option("--kind", type=click.Choice(["provider", "policy", "caller", "gateway"]), help="Whose they are.")
@click.option("--provider", help="Of this provider.")
@click.option("--model", help="Of this model.")
@click.option("--code", help="With this code.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many.")
@gateway_options
@as_json
def command(home: Path | None, url: str | None, key: str | None, json: bool, **filters: Any) -> None:
    """Show what goes wrong, by kind, provider, model and code, with the latest call that met it."""
    for name in ("since", "new_since"):
        filters[name] = iso(filters[name])
    with open_admin(home, url, key) as gateway:
        found = gateway.errors(**filters)
    if json:
        print_json(found)
        return
    print_table(COLUMNS, map(_row, found), empty="Nothing went wrong.")


def _row(one: dict[str, Any]) -> tuple[Any, ...]:
    keys = f"{len(one['keys'])}{'+' if one['more_keys'] else ''}" if one["keys"] else None
    example: dict[str, Any] = one["examples"][0] if one["examples"] else {"id": None, "message": ""}
    return (
        _at(one["last_seen"]), _at(one["first_seen"]), one["kind"], one["provider"], one["model"], one["code"],
        one["count"], keys, example["id"], example["message"][:80],
    )  # fmt: skip


def _at(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%m-%d %H:%M:%S")
