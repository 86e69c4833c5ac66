"""Responses that go on from one another: what was said before is put in front of the new input, and answers are kept.

A provider that keeps responses itself is asked to go on from its own; what any other has answered is kept by the
gateway, for as long as the configuration says, and to the key that asked alone.
"""

import asyncio
import re
from collections.abc import Awaitable, Iterator
from typing import Any

import msgspec

from headgate.core.call import Call
from headgate.core.errors import BadRequest, HeadgateError, NotFound, TooLarge
from headgate.dialects import count_input, openai_responses, wire
from headgate.dialects.fields import starts
from headgate.dialects.responses_reply import UNDER_WAY
from headgate.pipeline.owned import shared
from headgate.pipeline.parts import Parts
from headgate.providers.base import Target
from headgate.storage.responses import Kept, KeptResponses, Note

FIELD = "previous_response_id"
PATIENCE = (0.02, 0.04, 0.08, 0.16, 0.32)  # seconds; another worker may be about to write what its caller already has
_CODE = msgspec.Raw(b'"code_interpreter_call"')
_REASONING = msgspec.Raw(b'"reasoning"')
_ID = re.compile(r"resp_[0-9a-f]{32,128}")
_FIRST_ID = re.compile(rb'"id"\s*:\s*"(resp_[\w-]{1,200})"')


class _Named(msgspec.Struct, gc=False):
    id: str
    status: str | None = None
    output: list[dict[str, msgspec.Raw]] = []


_named = msgspec.json.Decoder(_Named)


def recall(call: Call, parts: Parts) -> Awaitable[None] | None:
    """Put what was said before in front of the input, and see to it that the answer is kept."""
    if call.dialect is not openai_responses and call.dialect is not count_input:
        return None
    envelope, kept = call.envelope, parts.responses
    if envelope.store and call.operation == "chat":
        if kept is not None and (kept.keep or call.pinned or any([stores(t) for t in call.plan])):
            call.keeper = Keeper(kept)
        if (kept is None or not kept.keep) and envelope.fields.get("store") == msgspec.Raw(b"true") and not call.pinned:
            _keep_to_those_that_store(call, "store", "The gateway keeps no responses (responses.keep is 0)")
    return None if envelope.previous is None else _go_on(call, parts, envelope.previous)


async def _go_on(call: Call, parts: Parts, previous: str) -> None:
    who, kept = call.who, parts.responses
    call.bound = True
    found: Kept | bool = False
    if kept is not None:
        found = await kept.find(who.tenant_id, who.id, previous)
        for pause in PATIENCE if _ID.fullmatch(previous) else ():
            if found is not False:
                break
            await asyncio.sleep(pause)
            found = await kept.find(who.tenant_id, who.id, previous)
        if isinstance(found, Kept) and found.provider is None and not kept.keep:
            found = False
    if found is True or (found is False and call.pinned and shared(call, parts, call.pinned)):
        raise unknown(previous)
    if call.pinned:
        return  # who speaks to a provider's own API goes on from what that provider keeps
    if isinstance(found, Kept) and found.provider is None:
        _expand(call, previous, found, parts.max_body)
    elif isinstance(found, Kept):
        its = tuple(t for t in call.plan if t.provider.name == found.provider and stores(t))
        if not its:
            raise BadRequest(
                f"The response {previous[:100]!r} is kept by the provider {found.provider!r}, which this model is not "
                "at. Send the conversation in 'input', or ask for a model of that provider.",
                code="unsupported_parameter",
                param=FIELD,
            )
        call.plan, call.before = its, found.note.tokens
    elif kept is None or not kept.keep:
        _keep_to_those_that_store(call, FIELD, "The gateway keeps no responses (responses.keep is 0)")
    elif not any(stores(t) for t in call.plan):
        raise unknown(previous)
    if found is False:  # nobody's here, so that only an account which one tenant has to itself may be asked
        call.plan = tuple(t for t in call.plan if stores(t) and not shared(call, parts, t.provider.name))
        if not call.plan:
            raise unknown(previous)


