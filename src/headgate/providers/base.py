"""A provider: whom we call, how to sign it, and which dialect it speaks."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, Protocol

import msgspec

from headgate.core.call import Operation as Operation
from headgate.core.errors import BadRequest
from headgate.core.money import Price
from headgate.core.secret import Secret
from headgate.dialects.base import Abilities, Dialect
from headgate.providers.raw import Heard
from headgate.transport.base import Outbound, Sender


class Timeouts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Time limits of one upstream call, in seconds; ``None`` takes the default."""

    connect: float | None = None
    headers: float | None = None
    first_token: float | None = None
    idle: float | None = None
    total: float | None = None


class Capacity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How many calls may be under way at once, and how many more wait for a place. Workers share them out."""

    calls: int
    """Under way at once; at least one for each worker."""
    queue: int | None = None
    """How many may wait; left out, as many as may be under way. A call beyond them goes to the next target at once."""
    wait: float = 5.0
    """Seconds that a call waits, never past its time limit; then the next target is asked."""


class TierConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """USD per million tokens where the prompt is longer than ``above``; a kind left out costs what it costs below."""

    above: int
    """Tokens of the prompt. A longer one pays these prices for the whole call."""
    input: float | None = None
    output: float | None = None
    cached: float | None = None
    cache_write: float | None = None
    cache_write_1h: float | None = None
    reasoning: float | None = None
    audio_input: float | None = None
    audio_cached: float | None = None
    audio_output: float | None = None
    image_input: float | None = None
    image_output: float | None = None


class PriceConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """USD per million tokens of each kind; a kind left out costs what the kind it is part of costs."""

    input: float = 0.0
    output: float = 0.0
    cached: float | None = None
    """Prompt tokens read from the provider's cache."""
    cache_write: float | None = None
    """Prompt tokens written to the provider's cache."""
    request: float = 0.0
    """USD for each request, whatever it uses."""
    cache_write_1h: float | None = None
    """Prompt tokens written to be kept for an hour or longer."""
    reasoning: float | None = None
    """Generated tokens spent on reasoning."""
    audio_input: float | None = None
    audio_cached: float | None = None
    audio_output: float | None = None
    image_input: float | None = None
    image_output: float | None = None
    image: float = 0.0
    """USD for each picture made."""
    search: float = 0.0
    """USD for each search the provider makes, or each search unit of a reranking."""
    character: float = 0.0
    """USD per million characters read aloud."""
    second: float = 0.0
    """USD for each second of sound heard or made."""
    tiers: list[TierConfig] = []
    """Other prices for longer prompts."""


class ProviderConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One ``providers:`` entry of the configuration. A field left out is as the ``kind``'s catalogue row has it."""

    kind: str
    """``openai-compatible``, ``anthropic``, ``sandbox``, or a row of the catalogue such as ``openai`` or ``groq``."""
    base_url: str | None = None
    api_key: Secret | None = None
    """May be a reference: ``${NAME}`` for the environment, ``file:/path`` for a file that holds nothing else, or to a
    manager of secrets, such as ``vault:secret/data/headgate#openai``."""
    api_keys: list[Secret] = []
    """More keys of the same account: all are taken in turn, and one that is refused rests for a while."""
    headers: dict[str, str] = {}
    """Sent with every request."""
    price: PriceConfig | None = None
    """For this provider's models that are not listed; 0 is allowed where it is written."""
    timeouts: Timeouts = Timeouts()
    stream_usage: bool | None = None
    """False where the server refuses ``stream_options``."""
    states_cost: bool | None = None
    """True where its answers say what they cost (``usage.cost``, ``usage.cost.total_cost`` or
    ``usage.cost_in_usd_ticks``), and that is what the account is billed: it counts instead of the price."""
    proxy: str | None = None
    """An HTTP proxy to reach it through."""
    http2: bool = False
    ca: str | None = None
    """A file of certificates (PEM) of authorities that are trusted for it, besides the system's."""
    project: str | None = None
    """Vertex: the Google Cloud project that pays."""
    region: str | None = None
    """Where the service runs. Vertex: such as ``europe-west4``, ``global`` (the default), ``us`` or ``eu``. Bedrock:
    such as ``us-east-1``; it must be given."""
    access_key_id: str | None = None
    """Bedrock: who signs, with ``secret_access_key``; an ``api_key`` or a ``profile`` can stand in their place."""
    secret_access_key: Secret | None = None
    """Bedrock: what requests are signed with."""
    session_token: Secret | None = None
    """Bedrock: belongs to keys that expire."""
    profile: str | None = None
    """Bedrock: the name of keys in ``~/.aws/credentials``, or in the file that ``credentials`` names."""
    role_arn: str | None = None
    """Bedrock: a role to be assumed with these keys."""
    credentials: Secret | None = None
    """Vertex: a key file of Google's, its path or its JSON text (a service account's, or that of a user's login).
    Bedrock: the path of a file of profiles."""
    token_url: str | None = None
    """Vertex, Azure: where to fetch access tokens instead, such as the metadata server of the machine. Bedrock: where
    a role is assumed, if not at AWS STS."""
    api_version: str | None = None
    """Azure: ``v1`` (the default), ``preview``, or a date such as ``2024-10-21``: the path then names deployments."""
    tenant: str | None = None
    """Azure: the Entra ID tenant that signs in, with ``client_id`` and ``client_secret``."""
    client_id: str | None = None
    """Azure: the application that signs in, or which of the machine's identities to take."""
    client_secret: Secret | None = None
    """Azure: what the application signs in with."""
    managed_identity: bool = False
    """Azure: sign in as the machine this runs on."""
    concurrency: int | Capacity | None = None
    """How many calls may be under way at this account at once: a number, or how many and who waits for how long."""
    passthrough: Literal["owned", "open", "known"] = "owned"
    """Calls of its own API that the gateway does not know, and what it keeps for its account (files, batches,
    threads, responses). ``owned``: tenants share the account, and each reaches what it has made itself. ``open``:
    whoever may call it reaches all there is; for an account that one tenant has to itself. ``known``: as ``owned``,
    and only calls that the gateway knows are passed on."""
    enabled: bool = True

    @property
    def way(self) -> dict[str, Any]:
        """What :meth:`Senders.get` is to be told of it."""
        return {"proxy": self.proxy, "http2": self.http2} | ({"ca": self.ca} if self.ca is not None else {})


