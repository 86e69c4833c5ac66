"""``headgate audit``."""

from pathlib import Path
from typing import Any

import click

from headgate.cli.connect import gateway_options, open_admin
from headgate.cli.output import as_json, print_json, print_table
from headgate.cli.when import Moment, iso

FILTERS = ("actor_id", "action", "object_kind", "object_id", "outcome")


@click.group("audit")
def command() -> None:
    """See what was done, and whether all of it is still as it was written."""


def _filters(function: Any) -> Any:
    function = click.option("--until", type=Moment(past=True), help="Before this time.")(function)
    function = click.option("--since", type=Moment(past=True), help="From this time on: 7d, 2026-12-01.")(function)
    function = click.option("--outcome", type=click.Choice(["done", "refused", "failed"]), help="These alone.")(
        function
    )
    for name in ("object-id", "object-kind", "action", "actor-id"):
        function = click.option(f"--{name}", help="These alone.")(function)
    return function


def _query(given: dict[str, Any]) -> dict[str, Any]:
    return {**{name: given[name] for name in FILTERS}, "since": iso(given["since"]), "until": iso(given["until"])}


@command.command("list")
@_filters
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="So many.")
@gateway_options
@as_json
def list_entries(home: Path | None, url: str | None, key: str | None, json: bool, limit: int, **given: Any) -> None:
    """List what was done, latest first."""
    with open_admin(home, url, key) as gateway:
        found = gateway.audit(**_query(given), limit=limit)
    if json:
        print_json(found)
        return
    rows = [
        (e["seq"], e["at"][:19], f"{e['actor_kind']} {e['actor_id']}", e["action"],
         f"{e['object_kind']} {e['object_id']}", e["outcome"], e["address"])
        for e in found
    ]  # fmt: skip
    print_table(("seq>", "at", "who", "did", "to", "outcome", "from"), rows, empty="Nothing was done.")


@command.command("export")
@_filters
@click.option("--format", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True, help="As what.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Into this file.")
@gateway_options
def export(home: Path | None, url: str | None, key: str | None, format: str, output: Path | None, **given: Any) -> None:
    """Print all entries, oldest first."""
    with open_admin(home, url, key) as gateway:
        text = gateway.audit_file(format, **_query(given))
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, newline="")
        click.echo(f"Wrote {output}.", err=True)


@command.command("verify")
@click.option(
    "--known", metavar="SEQ:HASH", help="An entry that was written down: the head of an earlier verification."
)
@gateway_options
@as_json
def verify(known: str | None, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """Look at every entry and every exchange; end with 1 where something is not as it was written."""
    with open_admin(home, url, key) as gateway:
        found = gateway.verify_audit(_known(known))
    if json:
        print_json(found)
    else:
        for fault in found.faults:
            where = f"entry {fault['seq']}" if fault["seq"] is not None else f"exchanges from {fault['hour'][:13]}:00"
            click.echo(f"{where}: {fault['what']}. {fault['words']}")
        more = f", and {found.more} more faults" if found.more else ""
        words = "as written" if found.ok else "NOT as written"
        click.echo(f"{found.entries:,} entries and {found.exchanges:,} exchanges: {words}{more}.")
        click.echo(f"Head: {found.head_seq}:{found.head_hash}")
    if not found.ok:
        raise SystemExit(1)


def _known(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    seq, _, digest = text.partition(":")
    if not seq.isdecimal() or len(digest) != 64:
        raise click.UsageError("--known takes what a verification printed as its head: 123:abc...")
    return int(seq), digest
