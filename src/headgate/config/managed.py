"""Secrets that managers keep: fetched together, kept in memory alone, and fetched anew; see ``core.reference``.

What was had stays where a manager gives no answer any more. Nothing here waits on an event loop that serves: whoever
needs a secret asks from a thread, or before there is a loop.
"""

import asyncio
import json
import logging
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec

from headgate.config.references import MAX_SECRET
from headgate.core.errors import HeadgateError
from headgate.core.reference import FORMS, Reference
from headgate.core.secret import Secret

if TYPE_CHECKING:
    from headgate.config.managers.types import Manager

REST = 5.0
"""Seconds for which what could not be had is not asked for again."""
WHOLE = 20.0
"""Seconds in which one secret must be there, with all tries."""
PAUSES = (0.25, 1.0)
"""Seconds between tries where the manager may answer later."""
TOGETHER = 16
"""Secrets that are asked for at the same time."""
log = logging.getLogger("headgate.config")


class Used(msgspec.Struct, frozen=True):
    """A reference, where it stands."""

    reference: Reference
    line: int
    column: int
    path: str


class Managed:
    """The secrets of one process. For several threads."""

    def __init__(self, environ: Mapping[str, str], ca_file: Path | None = None) -> None:
        """*environ* is where addresses and credentials of managers are, *ca_file* holds authorities to trust besides
        the system's."""
        self.used: tuple[Used, ...] = ()
        """What the document that was read last refers to."""
        self.files: frozenset[Path] = frozenset()
        """The files that it takes secrets from."""
        self._environ = environ
        self._ca = str(ca_file) if ca_file is not None else None
        self._had: dict[Reference, Secret] = {}
        self._failed: dict[Reference, tuple[float, str]] = {}
        self._lock = Lock()
        self._closed = False
        self._under_way: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None] | None = None

    def look(self, reference: Reference) -> Secret | str | None:
        """Return the secret; or why it could not be had a moment ago; or ``None`` where it must be fetched."""
        if (secret := self._had.get(reference)) is not None:
            return secret
        at, why = self._failed.get(reference, (-REST, ""))
        return why if monotonic() < at + REST else None

    def fetch(self, references: Iterable[Reference]) -> None:
        """Fetch those that are not here. Blocks for seconds."""
        with self._lock:
            self._ask({one for one in references if self.look(one) is None})

    def renew(self, references: Collection[Reference]) -> bool:
        """Fetch *references* anew and forget all others; return whether any has changed. Blocks for seconds.

        One that cannot be had stays as it was, which is told to the log once.
        """
        with self._lock:
            wanted = {*references, *(one.reference for one in self.used)}
            for gone in (self._had.keys() | self._failed.keys()) - wanted:
                self._had.pop(gone, None)
                self._failed.pop(gone, None)
            before = {one: (self._had.get(one), one in self._failed) for one in references}
            self._ask(references)
        changed = False
        for one, (secret, failed) in before.items():
            if one in self._failed and not failed:
                log.error("the secret %s stays as it was, for it cannot be fetched: %s", one, self._failed[one][1])
            elif failed and one not in self._failed:
                log.warning("the secret %s can be fetched again", one)
            changed |= self._had.get(one) != secret
        return changed

    @property
    def failing(self) -> dict[Reference, str]:
        """What could not be had when it was last asked for, and why."""
        return {one: why for one, (_, why) in self._failed.items()}

    def close(self) -> None:
        """Ask nobody any more, and wait for nobody: the process ends."""
        self._closed = True
        if self._under_way is not None and (task := self._under_way[1]) is not None:
            with suppress(RuntimeError):  # it is done
                self._under_way[0].call_soon_threadsafe(task.cancel)

    def _ask(self, references: Collection[Reference]) -> None:
        if not references or self._closed:
            return
        with ThreadPoolExecutor(1, thread_name_prefix="secrets") as thread:
            try:
                found = thread.submit(asyncio.run, self._gather(references)).result()
            except (asyncio.CancelledError, CancelledError):
                return  # it was closed
        for reference, secret in found.items():
            if isinstance(secret, Secret):
                self._had[reference] = secret
                self._failed.pop(reference, None)
            else:
                self._failed[reference] = (monotonic(), secret)

    async def _gather(self, references: Collection[Reference]) -> dict[Reference, Secret | str]:
        from headgate.config.managers import MANAGERS
        from headgate.config.managers.types import Place
        from headgate.transport.client import Http1Sender

        self._under_way = (asyncio.get_running_loop(), asyncio.current_task())
        if self._closed:
            raise asyncio.CancelledError
        sender = Http1Sender(ca_file=self._ca)
        place = Place(self._environ, sender)
        managers = {scheme: MANAGERS[scheme](place) for scheme in {one.scheme for one in references}}
        targets = list(dict.fromkeys((one.scheme, one.target) for one in references))
        few = asyncio.Semaphore(TOGETHER)
        try:
            found = await asyncio.gather(*(_had(managers[scheme], target, few) for scheme, target in targets))
        finally:
            await sender.close()
        answers = dict(zip(targets, found, strict=True))
        return {one: _told(one, answers[one.scheme, one.target]) for one in references}


class _Why(msgspec.Struct, frozen=True):
    words: str


async def _had(manager: "Manager", target: str, few: asyncio.Semaphore) -> str | Mapping[str, Any] | _Why:
    from headgate.config.managers.types import Unfetched

    why = "gave no answer in time"
    async with few:
        try:
            async with asyncio.timeout(WHOLE):
                for pause in (*PAUSES, None):
                    try:
                        return await manager.fetch(target)
                    except Unfetched as error:
                        why = str(error)
                        if pause is None or not error.later:
                            break
                        await asyncio.sleep(pause)
        except HeadgateError as error:  # of the token service
            why = error.message
        except ValueError as error:
            why = str(error)
        except TimeoutError:
            pass
        except Exception as error:  # a fault in what one manager answered must not take the others away
            why = f"failed: {type(error).__name__}"
    return _Why(why)


def _told(reference: Reference, found: str | Mapping[str, Any] | _Why) -> Secret | str:
    """Return the secret, or why there is none."""
    name = FORMS[reference.scheme].manager
    if isinstance(found, _Why):
        return f"{name}: {found.words.rstrip('.')}"
    value: Any = found
    if reference.field:
        fields = _fields(found) if isinstance(found, str) else found
        if fields is None:
            return f"{name}: the secret is no JSON object, so it has no field `{reference.field}`"
        if reference.field not in fields:
            return f"{name}: the secret has no field `{reference.field}`"
        value = fields[reference.field]
    if not isinstance(value, str) or not _is_text(value):
        return f"{name}: the secret is no text"
    value = value.rstrip("\r\n")
    if not value.strip():
        return f"{name}: the secret is empty"
    if len(value) > MAX_SECRET:
        return f"{name}: the secret is larger than {MAX_SECRET:,} characters"
    return Secret(value, str(reference))


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a character, which JSON can write
        return False
    return True


def _fields(text: str) -> Mapping[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
