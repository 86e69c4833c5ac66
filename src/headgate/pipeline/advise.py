"""Ask those whom the strategies of a route ask, before its plan is made.

A route whose strategies ask nobody never comes here.
"""

import asyncio
from time import monotonic
from typing import Any

from headgate.core.call import Call
from headgate.core.chat import Text
from headgate.core.errors import HeadgateError, UpstreamFailed
from headgate.pipeline.grants import may_advise
from headgate.pipeline.parts import Parts, neutral
from headgate.routing.counsel import Counsel
from headgate.routing.policy import Policy, digest
from headgate.routing.table import Route
from headgate.routing.types import Advice, Sight, Strategy

MAX_MESSAGES = 20
MAX_TEXT = 32_000
MAX_ANSWER = 65_536


async def advise(call: Call, parts: Parts) -> None:
    """Put what the strategies of *call*'s route are advised on it."""
    found: dict[int, Advice] = {}
    call.advice = found
    waiting = []
    route: Route | None = call.route
    while route is not None:
        policy: Policy | None = route.policy
        for counsel in policy.counsels if policy is not None else ():
            assert policy is not None
            if not route.own or may_be_asked(call, counsel.strategy):
                waiting.append(_one(call, parts, policy, counsel))
        route = route.fallback
    for strategy, advice in await asyncio.gather(*waiting):
        if advice is not None:
            found[strategy] = advice


def may_be_asked(call: Call, strategy: Strategy) -> bool:
    """Whether a tenant's own route may have *strategy* ask whom it asks; without advice the next one decides."""
    return all(may_advise(call.who, getattr(strategy, name)) for name in strategy.accounts)


async def _one(call: Call, parts: Parts, policy: Policy, counsel: Counsel) -> tuple[int, Advice | None]:
    strategy = counsel.strategy
    asking = Asked(call, parts, strategy.asks())
    options, envelope = policy.among(call.plan), call.envelope
    user, tags = call.end_user, call.options.tags
    sight = Sight(
        route=policy.route,
        model=envelope.model,
        operation=call.operation,
        tenant_id=call.who.tenant_id,
        user=user,
        tags=tags,
    )
    if not options or call.operation != "chat" or (strategy.when is not None and not strategy.when.met(sight)):
        return id(strategy), None
    key = (call.who.tenant_id, options.names, user, tags, asking.digest())
    try:
        async with asyncio.timeout(asking.seconds):
            return id(strategy), await counsel.get(key, sight, options, asking)
    except TimeoutError:
        return id(strategy), None


class Asked:
    """What a strategy may ask with, for one call (see ``routing.types.Asking``)."""

    def __init__(self, call: Call, parts: Parts, seconds: float) -> None:
        self._call = call
        self._parts = parts
        self.seconds = seconds
        self._until = monotonic() + seconds
        self._messages: list[dict[str, str]] | None = None

    def messages(self) -> list[dict[str, str]]:
        """Return the conversation's text, its last turns where it is long."""
        if self._messages is None:
            self._messages = _texts(self._call)
        return self._messages

    def digest(self) -> int:
        """Return what tells one conversation from another."""
        return digest(repr(self.messages()).encode("utf-8", "surrogatepass"))

    async def post(self, provider: str, path: str, body: bytes) -> bytes:
        """Post JSON to an account's own API and return the answer; raise ``UpstreamFailed``."""
        account = self._parts.snapshot.table_of(self._call.who.tenant_id).at(provider, "*").targets[0].provider
        if account.prepare is not None and (waiting := account.prepare()) is not None:
            await waiting
        headers = [(b"content-type", b"application/json"), (b"accept", b"application/json")]
        out = account.raw("POST", path, b"", headers, body)
        left = max(self._until - monotonic(), 0.001)
        out.connect_timeout = out.headers_timeout = left
        inbound = await account.sender.send(out)
        try:
            if inbound.status != 200:
                raise UpstreamFailed(
                    f"{provider} answered {inbound.status} when it was asked for advice.",
                    status=502,
                    code="upstream_error",
                    upstream_status=inbound.status,
                )
            return await inbound.read_all(left, MAX_ANSWER, left)
        finally:
            inbound.close()


def _texts(call: Call) -> list[dict[str, str]]:
    try:
        messages = neutral(call).messages
    except HeadgateError:
        return []  # what is wrong with it is said by who must read it
    found: list[dict[str, Any]] = []
    room = MAX_TEXT
    for message in reversed(messages):
        text = "\n".join(part.text for part in message.parts if isinstance(part, Text))[-room:] if room else ""
        if text and len(found) < MAX_MESSAGES:
            room -= len(text)
            found.append({"role": message.role, "content": text})
    return found[::-1]
