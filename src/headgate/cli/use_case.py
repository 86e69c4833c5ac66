"""``headgate use-case``."""

from pathlib import Path

import click

from headgate.cli.connect import gateway_options
from headgate.cli.named import add_commands, listing
from headgate.cli.output import as_json


@click.group("use-case")
def command() -> None:
    """What callers can ask for by purpose, ``use-case/NAME``. Those of the configuration file are changed there."""


@command.command("list")
@gateway_options
@as_json
def list_use_cases(home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """List those that are configured; others are built in."""
    listing("use-cases", "use case", home, url, key, json=json)


add_commands(command, "use-cases", "use case")
