"""The calls of the client that are about money and proof: budgets, approvals, bills, and the audit log."""

from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from headgate.access.types import Window
from headgate.client.routes import Calls

Json = dict[str, Any]


class Sum(msgspec.Struct, frozen=True):
    """USD as a plain decimal, or tokens."""

    usd: str | None = None
    tokens: int | None = None

    def __str__(self) -> str:
        return f"{self.tokens:,} tokens" if self.usd is None else f"{self.usd} USD"


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """A budget. Instants are RFC 3339 in UTC."""

    id: str
    name: str
    match: dict[str, Any]
    each: str | None
    usd: str | None
    tokens: int | None
    window: Window
    hard: bool
    is_active: bool
    platform: bool
    created_at: str
    updated_at: str


class Coming(msgspec.Struct, frozen=True, kw_only=True):
    """A forecast."""

    low: Sum
    likely: Sum
    high: Sum
    days: int
    method: str


class BudgetUsage(msgspec.Struct, frozen=True, kw_only=True):
    """How a budget stands in its window."""

    start: str
    end: str | None
    amount: Sum
    used: Sum
    remaining: Sum
    share: float
    set_aside: Sum = Sum()
    """Room that processes keep for calls; part of what remains."""
    forecast: Coming | None
    each: list[Json]


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """A request for more, and what became of it."""

    id: str
    kind: str
    subject_kind: str
    subject_id: str
    ask: Json
    reason: str
    state: str
    asked_by_kind: str
    asked_by: str
    asked_at: str
    expires_at: str
    lasts: int | None
    decided_by: str | None
    decided_at: str | None
    answer: str | None
    until: str | None


