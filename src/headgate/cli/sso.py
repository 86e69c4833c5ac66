"""``headgate sso``."""

from pathlib import Path
from typing import Any

import click

from headgate.cli.connect import gateway_options, open_admin
from headgate.cli.login import read_password
from headgate.cli.output import as_json, print_json, print_table


@click.group("sso")
def command() -> None:
    """List, add and remove identity providers, through which people sign in."""


@command.command("list")
@gateway_options
@as_json
def list_providers(home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """List identity providers."""
    with open_admin(home, url, key) as gateway:
        found = gateway.identity_providers()
    if json:
        print_json(found)
        return
    columns = ("id", "name", "issuer", "client id", "roles", "domains", "on")
    print_table(columns, map(_row, found), empty="There are none. `headgate sso add` adds one.")


@command.command("add")
@click.option("--name", required=True, help="What people know it by.")
@click.option("--issuer", required=True, help="Its address, exactly as it says it itself.")
@click.option("--client-id", required=True, help="How it knows the gateway.")
@click.option("--secret-stdin", is_flag=True, help="Read the client's secret from the standard input.")
@click.option("--role", "roles", multiple=True, metavar="GROUP=ROLE", help="The role that a group has here; repeat it.")
@click.option("--default-role", help="The role that everybody has.")
@click.option("--groups-claim", help="The claim with the groups, by its path [groups].")
@click.option("--scope", "scopes", multiple=True, help="What to ask it for, besides openid; repeat it.")
@click.option("--domain", "domains", multiple=True, help="An e-mail domain that it vouches for; repeat it.")
@gateway_options
@as_json
def add(home: Path | None, url: str | None, key: str | None, json: bool, **given: Any) -> None:
    """Add an identity provider."""
    fields = {name: value for name, value in given.items() if value and name not in ("roles", "secret_stdin")}
    fields["roles"] = dict(_pair(text) for text in given["roles"])
    if given["secret_stdin"]:
        fields["client_secret"] = read_password(True)
    with open_admin(home, url, key) as gateway:
        made = gateway.add_identity_provider(**fields)
    if json:
        print_json(made)
        return
    click.echo(f"Added {made['name']!r}. Allow it this redirect URL, with your gateway's address before it:\n")
    click.echo(f"    {made['callback']}\n")
    click.echo(f"People sign in at {made['start']}")


@command.command("remove")
@click.argument("id")
@gateway_options
@as_json
def remove(id: str, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """Remove the identity provider ID. Who came through it keeps the account, and is signed out."""
    with open_admin(home, url, key) as gateway:
        gone = gateway.remove_identity_provider(id)
    print_json(gone) if json else click.echo(f"Removed the identity provider {gone['name']!r}.")


def _pair(text: str) -> tuple[str, str]:
    group, is_pair, role = text.rpartition("=")
    if not is_pair or not group or not role:
        raise click.UsageError(f"--role is GROUP=ROLE, not {text!r}.")
    return group, role


def _row(one: dict[str, Any]) -> tuple[Any, ...]:
    roles = [f"{group}={role}" for group, role in one["roles"].items()]
    return one["id"], one["name"], one["issuer"], one["client_id"], roles, one["domains"], one["is_active"]
