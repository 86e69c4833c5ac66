"""How Gemini's objects are spelt: field names in camelCase or in snake_case, enums as words or as numbers, schemas."""

import re
from base64 import b64decode, b64encode
from typing import Any

from headgate.core.chat import Extra
from headgate.dialects.fields import Fields
from headgate.dialects.gemini_words import NAME
from headgate.dialects.opaque import PREFIX, Opaque, unwrap, wrap

_SNAKE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")
_HUMP = re.compile(r"[A-Z]")
_TYPES = ("", "string", "number", "integer", "boolean", "array", "object", "null")
_COUNTS = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
_WRAPPED = "aGcx"  # how base64 of a wrapped proof begins
assert b64encode(PREFIX.encode()).decode().startswith(_WRAPPED)


class Given(Fields):
    """As :class:`Fields`; a name in snake_case, which Google takes too, reads as the one in camelCase."""

    __slots__ = ("snake",)

    def __init__(self, raw: Any, at: str = "") -> None:
        super().__init__(raw, at)
        self.snake: list[str] = []
        for name in [name for name in self.rest if "_" in name and _SNAKE.fullmatch(name)]:
            first, *more = name.split("_")
            camel = first + "".join(word.capitalize() for word in more)
            if camel not in self.rest and _underscored(camel) == name:
                self.rest[camel] = self.rest.pop(name)
                self.snake.append(camel)

    def inner(self, name: str) -> "Given | None":
        """Take an object to read further."""
        value = self.raw(name)
        return None if value is None else Given(value, self.path(name))

    def keep(self, name: str, inner: Fields) -> None:
        """Count what nobody took of an inner object, and how it was spelt, among what is kept of this one."""
        super().keep(name, inner)
        if isinstance(inner, Given):
            self.snake += [f"{name}.{one}" for one in inner.snake]

    def extra(self, dialect: str = NAME, form: dict[str, str] | None = None) -> Extra | None:
        """Return what nobody took, and how the rest was spelt."""
        if self.snake:
            form = {**(form or {}), "snake": " ".join(self.snake)}
        return super().extra(dialect, form)


def respell(written: dict[str, Any], extra: Extra | None) -> None:
    """Spell the names in *written* as their source did."""
    names = extra.form.get("snake", "") if extra is not None and extra.dialect == NAME else ""
    for path in sorted(names.split(), key=lambda one: -one.count(".")):
        *steps, last = path.split(".")
        at: Any = written
        for step in steps:
            at = at.get(step) if isinstance(at, dict) else None
        if isinstance(at, dict) and last in at:
            at[_underscored(last)] = at.pop(last)


def _underscored(camel: str) -> str:
    return _HUMP.sub(lambda m: "_" + m[0].lower(), camel)


def json_schema(schema: Any) -> Any:
    """Return a schema of Gemini's own kind (types in capitals or numbers, ``nullable``) as the JSON schema it means."""
    if not isinstance(schema, dict):
        return schema
    found: dict[str, Any] = {}
    for name, value in schema.items():
        if name == "type":
            found[name] = _type(value)
        elif name == "properties" and isinstance(value, dict):
            order = schema.get("propertyOrdering")
            names = [one for one in order if isinstance(one, str) and one in value] if isinstance(order, list) else []
            found[name] = {one: json_schema(value[one]) for one in dict.fromkeys([*names, *value])}
        elif name in ("items", "additionalProperties", "additional_properties"):
            found["items" if name == "items" else "additionalProperties"] = json_schema(value)
        elif name in ("anyOf", "any_of", "prefixItems") and isinstance(value, list):
            found["anyOf" if name == "any_of" else name] = [json_schema(one) for one in value]
        elif name in _COUNTS and isinstance(value, str) and value.isdecimal():
            found[name] = int(value)  # 64 bits are texts in Google's JSON
        elif name in ("propertyOrdering", "property_ordering", "nullable") or (name == "format" and value == "enum"):
            continue
        else:
            found[name] = value
    if schema.get("nullable") is True:
        _nullable(found)
    return found


def _type(value: Any) -> Any:
    if isinstance(value, str):
        return value.lower()
    return _TYPES[value] if type(value) is int and 0 < value < len(_TYPES) else value


def _nullable(schema: dict[str, Any]) -> None:
    kind = schema.get("type")
    if isinstance(kind, str):
        schema["type"] = [kind, "null"]
        if isinstance(schema.get("enum"), list):
            schema["enum"] = [*schema["enum"], None]
    elif isinstance(schema.get("anyOf"), list):
        schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]


def signature_of(proof: Opaque) -> str:
    """Return a proof as ``thoughtSignature``, which is base64: another dialect's is wrapped."""
    if proof.source == NAME and proof.signature is not None:
        return proof.signature
    return b64encode(wrap(proof).encode("utf-8", "surrogatepass")).decode()


def proof_in(signature: str) -> Opaque:
    """Return the proof that a ``thoughtSignature`` is, or wraps."""
    if signature.startswith(_WRAPPED):
        try:
            found = unwrap(b64decode(standard(signature)).decode("utf-8", "surrogatepass"))
        except ValueError:
            found = None
        if found is not None:
            return found
    return Opaque(NAME, signature)


def standard(data: str) -> str:
    """Return base64 in the standard alphabet; Google's own SDK sends the one for URLs."""
    return data.replace("-", "+").replace("_", "/") if "-" in data or "_" in data else data


def urlsafe(data: str) -> str:
    """Return base64 in the alphabet for URLs."""
    return data.replace("+", "-").replace("/", "_")
