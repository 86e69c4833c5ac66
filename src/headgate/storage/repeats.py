"""What was answered to calls that carry an ``Idempotency-Key``, so that the same call twice is made once.

They stand among the responses that are kept (``storage.responses``), sealed, and are bounded with them. While a call
is under way its place is taken on a lease, so that a process that was killed blocks nobody for long.
"""

from asyncio import Future
from functools import partial
from pathlib import Path
from time import monotonic, time
from typing import Protocol

import msgspec

from headgate.storage.desk import Desk
from headgate.storage.responses import BUDGET, ROW, SWEEP, create, sweep
from headgate.storage.sql import Sql

LEASE = 60
"""Seconds for which a call under way has its place without saying that it is."""
DAY = 86_400
"""Seconds for which an answer is kept."""
MAX_ONE = 8 * 1024 * 1024
"""Bytes of an answer; a longer one is not kept."""
MAX_OWED = 64 * 1024 * 1024
"""Bytes on their way to the disk; past it, answers are not kept."""

_LEFT = "DELETE FROM kept WHERE id = ? AND tenant_id = ? AND key_id = ? AND ends <= ?"
_TAKE = """INSERT INTO kept (id, tenant_id, key_id, ends, size, provider, response, input)
    VALUES (?, ?, ?, ?, ?, ?, NULL, ?) ON CONFLICT (id, tenant_id, key_id) DO NOTHING"""
_FIND = "SELECT input, provider, response FROM kept WHERE id = ? AND tenant_id = ? AND key_id = ?"
_KEEP = """UPDATE kept SET response = ?, size = ?, ends = ?
    WHERE id = ? AND tenant_id = ? AND key_id = ? AND provider = ?"""
_RENEW = """UPDATE kept SET ends = ?
    WHERE id = ? AND tenant_id = ? AND key_id = ? AND provider = ? AND response IS NULL"""
_FORGET = "DELETE FROM kept WHERE id = ? AND tenant_id = ? AND key_id = ? AND provider = ? AND response IS NULL"


class Seals(Protocol):
    """See ``access.vault.Sealer``."""

    def seal(self, secret: bytes, about: bytes) -> bytes:
        """Return *secret* sealed."""
        ...

    def open(self, sealed: bytes, about: bytes) -> bytes:
        """Return what was sealed."""
        ...


class Place(msgspec.Struct, frozen=True):
    """Whose call it is, and by which word it is the same."""

    tenant_id: str
    who: str
    word: str

    @property
    def row(self) -> tuple[str, str, str]:
        """What its row is found by."""
        return f"idempotency:{self.word}", self.tenant_id, f"caller:{self.who}"

    @property
    def about(self) -> bytes:
        """What is sealed with its answer."""
        return "\0".join(self.row).encode()


class Before(msgspec.Struct, frozen=True):
    """A call that was made before."""

    digest: bytes
    """Of what was asked."""
    call_id: str
    sealed: bytes | None
    """Its answer; ``None`` while it is under way."""


class Repeats:
    """The store. Nothing is opened before the first call with such a header."""

    __slots__ = ("_desk", "_owed", "_sealer", "_swept", "_where")

    def __init__(self, where: str | Path, sealer: Seals) -> None:
        """*where* is the file of the responses that are kept, or the URL of a server's database."""
        self._where = where
        self._sealer = sealer
        self._desk: Desk | None = None
        self._owed = 0
        self._swept = 0.0

    def begin(self, place: Place, call_id: str, digest: bytes) -> "Future[Before | None]":
        """Take *place* for a call; return what there is of an earlier one, if it is taken.

        Raises ``Unavailable`` where the database does not answer.
        """

        def work(sql: Sql) -> Before | None:
            at = int(time())
            sql.execute(_LEFT, (*place.row, at))
            sql.execute(_TAKE, (*place.row, at + LEASE, ROW, call_id, digest))
            found = sql.execute(_FIND, place.row).fetchone()
            if found[1] == call_id:  # also where an earlier try of ours was committed and nobody heard of it
                return None
            return Before(bytes(found[0]), found[1], bytes(found[2]) if found[2] is not None else None)

        return self._opened().ask(work)

    def opened(self, place: Place, sealed: bytes) -> bytes:
        """Return the answer that was kept at *place*; raises what the sealer raises."""
        return self._sealer.open(sealed, place.about)

    def renew(self, place: Place, call_id: str) -> None:
        """Say that the call is still under way."""
        self._opened().tell(lambda sql: sql.execute(_RENEW, (int(time()) + LEASE, *place.row, call_id)))

    def forget(self, place: Place, call_id: str) -> None:
        """Let a call that came to nothing be made again."""
        self._opened().tell(lambda sql: sql.execute(_FORGET, (*place.row, call_id)))

    def keep(self, place: Place, call_id: str, answer: bytes) -> None:
        """Keep the answer; one that is too long, or one too many at once, is forgotten."""
        if len(answer) > MAX_ONE or self._owed + len(answer) > MAX_OWED:
            self.forget(place, call_id)
            return
        self._owed += len(answer)
        look = monotonic() - self._swept > SWEEP
        if look:
            self._swept = monotonic()

        def work(sql: Sql) -> None:
            sealed = self._sealer.seal(answer, place.about)
            sql.execute(_KEEP, (sealed, len(sealed) + ROW, int(time()) + DAY, *place.row, call_id))
            if look:
                sweep(sql)

        def written(done: "Future[None]") -> None:
            self._owed -= len(answer)
            if not done.cancelled():
                done.exception()  # the lease ends, and the call may be made again

        self._opened().ask(work, lock=("kept",) if look else ()).add_done_callback(written)

    def close(self) -> None:
        """Write what is waiting, and end the thread."""
        if self._desk is not None:
            self._desk.close()

    def _opened(self) -> Desk:
        if self._desk is None:
            refusal = "It cannot be told at the moment whether this call was made before. Ask again, with the same key."
            prepare = partial(create, self._where) if isinstance(self._where, Path) else None
            self._desk = Desk(self._where, prepare=prepare, refusal=refusal, budget=BUDGET)
        return self._desk
