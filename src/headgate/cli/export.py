"""``headgate export``."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.connect import gateway_options, load_settings, open_admin
from headgate.cli.output import as_json, print_json, print_table
from headgate.cli.when import Moment, iso

if TYPE_CHECKING:
    from headgate.client import Admin

POLL = 0.5
FILTERS = ("key-id", "team-id", "app-id", "user-id", "end-user", "model", "provider", "surface", "code", "route")


def _filters(function: Any) -> Any:
    for name in reversed(FILTERS):
        function = click.option(f"--{name}", help="These calls alone.")(function)
    function = click.option("--status", type=click.Choice(["success", "fallback", "failure"]), help="These alone.")(
        function
    )
    function = click.option("--tag", "tags", multiple=True, help="Calls with this tag; several: with all of them.")(
        function
    )
    function = click.option("--until", type=Moment(past=True), help="Before this time.")(function)
    return click.option("--since", type=Moment(past=True), help="From this time on: 30d, 2026-12-01.")(function)


@click.group("export", invoke_without_command=True)
@click.option("--format", type=click.Choice(["jsonl", "parquet"]), default="jsonl", show_default=True, help="As what.")
@click.option("--payloads", is_flag=True, help="Also what was said, as far as it was kept.")
@click.option("--store", help="Put the files into this store of the configuration.")
@click.option("--output", type=click.Path(path_type=Path), help="Into this file; of Parquet, this folder.")
@_filters
@gateway_options
@as_json
@click.pass_context
def command(
    context: click.Context,
    /,
    home: Path | None,
    url: str | None,
    key: str | None,
    json: bool,
    output: Path | None,
    **wanted: Any,
) -> None:
    """Write finished calls into files. Interrupted, it goes on in the gateway: `headgate export list`."""
    if context.invoked_subcommand is not None:
        return
    if output is None and not wanted["store"]:
        output = Path(f"calls.{wanted['format']}")
    if output is not None and wanted["store"]:
        raise click.UsageError("either --output or --store: what is put into a store is fetched there.")
    for name in ("since", "until"):
        wanted[name] = iso(wanted[name])
    wanted["tags"] = list(wanted["tags"]) or None
    with open_admin(home, url, key) as gateway:
        made = gateway.export(**wanted)
        done = _wait(gateway, made["id"], home=home if not url else None, here=not url, quiet=json)
        if output is not None:
            _fetch(gateway, done, output)
    if json:
        print_json(done)
        return
    where = f"{output}" if output is not None else f"{len(done['files'])} files in the store {done['store']}"
    click.echo(f"{done['rows']:,} calls: {where}", err=True)


@command.command("list")
@gateway_options
@as_json
def list_exports(home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """List the latest exports."""
    with open_admin(home, url, key) as gateway:
        found = gateway.exports()
    if json:
        print_json(found)
        return
    rows = [
        (e["id"], e["created_at"][:19], e["state"], f"{e['done']:.0%}", e["rows"], e["format"], e["store"], e["error"])
        for e in found
    ]
    print_table(("id", "at", "state", "done>", "calls>", "as", "store", "why"), rows, empty="There are no exports.")


@command.command("get")
@click.argument("id")
@click.option(
    "--output", type=click.Path(path_type=Path), required=True, help="Into this file; of Parquet, this folder."
)
@gateway_options
def get(id: str, output: Path, home: Path | None, url: str | None, key: str | None) -> None:
    """Fetch the files of an export that is done."""
    with open_admin(home, url, key) as gateway:
        done = _wait(gateway, id, home=home, here=not url, quiet=False)
        _fetch(gateway, done, output)
    click.echo(f"{done['rows']:,} calls: {output}", err=True)


@command.command("stop")
@click.argument("id")
@gateway_options
def stop(id: str, home: Path | None, url: str | None, key: str | None) -> None:
    """Stop an export, or remove its files."""
    with open_admin(home, url, key) as gateway:
        click.echo(gateway.cancel_export(id)["state"])


def _wait(gateway: "Admin", id: str, *, home: Path | None, here: bool, quiet: bool) -> dict[str, Any]:
    """Return an export once it is over. Where no gateway runs in this home, make it."""
    if here:
        from headgate.cli.local import export_here

        export_here(load_settings(home))
    with click.progressbar(length=1000, label="Calls", hidden=quiet) as bar:
        while True:
            state = gateway.export_state(id)
            bar.update(int(state["done"] * 1000) - bar.pos)
            if state["state"] not in ("waiting", "running"):
                break
            time.sleep(POLL)
    if state["state"] != "done":
        raise click.ClickException(f"the export is {state['state']}: {state['error'] or 'somebody stopped it'}")
    return state


def _fetch(gateway: "Admin", done: dict[str, Any], output: Path) -> None:
    """Write the files: lines into one, Parquet each into its own."""
    if done["format"] == "jsonl":
        output.write_bytes(b"")
    else:
        output.mkdir(parents=True, exist_ok=True)
    for file in done["files"]:
        to = output if done["format"] == "jsonl" else output / file["name"]
        if to is not output:
            to.write_bytes(b"")
        digest = gateway.export_file(done["id"], file["name"], to)
        if digest != file["sha256"]:
            raise click.ClickException(f"{file['name']} is not as it was written: fetch it again with `export get`")
