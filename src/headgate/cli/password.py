"""``headgate users password``: a way for a user to choose a password, or the password itself."""

from pathlib import Path

import click

from headgate.cli.connect import gateway_options, open_admin
from headgate.cli.login import read_password
from headgate.cli.output import as_json, print_json


@click.command("password")
@click.argument("user")
@click.option("--set", "set_it", is_flag=True, help="Type the password here, and now.")
@click.option("--password-stdin", is_flag=True, help="Read it from the standard input.")
@gateway_options
@as_json
def command(  # each option of a command is an argument
    user: str, set_it: bool, password_stdin: bool, home: Path | None, url: str | None, key: str | None, json: bool
) -> None:
    """Print a token by which USER (an e-mail address or an id) chooses a password, once, within a day."""
    with open_admin(home, url, key) as gateway:
        id = user if "@" not in user else _id_of(gateway.find_users(user), user)
        offered = gateway.reset_password(id)
        if set_it or password_stdin:
            gateway.choose_password(offered["token"], read_password(password_stdin, "New password", twice=True))
            click.echo(f"Set the password of {user}, who is signed out everywhere.")
            return
    if json:
        print_json(offered)
        return
    click.echo(f"{user} chooses a password with this token, once, until {offered['expires_at']}:\n")
    click.echo(f"    {offered['token']}\n")
    click.echo('at POST /api/v1/auth/password, as {"token": ..., "new_password": ...}')


def _id_of(found: list[dict[str, str]], email: str) -> str:
    for one in found:
        if one["email"] == email.lower():
            return one["id"]
    raise click.ClickException(f"There is no user {email}.")
