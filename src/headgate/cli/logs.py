"""``headgate logs``."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from headgate.cli.connect import gateway_options, open_admin
from headgate.cli.log_options import asked, chosen, searches
from headgate.cli.output import as_json, print_json, print_table, text
from headgate.cli.payload import erase, payload

if TYPE_CHECKING:
    from headgate.client import Log

COLUMNS = ("at", "id", "status", "model", "answered by", "tokens in>", "out>", "USD>", "ms>", "why")


@click.group("logs", invoke_without_command=True)
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many.")
@searches
@chosen
@gateway_options
@as_json
@click.pass_context
def command(
    context: click.Context, /, home: Path | None, url: str | None, key: str | None, json: bool, **filters: Any
) -> None:
    """List calls, the latest first."""
    if context.invoked_subcommand is not None:
        return
    limit, filters = filters.pop("limit"), asked(filters)
    found: list[Log] = []
    with open_admin(home, url, key) as gateway:
        after = None
        while len(found) < limit:
            page = gateway.logs(limit=min(limit - len(found), 1000), after=after, **filters)
            found += page.data
            after = page.next
            if not page.has_more:
                break  # a short page is not the last: so many calls were looked through for it, and no more
    if json:
        print_json(found)
        return
    print_table(COLUMNS, map(_row, found), empty="There are no such calls.")


@command.command("tail")
@chosen
@gateway_options
@as_json
def tail(home: Path | None, url: str | None, key: str | None, json: bool, **filters: Any) -> None:
    """Show calls as they end, until interrupted. Needs --url: only a gateway that runs has any."""
    if not url:
        raise click.UsageError("--url says which gateway to look at, such as --url http://127.0.0.1:8080.")
    with open_admin(home, url, key) as gateway:
        for log in gateway.tail(**filters):
            line = msgspec.json.encode(log).decode() if json else "  ".join(text(_shown(cell)) for cell in _row(log))
            click.echo(line)


command.add_command(payload)
command.add_command(erase)


def _shown(cell: Any) -> str:
    return "-" if cell is None or cell == "" else str(cell)


def _row(log: "Log") -> tuple[Any, ...]:
    at = datetime.fromisoformat(log.at).strftime("%m-%d %H:%M:%S")
    status = f"{log.status} {log.http_status}" if log.status == "failure" else log.status
    why = log.code or ""
    return (
        at, log.id, status, log.model_requested, log.model_used, log.input_tokens, log.output_tokens,
        log.cost_usd, log.total_ms, why,
    )  # fmt: skip
