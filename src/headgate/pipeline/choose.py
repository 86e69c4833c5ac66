"""Order a plan by the strategies of its route, and keep why. A route without any never comes here."""

import random
from typing import Any
from zlib import crc32

import msgspec

from headgate.core.call import Call
from headgate.core.chat import Message, Text
from headgate.core.errors import Forbidden, HeadgateError
from headgate.core.record import Choice
from headgate.dialects.signs import PICTURES, RESULTS, SCHEMAS, quoted
from headgate.pipeline.grants import by_price
from headgate.pipeline.linked import telling
from headgate.pipeline.parts import Parts, neutral
from headgate.providers.base import Target
from headgate.routing.policy import NothingLeft, Policy, digest
from headgate.routing.table import Route
from headgate.routing.types import Sight, Verdict

MAX_TEXT = 8000
VISION = quoted(PICTURES)
FORMS = quoted(SCHEMAS)
TOOL_RESULTS = quoted(RESULTS)
TURNS = ("messages", "input", "contents")
INSTRUCTIONS = ("tools", "toolConfig", "functions", "system", "instructions", "systemInstruction", "system_instruction")
TOOLS = frozenset(("tools", "toolConfig", "functions"))
INSTRUCTED = frozenset(INSTRUCTIONS)
NOTHING: frozenset[str] = frozenset()
NO_METADATA: dict[str, Any] = {}
_turns = msgspec.json.Decoder(list[msgspec.Raw])


def choose(call: Call, parts: Parts) -> None:
    """Put the plan of *call* in order; raise ``Forbidden`` where its route removes every deployment."""
    policy: Policy | None = call.route.policy
    if policy is not None and call.plan and call.route.fallback is None:
        call.plan = decided(call, parts, policy, call.plan)
    else:
        call.plan = tuple(chain(call, parts, call.route, call.plan))


def chain(call: Call, parts: Parts, route: Route | None, left: tuple[Target, ...]) -> list[Target]:
    """Return *left* as *route* and those that it falls back on order them; raise ``Forbidden`` where nothing is."""
    found: list[Target] = []
    refused: Forbidden | None = None
    while route is not None and left:
        following = route.fallback
        if following is None:
            own, left = left, ()
        else:
            later = set(following.targets)
            own, left = (
                tuple(t for t in left if t not in later or t.name in _listed(route)),
                tuple(t for t in left if t in later and t.name not in _listed(route)),
            )
        policy: Policy | None = route.policy
        if policy is None:
            found += as_listed(call, by_price(call, own) if call.who.cost_optimize and not call.names else own)
        elif own:
            try:
                found += decided(call, parts, policy, own)
            except NothingLeft as error:
                refused = refused or error
        route = following
    if not found and refused is not None:
        raise refused
    return found


