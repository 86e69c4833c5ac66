"""Whether the audit log and the request log are as they were written: what was changed, removed, put in or moved."""

from collections.abc import Iterable
from typing import Literal

import msgspec
from sqlalchemy import Row, select, tuple_

from headgate.storage.audit_log import AuditFilter, SqlAuditLog
from headgate.storage.audit_rows import FIRST, AuditRow, KeyedSealing, hash_of
from headgate.storage.schema import records
from headgate.storage.schema.proofs import seals
from headgate.storage.seals import HOUR, LANES, total_of

What = Literal["changed", "missing", "inserted", "moved", "head", "exchanges"]
MAX_TOLD = 1000
MAX_MOVED = 200
"""Of how many changed entries it is worked out whether they changed places."""
PAGE = 2000
LOOKS = 3


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not as it was written."""

    what: What
    seq: int | None = None
    """Of the audit entry."""
    hour: int | None = None
    """Of the exchanges: hours since 1970."""
    words: str


class Verdict(msgspec.Struct, kw_only=True):
    """What was looked at, and what is wrong with it: at most 1,000 faults are told one by one."""

    entries: int = 0
    exchanges: int = 0
    head_seq: int = 0
    head_hash: str = ""
    """Write these two down elsewhere: then even a whole database put back to an earlier day is found."""
    faults: list[Fault] = []
    more: int = 0

    def add(self, what: What, words: str, *, seq: int | None = None, hour: int | None = None) -> None:
        """Note a fault."""
        if len(self.faults) >= MAX_TOLD:
            self.more += 1
        else:
            self.faults.append(Fault(what=what, seq=seq, hour=hour, words=words))


async def verify(
    log: SqlAuditLog, tenant_id: str, sealing: KeyedSealing, *, known: tuple[int, str] | None = None
) -> Verdict:
    """Look at everything of a tenant. *known* is number and hash (hex) of an entry, as written down before."""
    verdict = Verdict()
    chain = Chain(sealing, verdict, known)
    sealed: dict[int, tuple[int, int]] = {}
    expired = -1
    async for row in log.rows(tenant_id, AuditFilter()):
        chain.add(row)
        if row.action == "records:seal" and row.after is not None and row.hash == hash_of(row):
            told = msgspec.json.decode(row.after, type=dict[str, str])
            sealed[int(row.object_id)] = (int(told["records"]), int(told["sum"], 16))
        elif row.action == "records:expire":
            expired = max(expired, int(row.object_id))
    verdict.head_seq, head = await log.head(tenant_id)
    verdict.head_hash = head.hex()
    chain.end(verdict.head_seq, head)
    await Exchanges(log, tenant_id, sealing, verdict).check(sealed, expired)
    return verdict


class Chain:
    """Follows the entries of one tenant from the first to the last."""

    def __init__(self, sealing: KeyedSealing, verdict: Verdict, known: tuple[int, str] | None = None) -> None:
        self._sealing = sealing
        self._verdict = verdict
        self._known = known
        self._last: AuditRow | None = None
        self._changed: list[AuditRow] = []
        self._known_seen = known is None

    def add(self, row: AuditRow) -> None:
        """Look at the next entry."""
        verdict, last = self._verdict, self._last
        verdict.entries += 1
        expected = 1 if last is None else last.seq + 1
        if row.seq != expected:
            self._gap(expected, row.seq)
        if hash_of(row) != row.hash:
            self._changed.append(row)
        elif self._sealing.seal(row.hash) != row.seal:
            verdict.add("inserted", "It was not written by this installation, or changed and hashed anew.", seq=row.seq)
        elif row.seq == expected and row.previous != (FIRST if last is None else last.hash):
            verdict.add("changed", "It follows another entry than the one before it.", seq=row.seq)
        if self._known is not None and row.seq == self._known[0]:
            self._known_seen = row.hash.hex() == self._known[1]
        self._last = row

    def end(self, seq: int, head: bytes) -> None:
        """Say what only the end shows; *seq* and *head* are what is noted of the last entry."""
        self._told_apart()
        verdict, last = self._verdict, self._last
        reached = 0 if last is None else last.seq
        if reached < seq:
            verdict.add("missing", _numbers(reached + 1, seq), seq=reached + 1)
        elif reached > seq:
            verdict.add("head", f"The log ends with number {seq} as noted beside it, but goes on.", seq=seq + 1)
        elif last is not None and last.hash != head:
            verdict.add("head", "The last entry is not the one that is noted beside the log.", seq=seq)
        if not self._known_seen and self._known is not None:
            words = f"Number {self._known[0]} is not there with the hash that was written down: the log is another one."
            verdict.add("head", words, seq=self._known[0])

    def _gap(self, expected: int, found: int) -> None:
        if found < expected:
            self._verdict.add("inserted", "Its number is none that an entry is given.", seq=found)
        else:
            self._verdict.add("missing", _numbers(expected, found - 1), seq=expected)

    def _told_apart(self) -> None:
        """Say of each entry that does not fit its hash whether it was another number's."""
        seqs = [row.seq for row in self._changed[:MAX_MOVED]]
        for row in self._changed:
            was = _was(row, seqs)
            if was is None:
                self._verdict.add("changed", "What it says is not what was written.", seq=row.seq)
            else:
                self._verdict.add("moved", f"It was written as number {was}.", seq=row.seq)


