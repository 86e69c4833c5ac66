"""Presidio's analyzer, https://microsoft.github.io/presidio/api-docs/api-docs.html"""

from asyncio import gather
from collections.abc import Sequence
from typing import Any, ClassVar

from msgspec import field

from headgate.guardrails.remote.base import Remote, number, rows
from headgate.guardrails.types import Finding, Means, Span, Unavailable, Verdict


class Presidio(Remote, frozen=True, kw_only=True):
    """Personal data, names and addresses among it."""

    service: ClassVar[str] = "Presidio"

    url: str = "http://localhost:5002"
    language: str = "en"
    entities: list[str] = field(default_factory=list)
    """``PERSON``, ``PHONE_NUMBER`` ...; empty means all that it knows."""
    threshold: float = 0.5
    reversible: bool = False
    """With ``action: mask``: the caller gets the originals back in the answer."""

    async def judge(self, spans: Sequence[tuple[int, Span]], means: Means) -> Verdict:
        """See ``Remote``."""
        found = await gather(*[self._of(i, span.text, means) for i, span in spans])
        return self.verdict([one for some in found for one in some])

    async def _of(self, i: int, text: str, means: Means) -> list[Finding]:
        said: dict[str, Any] = {"text": text, "language": self.language, "score_threshold": self.threshold}
        if self.entities:
            said["entities"] = self.entities
        answer = await self.ask(means, "/analyze", said)
        if not isinstance(answer, list):
            raise Unavailable("Presidio's answer is not of the form that was agreed")
        found = []
        for one in rows(answer):
            start, end, kind = one.get("start"), one.get("end"), one.get("entity_type")
            if isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(text):
                found.append(Finding(i, start, end, str(kind).lower()[:30], number(one.get("score"), 1.0)))
        return found
