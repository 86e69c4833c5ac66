"""Nodes to values of the shape that ``Config`` has, noting everything that does not fit and going on.

msgspec alone would stop at the first fault and not know its line; its view of the types is used, its conversion is not.
"""

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any

import msgspec
import yaml
from msgspec import inspect

from headgate.config.managed import Managed, Used
from headgate.config.parse import place
from headgate.config.references import expand, from_file, secret_file
from headgate.config.types import RANGES, Problem
from headgate.config.words import Path, nearest, show_path, shown, wanted_as, what_is
from headgate.core.reference import FILE, Reference, reference, refers
from headgate.core.secret import Secret
from headgate.routing.table import RouteConfig
from headgate.routing.use_cases import UseCase

MAX_NODES = 50_000
MAX_PROBLEMS = 200
MERGE = "tag:yaml.org,2002:merge"
PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{t}" for t in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp", "value")
)
NUMBER = re.compile(r"[-+]?(0|[1-9][0-9_]*)(\.[0-9_]*)?([eE][-+]?[0-9]+)?$")
SWITCH = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}

STRATEGIES = {(RouteConfig, "strategy"), (UseCase, "strategy")}
KINDED = {"guardrails": "a guardrail, such as `{kind: pii}`", "alerts": "a rule, such as `{kind: error_rate}`"}
"""Sections whose entries have the fields of the kind each names, and words for an entry."""


class _Absent:
    """What stands for a value that is wrong: the problem is noted, so nothing more is said of it."""


ABSENT = _Absent()


