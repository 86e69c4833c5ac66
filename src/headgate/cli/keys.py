"""``headgate keys``."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.connect import gateway_options, open_admin
from headgate.cli.output import as_json, print_json, print_table
from headgate.cli.when import Moment, Span, iso

if TYPE_CHECKING:
    from headgate.client import Key, MadeKey

CHAT_TAG = "headgate-chat"
"""Marks the keys that `headgate chat` makes for one conversation each."""


@click.group("keys")
def command() -> None:
    """Make, list, revoke and rotate keys. A running gateway knows of it within a second."""


@command.command("create")
@click.option("--name", required=True, help="What it is for.")
@click.option("--budget", metavar="USD", help="Money it may spend in each --window.")
@click.option("--window", type=click.Choice(["day", "week", "month", "total"]), help="Calendar window, UTC.")
@click.option("--rps", type=float, help="Requests per second.")
@click.option("--rpm", type=int, help="Requests per minute.")
@click.option("--tpm", type=int, help="Tokens per minute, prompt and answer.")
@click.option("--concurrency", type=int, help="Requests in flight.")
@click.option("--models", multiple=True, help="Routes, aliases, provider/model, provider/*; with commas.")
@click.option("--tags", multiple=True, help="Words to find its calls by; with commas.")
@click.option("--user", help="The user it belongs to, whose limits it shares.")
@click.option("--expires", type=Moment(), help="When it ends: 30d, 2026-12-01.")
@click.option("--admin", is_flag=True, help="Make an admin key, which manages the gateway.")
@gateway_options
@as_json
def create(home: Path | None, url: str | None, key: str | None, json: bool, **given: Any) -> None:
    """Make a key and print it, this once."""
    fields = _fields(given)
    with open_admin(home, url, key) as gateway:
        made = gateway.create_key(given["name"], **fields)
    _show(made, json, f"Made the key {made.name!r}.")


@command.command("list")
@gateway_options
@as_json
def list_keys(home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """List keys, oldest first, revoked ones too; those of ended `headgate chat` conversations with --json alone."""
    with open_admin(home, url, key) as gateway:
        keys = list(gateway.all_keys())
    if json:
        print_json(keys)
        return
    shown = [key for key in keys if not (key.status == "revoked" and CHAT_TAG in key.tags)]
    columns = ("id", "name", "kind", "key", "status", "models", "limits", "budgets", "created", "expires")
    print_table(columns, map(_row, shown), empty="There are no keys. `headgate keys create --name NAME` makes one.")


@command.command("revoke")
@click.argument("id")
@gateway_options
@as_json
def revoke(id: str, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """Turn the key ID off for ever."""
    with open_admin(home, url, key) as gateway:
        gone = gateway.revoke_key(id)
    print_json(gone) if json else click.echo(f"Revoked the key {gone.name!r} ({gone.prefix}…{gone.last4}).")


@command.command("rotate")
@click.argument("id")
@click.option("--overlap", type=Span(), default="0s", help="How long the old secret stays good: 24h.")
@gateway_options
@as_json
def rotate(id: str, overlap: float, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """Give the key ID a new secret and print it, this once. Its limits and what it has spent go on."""
    with open_admin(home, url, key) as gateway:
        made = gateway.rotate_key(id, overlap=overlap)
    until = f" The old secret is good until {made.overlap_until}." if overlap else " The old secret is good no more."
    _show(made, json, f"Gave the key {made.name!r} a new secret.{until}")


def _fields(given: dict[str, Any]) -> dict[str, Any]:
    if (given["budget"] is None) != (given["window"] is None):
        raise click.UsageError("--budget and --window go together.")
    limits = {name: given[name] for name in ("rps", "rpm", "tpm", "concurrency") if given[name] is not None}
    fields = {
        "kind": "admin" if given["admin"] else None,
        "limits": limits or None,
        "budgets": [{"usd": given["budget"], "window": given["window"]}] if given["budget"] is not None else None,
        "models": _words(given["models"]) or None,
        "tags": _words(given["tags"]) or None,
        "user_id": given["user"],
        "expires_at": iso(given["expires"]),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _words(given: tuple[str, ...]) -> list[str]:
    return [word.strip() for text in given for word in text.split(",") if word.strip()]


def _show(made: "MadeKey", json: bool, words: str) -> None:
    if json:
        print_json(made)
        return
    click.echo(f"{words} This is the only time it is shown:\n")
    click.echo(f"    {made.key}\n")
    click.echo(f"id {made.id}")


def _row(key: "Key") -> tuple[Any, ...]:
    limits = [f"{value:,.10g} {name}" for name in key.limits.__struct_fields__ if (value := getattr(key.limits, name))]
    budgets = [f"{b.usd} USD {'in all' if b.window == 'total' else 'a ' + b.window}" for b in key.budgets]
    secret = f"{key.prefix}…{key.last4}"
    return (
        key.id, key.name, key.kind, secret, key.status, key.models or "all", limits, budgets,
        key.created_at[:10], _minute(key.expires_at),
    )  # fmt: skip


def _minute(moment: str | None) -> str | None:
    return datetime.fromisoformat(moment).strftime("%Y-%m-%d %H:%M") if moment else None
