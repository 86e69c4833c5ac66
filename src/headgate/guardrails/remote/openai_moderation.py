"""OpenAI's moderation, https://platform.openai.com/docs/api-reference/moderations"""

from collections.abc import Sequence
from typing import Any, ClassVar

from msgspec import field

from headgate.guardrails.remote.base import Remote, number, rows, table
from headgate.guardrails.types import Finding, Means, Span, Unavailable, Verdict


class OpenaiModeration(Remote, frozen=True, kw_only=True):
    """Harmful content by category. Costs nothing there."""

    service: ClassVar[str] = "OpenAI's moderation"

    url: str = "https://api.openai.com/v1"
    model: str = "omni-moderation-latest"
    categories: list[str] = field(default_factory=list)
    """``hate``, ``violence/graphic`` ...; empty means all."""
    threshold: float | None = None
    """The score from which on a category counts; where none is given, its own judgement counts."""

    def sees_masked(self) -> bool:
        """See ``Guardrail``: harm is none of what is masked."""
        return self.action != "mask"

    async def judge(self, spans: Sequence[tuple[int, Span]], means: Means) -> Verdict:
        """See ``Remote``."""
        said = {"model": self.model, "input": [span.text for _, span in spans]}
        results = rows(table(await self.ask(means, "/moderations", said), "the moderation").get("results"))
        if len(results) != len(spans):
            raise Unavailable("the moderation did not answer for every text")
        found: list[Finding] = []
        for (i, span), result in zip(spans, results, strict=True):
            found += [Finding(i, 0, len(span.text), name[:40], score) for name, score in self._flagged(result)]
        return self.verdict(found)

    def _flagged(self, result: dict[str, Any]) -> list[tuple[str, float]]:
        scores, flags = result.get("category_scores"), result.get("categories")
        scores = scores if isinstance(scores, dict) else {}
        flags = flags if isinstance(flags, dict) else {}
        names = [name for name in {**flags, **scores} if not self.categories or name in self.categories]
        if self.threshold is None:
            return [(name, number(scores.get(name), 1.0)) for name in names if flags.get(name) is True]
        return [(name, number(scores.get(name))) for name in names if number(scores.get(name)) >= self.threshold]
