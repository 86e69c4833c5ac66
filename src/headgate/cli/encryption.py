"""``headgate encryption``."""

from pathlib import Path
from typing import Any

import click

from headgate.cli.connect import gateway_options, open_admin
from headgate.cli.output import as_json, print_json, print_table

EARLIER = "(an earlier version)"


@click.group("encryption")
def command() -> None:
    """See under which keys provider keys and other secrets are sealed, and seal them under another."""


@command.command("status")
@gateway_options
@as_json
def status(home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """Show the keys, and how much is sealed under each; end with 1 where a key is missing."""
    with open_admin(home, url, key) as gateway:
        found = gateway.encryption()
    if json:
        print_json(found)
    else:
        print_table(("key", "with", "seals"), map(_key, found["keys"]), empty="There are no keys.")
        click.echo()
        rows = [_values(one, found["keys"][0]["id"]) for one in found["values"]]
        print_table(("values", "under", "count>", "state"), rows, empty="Nothing is sealed.")
        for id in found["missing"]:
            click.echo(f"The key {id} is not there: name it in HEADGATE_ENCRYPTION_KEYS again.", err=True)
        if found["due"]:
            click.echo(f"{found['due']:,} are not under the first key: `headgate encryption rotate`.", err=True)
    if found["missing"]:
        raise SystemExit(1)


@command.command("rotate")
@click.option("--new-key", is_flag=True, help="Make a new first key in the gateway's home before.")
@gateway_options
@as_json
def rotate(new_key: bool, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """Seal every lasting secret under the first key. Safe to stop, to repeat, and while gateways run.

    Only the keys of the values are wrapped anew, a hundred at a time. What goes by itself (payloads, answers that are
    given again) stays under its key until then. End with 1 where a value could not be opened: it stays as it was.
    """
    failed: list[dict[str, Any]] = []
    rotated, first = 0, ""
    with open_admin(home, url, key) as gateway:
        for found in gateway.rotate_encryption(new_key=new_key):
            rotated, first = rotated + found["rotated"], found["key_id"]
            failed += found["failed"]
            if found["next"] is not None and found["rotated"] and not json:
                click.echo(f"{rotated:,} so far", err=True)
    if json:
        print_json({"key_id": first, "rotated": rotated, "failed": failed})
    else:
        for one in failed:
            click.echo(f"{one['kind']} {one['id']} stays as it was: {one['words']}.", err=True)
        click.echo(f"{rotated:,} values are now under {first}." if rotated else f"All that opens is under {first}.")
    if failed:
        raise SystemExit(1)


def _key(one: dict[str, Any]) -> tuple[Any, ...]:
    return one["id"], "a key service" if one["service"] else "this gateway", one["seals"]


def _values(one: dict[str, Any], first: str) -> tuple[Any, ...]:
    if not one["opens"]:
        state = "the key is missing" if one["key_id"] else "damaged"
    elif not one["lasting"]:
        state = "ok; goes by its age"
    else:
        state = "ok" if one["key_id"] == first else "to be rotated"
    id = one["key_id"] or (EARLIER if one["opens"] else None)
    return one["kind"].replace("_", " "), id, one["count"], state
