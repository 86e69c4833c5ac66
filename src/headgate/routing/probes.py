"""Who may try a deployment that is shut: one process at a time, and what it finds is told to all.

Each process asks twice a second, beside its calls: none waits for the answer.
"""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Protocol

import msgspec

from headgate.providers.breaker import COOLDOWN

LEASE = COOLDOWN
"""Seconds for which one process may try; a probe that fails is the only one for as long."""
TOLD = 3.0
"""Seconds for which it is told that something works again; every process asks far more often."""


class Agreed(msgspec.Struct, frozen=True):
    """What the processes agree on."""

    mine: frozenset[str] = frozenset()
    """What this one may try."""
    proven: Mapping[str, float] = {}
    """What was found to work again, and how many seconds ago."""


class Probes(Protocol):
    """Where processes agree. Names are deployments (``provider/model``) and providers."""

    async def agree(self, owner: str, wanted: Sequence[str], proven: Sequence[str]) -> Agreed:
        """Say what *owner* wants to try and what it found to work; return what it may try, and what works.

        Of all owners one may try a name within ``LEASE`` seconds. What was proven is wanted by nobody for as long as it
        is told. Both must be exact; a store that cannot be asked raises, and nobody tries.
        """
        ...


class Claim(msgspec.Struct):
    """Who may try one name until when, and when it was proven to work; monotonic seconds, the machine's."""

    owner: str = ""
    until: float = 0.0
    proven: float = 0.0


class FileProbes:
    """:class:`Probes` for the processes of one machine: a file that they take turns with."""

    def __init__(self, file: Path, clock: Callable[[], float] = monotonic) -> None:
        """*clock* gives seconds that all the processes count alike."""
        self._file = file
        self._clock = clock

    async def agree(self, owner: str, wanted: Sequence[str], proven: Sequence[str]) -> Agreed:
        """See :class:`Probes`. Takes some fifty microseconds on the loop, twice a second while something is shut."""
        now = self._clock()
        with self._open() as fd:
            claims = _read(fd, now)
            for name in proven:
                claims[name] = Claim(proven=now)
            mine = set()
            for name in wanted:
                claim = claims.setdefault(name, Claim())
                if claim.owner == owner or (claim.until <= now and not claim.proven):
                    claim.owner, claim.until = owner, max(claim.until, now + LEASE)
                    mine.add(name)
            _write(fd, claims)
        return Agreed(frozenset(mine), {name: now - one.proven for name, one in claims.items() if one.proven})

    @contextmanager
    def _open(self) -> Iterator[int]:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield fd
        finally:
            os.close(fd)


def _read(fd: int, now: float) -> dict[str, Claim]:
    """Return what still counts. What lies in the future was written before the machine was started."""
    try:
        claims = msgspec.json.decode(os.read(fd, 10_000_000) or b"{}", type=dict[str, Claim])
    except msgspec.MsgspecError:
        return {}
    live = {}
    for name, one in claims.items():
        if one.until > now + LEASE or one.proven > now:
            continue
        if one.proven and one.proven < now - TOLD:
            continue
        if one.proven or one.until > now:
            live[name] = one
    return live


def _write(fd: int, claims: dict[str, Claim]) -> None:
    os.lseek(fd, 0, os.SEEK_SET)
    os.ftruncate(fd, os.write(fd, msgspec.json.encode(claims)))
