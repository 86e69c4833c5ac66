"""``headgate keys``."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.connect import gateway_options, open_admin, read_secret
from headgate.cli.objects import Field, fields_of, limit_options, told_limits, words
from headgate.cli.output import as_json, print_json, print_table
from headgate.cli.when import Moment, Span, iso

if TYPE_CHECKING:
    from headgate.client import Key, MadeKey

WINDOWS = ("day", "week", "month", "total")
FIELDS = (
    Field("--models", "models", "Routes, aliases, provider/model, provider/* that are allowed.", many=True),
    Field("--routes", "routes", "Routes that are allowed.", many=True),
    Field("--providers", "providers", "Providers that are allowed.", many=True),
    Field("--addresses", "addresses", "Networks it may be used from, as 10.0.0.0/8.", many=True),
    Field("--default-model", "default_model", "What a call means that names no model; '' for nothing."),
    Field("--environment", "environment", "live, test, or a word of yours."),
    Field("--permissions", "permissions", "What it may do, as gateway:use.", many=True),
    Field("--tags", "tags", "Words that every call of its carries.", many=True),
    Field("--team", "team_id", "The team it belongs to; '' for none."),
    Field("--app", "app_id", "The app it belongs to; '' for none."),
    Field("--user", "user_id", "The user it belongs to, by id or e-mail address; '' for none."),
)
CHAT_TAG = "headgate-chat"
"""Marks the keys that `headgate chat` makes for one conversation each."""


@click.group("keys")
def command() -> None:
    """Make, list, change, revoke and rotate keys. A running gateway knows of it within a second."""


def bound_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of what a key is bound to; ``''`` takes away what can be empty."""
    for one in reversed(FIELDS):
        command = one.declare(command)
    command = click.option("--expires", type=Moment(), help="When it ends: 30d, 2026-12-01.")(command)
    command = click.option("--window", type=click.Choice(WINDOWS), help="Calendar window, in its zone.")(command)
    command = click.option("--budget", metavar="USD", help="Money it may spend in each --window.")(command)
    return limit_options(command)


@command.command("create")
@click.option("--name", required=True, help="What it is for.")
@bound_options
@click.option("--admin", is_flag=True, help="Make an admin key, which manages the gateway.")
@click.option("--roles", multiple=True, help="Of an admin key: ROLE or ROLE@SCOPE; with commas. [tenant-admin]")
@gateway_options
@as_json
def create(home: Path | None, url: str | None, key: str | None, json: bool, **given: Any) -> None:
    """Make a key and print it, this once."""
    fields = _fields(given)
    if given["roles"]:
        pairs = [word.partition("@") for word in words(given["roles"])]
        fields["roles"] = [{"role": role, "scope": scope or "tenant"} for role, _, scope in pairs]
    if given["admin"]:
        fields["kind"] = "admin"
    with open_admin(home, url, key) as gateway:
        made = gateway.create_key(given["name"], **fields)
    _show(made, json, f"Made the key {made.name!r}.")


@command.command("update")
@click.argument("id")
@click.option("--name", help="What it is for.")
@bound_options
@click.option("--no-limits", is_flag=True, help="Take all limits away.")
@click.option("--no-budget", is_flag=True, help="Take its budgets away.")
@gateway_options
@as_json
def update(id: str, home: Path | None, url: str | None, key: str | None, json: bool, **given: Any) -> None:
    """Change the key ID: what is given, and nothing else."""
    with open_admin(home, url, key) as gateway:
        fields = _fields(given, lambda: gateway.key(id))
        if given["name"]:
            fields["name"] = given["name"]
        if given["no_budget"]:
            fields["budgets"] = []
        if not fields:
            raise click.UsageError("Say what is to change.")
        changed = gateway.update_key(id, **fields)
    print_json(changed) if json else click.echo(f"Changed the key {changed.name!r}.")


@command.command("off")
@click.argument("id")
@gateway_options
@as_json
def off(id: str, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """Switch the key ID off, until it is switched on again."""
    with open_admin(home, url, key) as gateway:
        changed = gateway.update_key(id, is_active=False)
    print_json(changed) if json else click.echo(f"Switched the key {changed.name!r} off.")


@command.command("on")
@click.argument("id")
@gateway_options
@as_json
def on(id: str, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """Switch the key ID on again."""
    with open_admin(home, url, key) as gateway:
        changed = gateway.update_key(id, is_active=True)
    print_json(changed) if json else click.echo(f"Switched the key {changed.name!r} on.")


@command.command("sign-with")
@click.argument("id")
@click.argument("provider")
@click.option("--remove", is_flag=True, help="Sign with the account's own keys again.")
@gateway_options
@as_json
def sign_with(
    id: str, provider: str, remove: bool, home: Path | None, url: str | None, key: str | None, json: bool
) -> None:
    """Sign the calls of the key ID at PROVIDER with a provider key of its own: asked for, or from standard input."""
    secret = None if remove else read_secret()
    with open_admin(home, url, key) as gateway:
        changed = gateway.update_key(id, provider_keys={provider: secret})
    done = "the account's own keys" if remove else "a key of its own"
    print_json(changed) if json else click.echo(f"Calls of {changed.name!r} at {provider} are signed with {done}.")


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


def _fields(given: dict[str, Any], present: Callable[[], "Key"] | None = None) -> dict[str, Any]:
    if (given["budget"] is None) != (given["window"] is None):
        raise click.UsageError("--budget and --window go together.")
    fields = fields_of(FIELDS, given, present)
    if given["budget"] is not None:
        fields["budgets"] = [{"usd": given["budget"], "window": given["window"]}]
    if given["expires"] is not None:
        fields["expires_at"] = iso(given["expires"])
    return fields


def _show(made: "MadeKey", json: bool, words: str) -> None:
    if json:
        print_json(made)
        return
    click.echo(f"{words} This is the only time it is shown:\n")
    click.echo(f"    {made.key}\n")
    click.echo(f"id {made.id}")


def _row(key: "Key") -> tuple[Any, ...]:
    limits = told_limits(key.limits)
    budgets = [f"{b.usd} USD {'in all' if b.window == 'total' else 'a ' + b.window}" for b in key.budgets]
    secret = f"{key.prefix}…{key.last4}"
    return (
        key.id, key.name, key.kind, secret, key.status, key.models or "all", limits, budgets,
        key.created_at[:10], _minute(key.expires_at),
    )  # fmt: skip


def _minute(moment: str | None) -> str | None:
    return datetime.fromisoformat(moment).strftime("%Y-%m-%d %H:%M") if moment else None
