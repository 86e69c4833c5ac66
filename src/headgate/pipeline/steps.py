"""The steps before a call leaves: each one small, each one testable alone."""

from collections.abc import Awaitable
from typing import Any

from headgate.access.types import Principal
from headgate.cache.rules import not_kept
from headgate.core.call import MEDIA, Call
from headgate.core.errors import BadRequest
from headgate.dialects import wire
from headgate.dialects.json_guard import top_level
from headgate.limits.types import Slot
from headgate.pipeline.advise import advise
from headgate.pipeline.answer import own_head
from headgate.pipeline.choose import choose
from headgate.pipeline.grants import add_tags, cheapest_first, may_call, plan_of, resolved, sign_own
from headgate.pipeline.hearing import hear
from headgate.pipeline.hosted import refuse_unpriced
from headgate.pipeline.listed import order_list
from headgate.pipeline.options import read_options
from headgate.pipeline.parts import JSON, Parts, neutral
from headgate.pipeline.settle import finish
from headgate.pipeline.wishes import able, name_first, supply, take_wishes
from headgate.providers.base import Target, dialects_of, unsupported
from headgate.routing.table import in_order, knowing

_TIERS = [b'{"type":%b"%b"}' % (space, tier) for tier in (b"default", b"flex") for space in (b"", b" ")]

# Fields that make a call dearer than its model's price, with the values that do not.
DEARER: dict[str, frozenset[bytes]] = {
    "service_tier": frozenset((b'"auto"', b'"default"', b'"flex"', b'"standard"', b'"standard_only"', b"null")),
    "speed": frozenset((b'"standard"', b"null")),
    "web_search_options": frozenset((b"null",)),
    "inference_geo": frozenset((b'"global"', b"null")),
    "serviceTier": frozenset((b'"standard"', b'"flex"', b"null", *_TIERS)),
    "search_parameters": frozenset((b'{"mode":"off"}', b'{"mode": "off"}', b"null")),  # xAI
    "plugins": frozenset((b"[]", b"null")),  # OpenRouter
    "performanceConfig": frozenset((b'{"latency":"standard"}', b'{"latency": "standard"}', b"null")),
}


def authenticate(call: Call, parts: Parts) -> Awaitable[None] | None:
    """Find out who calls, from the headers alone."""
    who = parts.principals.authenticate(call.headers, call.query, call.address, call.memo)
    if isinstance(who, Principal):
        if not who.calls:
            may_call(who)
        call.who = who
        if who.keeping is not None:
            hear(call)
        return None
    return _when_known(call, who)


async def _when_known(call: Call, who: Awaitable[Principal]) -> None:
    found = await who
    may_call(found)
    call.who = found
    if found.keeping is not None:
        hear(call)


def read(call: Call, parts: Parts) -> Awaitable[None] | None:
    """Take the body, the caller's options, and the few fields that the gateway itself needs."""
    read_options(call)
    body = call.link.there(parts.max_body)
    if body is None:
        return _when_there(call, parts)
    _understood(call, body)
    return None


async def _when_there(call: Call, parts: Parts) -> None:
    _understood(call, await call.link.body(parts.max_body))


def _understood(call: Call, body: bytes) -> None:
    call.body = body
    dialect = call.dialect
    if call.media != JSON:
        envelope = dialect.envelope_form(call.body, content_type(call))
    elif call.path_model:
        envelope = dialect.envelope_at(call.body, call.path_model, stream=call.path_stream)
    else:
        try:
            envelope = dialect.envelope(call.body)
        except BadRequest as error:
            if error.param != "model":
                raise
            call.body = named_by(call, error)
            envelope = dialect.envelope(call.body)
    call.envelope = envelope
    fields = envelope.fields
    if ("headgate" in fields or "models" in fields) and not call.pinned:
        take_wishes(call)
    if call.who.tags:
        add_tags(call)
    call.streaming = envelope.stream


def named_by(call: Call, error: BadRequest) -> bytes:
    """Return a body that names no model with one: the first of its list, else what its key means by that."""
    try:
        return name_first(call.body, error)
    except BadRequest:
        model: str | None = call.who.default_model
        fields: dict[str, Any] = dict(top_level(call.body))
        if model is None or fields.get("model", wire.NULL) != wire.NULL or "models" in fields:
            raise
        call.defaulted.append(f"model={model}")
        return wire.encode({**fields, "model": model})


def content_type(call: Call) -> bytes:
    """The content type that the request says."""
    return next((value for name, value in call.headers if name == b"content-type"), b"")


