"""The form that an answer must have: JSON, a schema, or one of a few answers."""

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Literal

from msgspec import field

from headgate.guardrails.jsonschema import Schema
from headgate.guardrails.types import ALLOW, MOST_KEPT, Guardrail, Means, Place, Side, Span, Streaming, Verdict

Form = Literal["json", "one_of"]


class Format(Guardrail, frozen=True, kw_only=True):
    """What the answer must look like as a whole."""

    streaming: ClassVar[Streaming] = "whole"
    escapes: ClassVar[bool] = True
    reads: ClassVar[frozenset[Place]] = frozenset(("output",))

    on: list[Side] = field(default_factory=lambda: ["output"])
    form: Form = "json"
    """``json``: a JSON document and nothing else. ``one_of``: one of ``answers``, spaces around it and case apart."""
    schema: dict[str, Any] | None = None
    """With ``json``: the JSON schema that it must fit."""
    answers: list[str] = field(default_factory=list)

    def check(self, spans: Sequence[Span], means: Means) -> Verdict:
        """See ``Guardrail``."""
        for span in spans:
            if span.text and (reason := self._fault(span.text)) is not None:
                return self.verdict((), reason)
        return ALLOW

    def _fault(self, text: str) -> str | None:
        if self.form == "one_of":
            said = text.strip().casefold()
            return None if any(said == one.strip().casefold() for one in self.answers) else "is none of the answers"
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return "is not JSON"
        return None if self.schema is None else _schema(json.dumps(self.schema)).fault(value)

    def faults(self) -> Iterator[tuple[str, str]]:
        """See ``Guardrail``."""
        yield from super().faults()
        if self.action == "mask":
            yield "action", "a form cannot be masked: use `block`, `flag` or `reask`"
        if self.form == "one_of" and not self.answers:
            yield "answers", "must name at least one answer"
        if self.schema is not None:
            try:
                _schema(json.dumps(self.schema))
            except ValueError as error:
                yield "schema", str(error)


@lru_cache(MOST_KEPT)
def _schema(text: str) -> Schema:
    return Schema(json.loads(text))
