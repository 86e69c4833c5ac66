"""A guard on a Guardrails AI server, https://www.guardrailsai.com/docs/concepts/deploying"""

from asyncio import gather
from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import quote

from headgate.guardrails.remote.base import Remote, table
from headgate.guardrails.types import ALLOW, Means, Span, Verdict


class GuardrailsAi(Remote, frozen=True, kw_only=True):
    """Validators that were put together into a guard there."""

    service: ClassVar[str] = "Guardrails AI"

    url: str = "http://localhost:8000"
    guard: str
    """The guard's name."""

    async def judge(self, spans: Sequence[tuple[int, Span]], means: Means) -> Verdict:
        """See ``Remote``."""
        answers = await gather(*[self._of(span.text, means) for _, span in spans])
        if all(passed for passed, _ in answers):
            fixed = [text for _, text in answers]
            if self.action == "mask" and any(t != span.text for t, (_, span) in zip(fixed, spans, strict=True)):
                return self.rewritten(spans, fixed)
            return ALLOW
        return self.verdict((), f"the guard {self.guard} did not pass it")

    async def _of(self, text: str, means: Means) -> tuple[bool, str]:
        path = f"/guards/{quote(self.guard, safe='')}/validate"
        answer = table(await self.ask(means, path, {"llmOutput": text}), "Guardrails AI's answer")
        passed = answer.get("validationPassed", answer.get("validation_passed"))
        fixed = answer.get("validatedOutput", answer.get("validated_output"))
        return passed is True, fixed if isinstance(fixed, str) else text
