"""``headgate roles``."""

from pathlib import Path

import click

from headgate.cli.connect import gateway_options, open_admin
from headgate.cli.objects import Field, Kind, commands_of
from headgate.cli.output import as_json, print_json, print_table

SUBJECTS = ("user", "client", "key")


@click.group("roles")
def command() -> None:
    """Manage roles, and who has them."""


commands_of(
    Kind(
        word="role",
        things="roles",
        resource=lambda gateway: gateway.roles,
        fields=(
            Field("--name", "name", "What it is called."),
            Field("--permissions", "permissions", "What it allows, as teams:view.", many=True),
        ),
        columns=("name", "permissions"),
        limited=False,
        switched=False,
    ),
    command,
)


@command.command("permissions")
@gateway_options
@as_json
def permissions(home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """List all permissions, and which of the roles that are always there has each."""
    with open_admin(home, url, key) as gateway:
        found = gateway.permissions()
    if json:
        print_json(found)
        return
    rows = [
        (name, what, [role for role, has in found.roles.items() if name in has])
        for name, what in found.permissions.items()
    ]
    print_table(("permission", "allows", "roles"), rows, empty="")


@command.command("holders")
@click.option("--role", help="Who has this one alone.")
@gateway_options
@as_json
def holders(role: str | None, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """List who has which role."""
    with open_admin(home, url, key) as gateway:
        found = list(gateway.bindings.all(role=role))
    if json:
        print_json(found)
        return
    rows = [(one.id, one.role, one.subject_kind, one.subject_id, one.scope) for one in found]
    print_table(("id", "role", "kind", "who", "scope"), rows, empty="Nobody has one. `headgate roles give` gives it.")


@command.command("give")
@click.argument("role")
@click.argument("kind", type=click.Choice(SUBJECTS))
@click.argument("id")
@click.option("--scope", default="tenant", show_default=True, help="How far: tenant, team:ID, own, platform.")
@gateway_options
@as_json
def give(
    role: str, kind: str, id: str, scope: str, home: Path | None, url: str | None, key: str | None, json: bool
) -> None:
    """Give ROLE (a name, or the id of one of your own) to the user, OAuth2 client or admin key ID."""
    with open_admin(home, url, key) as gateway:
        made = gateway.bindings.create(role=role, subject_kind=kind, subject_id=id, scope=scope)
    print_json(made) if json else click.echo(f"Gave {role} over {scope} to the {kind} {id}. id {made.id}")


@command.command("take")
@click.argument("id")
@gateway_options
@as_json
def take(id: str, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """Take a role away: ID is as `headgate roles holders` lists it."""
    with open_admin(home, url, key) as gateway:
        gone = gateway.bindings.delete(id)
    print_json(gone) if json else click.echo(f"Took {gone.role} from the {gone.subject_kind} {gone.subject_id}.")
