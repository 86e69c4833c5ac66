"""A decision told again from its record alone: the order, worked out anew, and what became of each candidate."""

from collections.abc import Sequence

import msgspec

from headgate.core.record import Choice
from headgate.routing.kinds import made
from headgate.routing.types import Strategy, Verdict


def remade(choice: Choice) -> list[str]:
    """Work the order out again from the record of a decision alone: names, best first."""
    choice = read(choice)
    left = list(range(len(choice.targets)))
    rows = [row for row in choice.scores if row is not None]
    for row in rows:
        left = [place for place in left if row[place] is not None]
    if choice.first is not None:
        one = choice.scores[choice.first]
        assert one is not None
        rows.remove(one)
        rows.insert(0, one)
    left.sort(key=lambda place: tuple(row[place] for row in rows))
    names = [choice.targets[place] for place in left]
    if choice.whole:
        return names
    return list(dict.fromkeys([*names, *(name for other in choice.also for name in remade(other))]))


def verdicts(choice: Choice) -> list[Verdict]:
    """Return what became of each candidate, best first, in words."""
    choice = read(choice)
    strategies = _strategies(choice)
    found = []
    for rank, place in enumerate(choice.order):
        rule, reason, score = _told_by(choice, place, strategies)
        act = "chosen" if rank == 0 else "kept"
        found.append(Verdict(choice.targets[place], act, rule, reason, score))  # type: ignore[arg-type]
    for place, name in enumerate(choice.targets):
        if place in choice.order:
            continue
        number = next(n for n, row in enumerate(choice.scores) if row is not None and row[place] is None)
        found.append(Verdict(name, "removed", choice.by[number], "does not meet it"))
    told = {one.target for one in found}
    for other in choice.also:
        for one in verdicts(other):
            if one.target not in told:
                told.add(one.target)
                found.append(msgspec.structs.replace(one, act="kept") if one.act == "chosen" else one)
    return found


def read(choice: Choice) -> Choice:
    """Return *choice* as a record has it: where it was made, much of it may be written already."""
    if not isinstance(choice.scores, msgspec.Raw) and not isinstance(choice.settings, msgspec.Raw):
        return choice
    return msgspec.json.decode(msgspec.json.encode(choice), type=Choice)


def _strategies(choice: Choice) -> list[Strategy]:
    """The strategies as they were; none where one is not installed any more, or has other settings now."""
    settings = choice.settings or tuple({} for _ in choice.by)
    try:
        return [made({"kind": kind, **given}) for kind, given in zip(choice.by, settings, strict=True)]
    except (KeyError, ValueError, ImportError):
        return []


def _told_by(choice: Choice, place: int, strategies: Sequence[Strategy]) -> tuple[str, str, float | None]:
    """The first rule that tells candidates apart, its score, and what all of them said."""
    said, rule, score = [], "", None
    for number, row in enumerate(choice.scores):
        if row is None or row[place] is None:
            continue
        value = row[place]
        assert value is not None
        if not rule and any(other != value for other in row):
            rule, score = choice.by[number], value
        said.append(f"{choice.by[number]}: {strategies[number].tell(value) if strategies else f'{value:g}'}")
    return rule, "; ".join(said), score
