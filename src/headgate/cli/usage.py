"""``headgate usage``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.connect import gateway_options, open_admin
from headgate.cli.output import as_json, print_json, print_table
from headgate.cli.when import Moment, iso

if TYPE_CHECKING:
    from headgate.client.answers import UsageRow

TIMES = ("day", "hour", "minute")
NAMES = ("team", "key", "user", "app", "tag", "model", "provider", "route", "surface", "status", "code")
SORTS = (
    "requests",
    "failures",
    "fallbacks",
    "attempts",
    "cache_hits",
    "input_tokens",
    "output_tokens",
    "cost",
    "saved",
)
NONE = "(none)"
"""The name of calls that have none."""
NOT_ALL = "Nothing is added up for this question, and there are too many calls to look at all of them."


@click.command("usage")
@click.option(
    "--by", type=click.Choice((*TIMES, *NAMES)), default="model", show_default=True, help="What to add up by."
)
@click.option("--since", type=Moment(past=True), default="30d", show_default=True, help="From this time on.")
@click.option("--until", type=Moment(past=True), help="Before this time.")
@click.option("--key-id", help="Calls of this key alone.")
@click.option("--compare", is_flag=True, help="Show durations, and how it was in as long a time before.")
@click.option("--sort", type=click.Choice(SORTS), default="cost", show_default=True, help="What is compared.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="How many are compared.")
@gateway_options
@as_json
def command(
    home: Path | None,
    url: str | None,
    key: str | None,
    json: bool,
    compare: bool,
    sort: str,
    limit: int,
    **filters: Any,
) -> None:
    """Add up calls, tokens and cost."""
    for name in ("since", "until"):
        filters[name] = iso(filters[name])
    if compare and filters["by"] in TIMES:
        raise click.UsageError(f"--compare goes with --by {', '.join(NAMES)}.")
    with open_admin(home, url, key) as gateway:
        if compare:
            found = gateway.analytics(compare="true", sort=sort, limit=limit, **filters)
            _print_compared(found, json)
            return
        usage = gateway.usage(**filters)
    if json:
        print_json(usage)
        return
    columns = (
        usage.by, "calls>", "failed>", "cache hits>", "tokens in>", "cached>", "out>", "reasoning>", "USD>", "saved>",
        "unpriced>",
    )  # fmt: skip
    rows = [_row(row.name or NONE, row) for row in usage.data]
    total = _row("all", usage.total)
    if usage.total.requests and [row[1:] for row in rows] != [total[1:]]:
        rows.append(total)
    print_table(columns, rows, empty="Nothing was used in that time.")
    if not usage.complete:
        click.echo(NOT_ALL)


def _row(name: str, row: "UsageRow") -> tuple[Any, ...]:
    return (
        name, row.requests, row.failures, row.cache_hits or None, row.input_tokens, row.cached_tokens,
        row.output_tokens, row.reasoning_tokens, row.cost_usd, None if row.saved_usd == "0" else row.saved_usd,
        row.unpriced,
    )  # fmt: skip


def _print_compared(found: dict[str, Any], json: bool) -> None:
    if json:
        print_json(found)
        return
    changes = {one["name"]: one for one in found["previous"]["changes"]}
    rows = [_compared(one["name"] or NONE, one, changes.get(one["name"])) for one in found["data"]]
    total = _compared("all", found["total"], changes[None])
    if [row[1:] for row in rows] != [total[1:]]:
        rows.append(total)
    columns = (
        found["by"], "calls>", "failed>", "USD>", "p50 ms>", "p95 ms>", "first token ms>", "before>", "now>", "change>"
    )  # fmt: skip
    print_table(columns, rows, empty="Nothing was used in that time.")
    if found["source"] == "calls" and not found["complete"]:
        click.echo(NOT_ALL)


def _compared(name: str, row: dict[str, Any], change: dict[str, Any] | None) -> tuple[Any, ...]:
    latency, first = row["latency"] or {}, row["first_token"] or {}
    share = None if change is None or change["share"] is None else f"{change['share']:+.0%}"
    return (
        name, row["requests"], row["failures"], row["cost_usd"], latency.get("p50"), latency.get("p95"),
        first.get("p50"), _number(change, "before"), _number(change, "now"), share,
    )  # fmt: skip


def _number(change: dict[str, Any] | None, name: str) -> str | None:
    return None if change is None else f"{change[name]:,.9f}".rstrip("0").rstrip(".")
