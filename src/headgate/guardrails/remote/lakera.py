"""Lakera Guard, version 2 of its API, https://docs.lakera.ai/docs/api/guard"""

from collections.abc import Sequence
from typing import Any, ClassVar

from headgate.guardrails.remote.base import Remote, rows, table
from headgate.guardrails.types import ALLOW, Finding, Means, Place, Span, Verdict

ROLES: dict[Place, str] = {
    "system": "system",
    "assistant": "assistant",
    "output": "assistant",
    "thinking": "assistant",
    "tool_argument": "assistant",
    "tool_result": "tool",
}


class Lakera(Remote, frozen=True, kw_only=True):
    """What the policy of a Lakera project looks for: injections, personal data, content, unknown links."""

    service: ClassVar[str] = "Lakera Guard"

    url: str = "https://api.lakera.ai"
    project: str | None = None
    """The id of the project whose policy counts; the account's own where none is given."""

    async def judge(self, spans: Sequence[tuple[int, Span]], means: Means) -> Verdict:
        """See ``Remote``."""
        said: dict[str, Any] = {
            "messages": [{"role": ROLES.get(span.place, "user"), "content": span.text} for _, span in spans],
            "breakdown": True,
            "payload": True,
        }
        if self.project:
            said["project_id"] = self.project
        answer = table(await self.ask(means, "/v2/guard", said), "Lakera's answer")
        if answer.get("flagged") is not True:
            return ALLOW
        kinds = sorted({str(one.get("detector_type")) for one in rows(answer.get("breakdown")) if one.get("detected")})
        return self.verdict(self._findings(spans, answer), ", ".join(kinds)[:200] or "flagged")

    @staticmethod
    def _findings(spans: Sequence[tuple[int, Span]], answer: dict[str, Any]) -> list[Finding]:
        found = []
        for one in rows(answer.get("payload")):
            at, start, end = one.get("message_id", 0), one.get("start"), one.get("end")
            if not (isinstance(at, int) and 0 <= at < len(spans) and isinstance(start, int) and isinstance(end, int)):
                continue
            i, span = spans[at]
            if 0 <= start < end <= len(span.text):
                kind = str(one.get("detector_type", "found")).rpartition("/")[2]
                found.append(Finding(i, start, end, kind[:30]))
        return found