def _keep_to_those_that_store(call: Call, param: str, why: str) -> None:
    """Ask only providers that keep responses themselves; refuse *param* where there is none."""
    its = tuple(t for t in call.plan if stores(t))
    if not its:
        message = f"'{param}' is not supported: {why}, and no provider of this model does. Send all of it in 'input'."
        raise BadRequest(message, code="unsupported_parameter", param=param)
    call.plan = its


def stores(target: Target) -> bool:
    """Tell whether the target's provider keeps responses itself, and this model's are asked for as such."""
    speaks = target.abilities.profile.speaks
    return (
        getattr(target.provider, "stores", False)
        and openai_responses in target.provider.dialects("chat")
        and (not speaks or openai_responses.name in speaks)
    )


def unknown(id_: str) -> HeadgateError:
    """The refusal of a response that is not this key's, whether or not it is anybody's."""
    message = f"Previous response with id {id_[:100]!r} not found."
    return NotFound(message, code="previous_response_not_found", param=FIELD)


def _expand(call: Call, previous: str, found: Kept, most: int) -> None:
    """Rewrite the request as one that tells the whole conversation, in *most* bytes."""
    fields: dict[str, Any] = dict(call.envelope.fields)
    fields.pop(FIELD)
    output = [_as_input(item) for item in _named.decode(found.response).output]
    fields["input"] = [*wire.items(found.input), *output, *input_items(fields.get("input"))]
    body = wire.encode(fields)
    if len(body) > most:
        raise TooLarge(f"With what was said before the request is over {most} bytes; begin a new conversation.")
    call.body = body
    call.envelope = call.dialect.envelope(body)
    call.request = call.dialect.read_request(body)
    assert call.request is not None and call.request.extra is not None
    call.request.extra.form["previous"] = previous
    call.bound = False


def _as_input(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item of an answer as it goes on: the id of anything but a thought names nothing to anybody else."""
    if item.get("type") != _REASONING:
        item.pop("id", None)
    item.pop("status", None)
    return item


def _made_with(item: dict[str, Any]) -> Iterator[str]:
    """Yield the objects that an item of an answer is, or was made in."""
    for name in ("id", "container_id") if item.get("type") == _CODE else ("id",):
        id_ = item.get(name)
        if id_ is not None and starts(id_, b'"'):
            yield msgspec.json.decode(id_, type=str)


def input_items(value: Any) -> list[Any]:
    """Return the items of an ``input``, of which a text is one."""
    if value is None or value == wire.NULL:
        return []
    if starts(value, b'"'):
        return [{"type": "message", "role": "user", "content": value}]
    return wire.items(value)


class Keeper:
    """Keeps the answer of one call."""

    __slots__ = ("_kept", "said")

    def __init__(self, kept: KeptResponses) -> None:
        self._kept = kept
        self.said: Any = None
        """The input as its caller sent it, where guardrails have changed it."""

    def keep(self, call: Call, body: bytes | None) -> None:
        """Keep the response *body*, or remember whose it is where its provider keeps it."""
        who = call.who
        try:
            named = _named.decode(body or b"")
        except wire.ODD:
            return  # it told no id, so nobody can ask for it
        relayed = call.spoken is None or call.spoken is call.dialect
        if relayed and (call.pinned or stores(call.target) or named.status in UNDER_WAY):
            ids = [named.id, *[one for item in named.output for one in _made_with(item)]]
            counted = call.usage.total if call.billed == "usage" else None
            note = Note(call.guard is not None and call.guard.rules.reads_answers, counted)
            self._kept.claim(who.tenant_id, who.id, ids, call.target.provider.name, note)
        else:
            self.put(call, body or b"")

    def begun(self, call: Call, first: bytes) -> None:
        """Remember whose the response is that a stream begins with: its provider goes on, whoever leaves."""
        found = _FIRST_ID.search(first)
        if found is not None:
            self.keep(call, b'{"id":"%b","status":"in_progress"}' % found[1])

    def put(self, call: Call, body: bytes) -> None:
        """Keep the response *body* here, whoever gave it, where any is kept."""
        if not self._kept.keep:
            return
        items = wire.encode(input_items(self.said or call.envelope.fields.get("input")))
        self._kept.put(call.who.tenant_id, call.who.id, _named.decode(body).id, body, items)
