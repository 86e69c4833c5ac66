"""Train the classifier of the injection guard: ``python -m benchmarks.guardrails.train``; about a minute on one core.

Needs numpy, scipy and scikit-learn, which are no dependencies of the project: install them beside it. Writes
``src/headgate/guardrails/data/injection.xz``. Sources and licences stand in ``docs/how-to/guardrails.md``.
"""

import argparse
import lzma
import struct
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np  # type: ignore[import-not-found,unused-ignore]
import scipy.sparse as sp  # type: ignore[import-not-found,import-untyped,unused-ignore]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-not-found,import-untyped,unused-ignore]

from benchmarks.guardrails import own_texts, sets
from headgate.guardrails import linear

SIZE = 1 << 18
SETS = ("injection_train", "deepset_train")
MEASURED = "injection_dev"
HARMLESS_WINDOWS = 4
OUT = Path(linear.__file__).parent / "data" / "injection.xz"


def training_rows() -> list[sets.Row]:
    """Return what may be learned from: no row of the fifth kept unseen, nothing that repeats a measured row."""
    given = [row for name in SETS for row in sets.rows(name)]
    if not given:
        raise SystemExit(f"no training sets in {sets.FOLDER}")
    measured: set[tuple[str, ...]] = set()
    for row in sets.rows(MEASURED):
        measured |= sets.phrases(row.text)
    own = [sets.Row(*row) for row in own_texts.rows()]
    own = [row for row in own if not sets.phrases(row.text) & measured]
    return [row for row in given + own if not sets.kept_unseen(row.text)]


def matrix(texts: list[str]) -> Any:
    """One row for each text, of the same pieces as the classifier sees."""
    columns: list[int] = []
    values: list[float] = []
    starts = [0]
    for text in texts:
        found = linear.pieces(text, SIZE - 1)
        columns.extend(found)
        values.extend([1 / sqrt(len(found))] * len(found))
        starts.append(len(columns))
    return sp.csr_matrix((values, columns, starts), shape=(len(texts), SIZE), dtype=np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strength", type=float, default=20.0, help="inverse of the regularisation")
    given = parser.parse_args()
    texts, labels = [], []
    for row in training_rows():
        # Where in a long attack it attacks is unknown; its beginning is taken for it. All of a harmless text is harmless.
        for window in list(linear.windows(linear.plain(row.text)))[: 1 if row.label else HARMLESS_WINDOWS]:
            texts.append(window)
            labels.append(row.label)
    model = LogisticRegression(C=given.strength, max_iter=300, solver="liblinear").fit(matrix(texts), labels)
    weights = model.coef_[0]
    scale = float(np.abs(weights).max()) / 127
    packed = np.round(weights / scale).astype(np.int8).tobytes()
    head = struct.pack("<4sff", linear.MAGIC, scale, float(model.intercept_[0]))
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_bytes(lzma.compress(head + packed, preset=9 | lzma.PRESET_EXTREME))
    print(f"{len(texts)} windows, {sum(labels)} of attacks; {OUT.name}: {OUT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
