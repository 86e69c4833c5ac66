"""The schemas that answers must have: what a provider takes of JSON Schema, and what must be said otherwise for it.

OpenAI: <https://platform.openai.com/docs/guides/structured-outputs>; Anthropic:
<https://docs.anthropic.com/en/docs/build-with-claude/structured-outputs>.
"""

from collections.abc import Callable
from typing import Any

from headgate.core.chat import Format
from headgate.dialects.fit import Fit

Schema = dict[str, Any]

_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems", "items")
_SINGLE = ("items", "contains", "not", "if", "then", "else", "propertyNames")
_SAYS = frozenset({"", "openai-chat", "openai-responses"})
"""Sources whose requests say ``strict``, as do those that the gateway makes; what others ask for always holds."""
_PLAIN = frozenset(
    {"type", "title", "description", "enum", "const", "pattern", "format", "multipleOf", "minimum", "maximum"}
    | {"exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems", "items", "anyOf", "properties", "required"}
    | {"additionalProperties", "$defs", "definitions", "$schema"}
)
"""What OpenAI takes in a strict schema, beside ``$ref``."""


def promised(schema: Any) -> bool | None:
    """Return the ``strict`` that stands for a promise in a format without the word: true where OpenAI can keep it."""
    fits = isinstance(schema, dict) and schema.get("type") == "object" and "anyOf" not in schema and _strict(schema)
    return True if fits else None


def weaker(wanted: Format, fit: Fit) -> None:
    """Say so where the source promises that answers have the schema, and the target is not asked to see to it."""
    if wanted.kind == "json_schema" and wanted.strict is None and fit.source not in _SAYS:
        fit.defaulted.append(f"{fit.name('format')}.strict=false")


def _strict(schema: Any) -> bool:
    if not isinstance(schema, dict):
        return False
    if "$ref" in schema:
        return len(schema) == 1
    if not schema.keys() <= _PLAIN or not ("type" in schema or "anyOf" in schema) or type(schema.get("items")) is list:
        return False
    if _is_object(schema) and not _complete(schema):
        return False
    return all(_strict(inner) for _, inner in _inside(schema))


def _complete(schema: Schema) -> bool:
    """Tell whether an object has the properties that are listed, all of them and no other."""
    listed, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(listed, dict) or not isinstance(required, list):
        return False
    return schema.get("additionalProperties") is False and all(name in required for name in listed)


def closed(schema: Schema, fit: Fit) -> Schema:
    """Return *schema* for a provider that takes closed objects alone; *schema* itself where all of them are.

    Those that say nothing of other properties are closed, and that is told. Those that say they may have some are
    refused by name, or closed where the caller allows that.
    """
    told = fit.name("format.schema")
    root = told if told != "format.schema" else f"{fit.name('format')}.schema"
    found: list[str] = []

    def close(one: Schema, at: str) -> Schema:
        said = one.get("additionalProperties")
        if said is False or (said is None and not _is_object(one)):
            return one
        path = f"{at}.additionalProperties"
        if said is None:
            found.append(path)
        else:
            fit.refuse(path, "It takes closed objects only: list their properties, and send false")
        return {**one, "additionalProperties": False}

    if not isinstance(schema, dict):  # that is for the provider to refuse
        return schema
    shut = _every(schema, root, close)
    if found:
        fit.defaulted.append(f"{root}.additionalProperties=false")
    return shut


def _every(schema: Schema, at: str, change: Callable[[Schema, str], Schema]) -> Schema:
    """Return *schema* with *change* made to it and to all inside; the object that was given where nothing changed."""
    made = change(schema, at)
    for (name, key), inner in _inside(schema):
        path = f"{at}.{name}" if key is None else f"{at}.{name}.{key}"
        new = _every(inner, path, change) if isinstance(inner, dict) else inner
        if new is inner:
            continue
        if made is schema:
            made = dict(schema)
        if key is None:
            made[name] = new
            continue
        if made[name] is schema[name]:
            made[name] = schema[name].copy()
        made[name][key] = new
    return made


def _inside(schema: Schema) -> list[tuple[tuple[str, Any], Any]]:
    """Return the schemas in *schema*, one level down, with the field each stands in, and its key or index there."""
    found: list[tuple[tuple[str, Any], Any]] = []
    for name, value in schema.items():
        if isinstance(value, dict) and name in _MAPS:
            found += [((name, key), inner) for key, inner in value.items()]
        elif isinstance(value, dict) and name in _SINGLE:
            found.append(((name, None), value))
        elif isinstance(value, list) and name in _LISTS:
            found += [((name, index), inner) for index, inner in enumerate(value)]
    return found


def _is_object(schema: Schema) -> bool:
    kind = schema.get("type")
    return (
        kind == "object" or (isinstance(kind, list) and "object" in kind) or (kind is None and "properties" in schema)
    )
