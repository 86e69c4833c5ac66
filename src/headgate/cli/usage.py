"""``headgate usage``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.connect import gateway_options, open_admin
from headgate.cli.output import as_json, print_json, print_table
from headgate.cli.when import Moment, iso

if TYPE_CHECKING:
    from headgate.client.answers import UsageRow

DIMENSIONS = ("day", "hour", "key", "model", "provider")


@click.command("usage")
@click.option("--by", type=click.Choice(DIMENSIONS), default="model", show_default=True, help="What to add up by.")
@click.option("--since", type=Moment(past=True), default="30d", show_default=True, help="From this time on.")
@click.option("--until", type=Moment(past=True), help="Before this time.")
@click.option("--key-id", help="Calls of this key alone.")
@gateway_options
@as_json
def command(home: Path | None, url: str | None, key: str | None, json: bool, **filters: Any) -> None:
    """Add up calls, tokens and cost."""
    for name in ("since", "until"):
        filters[name] = iso(filters[name])
    with open_admin(home, url, key) as gateway:
        usage = gateway.usage(**filters)
    if json:
        print_json(usage)
        return
    columns = (usage.by, "calls>", "failed>", "tokens in>", "cached>", "out>", "reasoning>", "USD>", "unpriced>")
    rows = [_row(row.name or "(none)", row) for row in usage.data]
    if len(rows) > 1:
        rows.append(_row("all", usage.total))
    print_table(columns, rows, empty="Nothing was used in that time.")


def _row(name: str, row: "UsageRow") -> tuple[Any, ...]:
    return (
        name, row.requests, row.failures, row.input_tokens, row.cached_tokens, row.output_tokens,
        row.reasoning_tokens, row.cost_usd, row.unpriced,
    )  # fmt: skip
