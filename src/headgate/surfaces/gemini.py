"""The doors of Gemini's API: their paths name the model and what to do with it, ``/v1beta/models/{model}:{verb}``.

A model's name may hold slashes and colons, raw or percent-encoded: what follows the last colon is the verb.
"""

from urllib.parse import unquote_to_bytes

from headgate.core.call import Operation
from headgate.core.errors import NotFound
from headgate.dialects import count_gemini, embed_content, gemini, gemini_array, gemini_embeddings
from headgate.dialects.base import Dialect
from headgate.dialects.gemini import wants_events
from headgate.surfaces.doors import Door
from headgate.transport.server_asgi import Scope

PREFIXES = (b"/v1beta/models/", b"/v1/models/")
STREAM = "streamGenerateContent"
_VERBS: tuple[tuple[str, Operation, Dialect, str], ...] = (
    ("generateContent", "chat", gemini, "Chat, in Gemini's form"),
    (STREAM, "chat", gemini_array, "The same, as a stream: with alt=sse of events, else one JSON array"),
    ("countTokens", "count_tokens", count_gemini, "Count a prompt's tokens, in Gemini's form"),
    ("embedContent", "embeddings", embed_content, "One embedding, in Gemini's form"),
    ("batchEmbedContents", "embeddings", gemini_embeddings, "Embeddings, in Gemini's form"),
)
MODEL_DOORS: tuple[Door, ...] = tuple(
    Door(f"{prefix.decode()}{{model}}:{verb}", "gemini", operation, dialect, summary)
    for prefix in PREFIXES
    for verb, operation, dialect, summary in _VERBS
)
_DOORS = {door.path.encode(): door for door in MODEL_DOORS}
_EVENTS = {
    door.path.encode(): Door(door.path, door.surface, door.operation, gemini, door.summary)
    for door in MODEL_DOORS
    if door.path.endswith(STREAM)
}


def is_googles(scope: Scope) -> bool:
    """Tell whether a request comes from a client of Google's, on a path that others use too."""
    return scope["method"] == "POST" or any(name == b"x-goog-api-key" for name, _ in scope["headers"])


def door_at(path: bytes, query: bytes) -> tuple[Door, str, bool]:
    """Return the door that a POST of *path*, below one of ``PREFIXES``, is meant for, the model, whether to stream.

    Raise ``NotFound`` for a verb that there is not.
    """
    prefix = next(one for one in PREFIXES if path.startswith(one))
    model, _, verb = path[len(prefix) :].rpartition(b":")
    place = prefix + b"{model}:" + verb
    events = _EVENTS.get(place)
    door = events if events is not None and wants_events(query) else _DOORS.get(place)
    if door is None or not model:
        raise NotFound(
            "A POST here is /v1beta/models/{model}:{verb}, where the verb is one of "
            f"{', '.join(verb for verb, *_ in _VERBS)}."
        )
    name = unquote_to_bytes(model).decode("utf-8", "replace")
    return door, name.removeprefix("models/"), events is not None
