"""Gemini's embeddings, <https://ai.google.dev/api/embeddings>, one text or a batch, and those of Vertex's models.

Vertex: <https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api>.
"""

from typing import Annotated, Any, ClassVar

import msgspec

from headgate.core.chat import Extra
from headgate.core.errors import BadRequest
from headgate.core.money import Usage
from headgate.core.tasks import EmbedReply, EmbedRequest, Use
from headgate.dialects import wire
from headgate.dialects.base import Abilities, Sniff, Written
from headgate.dialects.envelope import MAX_TOKENS, Envelope
from headgate.dialects.fit import Fit
from headgate.dialects.gemini import Gemini
from headgate.dialects.gemini_errors import read_stream_error
from headgate.dialects.gemini_fields import Given
from headgate.dialects.gemini_usage import Reported, reported
from headgate.dialects.json_guard import top_level
from headgate.dialects.openai_reply import document, no_reply
from headgate.dialects.wire import ODD

NAME = "gemini-embeddings"
MAX_INPUTS = 2048
TASKS: dict[Use, str] = {
    "document": "RETRIEVAL_DOCUMENT",
    "query": "RETRIEVAL_QUERY",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
}
USES: dict[str, Use] = {task: use for use, task in TASKS.items()}
FIELDS = frozenset({"model", "content", "requests", "taskType", "title", "outputDimensionality", "embedContentConfig"})
_dimensions = msgspec.json.Decoder(Annotated[int, msgspec.Meta(ge=1, le=100_000)])


class EmbedEnvelope(Envelope, gc=False):
    """A request for embeddings; every text of a batch names the model again."""

    known: ClassVar[frozenset[str]] = FIELDS

    def patched(self, model: str, *, include_usage: bool = False, max_tokens: int | None = None) -> bytes:
        """As in :class:`Envelope`."""
        named = f"models/{model}"
        fields: dict[str, Any] = self.fields.copy()
        if "model" in fields:
            fields["model"] = named
        if "requests" in fields:
            fields["requests"] = [{**wire.members(one), "model": named} for one in wire.items(self.fields["requests"])]
        return wire.encode(fields)


def envelope_at(body: bytes, model: str, *, stream: bool) -> Envelope:
    """Read a request whose path names *model*; raise ``BadRequest`` with the path of the field to blame."""
    fields = top_level(body)
    _asked(Given(fields))
    return EmbedEnvelope(body, model, fields)


def _asked(given: Given) -> list[Given]:
    """Return the requests of a batch, or the one that *given* is."""
    raws = given.items("requests")
    if raws is None:
        if "content" not in given.rest:
            given.need("content", None)
        return [given]
    if not raws:
        raise given.refuse("requests", "expected at least one request.", "empty_array")
    if len(raws) > MAX_INPUTS:
        raise given.refuse("requests", f"expected at most {MAX_INPUTS}.", "array_above_max_length")
    return [Given(raw, f"requests[{index}]") for index, raw in enumerate(raws)]


def read_request(body: bytes) -> EmbedRequest:
    """Read one text or a batch; raise ``BadRequest`` for what only Google's own models take."""
    given = Given(top_level(body))
    single = "requests" not in given.rest
    asked = _asked(given)
    request = EmbedRequest(model=(given.text("model") or "").removeprefix("models/"), single=single)
    rests: list[dict[str, Any]] = []
    wishes: list[tuple[Use | None, str | None, int | None]] = []
    for one in asked:
        one.text("model")
        request.texts.append(_text(one))
        config = one.inner("embedContentConfig")
        for name, value in (config.rest if config is not None else {}).items():
            one.rest.setdefault(name, value)
        dimensions, title, task = (
            one.take("outputDimensionality", _dimensions),
            one.text("title"),
            one.text("taskType"),
        )
        if task is not None and task not in USES:
            one.rest["taskType"] = wire.Raw(wire.encode(task))
        wishes.append((USES.get(task or ""), title, dimensions))
        rests.append(one.rest)
    if any(wish != wishes[0] for wish in wishes) or any(rest != rests[0] for rest in rests):
        raise given.refuse(
            "requests", "another provider takes one task, title and length for all.", "unsupported_value"
        )
    request.use, request.title, request.dimensions = wishes[0]
    form = {"use": "taskType", "title": "title", "dimensions": "outputDimensionality"}
    request.extra = Extra(NAME, rests[0] if single else {**rests[0], **given.rest}, form)
    return request


def _text(given: Given) -> str:
    content = given.need("content", given.inner("content"))
    said = []
    for index, raw in enumerate(content.items("parts") or ()):
        part = Given(raw, f"{content.path('parts')}[{index}]")
        text = part.text("text")
        if text is None or part.rest:
            raise BadRequest(
                f"'{part.at}' is no text, and only texts can be embedded by this model.",
                code="unsupported_parameter",
                param=part.at,
            )
        said.append(text)
    return "".join(said)


def write_request(request: EmbedRequest, to: Abilities, *, drop: bool) -> Written:
    """Write a batch, of one text too; raise ``BadRequest`` for tokens, which only their own model understands."""
    fit = _fitted(request, to, drop)
    wishes: dict[str, Any] = {
        "taskType": TASKS[request.use] if request.use is not None else None,
        "title": request.title,
        "outputDimensionality": request.dimensions,
        **fit.leftover(request.extra, ""),
    }
    common = {name: value for name, value in wishes.items() if value is not None}
    batch = [
        {"model": f"models/{to.model}", "content": {"parts": [{"text": text}]}, **common} for text in request.texts
    ]
    return fit.written({"requests": batch})


