"""What a call needs of the gateway, handed over by the composition root."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from headgate.access.types import Principal
from headgate.core.call import Call
from headgate.core.chat import Request
from headgate.core.errors import HeadgateError
from headgate.core.secret import Secret
from headgate.ledger.types import Books
from headgate.limits.types import Gate
from headgate.observe.spool import Spool
from headgate.pipeline.alarm import Alarms
from headgate.pipeline.aside import Aside
from headgate.pipeline.attach import Attacher
from headgate.pipeline.capacity import Rooms
from headgate.pipeline.ping import Pings
from headgate.pipeline.thoughts import Thoughts
from headgate.providers.base import Provider
from headgate.routing.budget import RetryBudget
from headgate.routing.conversations import Conversations
from headgate.routing.health import Health
from headgate.routing.table import RouteTable
from headgate.storage.repeats import Repeats
from headgate.storage.responses import KeptResponses

JSON = b"application/json"
StepCall = Callable[[Call, "Parts"], Awaitable[None] | None]


class Principals(Protocol):
    """Turns credentials into principals; a known one at once, an unknown one by asking the store."""

    def authenticate(
        self,
        headers: list[tuple[bytes, bytes]],
        query: bytes,
        address: str | None,
        memo: dict[str, Any] | None = None,
    ) -> Principal | Awaitable[Principal]:
        """Raise ``NotAuthenticated``, ``RateLimited`` or ``Unavailable``."""
        ...


def unsigned(provider: Provider, key: Secret) -> Provider:
    """Where no account can be built again, its own key signs."""
    return provider


class Snapshot:
    """One configuration, compiled. Replaced whole by a reload; calls in flight keep the one they began with."""

    __slots__ = ("default_steps", "guarding", "overlays", "passing", "signed", "table")

    def __init__(
        self,
        table: RouteTable,
        default_steps: tuple[StepCall, ...],
        overlays: Mapping[str, RouteTable] | None = None,
        signed: Callable[[Provider, Secret], Provider] | None = None,
        guarding: Any = None,
        passing: Mapping[str, str] | None = None,
    ) -> None:
        self.table = table
        self.passing = passing or {}
        """How calls of a provider's own API are passed on, by its name: ``open`` or ``known``; else ``owned``."""
        self.guarding = guarding
        """Which guardrails calls pass (``pipeline.guarding.Guarding``); ``None`` where none is configured."""
        self.signed = signed or unsigned
        """Returns an account as it is signed with a key that a caller brought."""
        self.default_steps = default_steps
        self.overlays = overlays or {}
        """Tenant -> its table, for those that have routes of their own."""

    def table_of(self, tenant_id: str) -> RouteTable:
        """Return the table that a tenant's names are looked up in."""
        return self.overlays.get(tenant_id, self.table) if self.overlays else self.table


class Parts:
    """The parts themselves. Only ``snapshot`` is ever replaced."""

    __slots__ = (
        "alarms",
        "aside",
        "attacher",
        "books",
        "caches",
        "conversations",
        "count_tokens",
        "estimate_output",
        "flights",
        "gate",
        "guards",
        "health",
        "hedges",
        "log_error",
        "max_body",
        "pings",
        "principals",
        "refused",
        "repeats",
        "responses",
        "rooms",
        "snapshot",
        "spool",
        "thoughts",
        "worker",
    )

    def __init__(  # noqa: PLR0913  # the list of the parts is the point
        self,
        *,
        principals: Principals,
        gate: Gate,
        books: Books,
        snapshot: Snapshot,
        count_tokens: Callable[[Request], Awaitable[int]],
        estimate_output: Callable[[int], int],
        log_error: Callable[[Call, BaseException], None],
        worker: int = 0,
        workers: int = 1,
        max_body: int = 20_000_000,
        responses: KeptResponses | None = None,
        repeats: Repeats | None = None,
        attacher: Attacher | None = None,
        spool: Spool | None = None,
        health: Health | None = None,
        guards: Any = None,
        caches: Any = None,
        conversations: Conversations | None = None,
    ) -> None:
        self.principals = principals
        self.gate = gate
        self.books = books
        self.snapshot = snapshot
        self.count_tokens = count_tokens
        """Counts a prompt's tokens with a real tokenizer, off the loop."""
        self.estimate_output = estimate_output
        """Tokens in so many bytes of generated text."""
        self.log_error = log_error
        self.worker = worker
        self.max_body = max_body
        """Bytes."""
        self.responses = responses
        """Where responses are kept."""
        self.repeats = repeats
        """Where answers are kept for callers who ask the same again (``Idempotency-Key``)."""
        self.spool = spool
        """Takes what was said, where a caller's policy keeps it."""
        self.attacher = attacher
        """Fetches what callers name by URL, for targets that take bytes alone."""
        self.guards = guards
        """What guardrails need of the installation (``pipeline.guard.Guards``)."""
        self.caches = caches
        """The caches of answers (``cache.shelf.Shelf``); ``None`` where there are none."""
        self.health = health or Health()
        """What is known of deployments now; in this process."""
        self.conversations = conversations or Conversations()
        """Who answered conversations last."""
        self.rooms = Rooms(workers)
        """Who is under way, and who waits, where a provider takes only so many at once."""
        self.refused: Counter[str] = Counter()
        """How many requests were refused before it was known whose they are, by error code."""
        self.alarms = Alarms()
        """What operators must see to."""
        self.aside = Aside()
        """What nobody waits for."""
        self.pings = Pings()
        """Callers who are told that something is going on."""
        self.thoughts = Thoughts()
        """Proofs of thoughts, for callers who drop them."""
        self.hedges: dict[str, RetryBudget] = {}
        """Calls and second calls of late, by route."""
        self.flights: dict[bytes, Any] = {}
        """Calls under way that others may wait for."""

    async def count_prompt(self, call: Call) -> int:
        """Count the prompt of *call*, for an estimate: by the tokenizer, or by its bytes where it cannot be read."""
        if call.operation != "chat":
            return self.estimate_output(len(call.body))
        try:
            return await self.count_tokens(neutral(call))
        except HeadgateError:
            return self.estimate_output(len(call.body))


def put_body(call: Call, body: bytes) -> None:
    """Let *body* take the place of the call's own, and read again what was read of it."""
    before, previous = call.envelope, None
    if call.keeper is not None and call.keeper.said is None:  # what is kept of a conversation is what its caller said
        call.keeper.said = before.fields.get("input")
    if call.request is not None and call.request.extra is not None:
        previous = call.request.extra.form.get("previous")
    call.body, call.request = body, None
    if call.media != JSON:
        call.envelope = call.dialect.envelope_form(body, before.content_type)
    elif call.path_model:
        call.envelope = call.dialect.envelope_at(body, call.path_model, stream=call.path_stream)
    else:
        call.envelope = call.dialect.envelope(body)
    if call.envelope.model != before.model:  # `take_wishes` has put another in
        call.envelope.model = before.model
    if previous is not None and (extra := neutral(call).extra) is not None:
        extra.form["previous"] = previous


def neutral(call: Call) -> Request:
    """The neutral form of *call*'s request, read once."""
    if call.request is None:
        call.request = call.dialect.read_request(call.body)
        if call.path_model:
            call.request.model = call.path_model
            if call.operation == "chat":
                call.request.stream = call.streaming
        for name in getattr(call.dialect, "in_headers", ()):
            said = [one.strip() for header, value in call.headers if header == name for one in value.split(b",")]
            if said and call.request.extra is not None:
                call.request.extra.fields[name.decode()] = [one.decode("latin-1") for one in said if one]
    return call.request
