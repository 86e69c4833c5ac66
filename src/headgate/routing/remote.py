"""Another service says which deployment is best: Not Diamond, or one of your own.

The service is an account under ``providers:``, so that its address and key stand where those of all others do.
<https://docs.notdiamond.ai/reference/model-select>
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

import msgspec
from msgspec import field

from headgate.routing.candidates import Candidates
from headgate.routing.types import Advice, Asking, Option, Sight, Standing, Strategy

THEIRS = {"gemini": "google", "vertex": "google", "together": "togetherai"}
"""Kinds of account that Not Diamond knows by another name."""
MAX_TARGETS = 50


class Provider(msgspec.Struct):
    """A model in Not Diamond's words."""

    provider: str
    model: str


class Selected(msgspec.Struct):
    """Not Diamond's answer."""

    providers: list[Provider]
    session_id: str = ""


class Ranked(msgspec.Struct):
    """The answer of a service of one's own."""

    targets: list[str]
    reason: str = ""


class Remote(Strategy, frozen=True):
    """Asks a service, which is sent the conversation's text. What it names comes first; the others follow.

    It has ``timeout`` seconds. Where it does not answer in time, or not well, all are equal and the next strategy
    decides; a service that keeps failing is left alone for five seconds. An answer counts for ``keep`` seconds for the
    same conversation. What depends on this answer cannot be seen before a call is made.
    """

    reads: ClassVar[frozenset[str]] = frozenset(("advice",))
    accounts: ClassVar[tuple[str, ...]] = ("provider",)
    ranges: ClassVar = {"timeout": (0.01, 10), "keep": (0, 3600)}

    provider: str
    """The account of the service, of kind ``openai-compatible``: ``base_url: https://api.notdiamond.ai/v2``."""
    path: str = "/modelRouter/modelSelect"
    """Below the account's ``base_url``."""
    api: Literal["notdiamond", "targets"] = "notdiamond"
    """``targets``: it is sent ``{"model", "messages", "targets", "user", "tags"}``, ``targets`` being the deployments,
    and answers ``{"targets": [...], "reason": "..."}``, best first."""
    called: dict[str, str] = field(default_factory=dict)
    """Deployment → what Not Diamond calls it, ``provider/model``; else it is taken to know it by the account's kind."""
    tradeoff: Literal["cost", "latency"] | None = None
    """Not Diamond: what it weighs against quality."""
    preference_id: str | None = None
    """Not Diamond: the router trained for you."""
    timeout: float = 0.5
    """Seconds."""
    keep: float = 60.0
    """Seconds."""

    def asks(self) -> float:
        """See ``Strategy``."""
        return self.timeout

    async def ask(self, sight: Sight, options: Candidates, asking: Asking) -> Advice:
        """See ``Strategy``."""
        asked = options[:MAX_TARGETS]
        by_name = {self._theirs(option): option.name for option in reversed(asked)}
        messages = asking.messages()
        body: dict[str, Any]
        if self.api == "targets":
            named = [option.name for option in asked]
            body = {"model": sight.model, "messages": messages, "targets": named}
            body |= {"user": sight.user, "tags": list(sight.tags)}
        else:
            body = {"messages": messages, "llm_providers": [_provider(name) for name in reversed(by_name)]}
            body |= {} if self.tradeoff is None else {"tradeoff": self.tradeoff}
            body |= {} if self.preference_id is None else {"preference_id": self.preference_id}
        answer = await asking.post(self.provider, self.path, msgspec.json.encode(body))
        if self.api == "targets":
            ranked = msgspec.json.decode(answer, type=Ranked)
            return Advice(tuple(ranked.targets[:MAX_TARGETS]), ranked.reason[:200])
        selected = msgspec.json.decode(answer, type=Selected)
        found = [by_name.get(f"{one.provider}/{one.model}", "") for one in selected.providers]
        told = f"session {selected.session_id[:100]}" if selected.session_id else ""
        return Advice(tuple(name for name in found if name)[:MAX_TARGETS], told)

    def weigh(self, sight: Sight, options: Candidates, standing: Standing, chance: float) -> Sequence[float]:
        """See ``Strategy``."""
        advice = sight.advice.get(id(self))
        if advice is None or not advice.names:
            return [0.0] * len(options)
        places: Mapping[str, float] = {name: float(place) for place, name in enumerate(advice.names)}
        other = float(len(places))
        return [places.get(name, other) for name in options.names]

    def tell(self, score: float) -> str:
        """See ``Strategy``."""
        return "advised, or nothing was" if score == 0 else f"number {score + 1:.0f} of the advice"

    def faults(self) -> Iterator[tuple[str, str]]:
        """See ``Strategy``."""
        if not self.path.startswith("/") or "//" in self.path or ".." in self.path or "?" in self.path:
            yield "path", "must be a path such as `/modelRouter/modelSelect`"
        for name, theirs in self.called.items():
            if "/" not in theirs:
                yield "called", f"must give `{name[:80]}` as `provider/model`"

    def _theirs(self, option: Option) -> str:
        kind = option.target.provider.kind
        return self.called.get(option.name) or f"{THEIRS.get(kind, kind)}/{option.target.model}"


def _provider(name: str) -> Provider:
    provider, _, model = name.partition("/")
    return Provider(provider, model)