def resolve(call: Call, parts: Parts) -> None:
    """Turn the model name into a route."""
    if call.pinned:
        call.route = parts.snapshot.table_of(call.who.tenant_id).at(call.pinned, call.envelope.model)
        guarded(call, parts)
        return
    snapshot = parts.snapshot
    table = snapshot.table_of(call.who.tenant_id) if snapshot.overlays else snapshot.table
    if call.names:
        call.asked = tuple(resolved(table, name, call.who) for name in call.names)
        call.route = in_order(call.names, call.asked)
    else:
        call.route = resolved(table, call.envelope.model, call.who)
    guarded(call, parts)


def guarded(call: Call, parts: Parts) -> None:
    """Give the route of *call* the steps of its guardrails, where there are any."""
    if call.options.cache is not None and call.options.cache.only and call.route.config.cache is None:
        raise not_kept("the route has none")
    if parts.snapshot.guarding is not None:
        call.route = parts.snapshot.guarding.route_of(call)
    elif call.options.guardrails:
        raise BadRequest(
            f"There is no guardrail {call.options.guardrails[0]!r}: none is configured.",
            code="unknown_guardrail",
            param="x-headgate-guardrails",
        )


def authorize(call: Call, parts: Parts) -> None:
    """Refuse what the key was not granted. A grant names a route, an alias, ``provider/model`` or ``provider/*``."""
    who = call.who
    if who.models or who.narrowed or who.catalogue or who.providers is not None:
        call.plan = plan_of(call)
    else:
        call.plan = call.route.targets


def admit(call: Call, parts: Parts) -> Awaitable[None] | None:
    """Take a place under the caller's request limits."""
    slot: Any = parts.gate.admit(call.who, call.end_user)
    if hasattr(slot, "__await__"):  # an isinstance of an abstract class costs ten times as much
        return _when_admitted(call, slot)
    call.slot = slot
    return None


async def _when_admitted(call: Call, slot: Awaitable[Slot]) -> None:
    call.slot = await slot


async def _when_advised(call: Call, parts: Parts) -> None:
    await advise(call, parts)
    plan(call, parts)


def plan(call: Call, parts: Parts) -> Awaitable[None] | None:
    """Order the deployments to try, best first, with the reason."""
    route = call.route
    operation = call.operation
    targets: tuple[Target, ...] = call.plan
    usable: tuple[Target, ...] = route.serving(operation) if targets is route.targets else knowing(targets, operation)
    if targets and not usable and operation != "count_tokens":
        raise unsupported(call.envelope.model, operation.replace("_", " "))
    if operation == "count_tokens":  # an endpoint that counts another dialect's requests counts something else
        usable = tuple(t for t in usable if call.dialect in dialects_of(t, operation))
    call.plan = usable
    call.reason = route.reason
    if call.options.requires:
        call.plan = able(call)
    if call.asked:
        if call.options.strategy is not None or any([one.decides for one in call.asked]):
            order_list(call, parts)
    elif route.policy is not None or route.fallback is not None:
        if call.advice is None and route.asks:
            return _when_advised(call, parts)
        choose(call, parts)
    if call.who.cost_optimize and route.policy is None and not call.names:
        cheapest_first(call)
    if call.who.mapped:
        sign_own(call, parts)
    if route.parameters:
        supply(call)
    if call.who.budgets and operation not in MEDIA:  # speech has a speed of its own, which costs nothing
        refuse_dearer(call)
    if route.config.unknown_fields == "refuse":
        unknown = call.envelope.unknown_fields()
        if unknown:
            raise BadRequest(
                f"Unknown parameter {unknown[0]!r}, and the route {route.name!r} forwards none that it does not know.",
                code="unknown_parameter",
                param=unknown[0],
            )
    return None


def count(call: Call, parts: Parts) -> Awaitable[None] | None:
    """Count a prompt's tokens ourselves where no target has an endpoint for it that the caller speaks."""
    return _count(call, parts) if call.operation == "count_tokens" and not call.plan else None


async def _count(call: Call, parts: Parts) -> None:
    tokens = await parts.count_tokens(neutral(call))
    body = call.dialect.write_count(tokens)
    call.bytes_out = len(body)
    finish(call, parts)
    call.link.respond(200, own_head(call), body)


def refuse_dearer(call: Call) -> None:
    """Refuse what would cost more than the price that a hold is counted by."""
    if "tools" in call.envelope.fields:
        refuse_unpriced(call)
    if call.envelope.fields.keys().isdisjoint(DEARER):
        return
    for name, harmless in DEARER.items():
        value = call.envelope.fields.get(name)
        if value is not None and bytes(value) not in harmless:
            raise BadRequest(
                f"{name} changes the price of this call by an amount that is not known here, and the key "
                f"{call.who.name!r} has a budget. Leave it out, or use a key without a budget.",
                code="price_unknown",
                param=name,
            )
