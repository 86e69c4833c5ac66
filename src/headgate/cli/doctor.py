"""``headgate doctor``: what is right and wrong with a gateway, on this machine or elsewhere, in words."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from headgate.cli.connect import gateway_options, load_settings, open_admin
from headgate.cli.output import as_json, print_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from headgate.alerts.explain import Finding
    from headgate.settings import Settings

MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}


@click.command("doctor")
@click.option("--probe", is_flag=True, help="Also open a connection to every provider. No request is sent.")
@gateway_options
@as_json
@click.pass_context
def command(ctx: click.Context, probe: bool, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """Say what is right and wrong, why, and what to do. Nothing is changed.

    Without --url: the home on this machine, whether a gateway runs on it or not; its database, configuration and
    providers. With it: what a running gateway finds of itself. Ends with 1 where something is wrong.
    """
    if url and probe:
        raise click.UsageError("--probe looks from this machine: it goes without --url.")
    found = []
    for finding in _elsewhere(url, key) if url else findings(load_settings(home), probe=probe):
        found.append(finding)
        if not json:
            mark, color = MARKS[finding.state]
            click.echo(f"{click.style(mark, fg=color)} {finding.check}: {finding.words}")
            if finding.do:
                click.echo(f"    {finding.do}")
    if json:
        print_json([finding._asdict() for finding in found])
    ctx.exit(int(any(finding.state == "fail" for finding in found)))


def _elsewhere(url: str, key: str | None) -> "Iterable[Finding]":
    from headgate.alerts.explain import Finding

    with open_admin(None, url, key) as gateway:
        return [Finding(**one) for one in gateway.doctor()]


def findings(settings: "Settings", *, probe: bool) -> "Iterator[Finding]":
    """Yield what there is to say, one thing after the other."""
    from headgate.cli import diagnosis
    from headgate.cli.compiled import Here

    yield from diagnosis.environment_of(settings)
    yield from diagnosis.home_of(settings)
    yield from diagnosis.database_of(settings)
    if settings.home.exists():
        yield from diagnosis.encryption_of(settings)
        yield from diagnosis.journal_of(settings)
        yield from diagnosis.standing_of(settings)
    here = Here(settings.config_file(), settings)  # one for both: managers of secrets are asked once
    yield from diagnosis.config_of(settings, here)
    yield from diagnosis.providers_of(settings, here, probe=probe)
    yield diagnosis.port_of(settings)
