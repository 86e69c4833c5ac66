"""Train the verifiers of the semantic cache: ``python -m benchmarks.cache.train``; some minutes on one core.

Needs numpy, scipy and scikit-learn, which are no dependencies of the project, and for the verifier ``minilm`` its model:
install them beside it. Writes ``src/headgate/cache/semantic/data``. Sources and licences stand in
``docs/how-to/semantic-cache.md``.
"""

import argparse
import json
import lzma
import struct
from collections import Counter, defaultdict
from math import log
from pathlib import Path
from typing import Any

import numpy as np  # type: ignore[import-not-found,unused-ignore]
from sklearn.ensemble import HistGradientBoostingClassifier  # type: ignore[import-not-found,import-untyped,unused-ignore]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-not-found,import-untyped,unused-ignore]

from benchmarks.cache import scores, sets
from headgate.cache.semantic import embed, pairs, verifier
from headgate.cache.semantic.features import Rarity
from headgate.cache.semantic.minilm import MiniLM
from headgate.cache.semantic.verifier import Verifier
from headgate.cache.semantic.words import asked

OUT = Path(verifier.__file__).parent / "data"
FOLDS = 5
TREES = {"max_iter": 300, "learning_rate": 0.05, "max_leaf_nodes": 12, "l2_regularization": 10, "min_samples_leaf": 40}
SPREAD = 20.0
"""What the places of vectors are multiplied by for the regression."""


def rarities(texts: list[str]) -> dict[str, float]:
    """Return stem -> idf in steps of a quarter, for stems of at least two questions."""
    counts = Counter(stem for text in texts for stem in set(asked(text).stems))
    return {stem: round(4 * log(len(texts) / count)) / 4 for stem, count in counts.items() if count > 1}


def write_rarities(known: dict[str, float]) -> None:
    lines: dict[int, list[str]] = defaultdict(list)
    for stem, idf in sorted(known.items()):
        lines[int(idf * 4)].append(stem)
    text = "\n".join(" ".join(lines[i]) for i in range(max(lines) + 1))
    (OUT / "rarity.xz").write_bytes(lzma.compress(text.encode(), preset=9))


def trees(found: np.ndarray, same: np.ndarray, name: str) -> Verifier:
    """Train on *found* features, write the trees, and return what reads them."""
    model = HistGradientBoostingClassifier(**TREES, max_features=0.5, random_state=1).fit(found, same)
    grown = []
    for (tree,) in model._predictors:
        grown.append(
            [
                (-1, round(float(n["value"]), 5), 0, 0)
                if n["is_leaf"]
                else (int(n["feature_idx"]), float(f"{n['num_threshold']:.7g}"), int(n["left"]), int(n["right"]))
                for n in tree.nodes
            ]
        )
    start = float(np.ravel(model._baseline_prediction)[0])
    text = json.dumps({"form": verifier.FORM, "start": start, "trees": grown}, separators=(",", ":"))
    (OUT / f"{name}.xz").write_bytes(lzma.compress(text.encode(), preset=9))
    verifier.load.cache_clear()
    return verifier.load(name)


def places(rows: list[sets.Pair], known: dict[str, Any]) -> np.ndarray:
    a, b = np.array([known[row.a] for row in rows]), np.array([known[row.b] for row in rows])
    return np.hstack([np.abs(a - b), a * b]) * SPREAD


def regression() -> LogisticRegression:
    return LogisticRegression(C=0.02, max_iter=300)


def likeness(rows: list[sets.Pair], model: MiniLM) -> list[float]:
    """Write the weights of pairs, and return each row's likeness by weights that were learned without it."""
    known = scores.vectors(model, scores.questions(rows))
    found, same = places(rows, known), np.array([row.same for row in rows])
    fold = np.arange(len(rows)) % FOLDS
    own = np.zeros(len(rows))
    for one in range(FOLDS):
        own[fold == one] = regression().fit(found[fold != one], same[fold != one]).decision_function(found[fold == one])
    fitted = regression().fit(found, same)
    weights = fitted.coef_[0] * SPREAD
    scale = float(np.abs(weights).max() / 127)
    counts = Counter(number for text in known for number in set(model.tokens(text)))
    most = log(len(known) / 0.5)
    rare = [min(255, round(pairs.PIECE * log(len(known) / (counts[i] + 0.5)))) for i in range(len(model._tokens))]
    assert most * pairs.PIECE < 255
    head = struct.pack("<4sff", pairs.MAGIC, scale, float(fitted.intercept_[0]))
    raw = head + np.round(weights / scale).astype(np.int8).tobytes() + bytes(max(0, one) for one in rare)
    (OUT / "pairs.xz").write_bytes(lzma.compress(raw, preset=9))
    pairs.weights.cache_clear()
    return [float(one) for one in own]


def counted(found: list[scores.Judged], judge: Verifier) -> dict[str, Any]:
    """Return what a calibration starts from: the scores of wrong answers, and the range of all that would be given."""
    given = [(judge.judge(one.found), one.same) for one in found if not one.refused]
    wrong = sorted((round(score, 4) for score, same in given if not same and score >= 0.4), reverse=True)
    best = sorted((round(score, 4) for score, _ in given), reverse=True)
    step = len(found) // 100
    return {"of": len(found), "wrong": wrong, "hits": best[step - 1 :: step]}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cache.train", description=__doc__)
    parser.add_argument("--model", default="", help="folder of the small model, where its package is not installed")
    parser.add_argument("--pairs", type=Path, default=sets.FILE, help="another file of pairs to learn from")
    given = parser.parse_args()
    trained, unseen = sets.split(sets.read(given.pairs))
    same = np.array([row.same for row in trained])
    print(f"{len(trained):,} pairs to learn from, {len(unseen):,} to calibrate and measure on")
    OUT.mkdir(exist_ok=True)
    write_rarities(rarities(scores.questions(trained)))
    rarity = Rarity(verifier.rarities())
    found = np.array([one.found for one in scores.judged_lexical(trained, rarity)])
    judge = trees(found, same, "lexical")
    calibration = {"lexical": counted(scores.judged_lexical(unseen, rarity), judge)}
    model = MiniLM(embed.model_folder(given.model))
    own = likeness(trained, model)
    rows = [one.found for one in scores.judged_minilm(trained, rarity, model)]
    at = len(rows[0]) - len(pairs.NAMES)
    for row, alike in zip(rows, own, strict=True):
        row[at] = alike
    judge = trees(np.array(rows), same, "minilm")
    calibration["minilm"] = counted(scores.judged_minilm(unseen, rarity, model), judge)
    (OUT / "calibration.json").write_text(json.dumps(calibration, separators=(",", ":")) + "\n")
    print({file.name: file.stat().st_size for file in sorted(OUT.iterdir())})


if __name__ == "__main__":
    main()
