"""Everything that looks like a credential or like personal data in a text, for who keeps texts."""

from functools import cache

from headgate.guardrails.pii import USUAL, Pii
from headgate.guardrails.scan import merged
from headgate.guardrails.secrets import Secrets

Found = list[tuple[int, int, str]]
"""Start, end and kind of each find, in order, none over another."""


def detected(text: str) -> Found:
    """Return what a guardrail of ``secrets`` and one of ``pii`` would find in *text*, as they come."""
    secrets, pii = _detectors()
    return merged([*secrets.find(text), *pii.find(text)])


@cache
def _detectors() -> tuple[Secrets, Pii]:
    return Secrets(), Pii(types=[*USUAL, "ip"])
