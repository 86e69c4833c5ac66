"""The configuration in force: the file's, and beside it what was configured through the API, checked as one.

A name is in one of the two: one that is in both is a fault that names both. What a tenant has of its own is checked on
top of what all share, and seen by it alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
import yaml
from msgspec import inspect

from headgate.cache.config import CacheConfig
from headgate.config.check import Names, check
from headgate.config.managed import Managed, Used
from headgate.config.parse import compose
from headgate.config.shape import ABSENT, Shape, convert
from headgate.config.types import Config, ConfigError, Known, Problem
from headgate.config.words import shown
from headgate.storage.object_rows import SHARED, ObjectRow

SECTIONS: Mapping[str, str] = {
    "provider": "providers",
    "route": "routes",
    "alias": "aliases",
    "use_case": "use_cases",
    "guardrail": "guardrails",
    "cache": "caches",
    "alert": "alerts",
}
"""Kind of object -> the section of the file that it would stand in."""
WORDS = {
    "provider": "provider",
    "route": "route",
    "alias": "alias",
    "use_case": "use case",
    "guardrail": "guardrail",
    "cache": "cache",
    "alert": "alert",
}
COMMANDS = {"provider": "providers", "use_case": "use-case", "guardrail": "guard", "alert": "alerts rules"}
"""Kind of object -> the command on it, where it is called otherwise."""
OF_TENANT = "database, tenant "
"""How the place of a fault begins that is in what a tenant has of its own; its id follows."""
TAKEN = "has the name of another provider, or of a route or alias that all tenants share: choose another"
TAG = "tag:yaml.org,2002:"
CONFIG = inspect.type_info(Config)


class Effective(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """What one document and the objects beside it come to."""

    config: Config
    """The file's, and what all tenants share."""
    own: dict[str, Config] = {}
    """Tenant -> its own providers, routes, aliases and use cases."""
    rows: tuple[ObjectRow, ...] = ()
    """The objects that are in it."""
    left_out: tuple[Problem, ...] = ()
    """What is wrong with objects that are not in it, or in an older version."""
    data: bytes = b""
    """The document."""
    secrets: tuple[Used, ...] = ()
    """What it refers to that managers of secrets keep."""

    def accounts_of(self, tenant: str | None) -> set[str]:
        """Return the providers that are configured for *tenant*, switched off or on; ``None``: for any."""
        own = [over for one, over in self.own.items() if tenant in (None, one)]
        return {*self.config.providers, *(name for over in own for name in over.providers)}

    def managers(self) -> dict[str, str]:
        """Return who manages each provider that is configured: ``file`` or ``database``. Any other was found."""
        own = (name for over in self.own.values() for name in over.providers)
        return dict.fromkeys(self.config.providers, "file") | dict.fromkeys((*self.made, *own), "database")

    @property
    def made(self) -> frozenset[str]:
        """The providers that all tenants share and the API made."""
        return frozenset(row.name for row in self.rows if row.kind == "provider" and row.tenant_id == SHARED)


def effective(
    data: bytes,
    environ: Mapping[str, str],
    known: Known,
    rows: Sequence[ObjectRow] = (),
    *,
    file: str = "headgate.yaml",
    before: Sequence[ObjectRow] = (),
    strict: bool = False,
    managed: Managed | None = None,
) -> Effective:
    """Return the configuration of *data* and *rows*; raise :class:`ConfigError` with all faults of the file.

    An object that something is wrong with is left out, or stays as it was among those in force *before*; with *strict*
    it is an error too. *managed* has secrets that managers keep, and fetches those that it has not: which
    takes seconds.
    """
    managed = managed or Managed(environ)
    earlier = {row.id: row for row in before}
    of: dict[str, list[ObjectRow]] = {}
    for row in rows:
        if row.kind in SECTIONS:
            of.setdefault(row.tenant_id, []).append(row)
    shared = of.pop(SHARED, [])
    problems: list[Problem] = []
    while True:
        shape, values, names = _read(data, environ, known, shared, file, managed)
        if not shape.problems:
            break
        if strict or any(problem.file == file for problem in shape.problems) or not shape.faulty:
            raise ConfigError(shape.problems)
        problems += shape.problems
        shared = _mended(shared, shape, earlier)
    taken, own = list(shared), dict[str, Config]()
    owners = _owners(rows)
    for tenant, mine in of.items():
        while True:
            shape, over = _over(mine, known, names, owners)
            if not shape.problems:
                break
            if strict:
                raise ConfigError(shape.problems)
            problems += shape.problems
            mine = _mended(mine, shape, earlier)
        if mine:
            own[tenant] = convert(over, Config)
            taken += mine
    config = convert(values, Config)
    return Effective(
        config=config, own=own, rows=tuple(taken), left_out=tuple(problems), data=data, secrets=managed.used
    )


class Reading(Protocol):
    """Reads the document in force with other objects beside it."""

    def __call__(self, rows: Sequence[ObjectRow], before: Sequence[ObjectRow]) -> Effective:
        """See :func:`effective`."""
        ...


def tried(now: Effective, rows: Sequence[ObjectRow], row: ObjectRow, read: Reading) -> Effective:
    """Return what *now* would become with *row* stored (removed, where it has no body) among *rows*.

    Raise ``ConfigError`` where *row* does not fit, or something else would be left out then.
    """
    name = (row.tenant_id, row.kind, row.name)
    others = [one for one in rows if (one.tenant_id, one.kind, one.name) != name]
    found = read(others if row.body is None else [*others, row], others)
    known = set(now.left_out)
    if problems := [problem for problem in found.left_out if problem not in known]:
        raise ConfigError(problems)
    return found


