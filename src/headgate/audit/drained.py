"""What the drainer adds for proof, in the transaction that stores calls: their seals, and refusals by policy.

A refusal that goes on is told once a minute, with how often it came: nobody fills the log by being refused.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from headgate.observe.facts import Facts
from headgate.storage.audit_now import note_all
from headgate.storage.audit_rows import AuditEntry, KeyedSealing
from headgate.storage.seals import seal
from headgate.storage.sql import Sql

REFUSED = {
    "parameter_not_allowed": "gateway:use",
    "permission_denied": "gateway:use",
    "content_policy_violation": "guardrails:block",
    "guardrail_unavailable": "guardrails:block",
    "insufficient_quota": "budgets:refuse",
    "url_not_allowed": "gateway:use",
    "previous_response_not_found": "gateway:use",
}
"""Code of a refusal -> what was refused, or which policy refused it."""
MINUTE = 60_000_000
MAX_WATCHED = 10_000

Stored = tuple[Facts, bytes]


class _Refused(msgspec.Struct):
    id: str
    at: int
    key_id: str | None = None
    user_id: str | None = None
    model_requested: str | None = None
    error_message: str | None = None
    address: str | None = None


_refused = msgspec.json.Decoder(_Refused).decode


class Proofs:
    """The drainer's own; one thread at a time. Call ``done`` once the transaction is committed."""

    def __init__(self, sealing: KeyedSealing) -> None:
        self._sealing = sealing
        self._told: dict[tuple[str, str, str], tuple[int, int]] = {}
        """Tenant, key and code -> when that was told last, and how many were not told since."""
        self._staged: dict[tuple[str, str, str], tuple[int, int]] = {}

    def add(self, sql: Sql, stored: Iterable[Stored]) -> None:
        """Seal records that are new, and note those that were refused; last in the transaction."""
        stored = list(stored)
        seal(sql, self._sealing, ((facts.tenant_id, facts.at, raw) for facts, raw in stored))
        self._staged = {}
        refused = [one for one in stored if one[0].code in REFUSED]
        if refused:
            note_all(sql, self._entries(refused), self._sealing)

    def done(self) -> None:
        """The transaction was committed."""
        if not self._staged:
            return
        if len(self._told) + len(self._staged) > MAX_WATCHED:
            self._told.clear()
        self._told.update(self._staged)

    def _entries(self, refused: list[Stored]) -> Iterable[AuditEntry]:
        groups: dict[tuple[str, str, str], list[Stored]] = {}
        for one in refused:
            facts = one[0]
            groups.setdefault((facts.tenant_id, facts.key_id or "", facts.code or ""), []).append(one)
        for key, group in groups.items():
            at, untold = self._told.get(key, (0, 0))
            latest = group[-1][0].at
            if latest - at < MINUTE:
                self._staged[key] = (at, untold + len(group))
                continue
            self._staged[key] = (latest, 0)
            yield _entry(key, _refused(group[-1][1]), untold + len(group))


def _entry(key: tuple[str, str, str], last: _Refused, count: int) -> AuditEntry:
    tenant_id, key_id, code = key
    after: dict[str, Any] = {"code": code, "why": last.error_message, "model": last.model_requested, "times": count}
    return AuditEntry(
        tenant_id=tenant_id,
        actor_kind="key" if last.key_id else "user",
        actor_id=key_id or last.user_id or "",
        action=REFUSED[code],
        object_kind="call",
        object_id=last.id,
        after={name: value for name, value in after.items() if value is not None},
        address=last.address,
        request_id=last.id,
        outcome="refused",
        at=last.at,
    )
