"""``headgate budgets``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.connect import gateway_options, open_admin
from headgate.cli.output import as_json, print_json, print_table

if TYPE_CHECKING:
    from headgate.client.money import Budget, BudgetUsage

WINDOWS = ("day", "week", "month", "total")
SUBJECTS = ("team", "app", "user", "key", "end-user", "model", "provider")
EACH = ("team", "app", "user", "key", "end_user", "model", "provider", "tag")


@click.group("budgets")
def command() -> None:
    """Say what may be spent, by whom and on what; see how much of it is."""


def _amount(function: Any) -> Any:
    function = click.option("--tokens", type=int, help="Tokens, prompt and answer, instead of USD.")(function)
    return click.option("--usd", help="Money, in USD.")(function)


def _match(function: Any) -> Any:
    function = click.option("--tag", "tags", multiple=True, help="Calls with this tag; several: with all of them.")(
        function
    )
    for name in reversed(SUBJECTS):
        option = "--virtual-key" if name == "key" else f"--{name}"  # --key is the credential
        help = f"Calls of this {name.replace('-', ' ')} alone."
        function = click.option(option, f"of_{name.replace('-', '_')}", help=help)(function)
    return function


@command.command("create")
@click.option("--name", required=True, help="What it is called.")
@_amount
@click.option("--window", type=click.Choice(WINDOWS), required=True, help="Calendar window, in the tenant's zone.")
@_match
@click.option("--each", type=click.Choice(EACH), help="Every one of these has the amount for itself.")
@click.option("--soft", is_flag=True, help="Refuse nothing; only tell when it is passed.")
@gateway_options
@as_json
def create(home: Path | None, url: str | None, key: str | None, json: bool, **given: Any) -> None:
    """Make a budget. Without any subject it is the whole tenant's."""
    if (given["usd"] is None) == (given["tokens"] is None):
        raise click.UsageError("Give either --usd or --tokens.")
    names = [name.replace("-", "_") for name in SUBJECTS]
    match = {name: value for name in names if (value := given[f"of_{name}"])}
    fields = {
        "match": {**match, "tags": list(given["tags"])},
        "each": given["each"],
        "usd": given["usd"],
        "tokens": given["tokens"],
        "hard": not given["soft"],
    }
    with open_admin(home, url, key) as gateway:
        made = gateway.create_budget(
            given["name"], given["window"], **{k: v for k, v in fields.items() if v is not None}
        )
    print_json(made) if json else click.echo(f"Made the budget {made.name!r}: {_sum(made)}. id {made.id}")


@command.command("list")
@gateway_options
@as_json
def list_budgets(home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """List budgets and how they stand."""
    with open_admin(home, url, key) as gateway:
        found = [(one, gateway.budget_usage(one.id)) for one in gateway.budgets()]
    if json:
        print_json([{"budget": one, "usage": usage} for one, usage in found])
        return
    columns = ("id", "name", "of", "amount", "used>", "left>", "share>", "set aside>", "at the end", "")
    print_table(
        columns, [_row(*one) for one in found], empty="There are no budgets. `headgate budgets create` makes one."
    )


@command.command("set")
@click.argument("id")
@_amount
@click.option("--name", help="What it is called.")
@click.option("--window", type=click.Choice(WINDOWS), help="Calendar window.")
@click.option("--on/--off", "is_active", default=None, help="Switch it on or off.")
@click.option("--hard/--soft", default=None, help="Refuse what passes it, or only tell.")
@gateway_options
@as_json
def change(id: str, home: Path | None, url: str | None, key: str | None, json: bool, **given: Any) -> None:
    """Change the budget ID. Calls in flight finish; the next one counts."""
    fields = {name: value for name, value in given.items() if value is not None}
    if not fields:
        raise click.UsageError("Say what is to change.")
    with open_admin(home, url, key) as gateway:
        now = gateway.update_budget(id, **fields)
    print_json(now) if json else click.echo(f"The budget {now.name!r} is {_sum(now)}.")


@command.command("remove")
@click.argument("id")
@gateway_options
@as_json
def remove(id: str, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """Remove the budget ID."""
    with open_admin(home, url, key) as gateway:
        gone = gateway.remove_budget(id)
    print_json(gone) if json else click.echo(f"Removed the budget {gone.name!r}.")


def _sum(one: "Budget") -> str:
    amount = f"{one.usd} USD" if one.usd is not None else f"{one.tokens:,} tokens"
    return amount + (" in all" if one.window == "total" else f" a {one.window}") + ("" if one.hard else ", soft")


def _row(one: "Budget", usage: "BudgetUsage") -> tuple[Any, ...]:
    of = [f"{kind} {value}" for kind, value in one.match.items() if value and kind != "tags"]
    of += [f"tag {tag}" for tag in one.match.get("tags", ())]
    whose = " and ".join(of) or "tenant"
    coming = None if usage.forecast is None else str(usage.forecast.likely)
    each = f"each {one.each.replace('_', ' ')}" + ("" if whose == "tenant" else f" of {whose}") if one.each else whose
    state = "" if one.is_active else "off"
    share = f"{usage.share:.1%}"
    return (
        one.id,
        one.name,
        each,
        _sum(one),
        str(usage.used),
        str(usage.remaining),
        share,
        str(usage.set_aside),
        coming,
        state,
    )