def caches_of(now: Effective) -> dict[str, dict[str, CacheConfig]]:
    """Return the caches in force by tenant and name; under the empty name, those that all tenants share."""
    return {"": now.config.caches, **{tenant: config.caches for tenant, config in now.own.items() if config.caches}}


def entry(row: ObjectRow) -> Any:
    """Return what would stand in the file for an object."""
    body = msgspec.json.decode(row.body or "{}")
    return body.get("target") if row.kind == "alias" and isinstance(body, dict) else body


def _read(
    data: bytes, environ: Mapping[str, str], known: Known, rows: Sequence[ObjectRow], file: str, managed: Managed
) -> tuple[Shape, Any, Names]:
    shape, values = _shaped(data, environ, known, rows, file, managed)
    if shape.lacking:
        managed.fetch(shape.lacking)
        shape, values = _shaped(data, environ, known, rows, file, managed)
    for lost in shape.lacking:
        shape.note((), f"the secret {lost} could not be fetched in time")
    if values is ABSENT:
        return shape, {}, Names({}, shape, known)
    return shape, values, check(values, shape, known)


def _shaped(
    data: bytes, environ: Mapping[str, str], known: Known, rows: Sequence[ObjectRow], file: str, managed: Managed
) -> tuple[Shape, Any]:
    root = compose(data, file)
    if root is None:
        root = yaml.MappingNode(TAG + "map", [])
    shape = Shape(file, environ, known.strategies, known.guardrails, known.alerts, managed)
    if isinstance(root, yaml.MappingNode):
        for row in rows:
            _put(root, row, shape)
    values = shape.read(root, CONFIG, ())
    managed.used, managed.files = tuple(shape.used), frozenset(shape.files)
    return shape, values


def _put(root: yaml.MappingNode, row: ObjectRow, shape: Shape) -> None:
    """Put an object into its section of the document; note where the document has one of that name."""
    section, name = SECTIONS[row.kind], row.name
    found = next((value for key, value in root.value if getattr(key, "value", None) == section), None)
    if not isinstance(found, yaml.MappingNode):
        if found is not None and getattr(found, "value", None):
            return  # the section is wrong, which is told of the file
        root.value = [pair for pair in root.value if pair[1] is not found]
        found = yaml.MappingNode(TAG + "map", [], root.start_mark)
        root.value.append((yaml.ScalarNode(TAG + "str", section), found))
    there = next((key for key, _ in found.value if getattr(key, "value", None) == name), None)
    if there is not None and (section, name) not in shape.owned:
        what = WORDS[row.kind]
        message = (
            f"the {what} {shown(name)} is in this file and in the database (version {row.version}): remove it here, "
            f"or there with `headgate {COMMANDS.get(row.kind, row.kind)} delete {name[:80]} --shared`"
        )
        shape.note((section, name), message, there)
        return
    shape.owned[section, name] = "database"
    found.value.append((yaml.ScalarNode(TAG + "str", name), node_of(entry(row))))


def _owners(rows: Iterable[ObjectRow]) -> dict[str, str]:
    """Return whose each provider is that a tenant has of its own: of several of one name, the first one's.

    A name stands for one account everywhere: in records, limits, figures and what is known of its health.
    """
    own = [row for row in rows if row.kind == "provider" and row.tenant_id != SHARED]
    return {row.name: row.tenant_id for row in sorted(own, key=lambda row: (row.created_at, row.id), reverse=True)}


def _over(rows: Sequence[ObjectRow], known: Known, names: Names, owners: Mapping[str, str]) -> tuple[Shape, Any]:
    """Read what a tenant has of its own, on top of what *names* has."""
    root = yaml.MappingNode(TAG + "map", [])
    shape = Shape("database", {}, known.strategies, known.guardrails, known.alerts)
    for row in rows:
        _put(root, row, shape)
        shape.owned[SECTIONS[row.kind], row.name] = f"{OF_TENANT}{row.tenant_id}"
    values = shape.read(root, CONFIG, ())
    others = {*names.providers, *(name.partition("/")[0] for name in (*names.routes, *names.aliases))}
    for row in rows:
        if row.kind == "provider" and (row.name in others or owners[row.name] != row.tenant_id):
            shape.note((SECTIONS[row.kind], row.name), TAKEN)
    check(values, shape, known, names)
    return shape, values


def _mended(rows: Sequence[ObjectRow], shape: Shape, earlier: dict[str, ObjectRow]) -> list[ObjectRow]:
    """Return *rows* without the faulty ones, or with what these were before; each is tried once."""
    found = []
    for row in rows:
        if (SECTIONS[row.kind], row.name) not in shape.faulty:
            found.append(row)
        elif (was := earlier.pop(row.id, None)) is not None and was.version != row.version:
            found.append(was)
    return found


def node_of(value: Any) -> yaml.Node:
    """Return the node of a JSON value."""
    if isinstance(value, dict):
        return yaml.MappingNode(TAG + "map", [(node_of(str(key)), node_of(one)) for key, one in value.items()])
    if isinstance(value, list):
        return yaml.SequenceNode(TAG + "seq", [node_of(one) for one in value])
    if isinstance(value, str):
        return yaml.ScalarNode(TAG + "str", value, style='"')
    kind = "null" if value is None else "bool" if isinstance(value, bool) else type(value).__name__
    return yaml.ScalarNode(TAG + kind, "" if value is None else str(value).lower())
