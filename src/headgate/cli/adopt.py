"""Hand an entry of the configuration file over to the database, where the API can change it."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from headgate.audit.sealing import sealing_key
from headgate.cli.compiled import Here
from headgate.cli.opening import opened
from headgate.config.check_providers import FILE_ONLY
from headgate.config.effective import SECTIONS, WORDS, tried
from headgate.config.parse import compose, read
from headgate.core.reference import FILE
from headgate.settings import Settings
from headgate.storage.object_rows import SHARED, Author, ObjectRow

if TYPE_CHECKING:
    import yaml


def adopt(settings: Settings, name: str, kind: str | None) -> str:
    """Move *name*, of one of the ``SECTIONS``, from the file to the database, for all tenants; return its kind.

    A gateway that runs goes on with what it has: the name is stored first, then taken out of the file. Raise
    ``click.ClickException`` where it cannot be done; then nothing is changed.
    """
    path = settings.config_file()
    if path is None or not path.is_file():
        raise click.ClickException("There is no configuration file.")
    here = Here(path, settings)
    config = here.effective.config
    shared = {(row.kind, row.name) for row in here.effective.rows if row.tenant_id == SHARED}
    kinds = [one for one in SECTIONS if name in getattr(config, SECTIONS[one]) and (one, name) not in shared]
    kinds = [one for one in kinds if kind in (None, one)]
    if len(kinds) != 1:
        known = f"It is several things: say --kind {' or --kind '.join(kinds)}." if kinds else "The file has none."
        raise click.ClickException(f"{name}: {known}")
    found = kinds[0]
    value = msgspec.to_builtins(getattr(config, SECTIONS[found])[name], enc_hook=lambda _: "***")
    body = {"target": value} if found == "alias" else value
    old = read(path)
    new = without(old, SECTIONS[found], name, str(path))
    if found == "provider":
        _plain(old, name, value, str(path))
    after = Here(path, settings, new)
    after.compile(tried(here.effective, here.rows(), _row(found, name, body), after.read))
    asyncio.run(_store(settings, found, name, body, path, new))
    return WORDS[found]


def without(data: bytes, section: str, name: str, file: str) -> bytes:
    """Return the file's content without an entry, its comments and all else untouched; raise ``click.ClickException``.

    Only an entry that stands on lines of its own can be cut out.
    """
    root: Any = compose(data, file)
    inside: Any = next((value for key, value in root.value if key.value == section), None)
    entries = inside.value if inside is not None else ()  # all may have come by a merge key
    place = next((n for n, (key, _) in enumerate(entries) if key.value == name), None)
    if place is None or inside.flow_style:
        raise click.ClickException(
            f"{name} does not stand on lines of its own below `{section}:`; write it so, then ask again."
        )
    lines = data.decode("utf-8-sig").splitlines(keepends=True)
    first = inside.value[place][0].start_mark.line
    last = _end(inside, place, lines)
    while last > first + 1 and (not lines[last - 1].strip() or lines[last - 1].lstrip().startswith("#")):
        last -= 1  # what stands above the next entry is its own
    return "".join(lines[:first] + lines[last:]).encode()


def _end(section: "yaml.MappingNode", place: int, lines: list[str]) -> int:
    """Return the line behind the entry at *place*."""
    if place + 1 < len(section.value):
        line: int = section.value[place + 1][0].start_mark.line
        return line
    return min(section.end_mark.line if section.end_mark.column == 0 else section.end_mark.line + 1, len(lines))


def _plain(data: bytes, name: str, value: dict[str, Any], file: str) -> None:
    """Refuse a provider whose entry is more than what it says: secrets, and what stands elsewhere, stay in the file."""
    for field, why in FILE_ONLY.items():
        if field in value:
            said = why.format(add=f"add the key with `headgate providers keys add {name}` and ask again")
            raise click.ClickException(f"{name} stays in the file, for it has `{field}`: {said}.")
    root: Any = compose(data, file)
    section: Any = next(value for key, value in root.value if key.value == SECTIONS["provider"])
    entry: Any = next(value for key, value in section.value if key.value == name)
    for text in _texts(entry):
        if "${" in text or text.startswith(FILE):
            raise click.ClickException(
                f"{name} stays in the file, for it refers to the environment or to a file, which only the file may: "
                "write what is meant in its place, then ask again."
            )


def _texts(node: Any) -> Iterator[str]:
    """Yield every text below a node."""
    if isinstance(node.value, str):
        yield node.value
        return
    for one in node.value:
        for inside in one if isinstance(one, tuple) else (one,):
            yield from _texts(inside)


def _row(kind: str, name: str, body: dict[str, Any]) -> ObjectRow:
    text = msgspec.json.encode(body).decode()
    return ObjectRow(id="new", tenant_id=SHARED, kind=kind, name=name, version=1, body=text, created_at=0, updated_at=0)


def _write(path: Path, data: bytes) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(data)
    fresh.chmod(path.stat().st_mode)
    os.replace(fresh, path)


async def _store(settings: Settings, kind: str, name: str, body: dict[str, Any], path: Path, new: bytes) -> None:
    from headgate.cli.local import OPERATOR
    from headgate.storage.audit import keyed
    from headgate.storage.engine import open_engine
    from headgate.storage.objects import SqlObjects

    home = opened(settings)
    engine = keyed(open_engine(settings.database()), sealing_key(home.derived))
    author = Author(kind=OPERATOR.kind, id=OPERATOR.id, tenant_id=OPERATOR.tenant_id)
    try:
        objects = SqlObjects(engine)
        await objects.put(SHARED, kind, name, body, author=author, note=f"taken over from {path.name}", expect=0)
        try:
            _write(path, new)
        except OSError as error:
            await objects.remove(SHARED, kind, name, author=author, note="the file could not be written")
            raise click.ClickException(f"{path} cannot be written: {error.strerror}.") from None
    finally:
        await engine.dispose()
