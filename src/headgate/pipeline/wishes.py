"""What a body asks of the gateway itself: the object ``headgate`` and the list ``models``. No provider sees either."""

from typing import Annotated, Any, Literal

import msgspec

from headgate.cache.rules import wished
from headgate.core.call import Call, Options
from headgate.core.errors import BadRequest
from headgate.core.names import kept
from headgate.dialects import wire
from headgate.dialects.envelope import Name, read
from headgate.dialects.json_guard import top_level
from headgate.pipeline.options import MAX_METADATA, MAX_TAGS, MAX_TEXT
from headgate.pipeline.shape import Cut, Format
from headgate.providers.base import Target

MAX_MODELS = 20
ANY_CHAT = "use-case/chat"
MAX_PACE = 5000

Meta = msgspec.Meta
_Text = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]


class Wishes(msgspec.Struct, forbid_unknown_fields=True):
    """The object ``headgate``: the same options as the headers ``x-headgate-*``, with ``_`` for ``-``.

    Where both say something, the body counts.
    """

    tags: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=64)], ...], Meta(max_length=MAX_TAGS)] = ()
    user: _Text | None = None
    session: _Text | None = None
    timeout: Annotated[float, Meta(ge=0.001, le=3600)] | None = None
    on_unsupported: Literal["refuse", "drop"] | None = None
    metadata: dict[str, Any] | None = None
    stream_info: bool | None = None
    clamp: bool | None = None
    requires: Annotated[tuple[_Text, ...], Meta(max_length=MAX_TAGS)] = ()
    """Capabilities that the model must have: ``reasoning``, ``vision`` ... Without a model, one is chosen."""
    guardrails: Annotated[tuple[_Text, ...], Meta(max_length=MAX_TAGS)] = ()
    """Names of guardrails besides those of the route."""
    format: Format | None = None
    """What the answer's text is turned into: ``text``, ``markdown``, ``html`` (sanitized), ``json``, ``code``."""
    chunk: Cut | None = None
    """What each event of a stream holds: a ``token``, a ``word``, a ``sentence``, a ``line``."""
    pace: Annotated[float, Meta(ge=1, le=MAX_PACE)] | None = None
    """Milliseconds from one event of a stream to the next."""
    strategy: str | list[dict[str, Any]] | None = None
    """How the list ``models`` is ordered: a kind of strategy, a route whose strategies it takes, or a list of them."""
    cache: _Text | None = None
    """What is asked of the cache, as in the header: ``off``, ``no-cache``, ``max-age=60`` ..."""


_wishes = msgspec.json.Decoder(Wishes)
_models = msgspec.json.Decoder(Annotated[list[Name], Meta(min_length=1, max_length=MAX_MODELS)])


def take_wishes(call: Call) -> None:
    """Read and take out what is the gateway's own; raise ``BadRequest`` naming what makes no sense."""
    envelope = call.envelope
    fields: dict[str, msgspec.Raw] = envelope.fields
    asked, listed = fields.pop("headgate", None), fields.pop("models", None)
    envelope.body = call.body = wire.encode(fields)
    if asked is not None:
        call.options = merged(call.options, read(_wishes, asked, "headgate"), len(asked))
    if listed is not None:
        names = read(_models, listed, "models")
        call.names = tuple(dict.fromkeys([envelope.model, *names]))
    elif call.options.strategy is not None:
        raise BadRequest(
            "headgate.strategy orders the list `models`, which this request does not have.",
            code="invalid_option",
            param="headgate.strategy",
        )


def merged(options: Options, wishes: Wishes, size: int) -> Options:
    """Return *options* with what *wishes* say over them."""
    if wishes.metadata is not None and size > MAX_METADATA:
        raise BadRequest(
            f"headgate.metadata takes at most {MAX_METADATA} characters.",
            code="invalid_option",
            param="headgate.metadata",
        )
    said = {name: value for name, value in msgspec.structs.asdict(wishes).items() if value is not None and value != ()}
    if wishes.cache is not None:
        said["cache"] = wished(wishes.cache)
    for name in {"user", "session"} & said.keys():
        said[name] = kept(said[name])
    if "tags" in said:
        said["tags"] = tuple(kept(tag) for tag in said["tags"])
    return msgspec.structs.replace(options, **said)


def name_first(body: bytes, error: BadRequest) -> bytes:
    """Return *body*, which names no model, with one: the first of its list, or that of a use case where it says only
    what the model must be able to do. Raise *error* where it says neither."""
    fields: dict[str, Any] = dict(top_level(body))
    if fields.get("model", wire.NULL) != wire.NULL:
        raise error
    if "models" in fields:
        fields["model"] = read(_models, fields["models"], "models")[0]
    elif "headgate" in fields and read(_wishes, fields["headgate"], "headgate").requires:
        fields["model"] = ANY_CHAT
    else:
        raise error
    return wire.encode(fields)


def able(call: Call) -> tuple[Target, ...]:
    """Return the deployments of the plan that can do what the caller requires; raise ``BadRequest`` where none can."""
    needed = frozenset(call.options.requires)
    plan: tuple[Target, ...] = call.plan
    found = tuple(target for target in plan if needed.issubset(target.capabilities or ()))
    if not found:
        told = "; ".join(f"{t.name}: {', '.join(t.capabilities) if t.capabilities else 'unknown'}" for t in plan[:5])
        raise BadRequest(
            f"{call.envelope.model!r} stands for no model with {', '.join(sorted(needed))}. What they can do: {told}.",
            code="capability_missing",
            param="headgate.requires",
        )
    return found


def supply(call: Call) -> None:
    """Put the route's own parameters where the caller left them open, and say so."""
    envelope = call.envelope
    missing = {
        name: value
        for name, value in call.route.parameters.items()
        if name in envelope.known and envelope.fields.get(name, wire.NULL) == wire.NULL
    }
    missing.pop("max_tokens", None)
    limit = call.route.parameters.get("max_tokens")
    if limit is not None and envelope.max_tokens is None and call.operation == "chat":
        call.limit = envelope.max_tokens = limit  # each target is told in its own word
        call.defaulted.append(f"max_tokens={limit}")
    if not missing:
        return
    for name, value in missing.items():
        envelope.fields[name] = msgspec.Raw(wire.encode(value))
        call.defaulted.append(f"{name}={value}")
    envelope.body = call.body = wire.encode(envelope.fields)
    envelope.outline = call.request = None