class Shape:
    """Reads one document. Then ``problems`` is what is wrong, and ``places`` the line and column of each path."""

    def __init__(
        self,
        file: str,
        environ: Mapping[str, str],
        strategies: Mapping[str, type] | None = None,
        guardrails: Mapping[str, type] | None = None,
        alerts: Mapping[str, type] | None = None,
        managed: Managed | None = None,
    ) -> None:
        """*strategies*, *guardrails* and *alerts* are kinds of them: an entry has the fields of its kind.

        *managed* has the secrets that are referred to.
        """
        self.file = file
        self.environ = environ
        self.strategies = strategies or {}
        self.kinded = {"guardrails": guardrails or {}, "alerts": alerts or {}}
        self.problems: list[Problem] = []
        self.places: dict[Path, tuple[int, int]] = {}
        self.files: set[FilePath] = set()
        """Files that secrets were read from."""
        self.used: list[Used] = []
        """Secrets that managers keep, and where they are wanted."""
        self.lacking: set[Reference] = set()
        """Those of them that must be fetched before this can be read."""
        self.owned: dict[Path, str] = {}
        """Section and name of entries that are not of the file -> where they are."""
        self.faulty: set[Path] = set()
        """Those of them that something is wrong with."""
        self._managed = managed
        self._nodes = 0

    def note(self, path: Path, message: str, node: yaml.Node | None = None) -> None:
        """Add a problem, at *node* or where *path* was seen."""
        line, column = place(node) if node is not None else self.places.get(path, (0, 0))
        elsewhere = self.owned.get(path[:2])
        if elsewhere is not None:
            self.faulty.add(path[:2])
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(elsewhere or self.file, line, column, show_path(path), message))

    def read(self, node: yaml.Node, kind: inspect.Type, path: Path, field: tuple[type, str] | None = None) -> Any:
        """Return the value of *node* as *kind*, or ``ABSENT``. *field* is the Struct field it is for."""
        self._nodes += path[:2] not in self.owned  # these were bounded when they were made
        self.places.setdefault(path, place(node))
        if self._nodes > MAX_NODES:
            if self._nodes == MAX_NODES + 1:
                self.note(path, f"holds more than {MAX_NODES:,} values, with its anchors expanded", node)
            return ABSENT
        if node.tag not in PLAIN_TAGS:
            self.note(path, "a YAML tag is not allowed here", node)
            return ABSENT
        if isinstance(kind, inspect.UnionType):
            kinds = [t for t in kind.types if not isinstance(t, inspect.NoneType)]
            if _is_null(node) and len(kinds) < len(kind.types):
                return None
            wide = isinstance(node, yaml.MappingNode)  # where there is a choice, a mapping is the long form of a text
            kind = next((t for t in kinds if isinstance(t, inspect.StructType) == wide), kinds[0])
        if field in STRATEGIES and isinstance(kind, inspect.ListType):
            return self._strategies(node, path)
        if len(path) == 2 and path[0] in KINDED:
            return self._entry(node, path, self.kinded[str(path[0])], KINDED[str(path[0])])
        if isinstance(kind, inspect.AnyType):
            return self._any(node, path)
        if isinstance(kind, inspect.StructType | inspect.DictType):
            return self._mapping(node, kind, path)
        if isinstance(kind, inspect.ListType):
            return self._list(node, kind, path)
        return self._scalar(node, kind, path, field)

    def _strategies(self, node: yaml.Node, path: Path) -> Any:
        """A list of entries whose fields are those of the kind each names."""
        if not isinstance(node, yaml.SequenceNode):
            return self._wrong(node, "a list (`[{kind: cost}]`)", path)
        wanted = "a strategy, such as `{kind: cost}`"
        return [self._entry(child, (*path, i), self.strategies, wanted) for i, child in enumerate(node.value)]

    def _entry(self, node: yaml.Node, path: Path, kinds: Mapping[str, type], wanted: str) -> Any:
        """A mapping with a ``kind``, whose other fields are those of that kind."""
        self.places.setdefault(path, place(node))
        pairs = list(self._pairs(node, path)) if isinstance(node, yaml.MappingNode) else []
        value = next((value for key, value in pairs if key.value == "kind"), None)
        if not isinstance(value, yaml.ScalarNode):
            self.note(path, f"must be {wanted}", node)
        elif value.value not in kinds:
            self.note((*path, "kind"), f"unknown kind {shown(value.value)}{nearest(value.value, sorted(kinds))}", value)
        elif (of := self._settings_of(value, kinds, path)) is not None:
            rest = [(k, v) for k, v in pairs if k.value != "kind"]
            bare = yaml.MappingNode(node.tag, rest, node.start_mark, node.end_mark)
            settings = self._mapping(bare, of, path)
            return ABSENT if settings is ABSENT else {"kind": value.value, **settings}
        return ABSENT

    def _settings_of(self, kind: yaml.ScalarNode, kinds: Mapping[str, type], path: Path) -> Any:
        """Return what a kind can be set to; ``None``, noted, where its package cannot be imported."""
        try:
            return inspect.type_info(kinds[kind.value])
        except (ImportError, AttributeError) as error:
            self.note((*path, "kind"), f"the package of {shown(kind.value)} cannot be loaded: {error}", kind)
            return None

    def _any(self, node: yaml.Node, path: Path) -> Any:
        """A value of any shape, as YAML has it."""
        if isinstance(node, yaml.MappingNode):
            return {
                key.value: self.read(child, inspect.AnyType(), (*path, key.value))
                for key, child in self._pairs(node, path)
            }
        if isinstance(node, yaml.SequenceNode):
            return [self.read(child, inspect.AnyType(), (*path, i)) for i, child in enumerate(node.value)]
        text = str(node.value)
        tag = "str" if getattr(node, "style", None) else node.tag.rpartition(":")[2]
        if tag in ("int", "float") and NUMBER.match(text):
            return int(text.replace("_", "")) if tag == "int" else float(text)
        if tag == "bool":
            return SWITCH.get(text.lower(), text)
        return None if tag == "null" else text

    def _mapping(self, node: yaml.Node, kind: inspect.StructType | inspect.DictType, path: Path) -> Any:
        if _is_null(node):  # a section whose entries are all commented out
            node = yaml.MappingNode(node.tag, [], node.start_mark)
        if not isinstance(node, yaml.MappingNode):
            return self._wrong(node, "a mapping (`name: value`)", path)
        fields = {f.encode_name: f for f in kind.fields} if isinstance(kind, inspect.StructType) else {}
        values: dict[str, Any] = {}
        seen: set[str] = set()
        for key, child in self._pairs(node, path):
            name = key.value
            inside = (*path, name)
            if name in seen:
                self.note(inside, "is given twice", key)
                continue
            seen.add(name)
            if isinstance(kind, inspect.DictType):
                self.places[inside] = place(key)  # a named entry is found by its name
                values[name] = self.read(child, kind.value_type, inside)
            elif name in fields:
                values[name] = self.read(child, fields[name].type, inside, (kind.cls, name))
            elif path or not name.startswith("x-"):
                self.note(path, f"unknown key {shown(name)}{nearest(name, fields)}", key)
        for name, field in fields.items():
            if field.required and name not in seen:
                self.note(path, f"needs `{name}`", node)
        return {name: value for name, value in values.items() if value is not ABSENT}

    def _pairs(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        """The entries of a mapping, those merged in by ``<<`` last and only where the mapping has none of its own."""
        own = {k.value for k, _ in node.value if isinstance(k, yaml.ScalarNode)}
        merged: list[yaml.MappingNode] = []
        for key, child in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.note(path, "a key must be text", key)
            elif key.tag == MERGE:
                sources = child.value if isinstance(child, yaml.SequenceNode) else [child]
                if not all(isinstance(s, yaml.MappingNode) for s in sources):
                    self.note(path, "`<<` takes a mapping, or a list of them", child)
                    continue
                merged += sources
            else:
                yield key, child
        for source in merged:
            for key, child in source.value:
                if isinstance(key, yaml.ScalarNode) and key.tag != MERGE and key.value not in own:
                    own.add(key.value)
                    yield key, child

    def _list(self, node: yaml.Node, kind: inspect.ListType, path: Path) -> Any:
        if not isinstance(node, yaml.SequenceNode):
            return self._wrong(node, "a list (`[one, two]`)", path)
        return [self.read(child, kind.item_type, (*path, i)) for i, child in enumerate(node.value)]

    def _scalar(self, node: yaml.Node, kind: inspect.Type, path: Path, field: tuple[type, str] | None) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            return self._wrong(node, wanted_as(kind), path)
        if path[:2] in self.owned and ("${" in node.value or node.value.startswith(FILE)):
            self.note(path, "must not refer to the environment or to files: only the configuration file may", node)
            return ABSENT
        if path[:2] in self.owned and isinstance(kind, inspect.CustomType) and refers(node.value):
            self.note(path, "must not refer to a manager of secrets: only the configuration file may", node)
            return ABSENT
        text, problems, from_env = expand(node.value, self.environ)
        for problem in problems:
            self.note(path, problem, node)
        if problems:
            return ABSENT
        loose = from_env or not node.style  # quoted text is text, unless a variable stands in it
        if isinstance(kind, inspect.BoolType):
            word = text.lower()
            return SWITCH[word] if word in SWITCH else self._wrong(node, "on or off", path)
        if isinstance(kind, inspect.IntType | inspect.FloatType):
            return self._number(text if loose else "", node, isinstance(kind, inspect.IntType), path, field)
        if not from_env and node.tag.rpartition(":")[2] in ("int", "float", "bool", "null"):
            return self._wrong(node, "text; put it in quotes", path)
        if isinstance(kind, inspect.LiteralType):
            if text in kind.values:
                return text
            hidden = "" if from_env else f", not {shown(text)}{nearest(text, [str(v) for v in kind.values])}"
            self.note(path, f"must be one of {', '.join(map(str, kind.values))}{hidden}", node)
            return ABSENT
        return self._secret(text, node, path) if isinstance(kind, inspect.CustomType) else text

    def _secret(self, text: str, node: yaml.Node, path: Path) -> Secret | _Absent:
        file = secret_file(text)
        try:
            if file is None:
                named = reference(text)
                return Secret(text) if named is None else self._kept(named, node, path)
            self.files.add(file)
            return Secret(from_file(file))
        except ValueError as error:
            self.note(path, str(error), node)
            return ABSENT

    def _kept(self, named: Reference, node: yaml.Node, path: Path) -> Secret | _Absent:
        self.used.append(Used(named, *place(node), show_path(path)))
        found = self._managed.look(named) if self._managed is not None else "nobody can be asked here"
        if isinstance(found, str):
            raise ValueError(f"the secret {named} cannot be fetched: {found}")
        if found is None:
            self.lacking.add(named)
            return ABSENT
        return found

    def _number(
        self, text: str, node: yaml.Node, whole: bool, path: Path, field: tuple[type, str] | None
    ) -> int | float | _Absent:
        if not NUMBER.match(text) or len(text) > 40:
            self.note(path, f"must be a plain decimal number; found {what_is(node)}", node)
            return ABSENT
        number = float(text.replace("_", ""))
        low, high = _range(field) if field else (0, math.inf)
        if not low <= number <= high or not math.isfinite(number):
            bounds = f"at least {low:g}" if high == math.inf else f"from {low:,g} to {high:,.15g}"
            self.note(path, f"must be {bounds}", node)
            return ABSENT
        if whole and number != int(number):
            return self._wrong(node, "a whole number", path)
        return int(number) if whole else number

    def _wrong(self, node: yaml.Node, wanted: str, path: Path) -> _Absent:
        self.note(path, f"must be {wanted}; found {what_is(node)}", node)
        return ABSENT


def _range(field: tuple[type, str]) -> tuple[float, float]:
    of, name = field
    own: Mapping[str, tuple[float, float]] = getattr(of, "ranges", {})
    return RANGES.get(field) or own.get(name, (0, math.inf))


def convert(values: Any, kind: type[Any]) -> Any:
    """Return *values* as *kind*; they were checked, so a ``ValidationError`` here is a fault of ours."""
    return msgspec.convert(values, kind, dec_hook=_secret)


def _secret(kind: type, value: Any) -> Any:
    return value if isinstance(value, Secret) else kind(value)


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null" and not node.style
