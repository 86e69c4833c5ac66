"""What all guardrails elsewhere share: they are posted JSON, and answer JSON."""

import re
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlsplit

import msgspec

from headgate.core.secret import Secret
from headgate.dialects.wire import ODD
from headgate.guardrails.types import ALLOW, Finding, Guardrail, Means, Span, Unavailable, Verdict

MAX_ANSWER = 4 * 1024 * 1024
_PIECE = re.compile(r"\w+|\s+|[^\w\s]")


class Remote(Guardrail, frozen=True, kw_only=True):
    """A service. ``fail`` says what becomes of a call when it does not answer in ``timeout`` seconds."""

    service: ClassVar[str] = "the service"

    url: str = ""
    """Its base URL."""
    api_key: Secret | None = None

    def check(self, spans: Sequence[Span], means: Means) -> Awaitable[Verdict]:
        """See ``Guardrail``."""
        return self._check([(i, span) for i, span in enumerate(spans) if span.text.strip()], means)

    async def _check(self, spans: Sequence[tuple[int, Span]], means: Means) -> Verdict:
        return await self.judge(spans, means) if spans else ALLOW

    async def judge(self, spans: Sequence[tuple[int, Span]], means: Means) -> Verdict:
        """Return the service's verdict on *spans*, each with its number."""
        raise NotImplementedError

    def rewritten(self, spans: Sequence[tuple[int, Span]], texts: Sequence[str]) -> Verdict:
        """Return the verdict of a service that gives *spans* back as *texts*: each change is found, by where it is."""
        found = [one for (i, span), text in zip(spans, texts, strict=True) for one in changes(i, span.text, text)]
        if not found:
            return ALLOW
        return self.verdict(found)

    async def ask(self, means: Means, path: str, said: Any, headers: Mapping[str, str] | None = None) -> Any:
        """Post *said* to *path* and return the answer decoded; raise :class:`Unavailable` for any that is not good."""
        if means.post is None:
            raise Unavailable("no service can be reached here")
        body = msgspec.json.encode(said)
        sent = {"content-type": "application/json", **self.credentials(), **(headers or {})}
        answer = await means.post(self.url.rstrip("/") + path, sent, body, self.timeout)
        if answer.status >= 300:
            raise Unavailable(f"{self.service} answered with status {answer.status}")
        try:
            return msgspec.json.decode(answer.body)
        except ODD:
            raise Unavailable(f"{self.service} answered something that is no JSON") from None

    def credentials(self) -> dict[str, str]:
        """Return the headers that carry the key."""
        return {"authorization": f"Bearer {self.api_key.reveal()}"} if self.api_key else {}

    def faults(self) -> Iterator[tuple[str, str]]:
        """See ``Guardrail``."""
        yield from super().faults()
        try:
            parts = urlsplit(self.url)
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        except ValueError:
            good = False
        if not good:
            yield "url", "must be a URL such as https://host"


def changes(i: int, text: str, rewritten: str) -> list[Finding]:
    """Return where *text* reads otherwise in *rewritten*, in whole words."""
    if text == rewritten:
        return []
    from difflib import SequenceMatcher  # here, because few services answer so

    old = [(one.start(), one.end()) for one in _PIECE.finditer(text)]
    new = [one[0] for one in _PIECE.finditer(rewritten)]
    matcher = SequenceMatcher(None, [text[s:e] for s, e in old], new, autojunk=False)
    found = []
    for what, first, last, _, _ in matcher.get_opcodes():
        if what in ("replace", "delete") and last > first:
            found.append(Finding(i, old[first][0], old[last - 1][1], "redacted"))
    return found or [Finding(i, 0, len(text), "redacted")]


def table(value: Any, what: str) -> dict[str, Any]:
    """Return *value* as a JSON object; raise :class:`Unavailable` where it is none."""
    if not isinstance(value, dict):
        raise Unavailable(f"{what} is not of the form that was agreed")
    return value


def rows(value: Any) -> list[dict[str, Any]]:
    """Return the JSON objects in the list *value*; none where it is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def number(value: Any, otherwise: float = 0.0) -> float:
    """Return *value* where it is a number."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else otherwise


def found_again(text: str, match: str) -> Iterator[tuple[int, int]]:
    """Yield where *match* stands in *text*: for services that tell what they found and not where."""
    at = text.find(match) if match else -1
    while at != -1:
        yield at, at + len(match)
        at = text.find(match, at + len(match))
