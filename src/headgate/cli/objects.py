"""Commands on a kind of object: list, show, create, update, off, on, delete. A group says what is its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from headgate.cli.connect import gateway_options, open_admin
from headgate.cli.output import as_json, print_json, print_table

if TYPE_CHECKING:
    from headgate.client import Admin, Resource

LIMITS = {
    "rps": (float, "Requests per second."),
    "rpm": (int, "Requests per minute."),
    "tpm": (int, "Tokens per minute, prompt and answer."),
    "concurrency": (int, "Requests in flight."),
}


@dataclass(frozen=True)
class Field:
    """An option, and the field that it sets."""

    option: str
    name: str
    help: str
    many: bool = False
    """It may be given several times, or with commas."""
    flag: bool = False

    def declare(self, command: Callable[..., Any], *, required: bool = False) -> Callable[..., Any]:
        """Add the option to *command*."""
        if self.flag:
            words = f"{self.option}/--no-{self.option.removeprefix('--')}"
            return click.option(words, self.name, default=None, help=self.help)(command)
        if self.many:
            return click.option(self.option, self.name, multiple=True, help=f"{self.help} With commas.")(command)
        return click.option(self.option, self.name, required=required, help=self.help)(command)


LEVEL = (
    Field("--models", "models", "Routes, aliases, provider/model, provider/* that are allowed; '' for all.", many=True),
    Field("--providers", "providers", "Providers that are allowed; '' for all.", many=True),
)


@dataclass(frozen=True)
class Kind:
    """A kind of object."""

    word: str
    things: str
    resource: Callable[["Admin"], "Resource[Any]"]
    fields: tuple[Field, ...]
    columns: tuple[str, ...]
    """Fields that a list shows, besides the id."""
    needed: str = "name"
    """The field that a new one must have."""
    limited: bool = True
    """It has limits."""
    switched: bool = True
    """It can be off."""
    shown: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    """How a column is shown."""


def commands_of(kind: Kind, group: click.Group) -> None:
    """Add the commands of *kind* to *group*."""
    _list(kind, group)
    _show(kind, group)
    _create(kind, group)
    _update(kind, group)
    if kind.switched:
        _switch(kind, group, on=False)
        _switch(kind, group, on=True)
    _delete(kind, group)


def _list(kind: Kind, group: click.Group) -> None:
    @group.command("list", help=f"List {kind.things}.")
    @click.option("--search", help="What stands somewhere in the name.")
    @gateway_options
    @as_json
    def command(search: str | None, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
        with open_admin(home, url, key) as gateway:
            found = list(kind.resource(gateway).all(search=search))
        if json:
            print_json(found)
            return
        empty = f"There are no {kind.things}. `headgate {kind.things} create` makes one."
        print_table(("id", *kind.columns), [_row(kind, one) for one in found], empty=empty)


def _show(kind: Kind, group: click.Group) -> None:
    @group.command("show", help=f"Show the {kind.word} ID.")
    @click.argument("id")
    @gateway_options
    @as_json
    def command(id: str, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
        with open_admin(home, url, key) as gateway:
            one = kind.resource(gateway).get(id)
        _told(kind, one, json, None)


def _create(kind: Kind, group: click.Group) -> None:
    def command(home: Path | None, url: str | None, key: str | None, json: bool, **given: Any) -> None:
        with open_admin(home, url, key) as gateway:
            made = kind.resource(gateway).create(**fields_of(kind.fields, given, None, limited=kind.limited))
        _told(kind, made, json, "Made")

    group.command("create", help=f"Make a {kind.word}.")(as_json(gateway_options(_options(kind, command, new=True))))


def _update(kind: Kind, group: click.Group) -> None:
    def command(id: str, home: Path | None, url: str | None, key: str | None, json: bool, **given: Any) -> None:
        with open_admin(home, url, key) as gateway:
            resource = kind.resource(gateway)
            fields = fields_of(kind.fields, given, lambda: resource.get(id), limited=kind.limited)
            if not fields:
                raise click.UsageError("Say what is to change.")
            changed = resource.update(id, **fields)
        _told(kind, changed, json, "Changed")

    made = click.argument("id")(as_json(gateway_options(_options(kind, command, new=False))))
    group.command("update", help=f"Change the {kind.word} ID: what is given, and nothing else.")(made)


def _switch(kind: Kind, group: click.Group, *, on: bool) -> None:
    words = "on again" if on else "off: nobody below it gets in, within a second"

    @group.command("on" if on else "off", help=f"Switch the {kind.word} ID {words}.")
    @click.argument("id")
    @gateway_options
    @as_json
    def command(id: str, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
        with open_admin(home, url, key) as gateway:
            changed = kind.resource(gateway).update(id, is_active=on)
        _told(kind, changed, json, "Switched on" if on else "Switched off")


def _delete(kind: Kind, group: click.Group) -> None:
    @group.command("delete", help=f"Remove the {kind.word} ID with all that is its.")
    @click.argument("id")
    @gateway_options
    @as_json
    def command(id: str, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
        with open_admin(home, url, key) as gateway:
            gone = kind.resource(gateway).delete(id)
        _told(kind, gone, json, "Removed")


def _options(kind: Kind, command: Callable[..., Any], *, new: bool) -> Callable[..., Any]:
    if kind.limited:
        command = limit_options(command)
        if not new:
            command = click.option("--no-limits", is_flag=True, help="Take all limits away.")(command)
    for one in reversed(kind.fields):
        command = one.declare(command, required=new and one.name == kind.needed)
    return command


def limit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--rps``, ``--rpm``, ``--tpm`` and ``--concurrency``."""
    for name, (type, help) in reversed(LIMITS.items()):
        command = click.option(f"--{name}", type=type, help=help)(command)
    return command


