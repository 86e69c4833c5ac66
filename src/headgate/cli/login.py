"""``headgate login``, ``logout`` and ``whoami``."""

import sys
from pathlib import Path

import click

from headgate.cli.connect import gateway_options, home_option, load_settings, open_admin, plain_url
from headgate.cli.output import as_json, print_json

URL = "The gateway's address: http://host:8080."


@click.command("login")
@click.option("--url", required=True, help=URL)
@click.option("--email", required=True, prompt=True, help="Who you are there.")
@click.option("--tenant", help="The tenant's id, where the address is known in more than one.")
@click.option("--password-stdin", is_flag=True, help="Read the password from the standard input.")
@home_option
def login(url: str, email: str, tenant: str | None, password_stdin: bool, home: Path | None) -> None:
    """Sign in at a gateway elsewhere. Commands with its --url then need no key."""
    from headgate.cli.signed import Held, Signed
    from headgate.client import Admin

    password = read_password(password_stdin)
    url = plain_url(url)
    with Admin(url) as gateway:
        held = Held.of(gateway.log_in(email, password, tenant))
    with Signed(load_settings(home).home).opened() as all_held:
        all_held[url] = held
    click.echo(f"Signed in at {url} as {email}.")


@click.command("logout")
@click.option("--url", required=True, help=URL)
@home_option
def logout(url: str, home: Path | None) -> None:
    """Sign out of a gateway."""
    from headgate.cli.signed import Signed
    from headgate.client import Admin

    url = plain_url(url)
    with Signed(load_settings(home).home).opened() as held:
        mine = held.pop(url, None)
        if mine is None:
            raise click.ClickException(f"Nobody is signed in at {url}.")
        with Admin(url) as gateway:
            gateway.log_out(mine.refresh)
    click.echo(f"Signed out of {url}.")


@click.command("whoami")
@gateway_options
@as_json
def whoami(home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """Say as whom commands speak to a gateway, and what that one may."""
    with open_admin(home, url, key) as gateway:
        who = gateway.who()
    if json:
        print_json(who)
        return
    click.echo(f"{who['kind']} {who['name']} of the tenant {who['tenant_id']}")
    click.echo(", ".join(who["permissions"]))


def read_password(from_stdin: bool, prompt: str = "Password", *, twice: bool = False) -> str:
    """Return a password that is typed unseen, or the first line of the standard input."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt(prompt, hide_input=True, confirmation_prompt=twice))