class Target(msgspec.Struct, frozen=True, eq=False):
    """A deployment: one model at one provider, with everything an attempt needs to know of it."""

    provider: "Provider"
    model: str
    """The provider's own name of it."""
    name: str
    """``provider/model``."""
    price: Price | None
    context: int | None
    max_output: int | None
    abilities: Abilities
    timeouts: Timeouts
    reasoning: bool = False
    capabilities: tuple[str, ...] | None = None
    """What it can do, in the registry's words, its kind first; ``None`` where nothing is known of it."""
    capacity: tuple[tuple[str, Capacity], ...] = ()
    """How many calls it takes at once, and how many its account does, each by name."""
    states_cost: bool = False
    """Its answers say what its account is billed."""


class Provider(Protocol):
    """A configured upstream account."""

    name: str
    kind: str
    sender: Sender
    forward: frozenset[bytes]
    """Request headers of the caller that may go on to it, in lower case."""

    @property
    def prepare(self) -> Callable[[], Awaitable[None] | None] | None:
        """Called before a request is signed, where credentials must be fetched first; ``None`` where none are."""
        ...

    def dialects(self, operation: Operation) -> tuple[Dialect, ...]:
        """The dialects it speaks for *operation*, its own first; empty for what it has not, or that has no dialect.

        A caller who speaks one of them is relayed; for any other the first one that the model takes is written.
        """
        ...

    def supports(self, operation: Operation) -> bool:
        """Whether it has *operation* at all."""
        ...

    def outbound(
        self,
        operation: Operation,
        target: Target,
        body: bytes,
        extra: bytes = b"",
        query: bytes = b"",
        *,
        spoken: str = "",
        stream: bool = False,
    ) -> Outbound:
        """Return the signed request; *spoken* names the dialect of *body*, *stream* tells that a stream is wanted.

        *extra* is header lines of this call, each ending in CRLF. *query* is the caller's own query string; only one
        that the provider is known to understand (``beta=true``) goes on, any other is left out.
        """
        ...

    def raw(
        self, method: str, path: str, query: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes
    ) -> Outbound:
        """Return the signed request for any path of the provider's own API; see :func:`headgate.providers.raw.request`.

        *path* begins with a slash and is checked: ASCII, percent-encoded as it came, without ``.`` and ``..`` steps,
        empty steps or control characters. It is taken below the base URL, the end of which it may repeat. *query* is
        the caller's own, without credentials. *headers* (names in lower case) are the caller's that may go on: none
        that frame, authenticate or are meant for the gateway; the provider's own go over them. Called after
        ``prepare``. Raise ``NotFound`` where the provider has no API of its own.
        """
        ...

    def heard(self, method: str, path: str) -> Heard | None:
        """Return what a call of *path* (as for :meth:`raw`) stands for, ``None`` where the gateway does not know it.

        A known one is held, counted and recorded like a call of the gateway's own surfaces, in the dialect named.
        """
        ...


class Senders(Protocol):
    """Hands out the way to upstreams."""

    def get(self, *, proxy: str | None = None, http2: bool = False, ca: str | None = None) -> Sender:
        """Return a sender: the lean HTTP/1.1 one, or a general one where a proxy or HTTP/2 is wanted.

        *ca* is a file of authorities to trust besides the system's. Raise ``ValueError`` where it is not there.
        """
        ...


def dialects_of(target: Target, operation: Operation) -> tuple[Dialect, ...]:
    """Return the dialects that *target* speaks for *operation*, its own first.

    A provider whose models do not all speak the same has a method ``dialects_of(operation, model)``.
    """
    provider = target.provider
    by_model = getattr(provider, "dialects_of", None)
    found: tuple[Dialect, ...] = provider.dialects(operation) if by_model is None else by_model(operation, target.model)
    return found


def unsupported(target: str, operation: str) -> BadRequest:
    """The refusal of an operation that a provider does not have."""
    return BadRequest(
        f"{target} does not offer {operation}. Ask for a model of a provider that does; GET /v1/models lists them.",
        code="unsupported_operation",
        param="model",
    )
