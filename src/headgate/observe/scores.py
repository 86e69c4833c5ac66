"""What people think of answers, taken to Langfuse as scores of their traces, by its ingestion API
(https://api.reference.langfuse.com/#tag/ingestion)."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from headgate.core.redact import redact
from headgate.observe.post import Outside, Poster

INGESTION = "/api/public/ingestion"
NAME = "langfuse_scores"
"""Of the outlet."""


class Opinion(msgspec.Struct, frozen=True, kw_only=True):
    """What one rater thinks of one answer, as it waits to be taken."""

    id: str
    trace_id: str
    at: int
    """Microseconds since 1970, UTC."""
    score: float | None = None
    thumbs: int | None = None
    comment: str | None = None
    correction: str | None = None


_read = msgspec.json.Decoder(Opinion).decode


class Scores:
    """A sink of opinions, each a line of JSON. What is sent again takes the place of what was sent before."""

    def __init__(self, ways: Outside, post: Poster) -> None:
        self._ways = ways
        self._post = post

    async def send(self, batch: Sequence[bytes]) -> None:
        """See ``Sink.send``."""
        events = [event for raw in batch for event in events_of(_read(raw))]
        if events:
            await self._post(msgspec.json.encode({"batch": events}))

    async def close(self) -> None:
        """See ``Sink.close``."""
        await self._ways.close()


def events_of(opinion: Opinion) -> Iterator[dict[str, Any]]:
    """Yield the events that make the scores of *opinion*: one for each thing that was said."""
    at = datetime.fromtimestamp(opinion.at / 1_000_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    said: list[tuple[str, str, Any]] = []
    if opinion.score is not None:
        said.append(("score", "NUMERIC", opinion.score))
    if opinion.thumbs is not None:
        said.append(("thumbs", "BOOLEAN", 1 if opinion.thumbs > 0 else 0))
    if opinion.correction is not None:
        said.append(("correction", "CATEGORICAL", "corrected"))
    if opinion.comment is not None and not said:
        said.append(("comment", "CATEGORICAL", "commented"))
    for name, kind, value in said:
        text = opinion.correction if name == "correction" else opinion.comment
        body = {
            "id": f"{opinion.id}-{name}", "traceId": opinion.trace_id, "name": name, "value": value, "dataType": kind,
            "comment": None if text is None else redact(text),
        }  # fmt: skip
        yield {"id": f"{opinion.id}-{name}-{opinion.at}", "timestamp": at, "type": "score-create", "body": body}
