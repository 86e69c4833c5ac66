"""Names and places, where a model for them is installed: they have no form that a pattern could know.

Stands on spaCy, https://spacy.io, which is not among the project's dependencies: install it with a model of yours.
"""

from asyncio import to_thread
from collections.abc import Awaitable, Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any, Literal

from msgspec import field

from headgate.guardrails.types import Finding, Guardrail, Means, Span, Unavailable, Verdict

Kind = Literal["person", "place", "organization"]
LABELS = {"PERSON": "person", "PER": "person", "GPE": "place", "LOC": "place", "FAC": "place", "ORG": "organization"}


class Names(Guardrail, frozen=True, kw_only=True):
    """Names of people and places, by a model of spaCy on this machine."""

    model: str = "en_core_web_sm"
    """The package of the model."""
    types: list[Kind] = field(default_factory=lambda: ["person", "place"])
    reversible: bool = False
    """With ``action: mask``: the caller gets the originals back in the answer."""

    def check(self, spans: Sequence[Span], means: Means) -> Awaitable[Verdict]:
        """See ``Guardrail``."""
        return self._looked([span.text for span in spans])

    async def _looked(self, texts: list[str]) -> Verdict:
        found = await to_thread(_entities, self.model, texts)
        return self.verdict([Finding(i, s, e, name) for i, s, e, name in found if name in self.types])

    def faults(self) -> Iterator[tuple[str, str]]:
        """See ``Guardrail``."""
        yield from super().faults()
        if find_spec("spacy") is None:
            yield "kind", "names needs spaCy, which is not installed"
        elif find_spec(self.model) is None:
            yield "model", f"the package {self.model} is not installed"


def _entities(model: str, texts: list[str]) -> list[tuple[int, int, int, str]]:
    try:
        reader = _load(model)
        return [
            (i, one.start_char, one.end_char, LABELS[one.label_])
            for i, text in enumerate(texts)
            for one in reader(text).ents
            if one.label_ in LABELS
        ]
    except (ImportError, OSError) as error:
        raise Unavailable(f"the model {model} cannot be loaded: {error}") from None


@cache
def _load(model: str) -> Any:
    import spacy  # type: ignore[import-not-found]

    return spacy.load(model, disable=["lemmatizer", "parser"])