def decided(call: Call, parts: Parts, policy: Policy, targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """Return *targets* as *policy* orders them, and keep why on *call*; raise ``NothingLeft`` where it removes all."""
    sight = seen(call, parts, policy)
    try:
        chosen, choice = policy.decide(sight, policy.among(targets), parts.health, random.random())
    except NothingLeft as error:
        why = f"the rules of {policy.route} leave none of its deployments"
        call.verdicts += [Verdict(one.name, "removed", error.kind, why) for one in targets]
        raise
    if call.choice is None:
        call.reason = f"route {policy.route}: {chosen[0].name} first, {policy.why}"
        call.choice = choice
    else:
        keep(call, choice)
    return chosen


def as_listed(call: Call, targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """Return *targets* as they are, and keep that for the record."""
    if targets:
        order = list(range(len(targets)))
        keep(call, Choice(by=(), targets=tuple(one.name for one in targets), scores=[], order=order))
    return targets


def keep(call: Call, choice: Choice) -> None:
    """Keep why deployments stand where they do: after those of which it was kept before."""
    earlier = call.choice
    call.choice = choice if earlier is None else msgspec.structs.replace(earlier, also=(*earlier.also, choice))


def seen(call: Call, parts: Parts, policy: Policy) -> Sight:
    """Return what the strategies of *policy* may look at; what none of them reads is not worked out."""
    options, who, envelope = call.options, call.who, call.envelope
    turn, policy.turn = policy.turn, policy.turn + 1
    sight = Sight(  # by place: by name it takes a third longer
        policy.route,
        envelope.model,
        call.operation,
        call.streaming,
        len(call.body),
        envelope.max_tokens,
        needs(call) if policy.needs else NOTHING,
        who.tenant_id,
        who.app_id,
        who.team_id,
        who.id,
        call.end_user,
        options.session,
        options.tags,
        options.metadata or NO_METADATA,
        call.at,
        turn,
    )
    if policy.converses:
        _place(sight, call, parts, policy)
    if policy.rare:
        if "spent_share" in policy.rare:
            sight.spent_share = parts.books.used_share(who)
        if "text" in policy.rare:
            sight.text = last_turn(call)
        sight.advice = call.advice or {}
    return sight


def _place(sight: Sight, call: Call, parts: Parts, policy: Policy) -> None:
    """Fill what *sight* says of the conversation of *call*."""
    reads = policy.reads
    if "prefix" in reads or "in_tool_loop" in reads:
        turns = turns_of(call) if call.operation == "chat" else []
        sight.prefix = prefix(call, turns)
        if "in_tool_loop" in reads and turns and telling(call):
            sight.in_tool_loop = answers_tools(turns[-1])
    if "last" in reads or ("in_tool_loop" in reads and (sight.in_tool_loop or _offers_tools(call))):
        told = conversation(sight)
        sight.last = policy.named(parts.conversations.last(told))
        if call.link is not None:  # a call that is only explained goes nowhere
            call.conversation = told


def conversation(sight: Sight) -> int:
    """Return a hash of what a conversation is told by: whose it is, and its session or what a prompt cache goes by."""
    return digest(f"{sight.tenant_id}\0{sight.key_id}\0{sight.model}\0{sight.session or sight.prefix}".encode())


def needs(call: Call) -> frozenset[str]:
    """Return what the request shows that its model must be able to do, in the registry's words."""
    fields: dict[str, Any] = call.envelope.fields
    found = call.options.requires
    if "tools" in fields and call.operation == "chat" and bytes(fields["tools"]) not in (b"null", b"[]"):
        found = (*found, "tools")
    text = telling(call)
    if text:
        if text.find(b"chema") >= 0 and any(sign in text for sign in FORMS):
            found = (*found, "json_schema")
        if (text.find(b"image") >= 0 or text.find(b"inline") >= 0) and any(sign in text for sign in VISION):
            found = (*found, "vision")
    return frozenset(found) if found else NOTHING


def last_turn(call: Call) -> str:
    """Return the text of the last user turn, at most 8,000 characters; empty where the request has none."""
    if call.operation != "chat":
        return ""
    try:
        messages = neutral(call).messages
    except HeadgateError:
        return ""  # what is wrong with it is said by who must read it
    for message in reversed(messages):
        if message.role == "user" and (text := _text(message)):
            return text[:MAX_TEXT]
    return ""


def _text(message: Message) -> str:
    return "\n".join(part.text for part in message.parts if isinstance(part, Text))


def turns_of(call: Call) -> list[msgspec.Raw]:
    """Return the turns of the request, undecoded."""
    fields: dict[str, Any] = call.envelope.fields
    for name in TURNS:
        if name in fields:
            try:
                return _turns.decode(fields[name])
            except msgspec.DecodeError:
                return [fields[name]]  # a text alone
    return []


def prefix(call: Call, turns: list[msgspec.Raw]) -> int:
    """Return a hash of what a provider's prompt cache would share: instructions, tools, and all to the first user's."""
    found = crc32(call.envelope.model.encode())
    fields: dict[str, Any] = call.envelope.fields
    if turns and not INSTRUCTED.isdisjoint(fields):
        for name in INSTRUCTIONS:
            if name in fields:
                found = crc32(fields[name], found)
    for turn in turns:
        piece = bytes(turn)
        found = crc32(piece, found)
        if piece.find(b'"user"', 0, 4096) >= 0:  # `in` raises and catches an error first
            break
    return found


def _offers_tools(call: Call) -> bool:
    """Whether the model may answer with calls of tools."""
    return not TOOLS.isdisjoint(call.envelope.fields)


def answers_tools(turn: msgspec.Raw) -> bool:
    """Whether *turn* is a tool's result."""
    piece = bytes(turn)
    if piece.find(b"tool") < 0 and piece.find(b"unction") < 0:
        return False
    return b'"role":"tool"' in piece or b'"role": "tool"' in piece or any(sign in piece for sign in TOOL_RESULTS)


def _listed(route: Route) -> frozenset[str]:
    policy = route.policy
    if policy is not None:
        return frozenset(policy.names)
    return frozenset(one if isinstance(one, str) else one.model for one in route.config.targets)
