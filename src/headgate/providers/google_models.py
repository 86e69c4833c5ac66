"""Paths that name a model and what to do with it, as all of Google's: ``/models/{model}:{verb}``."""

import re
from typing import NamedTuple
from urllib.parse import quote, unquote

from headgate.core.call import Operation
from headgate.dialects import count_gemini, embed_content, gemini, gemini_array, gemini_embeddings
from headgate.dialects.base import Dialect
from headgate.providers.raw import Heard

_PATH = re.compile(r".*?/models/(?P<model>[^:]+(?::[^:/]+)*):(?P<verb>[A-Za-z]+)")
SSE = "?alt=sse"


class Verb(NamedTuple):
    """What a word after the last colon of a path stands for."""

    operation: Operation
    dialect: Dialect
    stream: bool = False


VERBS = {
    "generateContent": Verb("chat", gemini),
    "streamGenerateContent": Verb("chat", gemini_array, True),
    "countTokens": Verb("count_tokens", count_gemini),
    "batchEmbedContents": Verb("embeddings", gemini_embeddings),
    "embedContent": Verb("embeddings", embed_content),
}


def verb_of(spoken: str, *, stream: bool) -> str:
    """Return what stands after the model for a body in the dialect *spoken*."""
    if stream:
        return "streamGenerateContent" + ("" if spoken == gemini_array.name else SSE)
    return next((v for v, one in VERBS.items() if one.dialect.name == spoken and not one.stream), "generateContent")


def named(model: str) -> str:
    """Return a model as a step of a path."""
    return quote(model.removeprefix("models/"), safe="@-._~:")


def heard_in(method: str, path: str) -> Heard | None:
    """Return what *path* stands for, where it is one of ``VERBS``."""
    found = _PATH.fullmatch(path) if method == "POST" else None
    known = VERBS.get(found["verb"]) if found is not None else None
    if found is None or known is None:
        return None
    return Heard(known.operation, known.dialect, unquote(found["model"]), known.stream)
