"""``python -m benchmarks.cache``: how often the semantic cache answers, how often wrongly, and how long a lookup takes.

``--set NAME=FILE`` adds a file of pairs ``{"a", "b", "same": 1 or 0}``. Each pair is one request: the second question is
asked where the first was answered. Shares are of all requests. Rows that share a question with what the verifier was
trained on are left out.
"""

import argparse
import json
import random
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.cache import lookups, measure, scores, sets
from benchmarks.cache.scores import Judged
from headgate.cache.semantic import calibrate, embed, verifier
from headgate.cache.semantic.bounds import threshold
from headgate.cache.semantic.verifier import rarity

BAR = 40
FEWEST = 1_000
"""Rows under which a bound cannot be shown."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cache", description=__doc__)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--bound", type=float, default=0.02, help="the share of wrong hits (default 0.02)")
    parser.add_argument(
        "--learn", type=int, default=0, help="rows a calibration learns from (default a third, at most 5,000)"
    )
    parser.add_argument(
        "--rows", type=int, default=20_000, help="pairs of a set that are measured, at most, drawn at random"
    )
    parser.add_argument("--entries", type=int, default=100_000, help="entries a lookup searches; 0 leaves lookups out")
    parser.add_argument("--model", default="", help="folder of the small model, where its package is not installed")
    parser.add_argument("--json", metavar="FILE", help="write the figures there too; - for the output alone")
    given = parser.parse_args()
    out = sys.stderr if given.json == "-" else sys.stdout
    model = _model(given.model, out)
    files = {"question_pairs_dev": sets.FILE} | {k: Path(v) for k, _, v in (one.partition("=") for one in given.set)}
    figures: dict[str, Any] = {"bound": given.bound, "sets": {}, "lookups": {}}
    everything: list[sets.Pair] = []
    for name, file in files.items():
        every = sets.read(file)
        rows = sets.unseen(every)
        left = len(rows)
        if left > given.rows:
            rows = random.Random(20261121).sample(rows, given.rows)
        if len(rows) < FEWEST:
            print(f"{name}: {'not here' if not every else f'only {len(rows)} unseen pairs'}", file=out)
            continue
        everything = everything or rows
        same = sum(row.same for row in rows)
        print(f"{name}: {left:,} of {len(every):,} pairs were not trained on; of {len(rows):,} of them,", file=out)
        print(f"which are measured, {same:,} ask the same", file=out)
        figures["sets"][name] = _set(rows, given, model, out)
    if given.entries and everything:
        figures["lookups"] = _lookups(everything, given, model, out)
    if given.json:
        text = json.dumps(msgspec.to_builtins(figures), indent=1)
        print(text) if given.json == "-" else Path(given.json).write_text(text + "\n")


def _model(folder: str, out: Any) -> Any:
    try:
        found = embed.model_folder(folder)
    except ValueError as error:
        print(f"not run: the small model ({error})", file=out)
        return None
    from headgate.cache.semantic.minilm import MiniLM

    return MiniLM(found)


def _set(rows: Sequence[sets.Pair], given: argparse.Namespace, model: Any, out: Any) -> dict[str, Any]:
    found = {"lexical": scores.judged_lexical(rows, rarity())}
    if model is not None:
        found["minilm"] = scores.judged_minilm(rows, rarity(), model)
    return {kind: _kind(kind, judged, given, out) for kind, judged in found.items()}


def _kind(kind: str, rows: Sequence[Judged], given: argparse.Namespace, out: Any) -> dict[str, Any]:
    judge = verifier.load(kind)
    judged = {id(row): -1.0 if row.refused else judge.judge(row.found) for row in rows}
    print(f"\n  vectors: {kind}", file=out)
    fixed = {str(least): measure.at(rows, lambda row: row.cosine, least) for least in measure.FIXED}
    for step, one in fixed.items():
        _bar(out, f"fixed {float(step):.2f}", one.hits, one.wrong, f"right {one.precision:6.1%}")
    scored = {
        "cosine": lambda row: row.cosine,
        "cosine, rules": lambda row: -1.0 if row.refused else row.cosine,
        "headgate": lambda row: judged[id(row)],
    }
    bounds = {n: measure.bounded(rows, score, given.bound, learn=given.learn) for n, score in scored.items()}
    for name, many in bounds.items():
        told = f"within {given.bound:.1%} in {many.held} of {many.calibrations}"
        _bar(
            out,
            f"{name}, bound",
            many.hits,
            many.wrong,
            f"{told} (at most {many.wrong_most:.2%}; {many.rows:,} rows each)",
        )
    before = calibrate.shipped(kind)
    least = threshold(before.wrong, before.of, given.bound)
    shipped = measure.at(rows, scored["headgate"], least)
    _bar(out, "headgate, shipped", shipped.hits, shipped.wrong, f"at {least:.3f}, as it is before it has learned")
    return {"fixed": fixed, "bounded": bounds, "shipped": shipped}


def _bar(out: Any, name: str, hits: float, wrong: float, more: str) -> None:
    """A line of the chart: right hits, then wrong ones."""
    right, bad = round((hits - wrong) * 100 * BAR / 30), round(wrong * 100 * BAR / 30)
    bar = "█" * min(right, BAR) + "▒" * min(bad, BAR)
    print(f"    {name:20} hits {hits:6.2%}  wrong {wrong:6.2%}  {bar:{BAR}}  {more}", file=out)


def _lookups(rows: Sequence[sets.Pair], given: argparse.Namespace, model: Any, out: Any) -> dict[str, Any]:
    """Time lookups among many entries, in each index of this process that is installed."""
    if find_spec("numpy") is None:
        print("not run: lookups among many entries (numpy is not installed)", file=out)
        return {}
    import numpy as np  # type: ignore[import-not-found,unused-ignore]

    texts = scores.questions(rows)
    known = scores.vectors(model, texts) if model is not None else scores.lexical_vectors(texts, rarity())
    asked, held = texts[: lookups.LOOKUPS * 2], texts[lookups.LOOKUPS * 2 :]
    config = {"embedding": "minilm", "model_path": given.model} if model is not None else {}
    indexes = {"usearch": given.entries} if find_spec("usearch") else {}
    figures: dict[str, Any] = {}
    print("\n  lookups, milliseconds", file=out)
    for index, entries in {**indexes, "memory": min(given.entries, 10_000)}.items():
        cache = lookups.build({**config, "index": index}, entries)
        took = lookups.fill(cache, held, np.array([known[text] for text in held]), entries)
        times = lookups.both(cache, asked, known)
        figures[index] = {"entries": entries, "filled_seconds": round(took, 1), **times}
        for what, one in times.items():
            print(
                f"    {index:8} {entries:7,} entries  {what:22} p50 {one.p50:6.2f}  p99 {one.p99:6.2f}  CPU {one.cpu:6.2f}",
                file=out,
            )
    return figures


if __name__ == "__main__":
    main()
