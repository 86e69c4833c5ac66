"""A guardrail of Amazon Bedrock, https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

import msgspec

from headgate.core.secret import Secret
from headgate.dialects.wire import ODD
from headgate.guardrails.remote.base import Remote, found_again, rows, table
from headgate.guardrails.types import ALLOW, Finding, Means, Span, Unavailable, Verdict
from headgate.providers.sigv4 import Credentials, Signer

ANSWERS = frozenset(("output", "thinking", "tool_argument"))


class BedrockGuardrail(Remote, frozen=True, kw_only=True):
    """The policies of a guardrail there: topics, content, words, personal data."""

    service: ClassVar[str] = "Bedrock's guardrail"

    guardrail: str
    """Its id or ARN."""
    version: str = "DRAFT"
    region: str = "us-east-1"
    access_key_id: str | None = None
    secret_access_key: Secret | None = None
    session_token: Secret | None = None

    async def judge(self, spans: Sequence[tuple[int, Span]], means: Means) -> Verdict:
        """See ``Remote``."""
        source = "OUTPUT" if all(span.place in ANSWERS for _, span in spans) else "INPUT"
        said = {"source": source, "content": [{"text": {"text": span.text}} for _, span in spans]}
        base = self.url.rstrip("/") or f"https://bedrock-runtime.{self.region}.amazonaws.com"
        url = f"{base}/guardrail/{quote(self.guardrail, safe='')}/version/{quote(self.version, safe='')}/apply"
        if means.post is None:
            raise Unavailable("no service can be reached here")
        body = msgspec.json.encode(said)
        answer = await means.post(url, self._proof(url, body), body, self.timeout)
        if answer.status != 200:
            raise Unavailable(f"{self.service} answered with status {answer.status}")
        try:
            told = table(msgspec.json.decode(answer.body), "Bedrock's answer")
        except ODD:
            raise Unavailable(f"{self.service} answered something that is no JSON") from None
        if told.get("action") != "GUARDRAIL_INTERVENED":
            return ALLOW
        seen = [one for assessment in rows(told.get("assessments")) for one in _matches(assessment)]
        kinds = sorted({kind for kind, _, _ in seen})
        found = [
            Finding(i, start, end, kind[:30])
            for kind, match, _ in seen
            for i, span in spans
            for start, end in found_again(span.text, match)
        ]
        blocked = any(action == "BLOCKED" for _, _, action in seen) or not found
        verdict = self.verdict(found, ", ".join(kinds)[:200] or "intervened")
        return msgspec.structs.replace(verdict, act="block") if blocked and verdict.act == "mask" else verdict

    def _proof(self, url: str, body: bytes) -> dict[str, str]:
        sent = {"content-type": "application/json"}
        if self.access_key_id is None or self.secret_access_key is None:
            return {**sent, **self.credentials()}
        at = urlsplit(url)
        keys = Credentials(self.access_key_id, self.secret_access_key, self.session_token)
        signer = Signer("bedrock", self.region)
        return {**sent, **signer.sign(keys, "POST", at.netloc, at.path, body, datetime.now(UTC), headers=sent)}

    def faults(self) -> Iterator[tuple[str, str]]:
        """See ``Guardrail``."""
        yield from ((field, why) for field, why in super().faults() if field != "url" or self.url)
        if self.api_key is None and (self.access_key_id is None or self.secret_access_key is None):
            yield "access_key_id", "needs `secret_access_key` beside it, or an `api_key` of Bedrock's"


def _matches(assessment: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield what an assessment found: its kind, the text that matched where it is told, and the action."""
    for policy in (
        "topicPolicy",
        "contentPolicy",
        "wordPolicy",
        "sensitiveInformationPolicy",
        "contextualGroundingPolicy",
    ):
        for listed in assessment.get(policy, {}).values() if isinstance(assessment.get(policy), dict) else ():
            for one in rows(listed):
                if one.get("action") not in (None, "NONE"):
                    kind = one.get("type") or one.get("name") or policy.removesuffix("Policy")
                    yield str(kind).lower(), str(one.get("match") or ""), str(one.get("action"))
