"""``headgate doctor``: what is right and wrong with a gateway on this machine, in words."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import click

from headgate.cli.connect import home_option, load_settings
from headgate.cli.output import as_json, print_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headgate.settings import Settings

MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}


class Finding(NamedTuple):
    """One thing that was looked at."""

    check: str
    state: Literal["ok", "warn", "fail"]
    words: str


@click.command("doctor")
@click.option("--probe", is_flag=True, help="Also open a connection to every provider. No request is sent.")
@home_option
@as_json
@click.pass_context
def command(ctx: click.Context, probe: bool, home: Path | None, json: bool) -> None:
    """Check the home, the database, the configuration and the providers. Nothing is changed.

    Ends with 1 where something is wrong.
    """
    settings = load_settings(home)
    found = []
    for finding in findings(settings, probe=probe):
        found.append(finding)
        if not json:
            mark, color = MARKS[finding.state]
            click.echo(f"{click.style(mark, fg=color)} {finding.check}: {finding.words}")
    if json:
        print_json([finding._asdict() for finding in found])
    ctx.exit(int(any(finding.state == "fail" for finding in found)))


def findings(settings: "Settings", *, probe: bool) -> "Iterator[Finding]":
    """Yield what there is to say, one thing after the other."""
    from headgate.cli import diagnosis

    yield from diagnosis.environment_of(settings)
    if settings.home.exists():
        yield from diagnosis.home_of(settings)
        yield from diagnosis.database_of(settings)
        yield from diagnosis.journal_of(settings)
    else:
        yield Finding("home", "ok", f"{settings.home} is not there yet; the first start makes it")
    yield from diagnosis.config_of(settings)
    yield from diagnosis.providers_of(settings, probe=probe)
    yield diagnosis.port_of(settings)
