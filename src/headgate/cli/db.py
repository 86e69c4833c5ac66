"""``headgate db``: the database's schema."""

from pathlib import Path

import click

from headgate.cli.connect import home_option, load_settings
from headgate.cli.output import as_json, print_json


@click.group("db")
def command() -> None:
    """Look after the database."""


@command.command("upgrade")
@home_option
@as_json
def upgrade(home: Path | None, json: bool) -> None:
    """Bring the database to the schema of this program. Safe to repeat, and to do while a gateway runs."""
    from headgate.cli.opening import opened
    from headgate.storage import upgrade
    from headgate.storage.sql import without_password

    settings = load_settings(home)
    url = settings.database()
    path = without_password(settings.database_path() or url)
    before = upgrade.present(url)
    opened(settings)
    after = upgrade.present(url)
    if json:
        print_json({"database": path, "from": before, "to": after})
    else:
        click.echo(f"{path}: {'schema ' + str(after) + ' already' if before == after else f'now at schema {after}'}")
