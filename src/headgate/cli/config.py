"""``headgate config``: the configuration file before it is used."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.connect import home_option, load_settings
from headgate.cli.output import as_json, print_json

if TYPE_CHECKING:
    from headgate.config import Problem


@click.group("config")
def command() -> None:
    """Look at the configuration file."""


@command.command("check")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@home_option
@as_json
def check(file: Path | None, home: Path | None, json: bool) -> None:
    """Tell everything that is wrong with FILE (else the file that `serve` would take), at once."""
    path = file or load_settings(home).config_file()
    found, secrets = looked_at(path)
    if json:
        listed = [{"line": p.line, "column": p.column, "path": p.path, "message": p.message} for p in found]
        print_json({"file": str(path) if path else None, "ok": not found, "problems": listed, "secrets": secrets})
    elif path is None:
        click.echo("There is no configuration file; the gateway does without.")
    else:
        for one in secrets:
            if one["ok"]:
                click.echo(f"{path}:{one['line']}:{one['column']}: {one['path']}: {one['reference']} resolves")
        for problem in found:
            click.echo(str(problem), err=True)
        click.echo(f"{path}: {len(found)} fault(s)" if found else f"{path}: good", err=bool(found))
    sys.exit(2 if found else 0)


@command.command("schema")
def schema() -> None:
    """Print the JSON schema of the file, for editors."""
    from headgate.config.schema import schema

    print_json(schema())


@command.command("adopt")
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(["provider", "route", "alias", "use_case", "guardrail", "cache", "alert"]),
    help="What it is, where NAME is several.",
)
@home_option
def adopt(name: str, kind: str | None, home: Path | None) -> None:
    """Move NAME, a provider, route, alias, use case, guardrail, cache or alert, from the file to the database.

    There the API can change it. A gateway that runs goes on with it. The file is written anew without the entry;
    nothing else in it changes.
    """
    from headgate.cli.adopt import adopt

    settings = load_settings(home)
    word = adopt(settings, name, kind)
    click.echo(f"The {word} {name} is in the database now; {settings.config_file()} does without it.")


def looked_at(path: Path | None) -> "tuple[list[Problem], list[dict[str, Any]]]":
    """Return what is wrong with the file at *path*, up to what only building its providers shows, and every secret of
    it that a manager keeps: where it stands, what it refers to, whether that is there."""
    from headgate.cli.compiled import Here
    from headgate.config import ConfigError, Problem
    from headgate.core.secret import Secret

    here, found = Here(path), list[Problem]()
    try:
        _ = here.compiled
    except ConfigError as error:
        found = error.problems
    except ValueError as error:
        found = [Problem(str(path), 0, 0, "", str(error))]
    return found, [
        {
            "line": used.line,
            "column": used.column,
            "path": used.path,
            "reference": str(used.reference),
            "ok": isinstance(here.managed.look(used.reference), Secret),
        }
        for used in here.managed.used
    ]
