"""A string that cannot be printed."""

from typing import NoReturn


class Secret:
    """Hold a credential so that no log line, traceback, format string or encoder shows it.

    Only :meth:`reveal` gives the text back, so every use of a credential can be found by that name.
    """

    __slots__ = ("_value", "source")

    def __init__(self, value: str, source: str = "") -> None:
        self._value = value
        self.source = source
        """The reference to whoever keeps it, which may be shown; empty where it came otherwise."""

    def reveal(self) -> str:
        """Return the credential itself."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")
