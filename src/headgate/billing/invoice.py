"""An invoice of a month, or the report of an app's week: worked out, numbered, and from then on as it is."""

from collections.abc import Awaitable
from datetime import date
from hashlib import sha256
from typing import Any, Literal

import msgspec

from headgate.billing.calendar import begin, span_of, zone
from headgate.billing.chargeback import COUNTED, By, Chargeback, Line, Office
from headgate.billing.page import page
from headgate.core.ids import new_id, now
from headgate.core.money import usd
from headgate.core.sheet import line as csv_line
from headgate.storage.billing_rows import InvoiceRow
from headgate.storage.bills import Account
from headgate.storage.object_rows import Author

Kind = Literal["invoice", "report"]
SPANS: dict[Kind, Literal["month", "week"]] = {"invoice": "month", "report": "week"}
TABLES: dict[Kind, tuple[By, ...]] = {
    "invoice": ("model", "team", "app", "user", "tag"),
    "report": ("model", "user", "key", "tag"),
}
MAX_LINES = 1000
"""Of one table; the dearest stand in it, the rest in one line."""
AMOUNTS = ("cost_nano", "billed_nano")


class NotOver(Exception):
    """The span has not ended, so its invoice would change."""


class Issuer:
    """Works out and issues invoices and reports of one tenant at a time."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._bills = office.bills

    async def issue(
        self, account: Account, kind: Kind, first: date, author: Author, subject_id: str = ""
    ) -> InvoiceRow:
        """Issue the invoice of the month, or the report of the week of app *subject_id*, that begins on *first*.

        What was issued is returned as it is. Raise :class:`NotOver`.
        """
        first, end = span_of(SPANS[kind], first)
        if begin(end, zone(account.zone)) > now():
            raise NotOver
        same = await self._bills.issued(account.id, kind, subject_id, first.isoformat())
        if same is not None:
            return same
        content = await self.content(account, kind, first, subject_id)
        draft = InvoiceRow(
            id=new_id(),
            tenant_id=account.id,
            number="",
            kind=kind,
            subject_id=subject_id,
            starts=first.isoformat(),
            ends=end.isoformat(),
            total_nano=content.pop("total_nano"),
            content="",
            html="",
            digest="",
            issued_at=now(),
        )

        def written(number: str) -> InvoiceRow:
            text = msgspec.json.encode({"number": number, **content}).decode()
            digest = sha256(text.encode()).hexdigest()
            html = page(msgspec.json.decode(text))
            return msgspec.structs.replace(draft, number=number, content=text, html=html, digest=digest)

        return await self._bills.issue(draft, written, author)

    async def content(self, account: Account, kind: Kind, first: date, subject_id: str = "") -> dict[str, Any]:
        """Return all that such an invoice or report says, but for its number; for a span that runs, so far."""
        first, end = span_of(SPANS[kind], first)
        where = {"app": subject_id} if kind == "report" else None

        def ask(by: By) -> Awaitable[Chargeback]:
            return self._office.chargeback(account, by, first, end, where=where)

        by_day = await ask("day")
        there = zone(account.zone)
        content: dict[str, Any] = {
            "kind": kind,
            "tenant": {"id": account.id, "name": account.name, "email": account.email},
            "period": {"first": first.isoformat(), "end": end.isoformat(), "zone": account.zone},
            "total_usd": usd(by_day.due),
            "total_nano": by_day.due,
            "summary": told(by_day.total),
            "adjustments": [
                {"key_id": one.key_id, "model": one.model, "usd": usd(one.nano)} for one in by_day.adjusted
            ],
            "days": [{"day": line.name, "billed_usd": usd(line.billed_nano)} for line in by_day.lines],
            "tables": {by: [told(line) for line in shortened((await ask(by)).lines)] for by in TABLES[kind]},
        }
        if kind == "report":
            names = await self._bills.names(account.id, "app_id")
            content["subject"] = {"app_id": subject_id, "name": names.get(subject_id, subject_id)}
            earlier = await self._office.chargeback(account, "day", *span_of("week", _before(first)), where=where)
            content["earlier_usd"] = usd(earlier.due)
        else:
            ledger = await self._bills.ledger_total(account.id, begin(first, there), begin(end, there))
            cost = by_day.total.cost_nano
            content["ledger"] = {"cost_usd": usd(ledger), "difference_usd": usd(cost - ledger)}
        return content


def told(line: Line) -> dict[str, Any]:
    """Return a line as JSON has it: amounts as decimals in USD."""
    found: dict[str, Any] = {"id": line.id, "name": line.name}
    for column in COUNTED:
        value = getattr(line, column)
        found[column.replace("_nano", "_usd")] = usd(value) if column in AMOUNTS else value
    return found


def shortened(lines: list[Line]) -> list[Line]:
    """Return the dearest lines, and one for all others."""
    if len(lines) <= MAX_LINES:
        return lines
    rest = Line(id="", name=f"{len(lines) - MAX_LINES} others")
    for line in lines[MAX_LINES:]:
        rest.add(line)
    return [*lines[:MAX_LINES], rest]


def sheet(content: dict[str, Any]) -> str:
    """Return an invoice's content as CSV: a line for each line of each of its tables."""
    columns = [column.replace("_nano", "_usd") for column in COUNTED]
    lines = [csv_line(["by", "id", "name", *columns])]
    for by, table in content["tables"].items():
        lines += [csv_line([by, row["id"], row["name"], *(row[column] for column in columns)]) for row in table]
    for row in content["adjustments"]:
        empty = [""] * (len(columns) - 1)
        lines.append(csv_line(["adjustment", row["key_id"], row["model"], *empty, row["usd"]]))
    lines.append(csv_line(["total", "", content["number"], *(content["summary"][column] for column in columns)]))
    return "".join(lines)


def _before(first: date) -> date:
    return date.fromordinal(first.toordinal() - 1)
