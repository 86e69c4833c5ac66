"""What goes wrong, by kind, provider, model and code: written by the drainer, with the sums of calls.

An attempt that failed counts once, in the group of its deployment, whether or not another one answered; a call that
failed without any such attempt counts once as well. Whoever wants to know of groups that are new reads ``first_at``.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Literal

import msgspec

from headgate.observe.facts import Facts
from headgate.observe.rollups import OTHER, model_of
from headgate.storage.sql import Sql

Kind = Literal["provider", "policy", "caller", "gateway"]
"""Whose it is: a provider's, a limit's or guardrail's (nothing is broken), the caller's request, or the gateway's."""
POLICIES = frozenset(
    {
        "insufficient_quota", "rate_limit_exceeded", "content_policy_violation", "guardrail_unavailable",
        "parameter_not_allowed", "permission_denied", "url_not_allowed",
    }
)  # fmt: skip
FINE = frozenset({"ok", "open", "cancelled", "client_closed"})
"""Ends of attempts that are nobody's fault: they were cut short by the caller, or another was first."""
MAX_GROUPS = 1_000
"""Of one tenant and home; more are counted together, whatever their model."""
MAX_KEYS = 100
MAX_EXAMPLES = 5
MAX_MESSAGE = 300

READ = """SELECT first_at, last_at, count, keys, examples FROM error_groups
    WHERE tenant_id = ? AND id = ? AND node = ?"""
WRITE = """INSERT INTO error_groups (tenant_id, id, node, kind, provider, model, code, first_at, last_at, count, keys,
        examples) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (tenant_id, id, node) DO UPDATE SET first_at = excluded.first_at, last_at = excluded.last_at,
    count = excluded.count, keys = excluded.keys, examples = excluded.examples"""
MANY = "SELECT COUNT(*) FROM error_groups WHERE tenant_id = ? AND node = ?"


class Group(msgspec.Struct, frozen=True):
    """What errors have in common."""

    kind: Kind
    provider: str
    model: str
    code: str

    @property
    def id(self) -> str:
        """Sixteen characters that stand for it."""
        return blake2b("\0".join(msgspec.structs.astuple(self)).encode(), digest_size=8).hexdigest()


class Example(msgspec.Struct, frozen=True):
    """A call that met it; the message is redacted."""

    id: str
    at: int
    message: str = ""


class Seen(msgspec.Struct):
    """How often a group was met. Instants are microseconds UTC."""

    first_at: int
    last_at: int
    count: int = 0
    keys: list[str] = []
    """The first hundred."""
    examples: list[Example] = []
    """The latest five, the newest first."""

    def add(self, facts: Facts, message: str) -> None:
        """Count one."""
        self.count += 1
        self.first_at, self.last_at = min(self.first_at, facts.at), max(self.last_at, facts.at)
        if facts.key_id and facts.key_id not in self.keys and len(self.keys) < MAX_KEYS:
            self.keys.append(facts.key_id)
        self.take([Example(facts.id, facts.at, message[:MAX_MESSAGE])])

    def take(self, examples: Sequence[Example]) -> None:
        """Keep the latest of these and its own, one of each call."""
        every = {example.id: example for example in (*self.examples, *examples)}
        self.examples = sorted(every.values(), key=lambda one: (one.at, one.id), reverse=True)[:MAX_EXAMPLES]


_keys = msgspec.json.Decoder(list[str]).decode
_examples = msgspec.json.Decoder(list[Example]).decode


def groups_of(facts: Facts) -> list[tuple[Group, str]]:
    """Return the groups that a call counts in, each with a message."""
    found = [
        (Group("provider", tried.provider, f"{tried.provider}/{tried.model}", tried.outcome), tried.error or "")
        for tried in facts.attempts
        if tried.outcome not in FINE
    ]
    if facts.code is not None and facts.code not in FINE and all(group.code != facts.code for group, _ in found):
        group = Group(kind_of(facts), facts.provider_used or "", model_of(facts), facts.code)
        found.append((group, facts.error_message or ""))
    return found


def kind_of(facts: Facts) -> Kind:
    """Return whose the failure of a call is."""
    if facts.code in POLICIES:
        return "policy"
    if facts.http_status < 500:
        return "caller"
    return "provider" if facts.attempts else "gateway"


def seen_of(row: Sequence[object]) -> Seen:
    """Return the last five columns of a row."""
    first_at, last_at, count, keys, examples = row
    return Seen(int(first_at), int(last_at), int(count), _keys(str(keys)), _examples(str(examples)))  # type: ignore[call-overload]


class ErrorGroups:
    """The drainer's own; one thread at a time."""

    def __init__(self, node: str = "") -> None:
        """*node* is the name of the home among those that share the database: each counts in rows of its own."""
        self._node = node

    def add(self, sql: Sql, calls: Iterable[Facts]) -> None:
        """Count what went wrong with *calls*, all of them new, inside a transaction."""
        found: dict[tuple[str, Group], list[tuple[Facts, str]]] = {}
        for facts in calls:
            if facts.code is not None or len(facts.attempts) > 1:
                for group, message in groups_of(facts):
                    found.setdefault((facts.tenant_id, group), []).append((facts, message))
        if not found:
            return
        rows: dict[tuple[str, Group], Seen] = {}
        for (tenant_id, group), met in found.items():
            group, seen = self._of(sql, tenant_id, group, met[0][0].at)
            seen = rows.setdefault((tenant_id, group), seen)
            for facts, message in met:
                seen.add(facts, message)
        sql.executemany(WRITE, sorted(self._row(tenant_id, group, seen) for (tenant_id, group), seen in rows.items()))

    def _of(self, sql: Sql, tenant_id: str, group: Group, at: int) -> tuple[Group, Seen]:
        row = sql.execute(READ, (tenant_id, group.id, self._node)).fetchone()
        if row is None and sql.execute(MANY, (tenant_id, self._node)).fetchone()[0] >= MAX_GROUPS:
            group = msgspec.structs.replace(group, model=OTHER)
            row = sql.execute(READ, (tenant_id, group.id, self._node)).fetchone()
        return group, Seen(at, at) if row is None else seen_of(row)

    def _row(self, tenant_id: str, group: Group, seen: Seen) -> tuple[object, ...]:
        kept = (msgspec.json.encode(seen.keys).decode(), msgspec.json.encode(seen.examples).decode())
        whose = (tenant_id, group.id, self._node, *msgspec.structs.astuple(group))
        return (*whose, seen.first_at, seen.last_at, seen.count, *kept)
