"""``python -m benchmarks.guardrails``: what each embedded detector finds, how often it errs, and how long it takes.

``--set NAME=FILE`` adds a file of rows ``{"text", "label"}`` (for the injection guard) or ``{"text", "spans"}`` (for
personal data). Beside ours run the rules of Presidio and of LLM Guard, in an environment of their own.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.guardrails import measure, scanners, sets, streams
from benchmarks.process import NotRun
from headgate.guardrails.injection import Injection, judged
from headgate.guardrails.kinds import made
from headgate.guardrails.types import NONE, Span

OTHERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("secrets", {}),
    ("toxicity", {}),
    ("topics", {"deny": ["politics", "medical", "finance", "weapons", "drugs", "gambling", "adult"]}),
    ("language", {"allow": ["en", "de", "zh"]}),
    ("code", {}),
    ("urls", {}),
    ("keywords", {"words": ["project orion", "top secret"]}),
    ("regex", {"patterns": {"ticket": r"\bPRJ-[0-9]{4,6}\b"}}),
)
ORDINARY = "ulab-uiuc/LLMRouter"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guardrails", description=__doc__)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=FILE")
    given = parser.parse_args()
    more = dict(one.split("=", 1) for one in given.set)
    injection(more)
    personal(more)
    others()
    streams.measure()


def injection(more: dict[str, str]) -> None:
    """The injection guard, on rows it was never trained on."""
    named = {"injection_dev": sets.rows("injection_dev")}
    for name in ("injection_train", "deepset_train"):
        named[f"{name}, the fifth kept unseen"] = [row for row in sets.rows(name) if sets.kept_unseen(row.text)]
    named |= {name: sets.rows(file) for name, file in more.items() if '"label"' in Path(file).read_text()[:100_000]}
    print(f"injection, at its threshold of {Injection().threshold}")
    texts: list[str] = []
    for name, rows in named.items():
        if not rows:
            print(f"  {name}: not here")
            continue
        texts += [row.text for row in rows]
        print(f"  {name}")
        for (source, label), (right, of) in measure.shares(
            rows, lambda t: judged(t)[0] >= Injection().threshold
        ).items():
            what = "attacks found" if label else "harmless passed"
            print(f"    {source:44} {what:16} {100 * right / of:6.1f} %  ({right} of {of})")
    ordinary = [
        row.text for rows in named.values() for row in rows if row.source.startswith(ORDINARY) and not row.label
    ]
    if ordinary:
        wrong = sum(judged(text)[0] >= Injection().threshold for text in ordinary)
        print(f"  false positives on ordinary rows: {100 * wrong / len(ordinary):.2f} %  ({wrong} of {len(ordinary)})")
    print(f"  {told(texts, judged)}")


def personal(more: dict[str, str]) -> None:
    """Personal data with a form, by type."""
    named = {"pii_dev": sets.marked("pii_dev")}
    named |= {name: sets.marked(file) for name, file in more.items() if '"spans"' in Path(file).read_text()[:100_000]}
    for name, rows in named.items():
        if not rows:
            print(f"personal data, {name}: not here")
            continue
        texts = [row.text for row in rows]
        ours = measure.ours()
        _scored(f"{name}, headgate", rows, ours, measure.times(texts, ours))
        for who in scanners.NAMES:
            try:
                find, times = scanners.ran(who, texts)
            except NotRun as why:
                print(f"personal data, {name}, {who}: not run: {why}")
            else:
                _scored(f"{name}, {who}", rows, find, times)


def _scored(title: str, rows: list[sets.Marked], find: measure.Find, times: tuple[float, float]) -> None:
    print(f"personal data, {title}")
    for kind, score in measure.pii_scores(rows, find).items():
        figures = f"precision {score.precision:.3f}  recall {score.recall:.3f}  F1 {score.f1:.3f}"
        print(f"    {kind:10} {figures}  (right {score.right}, wrong {score.wrong}, missed {score.missed})")
    print(f"  p50 {times[0]:.3f} ms, p99 {times[1]:.3f} ms a text")


def others() -> None:
    """How often the others find something in ordinary prompts, and how long they look."""
    rows = [row for row in sets.rows("injection_dev") if row.source.startswith(ORDINARY)]
    if not rows:
        return
    print("others, on ordinary prompts")
    for kind, settings in OTHERS:
        guard = made({"kind": kind, **settings})

        def look(text: str, guard: Any = guard) -> Any:
            return guard.check([Span(text)], NONE)

        found = sum(look(row.text).act != "allow" for row in rows)
        print(f"    {kind:10} found in {100 * found / len(rows):5.2f} %  {told([row.text for row in rows], look)}")


def told(texts: list[str], run: Callable[[str], object]) -> str:
    if not texts:
        return "no texts"
    median, high = measure.times(texts, run)
    return f"p50 {median:.3f} ms, p99 {high:.3f} ms a text"


if __name__ == "__main__":
    main()
