"""What the commands of routes, aliases and use cases have in common: show, set, delete, versions, diff, rollback."""

from pathlib import Path
from typing import Any

import click

from headgate.cli.connect import gateway_options, open_admin
from headgate.cli.output import as_json, print_json, print_table

SHARED = click.option("--shared/--own", default=None, help="For all tenants, or this one alone; else wherever it is.")


def add_commands(group: click.Group, plural: str, word: str) -> None:
    """Give *group* the commands on the objects that the API has below ``/plural``."""
    _changing(group, plural, word)
    _looking(group, plural, word)


def _changing(group: click.Group, plural: str, word: str) -> None:
    @group.command(
        "set", help=f"Make or change the {word} NAME to what FILE says, in JSON or YAML (- for standard input)."
    )
    @click.argument("name")
    @click.argument("file", type=click.File("rb"))
    @click.option("--note", default=None, help="Why, for who looks at the versions.")
    @click.option("--etag", help="Only if this is still its ETag, as `show` has it.")
    @click.option("--dry-run", is_flag=True, help="Say what is wrong with it, and change nothing.")
    @SHARED
    @gateway_options
    @as_json
    def set_(
        home: Path | None, url: str | None, key: str | None, json: bool, name: str, file: Any, **given: Any
    ) -> None:
        with open_admin(home, url, key) as gateway:
            made = gateway.put(plural, name, document(file.read()), **given)
        if json:
            print_json(made)
        else:
            what = "would be" if given["dry_run"] else "is"
            click.echo(f"The {word} {name} {what} at version {made['version']}, ETag {made['etag']}.")

    @group.command("delete", help=f"Remove the {word} NAME; its versions stay.")
    @click.argument("name")
    @SHARED
    @gateway_options
    def delete(home: Path | None, url: str | None, key: str | None, name: str, shared: bool | None) -> None:
        with open_admin(home, url, key) as gateway:
            gateway.drop(plural, name, shared=shared)
        click.echo(f"Removed the {word} {name}. `rollback` brings a version of it back.")

    @group.command("rollback", help=f"Make VERSION of the {word} NAME the newest.")
    @click.argument("name")
    @click.argument("version", type=int)
    @gateway_options
    def rollback(home: Path | None, url: str | None, key: str | None, name: str, version: int) -> None:
        with open_admin(home, url, key) as gateway:
            made = gateway.roll_back(plural, name, version)
        click.echo(f"The {word} {name} is at version {made['version']}, which says what version {version} said.")


def _looking(group: click.Group, plural: str, word: str) -> None:
    @group.command("show", help=f"Show a {word}: what it says, and where it is kept.")
    @click.argument("name")
    @gateway_options
    def show(home: Path | None, url: str | None, key: str | None, name: str) -> None:
        with open_admin(home, url, key) as gateway:
            print_json(gateway.show(plural, name))

    @group.command("versions", help=f"List the versions that the {word} NAME had, newest first.")
    @click.argument("name")
    @gateway_options
    @as_json
    def versions(home: Path | None, url: str | None, key: str | None, json: bool, name: str) -> None:
        with open_admin(home, url, key) as gateway:
            rows = gateway.versions(plural, name)
        if json:
            print_json(rows)
            return
        print_table(
            ("version>", "at", "by", "note", ""),
            [
                (
                    row["version"],
                    row["created_at"][:16].replace("T", " "),
                    f"{row['author_kind']} {row['author_id']}".strip(),
                    row["note"],
                    "removed" if row["config"] is None else None,
                )
                for row in rows
            ],
            empty="It has no versions.",
        )

    @group.command("diff", help=f"Show how the versions BEFORE and AFTER of the {word} NAME differ.")
    @click.argument("name")
    @click.argument("before", type=int)
    @click.argument("after", type=int)
    @gateway_options
    @as_json
    def diff(
        home: Path | None, url: str | None, key: str | None, json: bool, name: str, before: int, after: int
    ) -> None:
        with open_admin(home, url, key) as gateway:
            found = gateway.diff(plural, name, before, after)
        if json:
            print_json(found)
            return
        rows = [(one["path"], _shown(one["before"]), _shown(one["after"])) for one in found]
        print_table(("", f"version {before}", f"version {after}"), rows, empty="They say the same.")


def listing(plural: str, word: str, home: Path | None, url: str | None, key: str | None, *, json: bool) -> None:
    """Print the objects of a kind."""
    with open_admin(home, url, key) as gateway:
        rows = gateway.configured(plural)
    if json:
        print_json(rows)
        return
    print_table(
        (word, "what", "in the", "", "version>"),
        [(row["name"], _shown(row["config"]), row["managed_by"], _whose(row), row["version"]) for row in rows],
        empty=f"There is no {word}.",
    )


def _whose(row: dict[str, Any]) -> str:
    return "" if row["shared"] else "own, set by the platform" if row.get("platform") else "own"


def document(data: bytes) -> dict[str, Any]:
    """Return the mapping that a JSON or YAML document is; raise ``click.BadParameter``."""
    import yaml

    try:
        found = yaml.safe_load(data)
    except yaml.YAMLError as error:
        raise click.BadParameter(f"is neither JSON nor YAML: {error}", param_hint="FILE") from None
    if isinstance(found, str):
        return {"target": found}
    if not isinstance(found, dict):
        raise click.BadParameter("is no mapping of names to values", param_hint="FILE")
    return found


def _shown(value: Any) -> str | None:
    import msgspec

    return value if value is None or isinstance(value, str) else msgspec.json.encode(value).decode()
