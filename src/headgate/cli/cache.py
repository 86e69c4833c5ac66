"""``headgate cache``."""

from pathlib import Path

import click

from headgate.cli.connect import gateway_options, open_admin
from headgate.cli.named import add_commands, listing
from headgate.cli.output import as_json, print_json, print_table


@click.group("cache")
def command() -> None:
    """Caches of answers. Those of the configuration file are changed there."""


@command.command("list")
@gateway_options
@as_json
def list_caches(home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """List them."""
    listing("caches", "cache", home, url, key, json=json)


@command.command("stats")
@click.option("--hours", type=click.IntRange(1, 9600), default=24, show_default=True, help="How far to look back.")
@click.option("--all-tenants", is_flag=True, help="Of every tenant together.")
@gateway_options
@as_json
def stats(home: Path | None, url: str | None, key: str | None, json: bool, hours: int, all_tenants: bool) -> None:
    """Show what caches hold and what they saved."""
    with open_admin(home, url, key) as gateway:
        rows = gateway.cache_stats(hours=hours, all_tenants=all_tenants)
    if json:
        print_json(rows)
        return
    table = [
        (
            row["cache"],
            f"{row['entries']:,}",
            f"{row['bytes'] / 1e6:.1f} MB",
            f"{row['hits']:,}",
            f"{row['misses']:,}",
            "" if row["hit_rate"] is None else f"{100 * row['hit_rate']:.1f} %",
            row["saved_usd"],
            f"{row['saved_seconds']:,.0f} s",
        )
        for row in rows
    ]
    columns = ("cache", "entries>", "size>", "hits>", "misses>", "hit rate>", "saved USD>", "saved time>")
    print_table(columns, table, empty="There is no cache.")


@command.command("clear")
@click.argument("name", required=False)
@click.option("--model", help="Only answers that this provider/model gave, or that were given on this route.")
@click.option("--key-id", help="Only answers that were made for this key's calls.")
@click.option("--all-tenants", is_flag=True, help="Of every tenant.")
@gateway_options
@as_json
def clear(
    home: Path | None,
    url: str | None,
    key: str | None,
    json: bool,
    name: str | None,
    model: str | None,
    key_id: str | None,
    all_tenants: bool,
) -> None:
    """Remove answers from the cache NAME, or from all caches."""
    with open_admin(home, url, key) as gateway:
        removed = gateway.clear_caches(cache=name, model=model, key_id=key_id, all_tenants=all_tenants)
    if json:
        print_json({"removed": removed})
    elif removed is None:
        click.echo("Ordered: workers remove what they hold within a second.")
    else:
        click.echo(f"Removed {removed:,} answer{'s' if removed != 1 else ''}.")


add_commands(command, "caches", "cache")
