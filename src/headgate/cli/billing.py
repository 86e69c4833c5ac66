"""``headgate billing``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.connect import gateway_options, open_admin
from headgate.cli.output import as_json, print_json, print_table

if TYPE_CHECKING:
    from headgate.client.money import Invoice

BY = ("tenant", "team", "app", "user", "key", "tag", "model", "provider", "day")
SUMS = ("calls", "input", "output", "cost_usd", "billed_usd", "unpriced", "uncertain")


@click.group("billing")
def command() -> None:
    """See who pays for what; issue invoices and reports; compare with what providers say."""


@command.command("chargeback")
@click.option("--by", type=click.Choice(BY), default="team", show_default=True, help="What to add up by.")
@click.option("--first", metavar="DAY", help="From this day on: 2026-11-01. Without, from the first of this month.")
@click.option("--end", metavar="DAY", help="Before this day.")
@click.option("--team", help="Of this team alone.")
@click.option("--app", help="Of this app alone.")
@click.option("--user", help="Of this user alone.")
@gateway_options
@as_json
def chargeback(home: Path | None, url: str | None, key: str | None, json: bool, **query: Any) -> None:
    """Add up who pays for what."""
    with open_admin(home, url, key) as gateway:
        made = gateway.chargeback(**query)
    if json:
        print_json(made)
        return
    lines = [(line["name"] or f"(no {made['by']})", *(line[name] for name in SUMS)) for line in made["data"]]
    if len(lines) > 1:
        lines.append(("all", *(made["total"][name] for name in SUMS)))
    lines += [
        (f"corrected: {one['model']}", *("" for _ in SUMS[:4]), one["usd"], "", "") for one in made["adjustments"]
    ]
    columns = (made["by"], "calls>", "tokens in>", "out>", "cost USD>", "billed USD>", "unpriced>", "in doubt>")
    print_table(columns, lines, empty="Nothing was used in that time.")


@command.command("forecast")
@gateway_options
@as_json
def forecast(home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """Say what this month will come to."""
    with open_admin(home, url, key) as gateway:
        made = gateway.forecast()
    coming = made["forecast"]
    if json:
        print_json(made)
    elif coming is None:
        click.echo("Nothing is known of whole days yet.")
    else:
        low, likely, high = (coming[name]["usd"] for name in ("low", "likely", "high"))
        click.echo(f"{made['first']} to {made['end']}: {likely} USD, four times in five between {low} and {high}.")
        click.echo(f"By {coming['method']}; on {coming['days']} days.")


@command.command("invoices")
@click.option("--kind", type=click.Choice(["invoice", "report"]), help="These alone.")
@gateway_options
@as_json
def invoices(home: Path | None, url: str | None, key: str | None, json: bool, **query: Any) -> None:
    """List invoices and reports, latest first."""
    with open_admin(home, url, key) as gateway:
        found = gateway.invoices(**query)
    if json:
        print_json(found)
        return
    columns = ("id", "number", "kind", "app", "first", "end", "USD>", "issued")
    print_table(columns, map(_row, found), empty="Nothing was issued. `headgate billing issue` does it.")


@command.command("issue")
@click.option("--report", "app_id", metavar="APP_ID", help="The report of an app's week instead of an invoice.")
@click.option("--day", help="Any day of the month or week; without, of the last one that is over.")
@click.option("--send", "channel_ids", multiple=True, metavar="CHANNEL_ID", help="Send it there.")
@gateway_options
@as_json
def issue(home: Path | None, url: str | None, key: str | None, json: bool, **given: Any) -> None:
    """Issue an invoice or a report. What was issued stays as it is."""
    fields = {name: value for name, value in given.items() if value}
    with open_admin(home, url, key) as gateway:
        made = gateway.issue("report" if given["app_id"] else "invoice", **fields)
    print_json(made) if json else click.echo(
        f"{made.number}: {made.total_usd} USD, {made.first} to {made.end}. id {made.id}"
    )


@command.command("show")
@click.argument("id")
@click.option(
    "--format", type=click.Choice(["json", "html", "csv"]), default="json", show_default=True, help="As what."
)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Into this file.")
@gateway_options
def show(id: str, format: str, output: Path | None, home: Path | None, url: str | None, key: str | None) -> None:
    """Print the invoice or report ID."""
    with open_admin(home, url, key) as gateway:
        text = gateway.invoice(id, format)
    if output is None:
        click.echo(text)
    else:
        output.write_text(text, newline="")
        click.echo(f"Wrote {output}.", err=True)


@command.command("import")
@click.argument("provider")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--format", type=click.Choice(["openai", "anthropic", "csv"]), required=True, help="Whose export it is.")
@click.option(
    "--column", "columns", multiple=True, metavar="KIND=NAME", help="Of a CSV: day=Date, model=Model, cost_usd=Cost ..."
)
@click.option("--dry", is_flag=True, help="Correct no charges.")
@gateway_options
@as_json
def import_usage(home: Path | None, url: str | None, key: str | None, json: bool, **given: Any) -> None:
    """Compare what PROVIDER exported into FILE with what we say."""
    named = dict(column.partition("=")[::2] for column in given["columns"])
    file: Path = given["file"]
    text = file.read_text(encoding="utf-8-sig", errors="surrogateescape")
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise click.UsageError(f"{file} is not UTF-8.")
    with open_admin(home, url, key) as gateway:
        made = gateway.import_usage(given["provider"], given["format"], text, columns=named, correct=not given["dry"])
    if json:
        print_json(made)
        return
    rows = [(one["model"], one["kind"], one["ours"], one["theirs"], one["drift"]) for one in made["totals"]]
    print_table(("model", "kind", "ours>", "theirs>", "drift>"), rows, empty="Neither says anything.")
    if made["corrected"]:
        click.echo(f"Corrected {made['corrected']} charges that nobody was sure of.")


@command.command("list")
@click.argument("things", type=click.Choice(["prices", "channels", "schedules"]))
@gateway_options
@as_json
def list_things(things: str, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """List prices, channels or schedules."""
    with open_admin(home, url, key) as gateway:
        found = gateway.billing_objects(things)
    if json:
        print_json(found)
        return
    hidden = ("created_at", "updated_at")
    columns = [name for name in (found[0] if found else {}) if name not in hidden]
    print_table(columns, [[_cell(one[name]) for name in columns] for one in found], empty=f"There are no {things}.")


@command.command("price")
@click.argument("model")
@click.option("--input", type=float, help="USD per million tokens of prompts.")
@click.option("--output", type=float, help="USD per million tokens of answers.")
@click.option("--markup", type=float, metavar="PERCENT", help="Put on it, or on the provider's price.")
@gateway_options
@as_json
def price(home: Path | None, url: str | None, key: str | None, json: bool, **given: Any) -> None:
    """Say what MODEL (provider/model, provider/*, *) is billed at."""
    fields: dict[str, Any] = {"model": given["model"]}
    if given["input"] is not None or given["output"] is not None:
        fields["price"] = {"input": given["input"] or 0, "output": given["output"] or 0}
    if given["markup"] is not None:
        fields["markup_percent"] = given["markup"]
    with open_admin(home, url, key) as gateway:
        made = gateway.create_billing_object("prices", **fields)
    print_json(made) if json else click.echo(f"{made['model']} is billed so. id {made['id']}")


@command.command("channel")
@click.argument("name")
@click.option("--webhook", metavar="URL", help="Post there.")
@click.option("--email", metavar="ADDRESS", help="Write there.")
@click.option(
    "--secret", envvar="HEADGATE_WEBHOOK_SECRET", help="What signatures are made with [HEADGATE_WEBHOOK_SECRET]."
)
@click.option("--event", "events", multiple=True, type=click.Choice(["approvals"]), help="Tell it of these.")
@gateway_options
@as_json
def channel(home: Path | None, url: str | None, key: str | None, json: bool, **given: Any) -> None:
    """Name a place that messages go to."""
    if (given["webhook"] is None) == (given["email"] is None):
        raise click.UsageError("Give either --webhook or --email.")
    fields: dict[str, Any] = {"name": given["name"], "events": list(given["events"])}
    fields |= {"kind": "webhook", "target": given["webhook"], "secret": given["secret"]} if given["webhook"] else {}
    fields |= {"kind": "email", "target": given["email"]} if given["email"] else {}
    with open_admin(home, url, key) as gateway:
        made = gateway.create_billing_object("channels", **fields)
    print_json(made) if json else click.echo(f"Messages go to {made['target']}. id {made['id']}")


@command.command("schedule")
@click.argument("kind", type=click.Choice(["invoice", "report"]))
@click.option("--app", "app_ids", multiple=True, metavar="APP_ID", help="Reports of these apps; without, of all.")
@click.option("--send", "channel_ids", multiple=True, metavar="CHANNEL_ID", help="Send them there.")
@gateway_options
@as_json
def schedule(home: Path | None, url: str | None, key: str | None, json: bool, **given: Any) -> None:
    """Have an invoice made of every month, or reports of every week."""
    fields = {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
    with open_admin(home, url, key) as gateway:
        made = gateway.create_billing_object("schedules", **fields)
    print_json(made) if json else click.echo(f"The next is made at {made['next_at'][:16]}. id {made['id']}")


@command.command("remove")
@click.argument("things", type=click.Choice(["prices", "channels", "schedules"]))
@click.argument("id")
@gateway_options
@as_json
def remove(things: str, id: str, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """Remove a price, a channel or a schedule."""
    with open_admin(home, url, key) as gateway:
        gone = gateway.remove_billing_object(things, id)
    print_json(gone) if json else click.echo("Removed.")


def _row(one: "Invoice") -> tuple[Any, ...]:
    return one.id, one.number, one.kind, one.app_id, one.first, one.end, one.total_usd, one.issued_at[:16]


def _cell(value: Any) -> Any:
    return ", ".join(f"{k} {v:g}" for k, v in value.items()) if isinstance(value, dict) else value
