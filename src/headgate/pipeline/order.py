"""The order of a request, on one screen.

What stands before ``resolve`` is the same for every call. From there the steps of the route are known: they are
compiled once per configuration, and a step that has nothing to do for a route is not in its list at all. The core
order is fixed, since spending must never come before authentication, limits and holds; plug-in steps go into the
named slots.
"""

from collections.abc import Collection, Mapping

import msgspec

from headgate.core.plugins import load
from headgate.pipeline import steps
from headgate.pipeline.attempts import attempt
from headgate.pipeline.owned import own
from headgate.pipeline.parts import StepCall
from headgate.pipeline.repeat import repeat
from headgate.pipeline.stored import recall


class Step(msgspec.Struct, frozen=True):
    """A step of ours; ``required`` ones cannot be switched off."""

    name: str
    call: StepCall
    required: bool = True


class Slot(msgspec.Struct, frozen=True):
    """Where plug-in steps go: each installed under ``headgate.steps`` names its slot in an attribute ``slot``."""

    name: str


ENTRY: tuple[StepCall, ...] = (
    steps.authenticate,  # who calls; nothing of the body has been looked at
    steps.read,  # the envelope: model, stream, limits; everything else stays raw
    steps.resolve,  # name -> route, and with it the rest of the steps
)

ORDER: tuple[Step | Slot, ...] = (
    Step("authorize", steps.authorize),
    Step("admit", steps.admit),
    Step("repeat", repeat),  # what was answered under the same Idempotency-Key is answered again
    Step("recall", recall),  # what a response goes on from
    Slot("enrich"),
    Slot("guard_input"),
    Slot("cache"),
    Step("plan", steps.plan),
    Step("own", own),  # what it names of its provider's objects must be its tenant's
    Step("count", steps.count),  # token counting, where no target offers it
    Step("attempts", attempt),  # holds tokens and money for each target, then calls it
)


def plugin_steps() -> dict[str, StepCall]:
    """Return the installed plug-in steps by name; raise ``ValueError`` for one whose slot does not exist."""
    found = load("steps", {})
    slots = {entry.name for entry in ORDER if isinstance(entry, Slot)}
    for name, step in found.items():
        if getattr(step, "slot", None) not in slots:
            raise ValueError(f"step {name!r} must name its slot: one of {', '.join(sorted(slots))}")
    return found


def compile_steps(
    skip: Collection[str],
    plugins: Mapping[str, StepCall],
    guard: StepCall | None = None,
    cache: StepCall | None = None,
) -> tuple[StepCall, ...]:
    """Return the steps after ``resolve`` for a route that does without those in *skip*.

    *guard* runs its guardrails, *cache* answers from its cache and sees to it that answers are kept.
    """
    compiled: list[StepCall] = []
    for entry in ORDER:
        if isinstance(entry, Slot):
            inside = [(n, s) for n, s in plugins.items() if getattr(s, "slot", None) == entry.name and n not in skip]
            compiled.extend(step for _, step in inside)
            own = {"guard_input": guard, "cache": cache}.get(entry.name)
            if own is not None:
                compiled.append(own)
        elif entry.required or entry.name not in skip:
            compiled.append(entry.call)
    return tuple(compiled)


def optional_names(plugins: Mapping[str, StepCall]) -> frozenset[str]:
    """The step names that a configuration may switch off."""
    return frozenset(plugins) | {e.name for e in ORDER if isinstance(e, Step) and not e.required}
