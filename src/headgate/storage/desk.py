"""A thread that does small pieces of work on the embedded database, all that are waiting in one transaction."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic, sleep
from typing import Any, TypeVar

from headgate.core.errors import Unavailable
from headgate.storage.sqlite import BUSY_SECONDS, connect

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]

BATCH = 256
RETRY_SECONDS = 0.5
MAX_OWED = 10_000
FIRST_PAUSE, LONGEST_PAUSE = 0.0001, 0.005


class Job:
    """One piece of work and, unless nobody waits for it, where its answer goes."""

    __slots__ = ("answer", "loop", "work")

    def __init__(
        self, work: Work, loop: asyncio.AbstractEventLoop | None = None, answer: asyncio.Future[Any] | None = None
    ) -> None:
        self.work = work
        self.loop = loop
        self.answer = answer


class Desk:
    """Two ways in: :meth:`ask` for an answer, :meth:`tell` for what must only happen some time.

    A piece of work gets a connection inside a transaction that holds the write lock; it must be quick and must not end
    the transaction. Where the database cannot be written (locked for 5 s, full, gone) every ask of that batch fails
    with ``Unavailable`` (``storage_unavailable``) and every tell is kept, up to 10,000 of them, and tried again.
    """

    def __init__(
        self,
        path: Path,
        *,
        patience: float = BUSY_SECONDS,
        prepare: Callable[[Path], None] | None = None,
        refusal: str = "Budgets and shared limits cannot be checked at the moment.",
    ) -> None:
        """*patience* is how many seconds a lock of others is waited for; *prepare* is called before it is opened.

        *refusal* tells a caller what cannot be done while the database does not answer.
        """
        self._path = path
        self._patience = patience
        self._prepare = prepare
        self._refusal = refusal
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._owed: list[Job] = []
        self._thread: Thread | None = None
        self.failures = 0
        """Batches that the database did not take."""

    def ask(self, work: Callable[[sqlite3.Connection], T]) -> "asyncio.Future[T]":
        """Do *work* soon; the future gets what it returns. To be called on the event loop."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._put(Job(work, loop, answer))
        return answer

    def tell(self, work: Work) -> None:
        """Do *work* soon, and again until it succeeds. From any thread."""
        self._put(Job(work))

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

    def _run(self) -> None:
        con: sqlite3.Connection | None = None
        open_ = True
        while open_:
            jobs, open_ = self._waiting()
            jobs, self._owed = self._owed + jobs, []
            if not jobs:
                continue
            try:
                if con is None:
                    if self._prepare is not None:
                        self._prepare(self._path)
                    con = connect(self._path, timeout=0)
                self._serve(con, jobs)
            except Exception as error:
                self._fail(jobs, error)
                if con is not None:
                    con.close()
                    con = None
        if con is not None:
            con.close()

    def _waiting(self) -> tuple[list[Job], bool]:
        """Return the jobs to do now, and False where there will be no more."""
        jobs: list[Job] = []
        try:
            job = self._queue.get(timeout=RETRY_SECONDS if self._owed else None)
            while job is not None:
                jobs.append(job)
                if len(jobs) == BATCH:
                    return jobs, True
                job = self._queue.get_nowait()
        except Empty:
            return jobs, True
        return jobs, False

    def _serve(self, con: sqlite3.Connection, jobs: list[Job]) -> None:
        begin(con, self._patience)
        answers = [(job, job.work(con)) for job in jobs]
        con.execute("COMMIT")
        self._deliver([(job.answer, value, None) for job, value in answers if job.answer is not None], jobs)

    def _fail(self, jobs: list[Job], error: Exception) -> None:
        self.failures += 1
        if isinstance(error, sqlite3.Error):
            self._owed = [job for job in jobs if job.answer is None][:MAX_OWED]
        reason = Unavailable(self._refusal, code="storage_unavailable")
        reason.__cause__ = error
        self._deliver([(job.answer, None, reason) for job in jobs if job.answer is not None], jobs)

    @staticmethod
    def _deliver(answers: "list[tuple[asyncio.Future[Any], Any, Exception | None]]", jobs: list[Job]) -> None:
        loops = {job.loop for job in jobs if job.loop is not None}
        for loop in loops:
            mine = [each for each in answers if each[0].get_loop() is loop]
            try:
                loop.call_soon_threadsafe(_resolve, mine)
            except RuntimeError:  # the loop is closed: nobody waits any more
                pass


def begin(con: sqlite3.Connection, patience: float) -> None:
    """Begin a transaction that writes, as soon as no other process does; wait for at most *patience* seconds.

    SQLite's own waiting sleeps up to 100 ms at a time; other writers here need a tenth of one.
    """
    until, pause = monotonic() + patience, FIRST_PAUSE
    while True:
        try:
            con.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > until:
                raise
        sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


def _resolve(answers: "list[tuple[asyncio.Future[Any], Any, Exception | None]]") -> None:
    for future, value, error in answers:
        if future.done():
            continue
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)