class Exchanges:
    """Adds up the request log of a tenant again, hour by hour."""

    def __init__(self, log: SqlAuditLog, tenant_id: str, sealing: KeyedSealing, verdict: Verdict) -> None:
        self._engine = log.engine
        self._tenant_id = tenant_id
        self._sealing = sealing
        self._verdict = verdict

    async def check(self, sealed: dict[int, tuple[int, int]], expired: int) -> None:
        """Compare what there is with the sums beside it, and these with what the audit log vouches for.

        *sealed* has records and sum by hour; hours up to *expired* were deleted by rule.
        """
        for hour in sorted({*await self._hours(), *sealed}):
            if hour <= expired:
                continue
            told = None
            for _ in range(LOOKS):  # the hour that runs grows while it is looked at
                before = await self._sums(hour)
                found = await self._found(hour)
                told = _compare(found, before, sealed.get(hour))
                if told is None or before == await self._sums(hour):
                    break
            self._verdict.exchanges += found[0]
            if told is not None:
                self._verdict.add("exchanges", told, hour=hour)

    async def _hours(self) -> set[int]:
        hour = (records.c.at - records.c.at % HOUR).label("hour")
        stored = select(hour).where(records.c.tenant_id == self._tenant_id).group_by(hour)
        async with self._engine.connect() as con:
            found = {row.hour // HOUR for row in await con.execute(stored)}
            named = await con.execute(select(seals.c.hour).where(seals.c.tenant_id == self._tenant_id))
            return found | {row.hour for row in named}

    async def _sums(self, hour: int) -> tuple[int, int]:
        query = select(seals).where(seals.c.tenant_id == self._tenant_id, seals.c.hour == hour)
        async with self._engine.connect() as con:
            row = (await con.execute(query)).one_or_none()
        return (0, 0) if row is None else (row.records, total_of(columns(row)))

    async def _found(self, hour: int) -> tuple[int, int]:
        begin, c = hour * HOUR, records.c
        mine = (c.tenant_id == self._tenant_id, c.at >= begin, c.at < begin + HOUR)
        query = select(c.at, c.id, c.detail).where(*mine).order_by(c.at, c.id).limit(PAGE)
        count = total = 0
        last = (begin, "")
        while True:
            async with self._engine.connect() as con:
                page = (await con.execute(query.where(tuple_(c.at, c.id) > last))).all()
            count += len(page)
            total += sum(self._sealing.record(row.detail.encode()) for row in page)
            if len(page) < PAGE:
                return count, total % 2**256
            last = (page[-1].at, page[-1].id)


def columns(row: Row[tuple[int, ...]]) -> Iterable[int]:
    """Return the columns of a seal that hold its sum."""
    return (row._mapping[f"s{lane}"] for lane in LANES)


def _compare(found: tuple[int, int], sums: tuple[int, int], sealed: tuple[int, int] | None) -> str | None:
    """Return what is wrong with an hour, each of whose arguments is records and sum."""
    if found[0] != sums[0]:
        change = "are missing" if found[0] < sums[0] else "were put in"
        return f"{abs(found[0] - sums[0])} of {sums[0]} exchanges {change}."
    if found[1] != sums[1]:
        return f"At least one of {sums[0]} exchanges is not as it was written."
    if sealed is not None and (sums[0] < sealed[0] or (sums[0] == sealed[0] and sums[1] != sealed[1])):
        return f"The audit log vouches for {sealed[0]} other exchanges."
    return None


def _was(row: AuditRow, seqs: list[int]) -> int | None:
    for seq in seqs:
        if seq != row.seq and hash_of(msgspec.structs.replace(row, seq=seq)) == row.hash:
            return seq
    return None


def _numbers(first: int, last: int) -> str:
    return f"Number {first} is gone." if first == last else f"Numbers {first} to {last} are gone."
