"""One JSON object being read, field by field, with the path of each for the message to whoever sent it."""

from typing import Annotated, Any, TypeVar

import msgspec

from headgate.core.chat import Extra
from headgate.core.errors import BadRequest
from headgate.dialects import wire
from headgate.dialects.envelope import MAX_MESSAGES, invalid

T = TypeVar("T")
Raw = msgspec.Raw

_TEXT = msgspec.json.Decoder(str)
_FLAG = msgspec.json.Decoder(bool)
_NAMES = msgspec.json.Decoder(list[str])
_OBJECT = msgspec.json.Decoder(dict[str, Any])
_COUNT = msgspec.json.Decoder(Annotated[int, msgspec.Meta(ge=1, le=10**9)])


class Fields:
    """Hands out an object's fields; ``rest`` holds those that nobody took. A field that is null is not there."""

    __slots__ = ("at", "rest")

    def __init__(self, raw: Raw | dict[str, Raw], at: str = "") -> None:
        """Read *raw*, which stands at the path *at*; raise ``BadRequest`` if it is no object."""
        self.at = at
        if isinstance(raw, dict):
            self.rest = dict(raw)
            return
        try:
            self.rest = wire.members(raw)
        except msgspec.ValidationError as error:
            raise invalid(str(error), at) from None

    def path(self, name: str) -> str:
        """The path of one field."""
        return f"{self.at}.{name}" if self.at else name

    def raw(self, name: str) -> Raw | None:
        """Take a field undecoded."""
        value = self.rest.get(name)
        if value is None or value == wire.NULL:
            return None
        del self.rest[name]
        return value

    def take(self, name: str, decoder: "msgspec.json.Decoder[T]") -> T | None:
        """Take a field of any type."""
        value = self.raw(name)
        if value is None:
            return None
        try:
            return wire.typed(decoder, value)
        except msgspec.ValidationError as error:
            raise invalid(str(error), self.path(name)) from None

    def text(self, name: str) -> str | None:
        """Take a string, lone surrogates kept."""
        value = self.raw(name)
        return None if value is None else text(value, self.path(name))

    def flag(self, name: str) -> bool | None:
        """Take a boolean."""
        return self.take(name, _FLAG)

    def count(self, name: str) -> int | None:
        """Take a whole number of 1 or more."""
        return self.take(name, _COUNT)

    def names(self, name: str) -> list[str] | None:
        """Take an array of strings."""
        return self.take(name, _NAMES)

    def document(self, name: str) -> dict[str, Any] | None:
        """Take an object, decoded whole."""
        return self.take(name, _OBJECT)

    def items(self, name: str) -> list[Raw] | None:
        """Take an array, its items undecoded."""
        value = self.raw(name)
        return None if value is None else items(value, self.path(name))

    def messages(self) -> list[Raw]:
        """Take the conversation: one message at least, and no more than anybody needs."""
        found = self.need("messages", self.items("messages"))
        if not found:
            raise self.refuse("messages", "expected at least one message.", "empty_array")
        if len(found) > MAX_MESSAGES:
            raise self.refuse("messages", f"expected at most {MAX_MESSAGES}.", "array_above_max_length")
        return found

    def inner(self, name: str) -> "Fields | None":
        """Take an object to read further."""
        value = self.raw(name)
        return None if value is None else Fields(value, self.path(name))

    def keep(self, name: str, inner: "Fields") -> None:
        """Count what nobody took of an inner object among what nobody took of this one."""
        if inner.rest:
            self.rest[name] = inner.rest  # type: ignore[assignment]  # an object of undecoded values prints the same

    def need(self, name: str, value: T | None) -> T:
        """Return *value*, which the field *name* gave; raise ``BadRequest`` where it gave none."""
        if value is None:
            path = self.path(name)
            raise BadRequest(f"Missing required parameter: '{path}'.", code="missing_required_parameter", param=path)
        return value

    def extra(self, dialect: str, form: dict[str, str] | None = None) -> Extra | None:
        """Return what nobody took, and how the rest was spelt."""
        return Extra(dialect, self.rest, form or {}) if self.rest or form else None

    def refuse(self, name: str, message: str, code: str = "invalid_value") -> BadRequest:
        """Return the refusal of a field's value."""
        path = self.path(name)
        return BadRequest(f"Invalid value for '{path}': {message}", code=code, param=path)


def text(value: Raw, at: str) -> str:
    """Decode a string at the path *at*, lone surrogates kept."""
    try:
        return _TEXT.decode(value)
    except msgspec.ValidationError as error:
        raise invalid(str(error), at) from None
    except msgspec.DecodeError:
        decoded = wire.decode(value)
    if not isinstance(decoded, str):
        raise BadRequest(f"Invalid value for '{at}': expected a string.", code="invalid_type", param=at)
    return decoded


def items(value: Raw, at: str) -> list[Raw]:
    """Decode an array at the path *at*, its items undecoded."""
    try:
        return wire.items(value)
    except msgspec.ValidationError as error:
        raise invalid(str(error), at) from None


def starts(value: Raw, sign: bytes) -> bool:
    """Tell whether a value begins with *sign*: ``b'"'`` a string, ``b"["`` an array."""
    return memoryview(value)[0] == sign[0]
