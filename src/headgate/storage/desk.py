"""A thread that does small pieces of work on the database, all that are waiting in one transaction."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import Any, TypeVar

from headgate.core.errors import Unavailable
from headgate.storage.sql import PATIENCE, BadValue, DiskFull, InDoubt, Sql, SqlError, open_sql

log = logging.getLogger("headgate.storage")
T = TypeVar("T")
Work = Callable[[Sql], Any]

BATCH = {"sqlite": 256, "postgresql": 32}
"""Pieces of work in one transaction: the names that it locks are locked until the last is done."""
RETRY_SECONDS = 0.5
MAX_OWED = 10_000
BUDGET = {"sqlite": None, "postgresql": 0.25}
"""Seconds that who asks waits at most: a file is locked for a time that is known, a server may just be slow."""


class Job:
    """One piece of work and, unless nobody waits for it, where its answer goes."""

    __slots__ = ("answer", "late", "lock", "loop", "never", "work")

    def __init__(
        self,
        work: Work,
        lock: Iterable[str],
        answer: asyncio.Future[Any] | None = None,
        late: Callable[[Any], object] | None = None,
        never: Callable[[], object] | None = None,
    ) -> None:
        self.work = work
        self.lock = lock
        self.loop = answer.get_loop() if answer is not None else None
        self.answer = answer
        self.late = late
        self.never = never


class Desk:
    """Two ways in: :meth:`ask` for an answer, :meth:`tell` for what must only happen some time.

    A piece of work runs inside a transaction that holds the names it *locks* (on SQLite: the lock of the one writer);
    it must be quick, change nothing but the database, and not end the transaction. Where the database cannot be
    written (locked, full, gone) every ask of that batch fails with ``Unavailable`` (``storage_unavailable``) and every
    tell is kept, up to 10,000 of them, and tried again; where there is none, something small is, so that it is known
    when the database takes things again. Work that can never be done (``BadValue``, or a fault of its
    own) is left out and logged, and its asker gets ``Unavailable``: the rest of its batch is done.
    """

    def __init__(
        self,
        where: str | Path,
        *,
        patience: float = PATIENCE,
        budget: float | None = None,
        prepare: Callable[[], object] | None = None,
        refusal: str = "Budgets and shared limits cannot be checked at the moment.",
    ) -> None:
        """*where* is a path or a database URL. *patience* is how many seconds a lock of others is waited for.

        *budget* is how many seconds an answer of a server is waited for, where a quarter of one will not do.
        *prepare* is called before it is opened. *refusal* tells a caller what cannot be done while it does not answer.
        """
        self._sql = open_sql(where, patience=patience)
        self._prepare = prepare
        self._refusal = refusal
        self._batch = BATCH[self._sql.kind]
        self._budget = budget if budget is not None and self._sql.kind != "sqlite" else BUDGET[self._sql.kind]
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._owed: list[Job] = []
        self._doubt: tuple[str, list[tuple[Job, Any]]] | None = None
        self._thread: Thread | None = None
        self.failures = 0
        """Batches that the database did not take."""
        self.dropped = 0
        """Pieces of work that can never be done."""
        self.failing_since: float | None = None
        """Monotonic seconds; ``None`` while the database takes what it is given."""
        self.full = False
        """Whether it failed last for want of room on the disk."""

    def ask(
        self,
        work: Callable[[Sql], T],
        *,
        lock: Iterable[str] = (),
        late: Callable[[T], object] | None = None,
        never: Callable[[], object] | None = None,
    ) -> "asyncio.Future[T]":
        """Do *work* soon; the future gets what it returns. To be called on the event loop.

        *late* is called there with what it returned after the future was given up: by its caller, or because the
        database took longer than a caller is made to wait (``Unavailable``). *never* is called there once it is certain
        that it was not done and will not be.
        """
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if self._budget is not None:
            timer = answer.get_loop().call_later(self._budget, self._expire, answer)
            answer.add_done_callback(lambda done: timer.cancel())
        self._put(Job(work, lock, answer, late, never))
        return answer

    def tell(self, work: Work, *, lock: Iterable[str] = ()) -> None:
        """Do *work* soon, and again until it succeeds. From any thread."""
        self._put(Job(work, lock))

    def close(self) -> None:
        """Do what is waiting, once, and end the thread. Blocks for as long as that takes."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _put(self, job: Job) -> None:
        self._queue.put(job)
        if self._thread is None:
            self._thread = Thread(target=self._run, name="desk", daemon=True)
            self._thread.start()

    def _expire(self, answer: "asyncio.Future[Any]") -> None:
        if not answer.done():
            answer.set_exception(Unavailable(self._refusal, code="storage_unavailable"))

    def _run(self) -> None:
        open_ = True
        while open_:
            jobs, open_ = self._waiting()
            jobs, self._owed = self._owed + jobs, []
            if not jobs and self._doubt is None:
                continue
            try:
                if self._prepare is not None:
                    self._prepare()
                    self._prepare = None
                jobs = self._doubtful() + jobs
                self._serve(jobs)
                self.failing_since = None
            except Exception as error:
                self._fail(jobs, error)
        self._sql.close()

    def _waiting(self) -> tuple[list[Job], bool]:
        """Return the jobs to do now, and False where there will be no more."""
        jobs: list[Job] = []
        try:
            job = self._queue.get(timeout=RETRY_SECONDS if self._owed or self._doubt else None)
            while job is not None:
                jobs.append(job)
                if len(jobs) == self._batch:
                    return jobs, True
                job = self._queue.get_nowait()
        except Empty:
            return jobs, True
        return jobs, False

    def _serve(self, jobs: list[Job]) -> None:
        given_up = [job for job in jobs if job.answer is not None and job.answer.done()]
        if given_up:  # before we came to it: who gave up wants nothing any more
            self._deliver([(job, None) for job in given_up], Unavailable(self._refusal, code="storage_unavailable"))
            jobs = [job for job in jobs if job not in given_up]
        done: list[tuple[Job, Any]] = []
        bad: list[tuple[Job, Exception]] = []

        def work(sql: Sql) -> None:
            done[:] = [(job, job.work(sql)) for job in jobs]

        def singly(sql: Sql) -> None:
            done[:], bad[:] = [], []
            for job in jobs:
                sql.execute("SAVEPOINT job")
                try:
                    done.append((job, job.work(sql)))
                except Exception as error:
                    if not _hopeless(error):
                        raise
                    sql.execute("ROLLBACK TO job")
                    bad.append((job, error))
                sql.execute("RELEASE job")

        locks = {name for job in jobs for name in job.lock}
        try:
            try:
                self._sql.transact(work, locks)
            except Exception as error:
                if not _hopeless(error):
                    raise
                self._sql.transact(singly, locks)
        except InDoubt as error:
            self._doubt = (error.transaction, done)
            self.failures += 1
            self.failing_since = self.failing_since or monotonic()
        else:
            self._deliver(done, None)
        for job, reason in bad:
            self.dropped += 1
            trace = None if isinstance(reason, SqlError) else reason
            log.error("a piece of work can never be done and is left out: %s", reason, exc_info=trace)
            self._deliver([(job, None)], self._refused(reason))

    def _doubtful(self) -> list[Job]:
        """Find out what became of the batch whose commit nobody confirmed; return what is to be done again."""
        if self._doubt is None:
            return []
        transaction, done = self._doubt
        stored = self._sql.committed(transaction)
        self._doubt = None
        if not stored:
            return [job for job, _ in done]
        self._deliver(done, None)
        return []

    def _fail(self, jobs: list[Job], error: Exception) -> None:
        self.failures += 1
        self.failing_since = self.failing_since or monotonic()
        self.full = isinstance(error, DiskFull)
        self._sql.close()
        if isinstance(error, SqlError):
            self._owed = [job for job in jobs if job.answer is None][:MAX_OWED]
        self._owed = self._owed or [Job(touch, ())]
        self._deliver([(job, None) for job in jobs], self._refused(error))

    def _refused(self, error: Exception) -> Unavailable:
        reason = Unavailable(self._refusal, code="storage_unavailable")
        reason.__cause__ = error
        return reason

    @staticmethod
    def _deliver(done: list[tuple[Job, Any]], reason: Exception | None) -> None:
        for loop in {job.loop for job, _ in done if job.loop is not None}:
            mine = [each for each in done if each[0].loop is loop]
            try:
                loop.call_soon_threadsafe(_resolve, mine, reason)
            except RuntimeError:  # the loop is closed: nobody waits any more
                pass


def touch(sql: Sql) -> None:
    """Find out whether the database takes things: a file takes one, and is as it was; a server answers."""
    sql.execute("PRAGMA user_version = 0" if sql.kind == "sqlite" else "SELECT 1")


def _hopeless(error: Exception) -> bool:
    """Whether what failed so will fail again: the database is well, and the work is not."""
    return isinstance(error, BadValue) or not isinstance(error, SqlError)


def _resolve(answers: list[tuple[Job, Any]], reason: Exception | None) -> None:
    for job, value in answers:
        assert job.answer is not None
        if reason is not None and job.never is not None:
            job.never()
        if not job.answer.done():
            if reason is None:
                job.answer.set_result(value)
            else:
                job.answer.set_exception(reason)
        elif reason is None and job.late is not None:
            job.late(value)
