"""``python -m benchmarks.guardrails``: what each embedded detector finds, how often it errs, and how long it takes.

``--set NAME=FILE`` adds a file of rows ``{"text", "label"}`` (for the injection guard) or ``{"text", "spans"}`` (for
personal data). Beside ours run the rules of Presidio and of LLM Guard, in an environment of their own.
"""

import argparse
import asyncio
import json
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

from benchmarks.guardrails import measure, scanners, sets
from benchmarks.process import NotRun
from headgate.dialects import openai_chat
from headgate.dialects.walkers import WALKERS
from headgate.guardrails.frames import frames
from headgate.guardrails.injection import Injection, judged
from headgate.guardrails.kinds import made
from headgate.guardrails.mask import plain_placeholder
from headgate.guardrails.rules import compiled, rule
from headgate.guardrails.stream import Filter
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
TEXT = "The quick brown fox jumps over the lazy dog, and in 2024 it was (once again) a rather nice day."
ORDINARY = "ulab-uiuc/LLMRouter"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guardrails", description=__doc__)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=FILE")
    given = parser.parse_args()
    more = dict(one.split("=", 1) for one in given.set)
    injection(more)
    personal(more)
    others()
    streams()


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


def streams() -> None:
    """A stream with personal data masked, beside the same one relayed as it is."""
    words = [f"{word} " for word in TEXT.split()]
    draw = random.Random(1)
    events = [_event(draw.choice(words)) for _ in range(100_000)]
    rules = compiled([rule("pii", {"kind": "pii", "action": "mask"})])
    for size in (1, 8):
        reads = [b"".join(events[i : i + size]) for i in range(0, len(events), size)]
        tap = openai_chat.tap(hide_usage=True)
        began = process_time()
        for read in reads:
            tap.feed(read)
        relayed = process_time() - began

        async def guarded(reads: list[bytes] = reads) -> tuple[float, float, float]:
            walker = WALKERS["openai-chat"]
            filter_ = Filter(
                walker, frames("text/event-stream"), rules.output, None, lambda i, k, v: plain_placeholder(k), NONE
            )
            tap = openai_chat.tap(hide_usage=True)
            began = process_time()
            first = 0.0
            for number, read in enumerate(reads):
                out = await filter_.pass_on(tap.feed(read), final=number == len(reads) - 1)
                if out and not first:
                    first = number
            return process_time() - began, first, 0.0

        taken, first, _ = asyncio.run(guarded())
        each = (taken - relayed) / len(events) * 1e6
        print(
            f"streams, {size} events a read: {relayed / len(events) * 1e6:.1f} µs an event relayed, {each:.1f} µs more guarded"
        )
        print(f"    first text leaves with read {int(first) + 1}")
    tracemalloc.start()
    asyncio.run(_much(events, rules))
    print(f"    memory over 100,000 chunks: at most {tracemalloc.get_traced_memory()[1] / 1024:.0f} KiB held")


async def _much(events: list[bytes], rules: Any) -> None:
    filter_ = Filter(WALKERS["openai-chat"], frames("text/event-stream"), rules.output, None, lambda i, k, v: "", NONE)
    for event in events:
        await filter_.pass_on(event)


def _event(text: str) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return (
        b"data: " + json.dumps({"id": "c", "object": "chat.completion.chunk", "choices": [choice]}).encode() + b"\n\n"
    )


def told(texts: list[str], run: Callable[[str], object]) -> str:
    if not texts:
        return "no texts"
    median, high = measure.times(texts, run)
    return f"p50 {median:.3f} ms, p99 {high:.3f} ms a text"


if __name__ == "__main__":
    main()
