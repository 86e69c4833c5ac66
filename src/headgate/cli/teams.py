"""``headgate teams``."""

from pathlib import Path

import click

from headgate.cli.connect import gateway_options, open_admin
from headgate.cli.objects import LEVEL, Field, Kind, commands_of
from headgate.cli.output import as_json, print_json, print_table


@click.group("teams")
def command() -> None:
    """Manage teams, and who is in them."""


commands_of(
    Kind(
        word="team",
        things="teams",
        resource=lambda gateway: gateway.teams,
        fields=(Field("--name", "name", "What it is called."), *LEVEL),
        columns=("name", "is_active", "limits", "models", "providers"),
    ),
    command,
)


@command.command("members")
@click.argument("id")
@click.option("--add", multiple=True, metavar="USER", help="Put this user into it first.")
@click.option("--remove", multiple=True, metavar="USER", help="Take this user out of it first.")
@gateway_options
@as_json
def members(
    id: str,
    add: tuple[str, ...],
    remove: tuple[str, ...],
    home: Path | None,
    url: str | None,
    key: str | None,
    json: bool,
) -> None:
    """List who is in the team ID."""
    with open_admin(home, url, key) as gateway:
        for user in add:
            gateway.add_member(id, user)
        for user in remove:
            gateway.remove_member(id, user)
        found = gateway.members(id)
    if json:
        print_json(found)
        return
    rows = [(one.id, one.email, one.name, "" if one.is_active else "off") for one in found]
    print_table(("id", "email", "name", ""), rows, empty="Nobody is in it. `--add USER` puts somebody into it.")
