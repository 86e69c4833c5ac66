"""``headgate users``."""

import click

from headgate.cli.password import command as password


@click.group("users")
def command() -> None:
    """Manage people."""


command.add_command(password)
