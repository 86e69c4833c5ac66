"""An instance of a JSON schema, <https://json-schema.org/draft/2020-12>: valid, small, and always the same."""

from collections.abc import Callable
from random import Random
from typing import Any

from headgate.providers.sandbox.hints import Hints
from headgate.providers.sandbox.numbers import number
from headgate.providers.sandbox.strings import Unsatisfiable, string

MAX_DEPTH = 24
ROOMY = 4
"""Above this depth optional fields and items are written too; below it only what must be."""
MAX_NODES = 2000
MAX_ITEMS = 256
STRING = {"type": "string"}
JOINED = ("required", "prefixItems")
LARGER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
SMALLER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")


def instance(schema: dict[str, Any], seed: int, hints: Hints) -> Any:
    """Return a value that *schema* allows; raise ``Unsatisfiable`` where there is none of a sensible size."""
    return _Maker(schema, Random(seed), hints).make(schema, "", 0)


class _Maker:
    def __init__(self, root: dict[str, Any], rng: Random, hints: Hints) -> None:
        self._root = root
        self._rng = rng
        self._hints = hints
        self._nodes = 0
        self._numbers = iter(hints.numbers)
        self._makers: dict[str, Callable[[dict[str, Any], str, int], Any]] = {
            "object": self._object,
            "array": self._array,
            "string": lambda schema, name, depth: string(schema, hints.string(name)),
            "integer": self._number,
            "number": self._number,
            "boolean": lambda schema, name, depth: rng.random() < 0.5,
            "null": lambda schema, name, depth: None,
        }

    def make(self, schema: Any, name: str, depth: int) -> Any:
        """Make a value for the field *name* at *depth*."""
        self._nodes += 1
        if schema is False or depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise Unsatisfiable("the schema allows no value, or none of a sensible size")
        if schema is True or schema == {}:
            schema = STRING
        if not isinstance(schema, dict):
            raise Unsatisfiable(f"the schema of {name or 'the answer'!r} is not an object")
        schema = self._flat(schema, depth)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._chosen(schema["enum"])
        for key in ("anyOf", "oneOf"):
            if schema.get(key):
                return self._first(schema, key, name, depth)
        kind = _kind(schema, depth)
        if kind not in self._makers:
            raise Unsatisfiable(f"the schema names the type {kind!r}, which JSON has not")
        return self._makers[kind]({**schema, "type": kind}, name, depth)

    def _flat(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        """Put what ``$ref`` and ``allOf`` point to into one schema."""
        for _ in range(MAX_DEPTH - min(depth, MAX_DEPTH)):
            self._nodes += 1  # references that fan out would otherwise be followed without end
            if self._nodes > MAX_NODES:
                break
            if "$ref" in schema:
                rest = {key: value for key, value in schema.items() if key != "$ref"}
                schema = _merged(_pointed(self._root, schema["$ref"]), rest)
            elif schema.get("allOf"):
                rest = {key: value for key, value in schema.items() if key != "allOf"}
                for part in schema["allOf"]:
                    rest = _merged(rest, self._flat(part, depth + 1) if isinstance(part, dict) else {})
                schema = rest
            else:
                return schema
        raise Unsatisfiable("the schema's references lead in a circle, or too far")

    def _chosen(self, values: list[Any]) -> Any:
        """Take the value that the prompt names, else any."""
        for value in values:
            if isinstance(value, str) and value.lower() in self._hints.words:
                return value
        return values[self._rng.randrange(len(values))]

    def _first(self, schema: dict[str, Any], key: str, name: str, depth: int) -> Any:
        """Make the first alternative that can be made; null last, but first deep down, where it ends recursion."""
        rest = {k: v for k, v in schema.items() if k != key}
        failure = Unsatisfiable("no alternative of the schema can be made")
        options: list[dict[str, Any]] = []
        for option in schema[key]:
            try:
                if option is not False:
                    options.append(_merged(rest, self._flat(option, depth) if isinstance(option, dict) else {}))
            except Unsatisfiable as error:
                failure = error
        options.sort(key=lambda option: (option.get("type") == "null") == (depth <= ROOMY))
        for option in options:
            try:
                return self.make(option, name, depth + 1)
            except Unsatisfiable as error:
                failure = error
        raise failure

    def _object(self, schema: dict[str, Any], name: str, depth: int) -> dict[str, Any]:
        fields, needed = schema.get("properties") or {}, schema.get("required") or []
        more = schema.get("additionalProperties", True)
        made: dict[str, Any] = {}
        for key, field in fields.items():
            if key in needed:
                made[key] = self.make(field, key, depth + 1)
            elif depth < ROOMY:
                try:
                    made[key] = self.make(field, key, depth + 1)
                except Unsatisfiable:
                    continue
        for key in needed:
            if key not in made:
                made[key] = self.make(more, key, depth + 1)
        for index in range(min(schema.get("minProperties") or 0, MAX_ITEMS) - len(made)):
            made[f"field_{index + 1}"] = self.make(more, "field", depth + 1)
        return made

    def _array(self, schema: dict[str, Any], name: str, depth: int) -> list[Any]:
        least, most = schema.get("minItems") or 0, schema.get("maxItems")
        fixed, items = schema.get("prefixItems") or [], schema.get("items", True)
        if least > MAX_ITEMS:
            raise Unsatisfiable(f"an array of at least {least} items is too long for the sandbox")
        length = max(least, len(fixed), 0 if fixed or items is False or depth >= ROOMY else 2)
        length = length if most is None else min(length, most)
        made: list[Any] = []
        for index in range(length):
            self._hints.turn += 1 if index else 0
            value = self.make(fixed[index] if index < len(fixed) else items, name.removesuffix("s"), depth + 1)
            if schema.get("uniqueItems") and value in made:
                value = _other(value, made, items)
            made.append(value)
        self._hints.turn -= max(length - 1, 0)
        while schema.get("uniqueItems") and made and made[-1] in made[:-1]:
            made.pop()
        if len(made) < least:
            raise Unsatisfiable("the schema wants more different items than it allows")
        return made

    def _number(self, schema: dict[str, Any], name: str, depth: int) -> int | float:
        return number(schema, next(self._numbers, None), self._rng.randrange(1, 100) / 100)


def _kind(schema: dict[str, Any], depth: int) -> str:
    """Return the type to make; where none is said, the one that the other keywords speak of."""
    kind = schema.get("type")
    if isinstance(kind, list):
        real = [name for name in kind if name != "null"]
        return str(real[0]) if real and (depth <= ROOMY or "null" not in kind) else "null"
    if kind is not None:
        return str(kind)
    if "properties" in schema or "required" in schema or "additionalProperties" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema or "minItems" in schema:
        return "array"
    if "minimum" in schema or "maximum" in schema or "multipleOf" in schema:
        return "number"
    return "string"


def _merged(one: dict[str, Any], two: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that allows only what both do, as far as their keywords can be joined."""
    made = dict(one)
    for key, value in two.items():
        if key not in made:
            made[key] = value
        elif key == "properties":
            made[key] = {**made[key], **value}
        elif key in JOINED:
            made[key] = list(dict.fromkeys([*made[key], *value])) if key == "required" else value
        elif key in LARGER:
            made[key] = max(made[key], value)
        elif key in SMALLER:
            made[key] = min(made[key], value)
        elif key == "enum":
            made[key] = [item for item in made[key] if item in value]
        else:
            made[key] = value
    return made


def _pointed(root: Any, ref: Any) -> dict[str, Any]:
    """Follow a JSON pointer inside the schema."""
    found = root
    if not isinstance(ref, str) or not ref.startswith("#"):
        raise Unsatisfiable(f"the reference {ref!r} leads out of the schema")
    for step in ref[1:].split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and key in found:
            found = found[key]
        elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        else:
            raise Unsatisfiable(f"the reference {ref!r} leads nowhere")
    if not isinstance(found, dict):
        raise Unsatisfiable(f"the reference {ref!r} is no schema")
    return found


def _other(value: Any, taken: list[Any], schema: Any) -> Any:
    """Return a value near *value* that is not *taken* and that *schema* may allow; *value* itself if there is none."""
    rules = schema if isinstance(schema, dict) else {}
    if rules.get("enum"):
        return next((option for option in rules["enum"] if option not in taken), value)
    if isinstance(value, bool):
        return value if (not value) in taken else not value
    if isinstance(value, int):
        step = rules.get("multipleOf") or 1
        return next((v for v in (value + step * n for n in range(1, len(taken) + 2)) if v not in taken), value)
    if isinstance(value, str):
        return next((v for v in (f"{value} {n}" for n in range(2, len(taken) + 3)) if v not in taken), value)
    return value
