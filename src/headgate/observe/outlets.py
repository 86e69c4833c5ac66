"""Outlets: each takes finished calls to one place outside, from a queue and in a thread of its own.

The drainer hands over every record once it is stored and waits for nobody: whoever is slow, or never answers, makes
his own queue longer, then a file, and then what has no room is dropped and counted.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Protocol

from headgate.core.redact import redact
from headgate.observe.backlog import Backlog
from headgate.observe.metrics import Page

log = logging.getLogger("headgate.outlets")
OUTLETS = "outlets"
"""The folder of the home where each keeps what it needs."""
BATCH = 256
PATIENCE = 20.0
"""Seconds for one batch, whatever the sink does."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
TRIES = 5
"""For a batch that may itself be what is wrong. One that nobody is there to take is kept while there is room."""
APART = frozenset(("langfuse_scores",))
"""Outlets that take something else than finished calls."""
IDLE = 60.0
REOPEN = 5.0
"""Seconds until what could not be opened is tried again."""
LAST_SECONDS = 3.0
"""What a stop gives to the last batches; the rest is kept in the file."""
MAX_ERROR = 300
BEHIND = 10
"""How much nicer than others an outlet's thread is: it holds no lock of a database, and lets calls go first."""


class Refused(Exception):
    """This batch will never be taken."""


class Unwell(Exception):
    """The other side takes nothing at present: it is down, or wants to be left alone."""


class Sink(Protocol):
    """Takes records to one place."""

    async def send(self, batch: Sequence[bytes]) -> None:
        """Take *batch* away; raise :class:`Refused`, :class:`Unwell`, or what may be the batch's fault."""
        ...

    async def close(self) -> None:
        """Let go of what it holds."""
        ...


Make = Callable[[], Sink]
"""Opens a sink. It is called in the outlet's thread, with an event loop running."""


