"""LLM Guard as a service, https://protectai.github.io/llm-guard/api/overview/"""

from asyncio import gather
from collections.abc import Sequence
from typing import Any, ClassVar

from msgspec import field

from headgate.guardrails.remote.base import Remote, number, table
from headgate.guardrails.types import ALLOW, Means, Span, Verdict

ANSWERS = frozenset(("output", "thinking", "tool_argument"))


class LlmGuard(Remote, frozen=True, kw_only=True):
    """The scanners that are configured there."""

    service: ClassVar[str] = "LLM Guard"

    url: str = "http://localhost:8000"
    suppress: list[str] = field(default_factory=list)
    """Scanners to leave out."""

    async def judge(self, spans: Sequence[tuple[int, Span]], means: Means) -> Verdict:
        """See ``Remote``."""
        answers = await gather(*[self._of(span, means) for _, span in spans])
        bad = sorted({name for valid, names, _ in answers if not valid for name in names})
        if bad or not all(valid for valid, _, _ in answers):
            unmasked = any(
                not valid and text == span.text for (valid, _, text), (_, span) in zip(answers, spans, strict=True)
            )
            if self.action != "mask" or unmasked:
                return self.verdict((), ", ".join(bad)[:200] or "not valid")
            return self.rewritten(spans, [text for _, _, text in answers])
        return ALLOW

    async def _of(self, span: Span, means: Means) -> tuple[bool, list[str], str]:
        side = "output" if span.place in ANSWERS else "prompt"
        said: dict[str, Any] = {side: span.text, "scanners_suppress": self.suppress}
        if side == "output":
            said["prompt"] = ""
        answer = table(await self.ask(means, f"/analyze/{side}", said), "LLM Guard's answer")
        scores = answer.get("scanners")
        names = [str(n)[:60] for n, s in scores.items() if number(s) > 0] if isinstance(scores, dict) else []
        text = answer.get(f"sanitized_{side}")
        return answer.get("is_valid") is True, names, text if isinstance(text, str) else span.text