def fields_of(
    options: Sequence[Field], given: dict[str, Any], present: Callable[[], Any] | None, *, limited: bool = True
) -> dict[str, Any]:
    """Return the API's fields for what was *given*; limits that were not are as they are at *present*."""
    fields: dict[str, Any] = {}
    for one in options:
        value = given[one.name]
        if one.many:
            if value:
                fields[one.name] = words(value)
        elif value is not None:
            fields[one.name] = value if one.flag or value != "" else None
    if limited and (limits := limits_of(given, present)) is not None:
        fields["limits"] = limits
    return fields


def limits_of(given: dict[str, Any], present: Callable[[], Any] | None) -> dict[str, Any] | None:
    """Return the limits that are to be set; ``None`` where none was given."""
    named = {name: given[name] for name in LIMITS if given[name] is not None}
    if given.get("no_limits"):
        return named
    if not named:
        return None
    was = msgspec.structs.asdict(present().limits) if present is not None else {}
    return {name: value for name, value in {**was, **named}.items() if value is not None}


def words(given: Sequence[str]) -> list[str]:
    """Return what stands between commas, in one or more texts."""
    return [word.strip() for text in given for word in text.split(",") if word.strip()]


def told_limits(limits: Any) -> list[str]:
    """Return limits in words."""
    return [f"{value:,.10g} {name}" for name in LIMITS if (value := getattr(limits, name))]


def _row(kind: Kind, one: Any) -> tuple[Any, ...]:
    return (one.id, *(_cell(kind, one, column) for column in kind.columns))


def _cell(kind: Kind, one: Any, column: str) -> Any:
    if column in kind.shown:
        return kind.shown[column](one)
    value = getattr(one, column)
    if column == "limits":
        return told_limits(value)
    if column == "is_active":
        return "" if value else "off"
    return value or "all" if column in ("models", "providers") else value


def _told(kind: Kind, one: Any, json: bool, done: str | None) -> None:
    if json or done is None:
        print_json(one)
        return
    click.echo(f"{done} the {kind.word} {getattr(one, kind.needed)!r}. id {one.id}")
