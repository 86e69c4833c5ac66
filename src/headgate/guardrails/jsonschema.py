"""Whether a value fits a JSON schema: the words of draft 2020-12 that structured answers use.

What is not listed in ``KNOWN`` is refused when the schema is read, so that no rule is passed over in silence.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from headgate.guardrails.regular import Expression

KNOWN = frozenset(
    {"type", "enum", "const", "properties", "required", "additionalProperties", "items", "prefixItems", "minItems"}
    | {"maxItems", "uniqueItems", "minLength", "maxLength", "pattern", "minimum", "maximum", "exclusiveMinimum"}
    | {"exclusiveMaximum", "multipleOf", "anyOf", "allOf", "oneOf", "not", "$ref", "$defs", "definitions"}
    | {"minProperties", "maxProperties", "patternProperties", "title", "description", "default", "examples", "format"}
    | {"$schema", "$id", "$comment", "deprecated", "readOnly", "writeOnly", "strict"}
)
DEEPEST = 64
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "object": (dict,),
    "array": (list,),
    "boolean": (bool,),
    "null": (type(None),),
}


class Schema:
    """A schema that has been looked through. Raise ``ValueError``, saying where, for one that cannot be used."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._root = schema
        self._patterns: dict[str, Expression] = {}
        self._look_through(schema, "schema", 0)

    def fault(self, value: Any) -> str | None:
        """Return the first thing that is wrong with *value*, as ``path: what``, or ``None``; never the value itself."""
        return next(self._faults(value, self._root, "$", 0), None)

    def _look_through(self, schema: Any, path: str, depth: int) -> None:
        if isinstance(schema, bool):
            return
        if not isinstance(schema, Mapping) or depth > DEEPEST:
            raise ValueError(f"{path} is no schema")
        for word, said in schema.items():
            if word not in KNOWN:
                raise ValueError(f"{path} has the word {word!r}, which is not looked at")
            if word == "pattern":
                self._patterns[said] = Expression(said, longest=1 << 20)
            elif word in ("properties", "patternProperties", "$defs", "definitions"):
                for name, inner in said.items():
                    if word == "patternProperties":
                        self._patterns[name] = Expression(name, longest=1 << 20)
                    self._look_through(inner, f"{path}.{word}.{name}", depth + 1)
            elif word in ("anyOf", "allOf", "oneOf", "prefixItems"):
                for i, inner in enumerate(said):
                    self._look_through(inner, f"{path}.{word}[{i}]", depth + 1)
            elif word in ("items", "additionalProperties", "not"):
                self._look_through(said, f"{path}.{word}", depth + 1)
            elif word == "$ref":
                self._referred(said)

    def _referred(self, ref: Any) -> Any:
        found: Any = self._root
        if not isinstance(ref, str) or not ref.startswith("#"):
            raise ValueError(f"refers to {ref!r}: only places in the schema itself can be referred to")
        for part in ref[1:].split("/")[1:]:
            try:
                found = found[part.replace("~1", "/").replace("~0", "~")]
            except (KeyError, TypeError):
                raise ValueError(f"refers to {ref!r}, which is not there") from None
        return found

    def _faults(self, value: Any, schema: Any, path: str, depth: int) -> Iterator[str]:
        if schema is True or depth > DEEPEST:
            return
        if schema is False:
            yield f"{path}: must not be there"
            return
        if "$ref" in schema:
            yield from self._faults(value, self._referred(schema["$ref"]), path, depth + 1)
        if "type" in schema:
            wanted = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
            if not any(_is(value, kind) for kind in wanted):
                yield f"{path}: must be {' or '.join(map(str, wanted))}"
                return
        if "enum" in schema and not any(_same(value, one) for one in schema["enum"]):
            yield f"{path}: is none of the values allowed"
        if "const" in schema and not _same(value, schema["const"]):
            yield f"{path}: is not the value required"
        if isinstance(value, str):
            yield from self._of_text(value, schema, path)
        elif isinstance(value, dict):
            yield from self._of_object(value, schema, path, depth)
        elif isinstance(value, list):
            yield from self._of_array(value, schema, path, depth)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield from _of_number(value, schema, path)
        yield from self._of_groups(value, schema, path, depth)

    def _of_text(self, value: str, schema: Mapping[str, Any], path: str) -> Iterator[str]:
        if len(value) < schema.get("minLength", 0):
            yield f"{path}: is too short"
        if len(value) > schema.get("maxLength", len(value)):
            yield f"{path}: is too long"
        pattern = schema.get("pattern")
        if pattern is not None and value and next(self._patterns[pattern].find(value), None) is None:
            yield f"{path}: does not match its pattern"

    def _of_object(self, value: dict[str, Any], schema: Mapping[str, Any], path: str, depth: int) -> Iterator[str]:
        for name in schema.get("required", ()):
            if name not in value:
                yield f"{path}: lacks {name!r}"
        if not schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", len(value)):
            yield f"{path}: has too few or too many members"
        properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        named = [(self._patterns[p], inner) for p, inner in schema.get("patternProperties", {}).items()]
        for name, inside in value.items():
            here = f"{path}.{name[:64]}"
            if name in properties:
                yield from self._faults(inside, properties[name], here, depth + 1)
            matching = [inner for pattern, inner in named if next(pattern.find(name), None) is not None]
            for inner in matching:
                yield from self._faults(inside, inner, here, depth + 1)
            if name not in properties and not matching:
                if others is False:
                    yield f"{here}: is not known"
                else:
                    yield from self._faults(inside, others, here, depth + 1)

    def _of_array(self, value: list[Any], schema: Mapping[str, Any], path: str, depth: int) -> Iterator[str]:
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            yield f"{path}: has too few or too many items"
        if schema.get("uniqueItems") and any(_same(a, b) for i, a in enumerate(value) for b in value[:i]):
            yield f"{path}: has an item twice"
        first: Sequence[Any] = schema.get("prefixItems", ())
        rest = schema.get("items", True)
        for i, inside in enumerate(value):
            yield from self._faults(inside, first[i] if i < len(first) else rest, f"{path}[{i}]", depth + 1)

    def _of_groups(self, value: Any, schema: Mapping[str, Any], path: str, depth: int) -> Iterator[str]:
        for inner in schema.get("allOf", ()):
            yield from self._faults(value, inner, path, depth + 1)
        for word in ("anyOf", "oneOf"):
            if word in schema:
                fits = sum(next(self._faults(value, inner, path, depth + 1), None) is None for inner in schema[word])
                if fits == 0 or (fits > 1 and word == "oneOf"):
                    yield f"{path}: fits {fits or 'none'} of the forms allowed"
        if "not" in schema and next(self._faults(value, schema["not"], path, depth + 1), None) is None:
            yield f"{path}: has a form that is not allowed"


def _is(value: Any, kind: str) -> bool:
    if kind == "integer":
        return (isinstance(value, int) and not isinstance(value, bool)) or (
            isinstance(value, float) and value.is_integer()
        )
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, TYPES.get(kind, ()))


def _same(one: Any, other: Any) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _of_number(value: float, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    if value < schema.get("minimum", value) or value > schema.get("maximum", value):
        yield f"{path}: is out of range"
    if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
        yield f"{path}: is too small"
    if "exclusiveMaximum" in schema and value >= schema["exclusiveMaximum"]:
        yield f"{path}: is too large"
    if schema.get("multipleOf") and abs(value / schema["multipleOf"] - round(value / schema["multipleOf"])) > 1e-9:
        yield f"{path}: is no multiple of {schema['multipleOf']}"
