"""``headgate users``."""

import click

from headgate.cli.objects import LEVEL, Field, Kind, commands_of
from headgate.cli.password import command as password


@click.group("users")
def command() -> None:
    """Manage people."""


commands_of(
    Kind(
        word="user",
        things="users",
        resource=lambda gateway: gateway.users,
        needed="email",
        fields=(
            Field("--email", "email", "By which it signs in."),
            Field("--name", "name", "What it is called."),
            *LEVEL,
        ),
        columns=("email", "name", "is_active", "last_seen_at", "limits", "models", "providers"),
    ),
    command,
)
command.add_command(password)
