"""The steps before a call leaves: each one small, each one testable alone."""

from collections.abc import Awaitable

from headgate.access.types import Principal
from headgate.core.call import Call
from headgate.core.errors import BadRequest, Forbidden
from headgate.limits.types import Slot
from headgate.pipeline.options import read_options
from headgate.pipeline.parts import Parts
from headgate.providers.base import Target, unsupported

MAX_BODY = 20 * 1024 * 1024


def authenticate(call: Call, parts: Parts) -> Awaitable[None] | None:
    """Find out who calls, from the headers alone."""
    who = parts.principals.authenticate(call.headers, call.query, call.address)
    if isinstance(who, Principal):
        call.who = who
        return None
    return _when_known(call, who)


async def _when_known(call: Call, who: Awaitable[Principal]) -> None:
    call.who = await who


async def read(call: Call, parts: Parts) -> None:
    """Take the body, the caller's options, and the few fields that the gateway itself needs."""
    read_options(call)
    call.body = await call.link.body(MAX_BODY)
    call.envelope = envelope = call.dialect.envelope(call.body)
    call.streaming = envelope.stream


def resolve(call: Call, parts: Parts) -> None:
    """Turn the model name into a route."""
    call.route = parts.snapshot.table.resolve(call.envelope.model)


def authorize(call: Call, parts: Parts) -> None:
    """Refuse what the key was not granted. A grant names a route, an alias, ``provider/model`` or ``provider/*``."""
    granted = call.who.models
    if not granted or call.route.name in granted or call.envelope.model in granted:
        call.plan = call.route.targets
        return
    call.plan = tuple(t for t in call.route.targets if t.name in granted or f"{t.provider.name}/*" in granted)
    if not call.plan:
        raise Forbidden(
            f"The key {call.who.name!r} may not use the model {call.envelope.model!r}. "
            f"Ask for a grant, or use one of: {', '.join(sorted(granted)[:20])}.",
            param="model",
        )


def admit(call: Call, parts: Parts) -> Awaitable[None] | None:
    """Take a place under the caller's request limits."""
    slot = parts.gate.admit(call.who)
    if isinstance(slot, Awaitable):
        return _when_admitted(call, slot)
    call.slot = slot
    return None


async def _when_admitted(call: Call, slot: Awaitable[Slot]) -> None:
    call.slot = await slot


def plan(call: Call, parts: Parts) -> None:
    """Order the deployments to try, best first, with the reason."""
    route = call.route
    operation = call.operation
    usable: tuple[Target, ...] = call.plan
    if not all(t.provider.supports(operation) for t in usable):
        usable = tuple(t for t in usable if t.provider.supports(operation))
        if not usable:
            raise unsupported(call.envelope.model, operation.replace("_", " "))
    call.plan = usable
    call.reason = route.reason
    if route.config.unknown_fields == "refuse":
        unknown = call.envelope.unknown_fields()
        if unknown:
            raise BadRequest(
                f"Unknown parameter {unknown[0]!r}, and the route {route.name!r} forwards none that it does not know.",
                code="unknown_parameter",
                param=unknown[0],
            )
