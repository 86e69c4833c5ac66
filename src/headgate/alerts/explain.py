"""What a home tells of itself, in words for who runs it: what is right, what is wrong, why, and what to do."""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from headgate.alerts.readings import Signal
from headgate.alerts.rules import SECOND
from headgate.alerts.types import DAY, stamp

State = Literal["ok", "warn", "fail"]
BEHIND, MUCH_BEHIND = 10_000_000, 100_000_000
"""Bytes of journal."""
LOW_DISK, NO_DISK = 500_000_000, 50_000_000
CLOCK = 5 * SECOND
SOON = 14 * DAY * SECOND


class Finding(NamedTuple):
    """One thing that was looked at."""

    check: str
    state: State
    words: str
    """What it is like and, where something is wrong, why."""
    do: str = ""
    """What to do about it."""


def explained(signals: Iterable[Signal], at: int) -> Iterator[Finding]:
    """Yield what *signals* come to at *at* (microseconds)."""
    told: dict[str, list[Signal]] = {}
    for one in signals:
        told.setdefault(one.name, []).append(one)
    yield from _providers(told.get("breaker", []))
    yield from _outlets(told)
    for one in told.get("behind", ()):
        yield _journal(one.value)
    for one in told.get("disk", ()):
        yield disk_of(one.value)
    for one in told.get("clock", ()):
        yield clock_of(one.value)
    for one in told.get("certificate", ()):
        yield _certificate(one, at)


def _providers(rows: list[Signal]) -> Iterator[Finding]:
    shut = [row for row in rows if row.value]
    for row in shut:
        if "/" in row.subject:
            do = "It is tried again by itself. `headgate logs --status failure` shows what it answers."
            yield Finding(f"deployment {row.subject}", "warn", f"every worker leaves it alone: {row.text}", do)
        else:
            name, _, number = row.subject.partition("#")
            which = f"its key number {int(number) + 1}" if number.isdigit() else "its account"
            do = f"Look whether the key is valid and paid for; `headgate providers keys add {name}` stores another."
            yield Finding(f"provider {name}", "fail", f"{which} is left alone: {row.text}", do)
    if rows and not shut:
        yield Finding("deployments", "ok", f"{len(rows)} in use, none left alone")


def _outlets(told: dict[str, list[Signal]]) -> Iterator[Finding]:
    failing = [one for one in told.get("failing", ()) if one.value]
    for one in failing:
        do = "Look whether the other side is up and takes the gateway's credentials; what waits is kept meanwhile."
        yield Finding(one.subject, "warn", f"has taken nothing for {one.value:,} s: {one.text}", do)
    for one in told.get("broken", ()):
        if one.value:
            do = "Read the gateway's own log: nothing is lost yet, and it is tried again."
            yield Finding(one.subject, "warn", f"cannot be stored: {one.text}", do)
    dropped = [one for one in told.get("dropped", ()) if one.value]
    for one in dropped:
        do = "What was dropped is in the database; have the other side take more, or send it less."
        if one.subject == "journal lines":
            do = "Read journal/dead.jsonl in the home; report it, as a fault of the gateway's."
        yield Finding(one.subject, "warn", f"{one.value:,} dropped since the start: {one.text}", do)
    if "dropped" in told and not dropped and not failing:
        yield Finding("queues", "ok", "nothing was dropped since the start")


def _journal(behind: int) -> Finding:
    if behind <= BEHIND:
        return Finding("journal", "ok", f"{behind:,} bytes are not in the database yet")
    words = f"{behind:,} bytes are not in the database yet: it is away, locked, full or slow"
    do = "Look at the database and its disk. Calls go on meanwhile; logs, usage and budgets are late."
    return Finding("journal", "fail" if behind > MUCH_BEHIND else "warn", words, do)


def disk_of(free: int) -> Finding:
    """Return what so many free bytes on the disk of the home come to."""
    words = f"{free / 1e9:.1f} GB free"
    if free >= LOW_DISK:
        return Finding("disk", "ok", words)
    do = "Make room where the home is: without any, calls under a budget are refused."
    return Finding("disk", "fail" if free < NO_DISK else "warn", words, do)


def clock_of(off: int) -> Finding:
    """Return what a clock comes to that is so many microseconds ahead."""
    words = f"{abs(off) / SECOND:.1f} s {'ahead of' if off > 0 else 'behind'} the database's"
    if abs(off) <= CLOCK:
        return Finding("clock", "ok", words)
    return Finding("clock", "warn", words, "Have the machine's clock set by NTP: records and windows go by it.")


def _certificate(one: Signal, at: int) -> Finding:
    words = f"{one.subject} expires at {stamp(one.value)}"
    if one.value > at + SOON:
        return Finding("certificate", "ok", words)
    do = "Put a new one in its place; the gateway takes it up by itself."
    return Finding("certificate", "fail" if one.value <= at else "warn", words, do)
