"""``headgate logs``."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.connect import gateway_options, open_admin
from headgate.cli.output import as_json, print_json, print_table
from headgate.cli.when import Moment, iso

if TYPE_CHECKING:
    from headgate.client import Log

COLUMNS = ("at", "id", "status", "model", "answered by", "tokens in>", "out>", "USD>", "ms>", "why")


@click.command("logs")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many.")
@click.option("--since", type=Moment(past=True), help="Not before this time: 1h, 2026-12-01.")
@click.option("--until", type=Moment(past=True), help="Before this time.")
@click.option("--key-id", help="Calls of this key.")
@click.option("--model", help="Calls that this model answered.")
@click.option("--provider", help="Calls that this provider answered.")
@click.option("--status", type=click.Choice(["success", "fallback", "failure"]), help="How it ended.")
@gateway_options
@as_json
def command(home: Path | None, url: str | None, key: str | None, json: bool, **filters: Any) -> None:
    """List calls, the latest first."""
    limit = filters.pop("limit")
    for name in ("since", "until"):
        filters[name] = iso(filters[name])
    found: list[Log] = []
    with open_admin(home, url, key) as gateway:
        after = None
        while len(found) < limit:
            page = gateway.logs(limit=min(limit - len(found), 1000), after=after, **filters)
            found += page.data
            after = page.next
            if not page.has_more:
                break
    if json:
        print_json(found)
        return
    print_table(COLUMNS, map(_row, found), empty="There are no such calls.")


def _row(log: "Log") -> tuple[Any, ...]:
    at = datetime.fromisoformat(log.at).strftime("%m-%d %H:%M:%S")
    status = f"{log.status} {log.http_status}" if log.status == "failure" else log.status
    why = log.code or ""
    return (
        at, log.id, status, log.model_requested, log.model_used, log.input_tokens, log.output_tokens,
        log.cost_usd, log.total_ms, why,
    )  # fmt: skip
