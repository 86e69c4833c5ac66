"""``headgate alias``."""

from pathlib import Path

import click

from headgate.cli.connect import gateway_options
from headgate.cli.named import add_commands, listing
from headgate.cli.output import as_json


@click.group("alias")
def command() -> None:
    """Other names of routes and models. Those of the configuration file are changed there."""


@command.command("list")
@gateway_options
@as_json
def list_aliases(home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """List them."""
    listing("aliases", "alias", home, url, key, json=json)


add_commands(command, "aliases", "alias")
