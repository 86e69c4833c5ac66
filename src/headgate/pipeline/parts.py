"""What a call needs of the gateway, handed over by the composition root."""

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
from headgate.providers.base import Provider
from headgate.routing.budget import RetryBudget
from headgate.routing.health import Health
from headgate.routing.table import RouteTable
from headgate.storage.responses import KeptResponses

StepCall = Callable[[Call, "Parts"], Awaitable[None] | None]


class Principals(Protocol):
    """Turns credentials into principals; a known one at once, an unknown one by asking the store."""

    def authenticate(
        self, headers: list[tuple[bytes, bytes]], query: bytes, address: str | None
    ) -> Principal | Awaitable[Principal]:
        """Raise ``NotAuthenticated``, ``RateLimited`` or ``Unavailable``."""
        ...


def unsigned(provider: Provider, key: Secret) -> Provider:
    """Where no account can be built again, its own key signs."""
    return provider


class Snapshot:
    """One configuration, compiled. Replaced whole by a reload; calls in flight keep the one they began with."""

    __slots__ = ("default_steps", "guarding", "overlays", "signed", "table")

    def __init__(
        self,
        table: RouteTable,
        default_steps: tuple[StepCall, ...],
        overlays: Mapping[str, RouteTable] | None = None,
        signed: Callable[[Provider, Secret], Provider] | None = None,
        guarding: Any = None,
    ) -> None:
        self.table = table
        self.guarding = guarding
        """Which guardrails calls pass (``pipeline.guard.Guarding``); ``None`` where none is configured."""
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
        "responses",
        "rooms",
        "snapshot",
        "spool",
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
        attacher: Attacher | None = None,
        spool: Spool | None = None,
        health: Health | None = None,
        guards: Any = None,
        caches: Any = None,
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
        self.rooms = Rooms(workers)
        """Who is under way, and who waits, where a provider takes only so many at once."""
        self.alarms = Alarms()
        """What operators must see to."""
        self.aside = Aside()
        """What nobody waits for."""
        self.pings = Pings()
        """Callers who are told that something is going on."""
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


def neutral(call: Call) -> Request:
    """The neutral form of *call*'s request, read once."""
    if call.request is None:
        call.request = call.dialect.read_request(call.body)
        if call.path_model:
            call.request.model = call.path_model
            if call.operation == "chat":
                call.request.stream = call.streaming
    return call.request
