"""``headgate logs payload`` and ``headgate logs erase``."""

from pathlib import Path
from typing import Any

import click

from headgate.cli.connect import gateway_options, open_admin
from headgate.cli.output import as_json, print_json, text


@click.command("payload")
@click.argument("id")
@gateway_options
@as_json
def payload(id: str, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """Show what was said in one call, as the logging policy kept it."""
    with open_admin(home, url, key) as gateway:
        found = gateway.payload(id)
    if json:
        print_json(found)
        return
    for name in ("request", "answer"):
        _print(name, found[name])


@click.command("erase")
@click.argument("end_user")
@click.confirmation_option(prompt="What was said in all calls of this end user goes for ever. Go on?")
@gateway_options
def erase(end_user: str, home: Path | None, url: str | None, key: str | None) -> None:
    """Remove what was said in the calls of an end user."""
    with open_admin(home, url, key) as gateway:
        click.echo(f"{gateway.erase(end_user):,} calls")


def _print(name: str, side: dict[str, Any]) -> None:
    found = ", ".join(f"{count} {kind}" for kind, count in side["found"].items())
    notes = [f"{side['size']:,} bytes", *(["cut"] if side["cut"] else []), *([found] if found else [])]
    click.secho(f"{name} ({'; '.join(notes)})", bold=True)
    said = side["text"] or (side["raw"] if not side["base64"] else f"<{len(side['raw'])} characters of base64>") or ""
    for line in said.split("\n"):
        click.echo("  " + text(line))
    for call in side["tool_calls"]:
        click.echo(f"  -> {text(call['name'])}({text(call['arguments'])})")