def _fitted(request: EmbedRequest, to: Abilities, drop: bool) -> Fit:
    if request.tokens:
        raise BadRequest(
            f"{to.name} takes texts, not arrays of tokens. Send the texts themselves.",
            code="unsupported_parameter",
            param="input",
        )
    fit = Fit(NAME, request, to, drop, {})
    if request.user is not None:
        fit.ignore("user")
    return fit


def read_reply(body: bytes) -> EmbedReply:
    """Read one vector or a batch; raise ``UpstreamFailed('upstream_invalid_response')`` for what is none."""
    found = document(body)
    listed = found.get("embeddings")
    if listed is None and "embedding" in found:
        listed = [found["embedding"]]
    if not isinstance(listed, list):
        no_reply("holds no embeddings")
    said = reported(found.get("usageMetadata"))
    used = said.promptTokenCount if said is not None else None
    return EmbedReply(vectors=[_vector(one) for one in listed], usage=None if used is None else Usage(max(used, 0)))


def _vector(one: Any) -> list[float]:
    values = one.get("values") if isinstance(one, dict) else None
    if not isinstance(values, list) or not all(type(number) in (int, float) for number in values):
        no_reply("holds an embedding that is no vector")
    return values


def _counted(reply: EmbedReply) -> dict[str, Any]:
    used = reply.usage.input if reply.usage is not None else 0
    return {"usageMetadata": {"promptTokenCount": used, "totalTokenCount": used}} if used else {}


class _Sniffed(msgspec.Struct, gc=False):
    embedding: msgspec.Raw = wire.NULL
    embeddings: msgspec.Raw = wire.NULL
    usageMetadata: Reported | None = None
    error: Any = None


_sniffed = msgspec.json.Decoder(_Sniffed)


def write_batch(reply: EmbedReply) -> bytes:
    """Print a batch of vectors."""
    return wire.encode({"embeddings": [{"values": vector} for vector in reply.vectors], **_counted(reply)})


def write_one(reply: EmbedReply) -> bytes:
    """Print the vector of one text."""
    return wire.encode({"embedding": {"values": reply.vectors[0] if reply.vectors else []}, **_counted(reply)})


def sniff(body: bytes) -> Sniff:
    """Read the usage of a reply, where it tells one."""
    try:
        seen = _sniffed.decode(body)
    except ODD:
        no_reply("holds no embeddings")
    if seen.error is not None:
        raise read_stream_error(seen.error)
    if seen.embedding == wire.NULL and seen.embeddings == wire.NULL:
        no_reply("holds no embeddings")
    used = seen.usageMetadata.promptTokenCount if seen.usageMetadata is not None else None
    return Sniff(Usage(used) if used is not None and used >= 0 else None)


class GeminiEmbeddings(Gemini):
    """``:batchEmbedContents``. Its neutral forms are those of ``core.tasks``."""

    name = NAME
    path = "/models/{model}:batchEmbedContents"
    takes_urls = True

    envelope_at = staticmethod(envelope_at)
    read_request = staticmethod(read_request)  # type: ignore[assignment]  # another neutral form than chat's
    write_request = staticmethod(write_request)  # type: ignore[assignment]
    read_reply = staticmethod(read_reply)  # type: ignore[assignment]
    write_reply = staticmethod(write_batch)  # type: ignore[assignment]
    sniff = staticmethod(sniff)


class EmbedContent(GeminiEmbeddings):
    """``:embedContent``: one text, one vector."""

    name = "gemini-embed-content"
    path = "/models/{model}:embedContent"
    write_reply = staticmethod(write_one)


def write_instances(request: EmbedRequest, to: Abilities, *, drop: bool) -> Written:
    """Write the texts for Vertex; raise ``BadRequest`` for tokens, which only their own model understands."""
    fit = _fitted(request, to, drop)
    fit.leftover(request.extra, "")
    wishes = {"task_type": TASKS[request.use] if request.use is not None else None, "title": request.title}
    common = {name: value for name, value in wishes.items() if value is not None}
    body: dict[str, Any] = {"instances": [{"content": text, **common} for text in request.texts]}
    if request.dimensions is not None:
        body["parameters"] = {"outputDimensionality": request.dimensions}
    return fit.written(body)


def read_predictions(body: bytes) -> EmbedReply:
    """Read the vectors of Vertex, each with the tokens its text had."""
    listed = document(body).get("predictions")
    if not isinstance(listed, list):
        no_reply("holds no embeddings")
    inner = [one.get("embeddings") if isinstance(one, dict) else None for one in listed]
    counts = [one.get("statistics") if isinstance(one, dict) else None for one in inner]
    tokens = [one.get("token_count") if isinstance(one, dict) else None for one in counts]
    known = [int(one) for one in tokens if isinstance(one, int | float) and 0 <= one < MAX_TOKENS]
    usage = Usage(sum(known)) if known and len(known) == len(tokens) else None
    return EmbedReply(vectors=[_vector(one) for one in inner], usage=usage)


class VertexEmbeddings(GeminiEmbeddings):
    """``:predict``, as Vertex's embedding models are asked."""

    name = "vertex-embeddings"
    path = "/models/{model}:predict"

    write_request = staticmethod(write_instances)
    read_reply = staticmethod(read_predictions)

    @staticmethod
    def sniff(body: bytes) -> Sniff:
        """Read the usage of a reply."""
        return Sniff(read_predictions(body).usage)
