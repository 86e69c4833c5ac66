"""The benchmark of the semantic cache, on pairs made up here."""

import json
import random
import sys
from pathlib import Path

import pytest
from benchmarks.cache import __main__ as bench
from benchmarks.cache import measure, sets
from benchmarks.cache.scores import Judged

THINGS = ("boats", "trains", "birds", "bread", "clocks", "maps", "roses", "kites", "drums", "lamps", "shoes", "coins")
DEEDS = ("paint", "sell", "draw", "build", "clean", "count", "carry", "store", "fix", "name", "grow", "pack")


def pairs(count: int) -> list[dict[str, object]]:
    draw = random.Random(1)
    rows: list[dict[str, object]] = []
    for number in range(count):
        deed, thing = draw.choice(DEEDS), draw.choice(THINGS)
        other = thing if number % 3 == 0 else draw.choice([one for one in THINGS if one != thing])
        mark = f"in district {draw.randrange(9000)}"
        rows.append(
            {
                "a": f"How do I {deed} {thing} {mark}?",
                "b": f"How can I {deed} {other} {mark}?",
                "same": int(thing == other),
            }
        )
    return rows


def test_no_question_is_both_learned_from_and_measured_on() -> None:
    rows = [sets.Pair(str(i % 90), str(i), i % 2) for i in range(2000)]
    trained, unseen = sets.split(rows)
    asked = [{text for row in part for text in (row.a, row.b)} for part in (trained, unseen)]
    assert len(trained) > 300 and len(unseen) > 300 and asked[0].isdisjoint(asked[1])


def test_a_bound_is_kept_and_a_better_score_hits_more() -> None:
    draw = random.Random(2)
    rows = []
    for _ in range(4000):
        same = draw.random() < 0.4
        rows.append(
            Judged(draw.gauss(0.6 if same else 0.4, 0.15), [draw.gauss(0.7 if same else 0.3, 0.15)], "", int(same))
        )
    good = measure.bounded(rows, lambda row: row.found[0], 0.02)
    poor = measure.bounded(rows, lambda row: row.cosine, 0.02)
    assert good.held >= 90 and poor.held >= 90 and good.hits > poor.hits > 0 and good.rows == 1333
    assert measure.at(rows, lambda row: row.cosine, -1e9).hits == 1


def test_it_measures_any_file_of_pairs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file, told = tmp_path / "mine.jsonl", tmp_path / "told.json"
    file.write_text("".join(json.dumps(row) + "\n" for row in pairs(1200)))
    monkeypatch.setattr(sets, "FILE", tmp_path / "absent.jsonl")
    monkeypatch.setattr(bench, "_model", lambda folder, out: None)
    monkeypatch.setattr(sys, "argv", ["bench", "--set", f"mine={file}", "--entries", "0", "--json", str(told)])
    bench.main()
    assert "question_pairs_dev: not here" in capsys.readouterr().out
    found = json.loads(told.read_text())["sets"]["mine"]["lexical"]
    assert found["bounded"]["headgate"]["calibrations"] == 100 and found["bounded"]["headgate"]["wrong"] <= 0.02
    assert set(found) == {"fixed", "bounded", "shipped"} and found["fixed"]["0.8"]["hits"] > 0
