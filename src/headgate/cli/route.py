"""``headgate route``."""

from pathlib import Path
from typing import Any

import click

from headgate.cli.connect import gateway_options, open_admin
from headgate.cli.named import add_commands
from headgate.cli.output import as_json, print_json, print_table


@click.group("route")
def command() -> None:
    """List and change routes, and explain which deployment a call would go to."""


@command.command("list")
@gateway_options
@as_json
def list_routes(home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """List routes and aliases with their deployments and strategies."""
    with open_admin(home, url, key) as gateway:
        rows = gateway.routes()
    if json:
        print_json(rows)
        return
    print_table(
        ("route", "kind", "in the", "version>", "deployments", "strategies", "then"),
        [
            (
                row["name"],
                row["kind"],
                row["managed_by"] + ("" if row["shared"] else ", own"),
                row["version"],
                [target["target"] for target in row["targets"]],
                [entry["kind"] for entry in row["strategy"]],
                row["fallback"],
            )
            for row in rows
        ],
        empty="There are no routes.",
    )


@command.command("explain")
@click.argument("model")
@click.option("--key-id", help="Count the grants, limits and budgets of this key.")
@click.option("--user", help="The user that the call names.")
@click.option("--session", help="The session that the call belongs to.")
@click.option("--tags", help="Tags of the call, with commas between them.")
@click.option("--metadata", "pairs", multiple=True, metavar="NAME=VALUE", help="Metadata of the call.")
@click.option("--body", type=click.File("rb"), help="A chat request of any surface, in a file (- for standard input).")
@gateway_options
@as_json
def explain(home: Path | None, url: str | None, key: str | None, json: bool, model: str, **given: Any) -> None:
    """Say which deployment a call to MODEL would go to and why. Nobody is called."""
    file, tags, pairs = given.pop("body"), given.pop("tags"), given.pop("pairs")
    if file is not None:
        given["body"] = _document(file.read())
    if tags:
        given["tags"] = [tag.strip() for tag in tags.split(",") if tag.strip()]
    if pairs:
        given["metadata"] = dict(_pair(pair) for pair in pairs)
    with open_admin(home, url, key) as gateway:
        told = gateway.explain(model, **given)
    if json:
        print_json(told)
        return
    click.echo(told["reason"])
    print_table(
        ("deployment", "", "by", "at most USD>", "why"),
        [(one["target"], one["act"], one["rule"], one["hold_usd"], one["reason"]) for one in told["candidates"]],
        empty="There is no deployment.",
    )
    for room in told["budgets"]:
        unit, word = ("tokens", "tokens") if room["cap_usd"] is None else ("usd", "USD")
        used, cap, after = (room[f"{what}_{unit}"] for what in ("used", "cap", "after"))
        short = "" if room["enough"] else ", which is not enough" + ("" if room["hard"] else " but refuses nothing")
        click.echo(
            f"{room['name'] or 'budget'} per {room['window']}: {used} of {cap} {word} used; "
            f"{after} {word} left after this call{short}"
        )
    if told["refused"]:
        click.echo(f"refused: {told['refused']}")


@command.command("experiment")
@click.argument("name")
@gateway_options
@as_json
def experiment(home: Path | None, url: str | None, key: str | None, json: bool, name: str) -> None:
    """Say how the targets of the route NAME compare, whether that is decided, and what copies of its calls came to."""
    with open_admin(home, url, key) as gateway:
        told = gateway.experiment(name)
    if json:
        print_json(told)
        return
    if told["measure"] is not None:
        click.echo(f"{told['said']} ({told['calls']} calls{'' if told['complete'] else ', the latest'})")
        print_table(
            ("deployment", "calls>", f"{told['measure']}>", "effect>", "from>", "to>", "p>", ""),
            [
                (
                    one["target"],
                    one["calls"],
                    *(_figure(one[n]) for n in ("value", "effect", "low", "high", "p")),
                    one["verdict"],
                )
                for one in told["targets"]
            ],
            empty="There is no deployment.",
        )
    elif not told["copies"]:
        click.echo("This route has no experiment, and no copies of its calls are on record.")
    if told["copies"]:
        print_table(
            ("copied to", "calls>", "failed>", "USD>", "there>", "ms>", "there>", "tokens>", "there>"),
            [
                (
                    one["target"], one["calls"], one["failed"],
                    *(_figure(one[n + end]) for n in ("cost_usd", "latency_ms", "tokens") for end in ("", "_copy")),
                )
                for one in told["copies"]
            ],
            empty="",
        )  # fmt: skip


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _document(data: bytes) -> dict[str, Any]:
    import msgspec

    try:
        found: dict[str, Any] = msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise click.BadParameter(f"is no JSON object: {error}", param_hint="--body") from None
    return found


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise click.BadParameter("is written NAME=VALUE", param_hint="--metadata")
    return name, value


add_commands(command, "routes", "route")
