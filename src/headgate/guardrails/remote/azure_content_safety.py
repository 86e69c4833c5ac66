"""Azure AI Content Safety, https://learn.microsoft.com/azure/ai-services/content-safety/"""

from asyncio import gather
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from msgspec import field

from headgate.guardrails.remote.base import Remote, number, rows, table
from headgate.guardrails.types import Finding, Means, Span, Verdict

LONGEST = 10_000
"""Characters that it takes at a time."""
INDIRECT = frozenset(("document", "tool_result"))


class AzureContentSafety(Remote, frozen=True, kw_only=True):
    """Harmful content with its severity, and attacks on prompts ("Prompt Shields")."""

    service: ClassVar[str] = "Azure AI Content Safety"

    check_for: list[Literal["content", "attacks"]] = field(default_factory=lambda: ["content"])
    categories: list[Literal["Hate", "SelfHarm", "Sexual", "Violence"]] = field(default_factory=list)
    """Empty means all four."""
    severity: int = 4
    """The severity from which on content counts: 2 low, 4 medium, 6 high."""
    blocklists: list[str] = field(default_factory=list)
    version: str = "2024-09-01"

    def credentials(self) -> dict[str, str]:
        """See ``Remote``."""
        return {"ocp-apim-subscription-key": self.api_key.reveal()} if self.api_key else {}

    def sees_masked(self) -> bool:
        """See ``Guardrail``: of what it looks for, lists of words alone may have what is masked."""
        return self.action != "mask" and not self.blocklists

    async def judge(self, spans: Sequence[tuple[int, Span]], means: Means) -> Verdict:
        """See ``Remote``."""
        asked = []
        if "content" in self.check_for:
            asked += [
                self._content(i, at, span.text[at : at + LONGEST], means)
                for i, span in spans
                for at in range(0, len(span.text), LONGEST)
            ]
        if "attacks" in self.check_for:
            asked += [self._attacks(i, span, means) for i, span in spans if span.place not in ("output", "thinking")]
        return self.verdict([one for some in await gather(*asked) for one in some])

    async def _content(self, i: int, at: int, text: str, means: Means) -> list[Finding]:
        said: dict[str, Any] = {"text": text, "outputType": "FourSeverityLevels"}
        if self.categories:
            said["categories"] = self.categories
        if self.blocklists:
            said |= {"blocklistNames": self.blocklists, "haltOnBlocklistHit": False}
        answer = table(
            await self.ask(means, f"/contentsafety/text:analyze?api-version={self.version}", said), "the analysis"
        )
        found = [
            Finding(i, at, at + len(text), str(one.get("category")).lower()[:30], number(one.get("severity")) / 6)
            for one in rows(answer.get("categoriesAnalysis"))
            if number(one.get("severity")) >= self.severity
        ]
        return found + [Finding(i, at, at + len(text), "blocklist") for _ in rows(answer.get("blocklistsMatch"))]

    async def _attacks(self, i: int, span: Span, means: Means) -> list[Finding]:
        texts = [span.text[at : at + LONGEST] for at in range(0, len(span.text), LONGEST)]
        indirect = span.place in INDIRECT
        found = []
        for text in texts:
            said = {"userPrompt": "", "documents": [text]} if indirect else {"userPrompt": text, "documents": []}
            answer = table(
                await self.ask(means, f"/contentsafety/text:shieldPrompt?api-version={self.version}", said),
                "the shield",
            )
            seen = [answer.get("userPromptAnalysis"), *rows(answer.get("documentsAnalysis"))]
            if any(isinstance(one, dict) and one.get("attackDetected") is True for one in seen):
                found.append(Finding(i, 0, len(span.text), "attack"))
        return found[:1]