class Outlet:
    """A queue, and the thread that empties it."""

    def __init__(self, name: str, backlog: Backlog, sign: Path, first_pause: float = FIRST_PAUSE) -> None:
        """*sign* is a file that is there, and says why, while nothing is taken: other processes look for it."""
        self.name = name
        self.sent = 0
        self.dropped = 0
        self.failing_since: float | None = None
        """Monotonic seconds; ``None`` while all is well."""
        self.error: str | None = None
        self.backlog = backlog
        self._first_pause = first_pause
        self._make: Make | None = None
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake, self._halt = asyncio.Event(), asyncio.Event()
        self._thread: Thread | None = None
        self._sign = sign
        sign.unlink(missing_ok=True)

    def use(self, make: Make | None) -> None:
        """From now on send through what *make* opens; ``None`` sends nothing and forgets what waits."""
        self._make = make
        if make is None:
            self.backlog.clear()
            self._heal()
        elif self._thread is None:
            self._thread = Thread(target=lambda: asyncio.run(self._run()), name=f"outlet-{self.name}", daemon=True)
            self._thread.start()
        self._poke()

    def offer(self, batch: Sequence[bytes]) -> None:
        """Take *batch* in, or count it as dropped. Never waits, never raises."""
        if self._make is not None:
            self.dropped += self.backlog.add(batch)
            self._poke()

    def stop(self) -> None:
        """Try once more to send what waits, and keep the rest in the file. Takes some seconds at most."""
        self._stopping = True
        self._poke(self._halt)
        if self._thread is not None:
            self._thread.join(LAST_SECONDS + 1)
        if self._make is not None:
            self.dropped += self.backlog.save()
        self._sign.unlink(missing_ok=True)

    def _poke(self, *events: asyncio.Event) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended
                for event in (self._wake, *events):
                    self._loop.call_soon_threadsafe(event.set)

    async def _run(self) -> None:
        if sys.platform == "linux":  # elsewhere it would be the whole process's
            os.nice(BEHIND)
        self._loop = asyncio.get_running_loop()
        sending, halt = asyncio.create_task(self._send_all()), asyncio.create_task(self._halt.wait())
        if not self._stopping:
            await asyncio.wait([sending, halt], return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait([sending], timeout=LAST_SECONDS)
        sending.cancel()
        halt.cancel()

    async def _send_all(self) -> None:
        while not self._stopping:
            made = self._make
            if made is None:
                await self._rest(IDLE)
                continue
            try:
                await self._turn(made)
            except Exception as error:  # whatever it is, this thread must go on: it may be well later
                self._fail(error)
                await self._rest(REOPEN)

    async def _turn(self, made: Make) -> None:
        sink = made()
        try:
            await self._send_through(sink, made)
        finally:
            await sink.close()

    async def _send_through(self, sink: Sink, made: Make) -> None:
        """Send until there is another sink to use, or a stop and nothing that waits and could be sent."""
        while self._make is made:
            batch = self.backlog.take(BATCH)
            if not batch:
                if self._stopping:
                    return
                await self._rest(IDLE)
            elif await self._deliver(sink, batch, made):
                self.backlog.settle()
            else:
                return

    async def _deliver(self, sink: Sink, batch: Sequence[bytes], made: Make) -> bool:
        """Send *batch*; False where it is to be tried another way, or at another start."""
        pause, blamed = self._first_pause, 0
        while True:
            try:
                async with asyncio.timeout(PATIENCE):
                    await sink.send(batch)
            except Refused as error:
                self._fail(error)
                self.dropped += len(batch)
                return True
            except Exception as error:  # whatever it is, this thread must go on
                self._fail(error)
                blamed += not isinstance(error, Unwell | TimeoutError)
                if blamed >= TRIES:
                    self.dropped += len(batch)
                    return True
            else:
                self.sent += len(batch)
                self._heal()
                return True
            if self._stopping:
                return False
            until = monotonic() + pause
            while (left := until - monotonic()) > 0:
                await self._rest(left)
                if self._stopping or self._make is not made:
                    return False
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _rest(self, seconds: float) -> None:
        self._wake.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    def _fail(self, error: Exception) -> None:
        text = redact(str(error) or type(error).__name__)[:MAX_ERROR]
        if self.failing_since is None:
            self.failing_since = monotonic()
            log.warning("%s does not take finished calls: %s", self.name, text)
            with suppress(OSError):
                self._sign.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._sign.write_text(text)
        self.error = text

    def _heal(self) -> None:
        if self.failing_since is not None:
            self.failing_since = self.error = None
            self._sign.unlink(missing_ok=True)


class Outlets:
    """The outlets of one draining process."""

    def __init__(self, home: Path) -> None:
        """*home* is their folder: what has no room in memory is kept there."""
        self._home = home
        self._all: dict[str, Outlet] = {}
        self._plans: dict[str, tuple[object, Make]] = {}

    def set(self, plans: Mapping[str, tuple[object, Make]]) -> None:
        """Have these outlets and no others: by name the settings, by which a change is known, and what opens it."""
        for name in self._plans.keys() - plans.keys():
            self._all[name].use(None)
        for name, (settings, make) in plans.items():
            if name not in self._all:
                files = (self._home / f"{name}.jsonl", self._home / f"{name}.failing")
                self._all[name] = Outlet(name, Backlog(files[0]), files[1])
            if name not in self._plans or self._plans[name][0] != settings:
                self._all[name].use(make)
        self._plans = dict(plans)

    def offer(self, batch: Sequence[bytes], to: str = "") -> None:
        """Hand records, as stored, to every outlet; or what is no record *to* the one that takes it."""
        for name in self._plans:
            if name == to or not (to or name in APART):
                self._all[name].offer(batch)

    def write(self, page: Page) -> None:
        """Write what is counted."""
        if not self._plans:
            return
        outlets = [(self._all[name], (("outlet", name),)) for name in sorted(self._plans)]
        families: tuple[tuple[str, str, str, Callable[[Outlet], float]], ...] = (
            ("outlet_sent_total", "counter", "Finished calls taken outside.", lambda o: o.sent),
            ("outlet_dropped_total", "counter", "Finished calls that were not taken.", lambda o: o.dropped),
            ("outlet_waiting", "gauge", "Finished calls in memory, to be taken.", lambda o: o.backlog.waiting),
            ("outlet_spilled_bytes", "gauge", "Finished calls in a file, to be taken.", lambda o: o.backlog.spilled),
            ("outlet_failing_seconds", "gauge", "For how long nothing was taken; 0 where all is well.", _failing),
        )
        for name, kind, help, read in families:
            page.family(name, kind, help)
            for outlet, labels in outlets:
                page.line(name, labels, read(outlet))

    def stop(self) -> None:
        """Stop them all; blocks for some seconds at most."""
        threads = [Thread(target=outlet.stop) for outlet in self._all.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _failing(outlet: Outlet) -> float:
    since = outlet.failing_since
    return 0 if since is None else round(monotonic() - since, 1)


def ills(home: Path) -> dict[str, str]:
    """Return what is wrong with the outlets of the folder *home*, by name; for any process. Not for strangers."""
    found = {}
    for sign in home.glob("*.failing"):
        with suppress(OSError):
            found[sign.stem] = sign.read_text()
    return found
