"""The audit log as the drainer writes to it: in its own transaction, without SQLAlchemy."""

from collections.abc import Iterable

import msgspec

from headgate.storage.audit_rows import FIRST, AuditEntry, AuditRow, Sealing, row_of
from headgate.storage.sql import Sql

LOCK = "SELECT pg_advisory_xact_lock(?)"
FEED = 0x66656564
"""The lock of ``turns.take_turn``."""
BEGIN = "INSERT INTO audit_heads (tenant_id, seq, hash) VALUES (?, 0, ?) ON CONFLICT DO NOTHING"
HEAD = "SELECT seq, hash FROM audit_heads WHERE tenant_id = ?"
MOVE = "UPDATE audit_heads SET seq = ?, hash = ? WHERE tenant_id = ?"
_NAMES = AuditRow.__struct_fields__
ADD = f"INSERT INTO audit ({', '.join(_NAMES)}) VALUES ({', '.join('?' * len(_NAMES))})"  # noqa: S608  # our own names


def note_all(sql: Sql, entries: Iterable[AuditEntry], sealing: Sealing) -> None:
    """Append *entries*, inside a transaction. Others wait from here until it ends: be last in it, and brief."""
    entries = list(entries)
    if not entries:
        return
    if sql.kind == "postgresql":
        sql.execute(LOCK, (FEED,))
    for entry in entries:
        sql.execute(BEGIN, (entry.tenant_id, FIRST))
        seq, previous = sql.execute(HEAD, (entry.tenant_id,)).fetchone()
        row = row_of(entry, seq + 1, bytes(previous), sealing)
        sql.execute(ADD, tuple(msgspec.structs.asdict(row).values()))
        sql.execute(MOVE, (row.seq, row.hash, entry.tenant_id))
