"""Just enough of a JSON schema validator to judge what the sandbox makes up."""

import re
from typing import Any

TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
}


def valid(value: Any, schema: Any, root: Any = None) -> bool:
    """Whether *value* is an instance of *schema*."""
    root = schema if root is None else root
    if isinstance(schema, bool):
        return schema
    if "$ref" in schema:
        found = root
        for step in schema["$ref"][1:].split("/")[1:]:
            found = found[step]
        if not valid(value, found, root):
            return False
    return (
        _typed(value, schema.get("type"))
        and ("const" not in schema or value == schema["const"])
        and ("enum" not in schema or value in schema["enum"])
        and all(valid(value, part, root) for part in schema.get("allOf", ()))
        and ("anyOf" not in schema or any(valid(value, part, root) for part in schema["anyOf"]))
        and ("oneOf" not in schema or sum(valid(value, part, root) for part in schema["oneOf"]) == 1)
        and _fits(value, schema, root)
    )


def _typed(value: Any, kind: Any) -> bool:
    if kind is None:
        return True
    if isinstance(kind, list):
        return any(_typed(value, one) for one in kind)
    if kind in ("integer", "number"):
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        return not isinstance(value, bool) and isinstance(value, int | float) and (whole or kind == "number")
    return isinstance(value, TYPES[kind])


def _fits(value: Any, schema: dict[str, Any], root: Any) -> bool:
    if isinstance(value, dict):
        return _object(value, schema, root)
    if isinstance(value, list):
        return _array(value, schema, root)
    if isinstance(value, str):
        return (
            schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))
            and re.search(schema.get("pattern", ""), value) is not None
        )
    if isinstance(value, bool) or value is None:
        return True
    steps: float = value / schema["multipleOf"] if "multipleOf" in schema else 0
    return bool(
        schema.get("minimum", value) <= value <= schema.get("maximum", value)
        and ("exclusiveMinimum" not in schema or value > schema["exclusiveMinimum"])
        and ("exclusiveMaximum" not in schema or value < schema["exclusiveMaximum"])
        and abs(steps - round(steps)) < 1e-9
    )


def _object(value: dict[str, Any], schema: dict[str, Any], root: Any) -> bool:
    fields = schema.get("properties", {})
    more = schema.get("additionalProperties", True)
    return (
        all(name in value for name in schema.get("required", ()))
        and all(valid(item, fields.get(name, more), root) for name, item in value.items())
        and schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", len(value))
    )


def _array(value: list[Any], schema: dict[str, Any], root: Any) -> bool:
    fixed, items = schema.get("prefixItems", []), schema.get("items", True)
    unlike = all(item not in value[:index] for index, item in enumerate(value))
    return (
        schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))
        and (unlike or not schema.get("uniqueItems"))
        and all(valid(v, fixed[i] if i < len(fixed) else items, root) for i, v in enumerate(value))
    )
