"""Puts a semantic cache together from its settings; what they name is imported only here."""

from importlib.util import find_spec
from typing import Literal

from headgate.cache.semantic.config import SemanticConfig
from headgate.cache.semantic.embed import embedder
from headgate.cache.semantic.log import FileLog, Log, NoLog, RedisLog, Signer
from headgate.cache.semantic.memory import MemoryIndex
from headgate.cache.semantic.near import Parts, Semantic
from headgate.cache.semantic.tables import Graph, exact
from headgate.cache.semantic.threads import Threads
from headgate.cache.semantic.types import Index
from headgate.cache.types import Grounds

THREADS = 2
KEPT_SECONDS = 30 * 86_400
Store = Literal["memory", "sqlite", "redis", "none"]


def nearest(name: str, config: SemanticConfig, *, entries: int, grounds: Grounds, store: Store = "memory") -> Semantic:
    """Return the index of near questions of the cache *name*; nothing is opened yet.

    *entries* is how many questions it holds, *store* where the cache's entries are: what processes tell each other is
    there too. Raise ``ValueError`` saying what is missing.
    """
    threads = Threads(THREADS)
    try:
        makes = embedder(config.embedding, config.model_path, config.dimensions, threads)
        index = _index(name, config, entries, grounds, threads)
        shared = config.index in ("pgvector", "qdrant")
        parts = Parts(config, index, makes, threads, _log(name, store, grounds, threads), shared)
        return Semantic(parts, entries)
    except ValueError:
        threads.close()
        raise


def _index(name: str, config: SemanticConfig, entries: int, grounds: Grounds, threads: Threads) -> Index:
    signer = Signer(grounds.secret, name)
    if config.index == "pgvector":
        from headgate.cache.semantic.pgvector import PgvectorIndex

        url = str(grounds.url)
        if not url.startswith("postgresql"):
            raise ValueError("index: pgvector needs PostgreSQL: set HEADGATE_DATABASE_URL to one")
        return PgvectorIndex(url, name, config.timeout, signer)
    if config.index == "qdrant":
        from headgate.cache.semantic.qdrant import QdrantIndex

        if grounds.sender is None:
            raise ValueError("index: qdrant cannot be reached from here")
        return QdrantIndex(grounds.sender, config.url, config.api_key, name, config.timeout, signer)
    if config.index == "usearch":
        if find_spec("usearch") is None or find_spec("numpy") is None:
            raise ValueError("index: usearch needs its package: pip install 'headgate[semantic]'")
        return MemoryIndex(entries, Graph, threads)
    return MemoryIndex(entries, exact(), threads)


def _log(name: str, store: Store, grounds: Grounds, threads: Threads) -> Log:
    signer = Signer(grounds.secret, name)
    if store == "sqlite":
        return FileLog(grounds.directory / f"{name}.near.db", signer, threads)
    if store == "redis" and grounds.redis is not None:
        return RedisLog(grounds.redis, f"{grounds.prefix}near:{name}:", signer, KEPT_SECONDS)
    return NoLog()
