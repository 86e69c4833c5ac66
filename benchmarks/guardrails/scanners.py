"""The rules of Presidio and of LLM Guard, run on the same texts as ours in an environment of their own.

No models: they would have to be fetched, and names are not what is compared here.
"""

import json
import subprocess
from collections.abc import Sequence

from benchmarks.guardrails import measure
from benchmarks.peers.envs import HERE, python_env
from benchmarks.process import NotRun

NAMES = ("presidio", "llm_guard")
SECONDS = 900
KINDS = {
    **measure.TYPES,
    **dict.fromkeys(("URL", "URL_RE"), "url"),
    **dict.fromkeys(("PHONE_NUMBER_WITH_EXT", "PHONE_NUMBER_ZH"), "phone"),
    "EMAIL_ADDRESS_RE": "email",
    "CREDIT_CARD_RE": "card",
    "US_SSN_RE": "us_ssn",
}
"""What they call it -> what we do; what they find besides is not counted."""


def ran(name: str, texts: Sequence[str]) -> tuple[measure.Find, tuple[float, float]]:
    """Return what *name* finds in each of *texts*, and the median and 99th percentile of its milliseconds for a text.

    Raises ``NotRun`` where it cannot be installed or started, and says why.
    """
    command = [str(python_env("scanners") / "python"), str(HERE / "scanners_worker.py"), name]
    try:
        done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotRun(str(error)[:200]) from error
    if done.returncode:
        raise NotRun((done.stderr.strip().splitlines() or ["no output"])[-1][:200])
    told = json.loads(done.stdout)
    found = {text: _apart(one["found"]) for text, one in zip(texts, told, strict=True)}
    return found.__getitem__, measure.middle_and_high([one["ms"] for one in told])


def _apart(found: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Return the finds whose type we know; of those of one type that overlap, as of two rules for it, the first."""
    kept: list[tuple[int, int, str]] = []
    for start, end, name in sorted(found):
        kind = KINDS.get(name)
        if kind is not None and not any(kind == one[2] and start < one[1] for one in kept):
            kept.append((start, end, kind))
    return kept
