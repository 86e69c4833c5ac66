"""The JSON schema of ``headgate.yaml``, made from the same classes that the file is read into."""

import ast
import inspect
import math
import textwrap
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from typing import Any

import msgspec

from headgate.alerts.kinds import FILES as ALERT_FILES
from headgate.alerts.kinds import KINDS as ALERTS
from headgate.config.types import RANGES, Config
from headgate.core.secret import Secret
from headgate.guardrails.kinds import FILES
from headgate.guardrails.kinds import KINDS as GUARDRAILS
from headgate.guardrails.types import Guardrail
from headgate.routing.kinds import BUILTIN, KINDS
from headgate.routing.types import Strategy

DIALECT = "https://json-schema.org/draft/2020-12/schema"
REFERENCE = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}"}
SWITCH: dict[str, Any] = {"enum": [True, False, "on", "off"]}  # YAML 1.2 editors take a bare `on` for text


def schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12) of the whole file, for editors and other programs."""
    _, definitions = msgspec.json.schema_components(
        [Config, *strategies().values(), *guardrails().values(), *alerts().values()],
        schema_hook=lambda kind: {"type": "string"} if kind is Secret else {},
        ref_template="#/$defs/{name}",
    )
    for kind in structs():
        definition = definitions[kind.__name__]
        definition["description"] = _sentence(kind)
        for name, field in definition.get("properties", {}).items():
            definition["properties"][name] = _field(kind, name, field)
    definitions["RouteConfig"]["properties"]["strategy"]["items"] = _kinds(strategies(), definitions)
    for way in definitions["UseCase"]["properties"]["strategy"]["anyOf"]:
        if way["type"] == "array":
            way["items"] = _kinds(strategies(), definitions)
    top = definitions.pop("Config")
    top["properties"]["guardrails"]["additionalProperties"] = _kinds(guardrails(), definitions)
    top["properties"]["alerts"]["additionalProperties"] = _kinds(alerts(), definitions)
    top["properties"]["steps"]["additionalProperties"] = dict(SWITCH)
    top["patternProperties"] = {"^x-": {"description": "Ignored: a place for anchors."}}
    return {"$schema": DIALECT, **top, "title": "headgate.yaml", "$defs": definitions}


def _kinds(known: Mapping[str, type[msgspec.Struct]], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an entry that names its kind, whose fields it has beside it."""
    for name, kind in known.items():
        definition = definitions[kind.__name__]
        definition["properties"] = {"kind": {"const": name}, **definition["properties"]}
        definition["required"] = ["kind", *definition.get("required", ())]
    other = {"type": "object", "required": ["kind"], "properties": {"kind": {"not": {"enum": list(known)}}}}
    return {"anyOf": [*({"$ref": f"#/$defs/{kind.__name__}"} for kind in known.values()), other]}


@cache
def structs() -> tuple[type[msgspec.Struct], ...]:
    """Return the classes of the file, each once, from the whole to its parts."""
    found: dict[type[msgspec.Struct], None] = {}

    def walk(kind: msgspec.inspect.Type) -> None:
        if isinstance(kind, msgspec.inspect.StructType) and kind.cls not in found:
            found[kind.cls] = None
            for field in kind.fields:
                walk(field.type)
        elif isinstance(kind, msgspec.inspect.UnionType):
            for part in kind.types:
                walk(part)
        elif isinstance(kind, msgspec.inspect.DictType):
            walk(kind.value_type)
        elif isinstance(kind, msgspec.inspect.ListType):
            walk(kind.item_type)

    walk(msgspec.inspect.type_info(Config))
    for kind in (*strategies().values(), *guardrails().values(), *alerts().values()):
        walk(msgspec.inspect.type_info(kind))
    return tuple(found)


@cache
def strategies() -> dict[str, type[Strategy]]:
    """Return the classes of the strategies that are shipped, by kind."""
    return {kind: KINDS[kind] for kind in BUILTIN}


@cache
def guardrails() -> dict[str, type[Guardrail]]:
    """Return the classes of the guardrails that are shipped, by kind."""
    return {kind: GUARDRAILS[kind] for kind in FILES}


@cache
def alerts() -> dict[str, type[msgspec.Struct]]:
    """Return the classes of the rules of alerts, by kind."""
    return {kind: ALERTS[kind] for kind in ALERT_FILES}


@cache
def field_docs(kind: type[msgspec.Struct]) -> dict[str, str]:
    """Return what the source of *kind* says beneath each of its fields."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    found = {}
    for field, after in pairwise(body):
        match field, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = " ".join(text.split())
    return found


def _field(kind: type[msgspec.Struct], name: str, field: dict[str, Any]) -> dict[str, Any]:
    options = [dict(option) for option in field.get("anyOf", [{k: v for k, v in field.items() if k != "default"}])]
    for option in list(options):
        if option.get("type") in ("number", "integer"):
            low, high = range_of(kind, name) or (0, math.inf)
            option["minimum"] = low
            if high < math.inf:
                option["maximum"] = high
            options.append(dict(REFERENCE))
        elif option.get("type") == "object" and "type" in (inner := option.get("additionalProperties") or {}):
            if inner["type"] in ("number", "integer"):
                option["additionalProperties"] = {**inner, "minimum": 0}
        elif option.get("type") == "boolean":
            options[options.index(option)] = {"anyOf": [dict(SWITCH), dict(REFERENCE)]}
    changed = options[0] if len(options) == 1 else {"anyOf": options}
    doc = field_docs(kind).get(name)
    return {
        **({"description": doc} if doc else {}),
        **changed,
        **({"default": field["default"]} if "default" in field else {}),
    }


def range_of(kind: type[msgspec.Struct], name: str) -> tuple[float, float] | None:
    """Return the least and the largest value of a field, ``None`` where it is not bounded above."""
    own: Mapping[str, tuple[float, float]] = getattr(kind, "ranges", {})
    return RANGES.get((kind, name)) or own.get(name)


def _sentence(kind: type[msgspec.Struct]) -> str:
    return " ".join((inspect.getdoc(kind) or "").split())
