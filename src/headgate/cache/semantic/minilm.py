"""MiniLM in numpy: sentence vectors of ``all-MiniLM-L6-v2`` from its weights, without a runtime of neural networks.

The model: https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0). Its vectors are the mean of the
last layer over the tokens, of length 1.
"""

import json
from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from typing import Any

from headgate.cache.semantic.wordpiece import WordPiece

HEADS = 12
ENDS = 64
"""Tokens that are looked at from the beginning of a text, and from its end."""
_EPSILON = 1e-12


class MiniLM:
    """The model in memory (90 MB). May be used by several threads at once."""

    def __init__(self, folder: Path) -> None:
        """*folder* holds ``model.safetensors`` and ``vocab.txt``; raise ``OSError`` or ``ValueError`` without them."""
        self._np: Any = __import__("numpy")
        weights = _read(folder / "model.safetensors", self._np)
        self._words = WordPiece.read(folder / "vocab.txt")
        try:
            self._tokens = weights["embeddings.word_embeddings.weight"]
            kinds = weights["embeddings.token_type_embeddings.weight"]
            self._places = weights["embeddings.position_embeddings.weight"] + kinds[0]
            self._first = weights["embeddings.LayerNorm.weight"], weights["embeddings.LayerNorm.bias"]
            count = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("encoder.layer."))
            self._layers = [self._layer(weights, f"encoder.layer.{i}.") for i in range(count)]
        except KeyError as error:
            raise ValueError(f"{folder} holds another kind of model: it has no {error}") from None
        self.size = int(self._tokens.shape[1])

    def _layer(self, weights: dict[str, Any], at: str) -> tuple[Any, ...]:
        np = self._np

        def dense(name: str) -> tuple[Any, Any]:
            return np.ascontiguousarray(weights[f"{at}{name}.weight"].T), weights[f"{at}{name}.bias"]

        three = [dense(f"attention.self.{name}") for name in ("query", "key", "value")]
        norms = [
            (weights[f"{at}{name}.LayerNorm.weight"], weights[f"{at}{name}.LayerNorm.bias"])
            for name in ("attention.output", "output")
        ]
        return (
            np.ascontiguousarray(np.concatenate([w for w, _ in three], axis=1)),
            np.concatenate([b for _, b in three]),
            *dense("attention.output.dense"),
            *norms[0],
            *dense("intermediate.dense"),
            *dense("output.dense"),
            *norms[1],
        )

    def tokens(self, text: str) -> list[int]:
        """Return the numbers of *text*: its first 64 pieces and its last 64, between the marks of begin and end."""
        found = self._words.numbers(text if len(text) <= 64 * ENDS else _ends(text))
        if len(found) > 2 * ENDS:
            found = found[:ENDS] + found[-ENDS:]
        return [self._words.begin, *found, self._words.end]

    def pieces(self, numbers: Sequence[int]) -> Any:
        """Return the word pieces' own vectors, whatever stands around them, each of length 1."""
        found = self._tokens[list(numbers)]
        return found / self._np.linalg.norm(found, axis=1, keepdims=True)

    def embed(self, text: str) -> Any:
        """Return the vector of *text*: ``size`` numbers of 32 bits, of length 1."""
        return self.embed_equal([self.tokens(text)])[0]

    def embed_equal(self, rows: Sequence[Sequence[int]]) -> Any:
        """Return the vectors of texts that have equally many tokens, each given as its numbers."""
        mean = self.last(rows).mean(axis=1)
        return mean / self._np.maximum(self._np.linalg.norm(mean, axis=1, keepdims=True), _EPSILON)

    def last(self, rows: Sequence[Sequence[int]]) -> Any:
        """Return the last layer of texts that have equally many tokens: texts x tokens x ``size``."""
        np = self._np
        count, length = len(rows), len(rows[0])
        x = self._normal(self._tokens[np.array(rows)] + self._places[:length], *self._first)
        x = x.reshape(count * length, self.size)
        for w, b, wo, bo, g1, c1, wi, bi, wu, bu, g2, c2 in self._layers:
            x = self._normal(x + self._attend(x @ w + b, count, length) @ wo + bo, g1, c1)
            x = self._normal(x + _gelu(np, x @ wi + bi) @ wu + bu, g2, c2)
        return x.reshape(count, length, self.size)

    def _attend(self, three: Any, count: int, length: int) -> Any:
        np = self._np
        width = self.size // HEADS
        q, k, v = three.reshape(count, length, 3, HEADS, width).transpose(2, 0, 3, 1, 4)
        scores = q @ k.transpose(0, 1, 3, 2) * np.float32(1 / sqrt(width))
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        return (scores @ v).transpose(0, 2, 1, 3).reshape(count * length, self.size)

    def _normal(self, x: Any, scale: Any, shift: Any) -> Any:
        x = x - x.mean(axis=-1, keepdims=True)
        spread = self._np.sqrt((x * x).mean(axis=-1, keepdims=True) + self._np.float32(_EPSILON))
        return x / spread * scale + shift


def _ends(text: str) -> str:
    """A long text's ends: no word piece is more than a few dozen characters of common text."""
    return f"{text[: 32 * ENDS]} {text[-32 * ENDS :]}"


def _gelu(np: Any, x: Any) -> Any:
    inner = x * x
    inner *= np.float32(0.044715)
    inner += np.float32(1)
    inner *= x
    inner *= np.float32(0.7978845608)
    np.tanh(inner, out=inner)
    inner += np.float32(1)
    inner *= x
    inner *= np.float32(0.5)
    return inner


def _read(file: Path, np: Any) -> dict[str, Any]:
    """Return the arrays of a safetensors file (https://github.com/huggingface/safetensors#format)."""
    raw = file.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    head = json.loads(raw[8 : 8 + size])
    found = {}
    for name, about in head.items():
        if name != "__metadata__" and about["dtype"] == "F32":
            start, end = about["data_offsets"]
            data = np.frombuffer(raw, np.float32, (end - start) // 4, 8 + size + start)
            found[name.removeprefix("bert.")] = data.reshape(about["shape"])
    return found