class Invoice(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice or a report, as it was issued; its contents are read apart."""

    id: str
    number: str
    kind: str
    app_id: str | None
    first: str
    end: str
    total_usd: str
    digest: str
    issued_at: str


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification of the audit log found."""

    ok: bool
    entries: int
    exchanges: int
    head_seq: int
    head_hash: str
    faults: list[Json]
    more: int


class _Page(msgspec.Struct, frozen=True):
    data: list[Json]
    next: Any = None


class Texts(Calls, Protocol):
    """What the methods call that read files."""

    def _text(self, path: str, **query: Any) -> str: ...


class MoneyCalls:
    """Methods of ``Admin``; they raise ``ApiError``."""

    def budgets(self: Calls) -> list[Budget]:
        """Return every budget that the caller may see."""
        return msgspec.convert(_all(self, "/budgets", "after", limit=1000), list[Budget])

    def create_budget(self: Calls, name: str, window: Window, **fields: Any) -> Budget:
        """Make a budget. *fields* are those of the API: ``usd`` or ``tokens``, ``match``, ``each``, ``hard``."""
        return self._send("POST", "/budgets", Budget, {"name": name, "window": window, **fields})

    def update_budget(self: Calls, id: str, **fields: Any) -> Budget:
        """Change a budget."""
        return self._send("PATCH", f"/budgets/{_in(id)}", Budget, fields)

    def remove_budget(self: Calls, id: str) -> Budget:
        """Remove a budget."""
        return self._send("DELETE", f"/budgets/{_in(id)}", Budget)

    def budget_usage(self: Calls, id: str) -> BudgetUsage:
        """Return how a budget stands."""
        return self._get(f"/budgets/{_in(id)}/usage", BudgetUsage)

    def spending(self: Calls) -> Json:
        """Return what the tenant spends this month."""
        return self._get("/metrics/spending", Json)

    def approvals(self: Calls, *, state: str | None = None) -> list[Approval]:
        """Return requests for more, latest first."""
        return msgspec.convert(_all(self, "/approvals", "before", state=state, limit=200), list[Approval])

    def ask_for(self: Calls, kind: str, subject_kind: str, subject_id: str, **fields: Any) -> Approval:
        """Ask for more: ``budget``, ``limits``, ``models`` or ``providers``. *fields* are the API's."""
        body = {"kind": kind, "subject_kind": subject_kind, "subject_id": subject_id, **fields}
        return self._send("POST", "/approvals", Approval, body)

    def approve(self: Calls, id: str, answer: str = "") -> Approval:
        """Grant what is asked for."""
        return self._send("POST", f"/approvals/{_in(id)}/approve", Approval, {"answer": answer})

    def refuse(self: Calls, id: str, answer: str = "") -> Approval:
        """Refuse what is asked for."""
        return self._send("POST", f"/approvals/{_in(id)}/refuse", Approval, {"answer": answer})

    def withdraw(self: Calls, id: str) -> Approval:
        """Take an own request back."""
        return self._send("POST", f"/approvals/{_in(id)}/withdraw", Approval)

    def chargeback(self: Calls, **query: Any) -> Json:
        """Return who pays for what. *query* are the API's: ``by``, ``first``, ``end``, ``team`` and so on."""
        return self._get("/billing/chargeback", Json, **query)

    def forecast(self: Calls, **query: Any) -> Json:
        """Return what the month will come to."""
        return self._get("/billing/forecast", Json, **query)

    def invoices(self: Calls, **query: Any) -> list[Invoice]:
        """Return invoices and reports, latest first."""
        return msgspec.convert(_all(self, "/billing/invoices", "before", **query, limit=200), list[Invoice])

    def issue(self: Calls, kind: str = "invoice", **fields: Any) -> Invoice:
        """Issue the invoice of a month, or the report of an app's week; what was issued is returned as it is."""
        return self._send("POST", "/billing/invoices", Invoice, {"kind": kind, **fields})

    def invoice(self: Texts, id: str, format: str = "json") -> str:
        """Return an invoice as ``json``, ``html`` or ``csv``."""
        return self._text(f"/billing/invoices/{_in(id)}", format=format)

    def send_invoice(self: Calls, id: str, channel_ids: list[str]) -> list[str]:
        """Send an invoice through channels; return the ids of the messages."""
        sent = self._send(
            "POST", f"/billing/invoices/{_in(id)}/send", dict[str, list[str]], {"channel_ids": channel_ids}
        )
        return sent["message_ids"]

    def billing_objects(self: Calls, things: str) -> list[Json]:
        """Return ``prices``, ``channels`` or ``schedules``."""
        return _all(self, f"/billing/{_in(things)}", "after", limit=1000)

    def create_billing_object(self: Calls, things: str, **fields: Any) -> Json:
        """Make a price, a channel or a schedule. *fields* are the API's."""
        return self._send("POST", f"/billing/{_in(things)}", Json, fields)

    def remove_billing_object(self: Calls, things: str, id: str) -> Json:
        """Remove a price, a channel or a schedule."""
        return self._send("DELETE", f"/billing/{_in(things)}/{_in(id)}", Json)

    def import_usage(self: Calls, provider: str, format: str, data: str, **fields: Any) -> Json:
        """Set what a provider exported beside what we say, and correct charges in doubt by it."""
        return self._send(
            "POST", "/billing/imports", Json, {"provider": provider, "format": format, "data": data, **fields}
        )

    def audit(self: Calls, **query: Any) -> list[Json]:
        """Return entries of the audit log, latest first: one page, of 100 unless ``limit`` says otherwise."""
        return self._get("/audit", _Page, **query).data

    def audit_file(self: Texts, format: str = "jsonl", **query: Any) -> str:
        """Return all entries, oldest first, as ``jsonl`` or ``csv``."""
        return self._text("/audit/export", format=format, **query)

    def verify_audit(self: Calls, known: tuple[int, str] | None = None) -> Verified:
        """Look whether all is as it was written. *known* is number and hash of an entry that was written down."""
        body = None if known is None else {"known": {"seq": known[0], "hash": known[1]}}
        return self._send("POST", "/audit/verify", Verified, body)


def _all(gateway: Calls, path: str, cursor: str, **query: Any) -> list[Json]:
    found: list[Json] = []
    where = None
    while True:
        page = gateway._get(path, _Page, **query, **{cursor: where})
        found += page.data
        where = page.next
        if where is None:
            return found


def _in(word: str) -> str:
    return quote(word, safe="")
