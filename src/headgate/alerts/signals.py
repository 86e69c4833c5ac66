"""What a home tells of itself: deployments that its workers leave alone, what was dropped, is late or runs out."""

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from headgate.alerts.readings import Signal
from headgate.alerts.rules import SECOND
from headgate.core.ids import now

MAX_DEPLOYMENTS = 1000
SHUT = frozenset(("open", "benched", "half-open"))
"""One that may be tried again has not been proven to work."""
BY_HAND = "switched off by hand"
"""What somebody wanted is no alert."""
WAITED = "asked to wait"
"""Who asked for a pause that is over is well."""
SAMPLE = re.compile(r"headgate_(\w+?)(?:\{(.*)\})? ([0-9.e+-]+)")
VALUE = re.compile(r'"((?:[^"\\]|\\.)*)"')
DROPPED = ("_dropped_total", "_lost_total", "_unreadable_total")
"""How the names of counters end of what is not there any more."""
BROKEN = "_failing"
"""How those of gauges end that are 1 where something does not work."""
REFUSED = "changes of the configuration file are refused, and what was in force stays; the log says why"


class Row(Protocol):
    """What a worker knows of one deployment, account or key; see ``routing.health.Told``."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def state(self) -> str: ...  # noqa: D102
    @property
    def reason(self) -> str: ...  # noqa: D102


def breakers(rows: Iterable[Row]) -> Iterator[Signal]:
    """Yield a signal for each deployment, account and key that workers know: 1 where all of them leave it alone."""
    known: dict[str, list[Row]] = {}
    for row in rows:
        if len(known) < MAX_DEPLOYMENTS or row.name in known:
            known.setdefault(row.name, []).append(row)
    for name, told in known.items():
        shut = all(map(_shut, told))
        yield Signal(node="", name="breaker", subject=name, value=int(shut), text=told[0].reason if shut else "")


def _shut(row: Row) -> bool:
    if row.state == "half-open" and WAITED in row.reason:
        return False
    return row.state in SHUT and BY_HAND not in row.reason


def counted(page: str, ills: Mapping[str, str]) -> Iterator[Signal]:
    """Yield what stands on a page of metrics: what was dropped, and by whom; what is late; who takes nothing.

    *ills* are words for outlets that take nothing.
    """
    for line in page.splitlines():
        match = None if line.startswith("#") else SAMPLE.fullmatch(line)
        if match is None:
            continue
        family, labels, value = match[1], VALUE.findall(match[2] or ""), int(float(match[3]))
        if family.endswith(DROPPED):
            subject = " ".join((family.removesuffix("_total").rpartition("_")[0], *labels))
            words = ills.get(labels[0] if labels else "", "its queue was full, or what was in it was refused")
            yield Signal(node="", name="dropped", subject=subject, value=value, text=words)
        elif family == "dead_letters":
            words = "they are in journal/dead.jsonl, and their money is counted"
            yield Signal(node="", name="dropped", subject="journal lines", value=value, text=words)
        elif family == "outlet_failing_seconds":
            yield Signal(
                node="", name="failing", subject=f"outlet {labels[0]}", value=value, text=ills.get(labels[0], "")
            )
        elif family.endswith(BROKEN) and not labels:
            subject = family.removesuffix(BROKEN)
            words = REFUSED if subject == "config" else "the gateway's own log says why"
            yield Signal(node="", name="broken", subject=subject, value=value, text=words)
        elif family == "journal_behind_bytes":
            yield Signal(node="", name="behind", value=value)


def failing(ills: Mapping[str, str]) -> Iterator[Signal]:
    """Yield the outlets that take nothing, as their signs in the home say: for how long these do not."""
    for name, words in sorted(ills.items()):
        yield Signal(node="", name="failing", subject=f"outlet {name}", value=1, text=words)


def disk(home: Path) -> Signal:
    """Return how many bytes are free where the home is."""
    return Signal(node="", name="disk", value=shutil.disk_usage(home).free)


def clock(at: int) -> Signal:
    """Return by how many microseconds this machine's clock is ahead of the database's, which is at *at*."""
    return Signal(node="", name="clock", value=now() - at)


def certificate(file: Path | None) -> Iterator[Signal]:
    """Yield when the certificate that is served expires, if there is one."""
    at = None if file is None else expires(file)
    if at is not None:
        yield Signal(node="", name="certificate", subject=str(file), value=at)


def expires(file: Path) -> int | None:
    """Return when the first certificate in *file* expires, in microseconds; ``None`` where it cannot be read."""
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError):
        return None
    return int(found.not_valid_after_utc.timestamp() * SECOND)
