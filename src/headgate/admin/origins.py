"""``/config/origins`` and ``/config/schema``: where each value in force came from, and what could be said instead."""

import asyncio
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Literal

import yaml
from fastapi import Depends

from headgate.access.types import Principal
from headgate.admin.config import HIDDEN
from headgate.admin.fields import Answer
from headgate.admin.grants import over_platform
from headgate.admin.parts import AdminParts
from headgate.admin.route import SELF, Route, caller, parts
from headgate.config.effective import SECTIONS
from headgate.config.parse import compose
from headgate.config.schema import schema
from headgate.core.redact import redact
from headgate.core.secret import Secret
from headgate.settings import Settings, describe
from headgate.storage.object_rows import SHARED

VIEW = "config:view"
DEPTH = 3
"""How many names deep lines of the file are told: ``routes.fast.targets``."""

Parts = Annotated[AdminParts, Depends(parts)]


class SettingOrigin(Answer):
    """A setting of the process, and who set it."""

    name: str
    variable: str
    value: str | None
    """``***`` for what is secret."""
    default: str | None
    source: Literal["default", "environment", "command line"]
    help: str


class ObjectOrigin(Answer):
    """What is configured through the API, and not in the file."""

    section: str
    name: str
    version: int
    shared: bool
    """All tenants have it."""
    updated_at: int
    """Microseconds since 1970."""


class Origins(Answer):
    """Where the configuration came from."""

    file: str | None
    """The configuration file; none where there is none, or for who may not know paths of the machine."""
    lines: dict[str, int]
    """Path of a value, its names with dots between, three at most -> the line of the file that it stands in."""
    objects: list[ObjectOrigin]
    settings: list[SettingOrigin]
    """Of the process: for who administers the platform alone."""


async def show_origins(who: Annotated[Principal, Depends(caller)], to: Parts) -> Origins:
    """Return where each value in force came from: a line of the file, the API, the environment or the command line."""
    effective = to.live.effective
    platform = over_platform(who, VIEW)
    file = to.settings.config_file() if platform and to.settings is not None else None
    return Origins(
        file=str(file) if file else None,
        lines=await asyncio.to_thread(lines, effective.data),
        objects=[
            ObjectOrigin(
                section=SECTIONS[row.kind],
                name=row.name,
                version=row.version,
                shared=row.tenant_id == SHARED,
                updated_at=row.updated_at,
            )
            for row in effective.rows
            if row.tenant_id in (SHARED, who.tenant_id)
        ],
        settings=list(settings_of(to.settings, to.environ)) if platform and to.settings is not None else [],
    )


async def show_schema() -> dict[str, Any]:
    """Return the JSON schema of ``headgate.yaml``: every section, every kind, every field with its meaning."""
    return await asyncio.to_thread(_schema)


@cache
def _schema() -> dict[str, Any]:
    """What it says is read from the sources of the classes, which takes a second and changes with none of the file."""
    return schema()


def lines(data: bytes) -> dict[str, int]:
    """Return the line of each name in a document, by its path."""
    root = compose(data, "headgate.yaml")
    return dict(_walked(root, ())) if root is not None else {}


def _walked(node: yaml.Node, above: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    if not isinstance(node, yaml.MappingNode) or len(above) == DEPTH:
        return
    for key, value in node.value:
        path = (*above, str(key.value))
        yield ".".join(path), key.start_mark.line + 1
        yield from _walked(value, path)


def settings_of(settings: Settings, environ: Mapping[str, str]) -> Iterator[SettingOrigin]:
    """Return each setting of the process with its source: an empty variable counts as unset."""
    for setting in describe():
        value = getattr(settings, setting.name)
        in_environment = bool(environ.get(setting.env))
        source: Literal["default", "environment", "command line"] = "default"
        if in_environment:
            source = "environment"
        elif value != setting.default and setting.name != "home":
            source = "command line"
        yield SettingOrigin(
            name=setting.name,
            variable=setting.env,
            value=_text(value),
            default=_text(setting.default),
            source=source,
            help=setting.help,
        )


def _text(value: Any) -> str | None:
    if value is None or value == ():
        return None
    if isinstance(value, Secret):
        return value.source or HIDDEN
    if isinstance(value, bool):
        return "on" if value else "off"
    return redact(", ".join(map(str, value)) if isinstance(value, tuple) else str(value))


ROUTES = (
    Route(
        method="GET",
        path="/config/origins",
        permission=VIEW,
        endpoint=show_origins,
        summary="Where each value in force came from",
        object="config",
        tag="config",
    ),
    Route(
        method="GET",
        path="/config/schema",
        permission=SELF,
        endpoint=show_schema,
        summary="What the configuration may say",
        object="config",
        tag="config",
    ),
)
