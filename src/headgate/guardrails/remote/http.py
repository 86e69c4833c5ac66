"""A guardrail of one's own behind a URL.

It is posted ``{"guardrail": "http", "spans": [{"text", "place"}]}`` and answers ``{"action", "findings": [{"span",
"start", "end", "type", "score"}], "reason", "texts"}``, its action being ``allow``, ``flag``, ``mask`` or ``block``;
all but that may be absent. ``texts``, the spans rewritten, stands for findings where it cannot tell offsets.
"""

from collections.abc import Sequence
from typing import ClassVar

import msgspec
from msgspec import field

from headgate.core.secret import Secret
from headgate.guardrails.remote.base import Remote
from headgate.guardrails.types import ALLOW, Act, Finding, Means, Span, Unavailable, Verdict


class _Found(msgspec.Struct):
    span: int
    start: int
    end: int
    type: str = "found"
    score: float = 1.0


class _Answer(msgspec.Struct):
    action: Act
    findings: list[_Found] = []
    reason: str = ""
    texts: list[str] | None = None


class Http(Remote, frozen=True, kw_only=True):
    """Any service that speaks the form above. Its own ``action`` counts, at most that of this rule."""

    service: ClassVar[str] = "the guardrail's service"

    headers: dict[str, Secret] = field(default_factory=dict)
    """More headers to send."""

    async def judge(self, spans: Sequence[tuple[int, Span]], means: Means) -> Verdict:
        """See ``Remote``."""
        said = {"guardrail": "http", "spans": [{"text": span.text, "place": span.place} for _, span in spans]}
        shown = {name: value.reveal() for name, value in self.headers.items()}
        try:
            answer = msgspec.convert(await self.ask(means, "", said, shown), _Answer)
        except msgspec.ValidationError:
            raise Unavailable(f"{self.service} answered in another form than agreed") from None
        if answer.action == "allow":
            return ALLOW
        found = [
            Finding(spans[one.span][0], one.start, one.end, one.type[:30], one.score)
            for one in answer.findings
            if 0 <= one.span < len(spans) and 0 <= one.start < one.end <= len(spans[one.span][1].text)
        ]
        if answer.action == "mask" and answer.texts is not None and not found:
            if len(answer.texts) != len(spans):
                raise Unavailable(f"{self.service} did not answer for every text")
            return self.rewritten(spans, answer.texts)
        act: Act = "flag" if self.action == "flag" else answer.action
        return Verdict(act, tuple(found), answer.reason[:200] or self.verdict(found, "found").reason)
