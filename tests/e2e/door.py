"""A provider that looks at the key it is shown, and counts."""

from collections import Counter
from collections.abc import Callable

from tests.answering import Answer, Answering, Asked
from tests.e2e.scripted import CHAT


class Door(Answering):
    """Chats with everybody, but for whom *refuse* has another answer."""

    def __init__(self, refuse: Callable[[str], Answer | None]) -> None:
        self.keys: Counter[str] = Counter()
        """How often each was shown."""
        self._refuse = refuse
        super().__init__(self._let)

    def _let(self, asked: Asked) -> Answer:
        self.keys[asked.bearer] += 1
        return self._refuse(asked.bearer) or (200, CHAT)


def only(*keys: str) -> Callable[[str], Answer | None]:
    """Refuse any other key."""
    return lambda key: None if key in keys else (401, {"error": {"message": "no"}})
