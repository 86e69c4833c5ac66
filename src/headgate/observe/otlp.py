"""Traces by OTLP over HTTP, <https://opentelemetry.io/docs/specs/otlp/>: to a collector, and to Langfuse."""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import msgspec

from headgate import __version__
from headgate.core.money import NANO
from headgate.core.record import Record
from headgate.observe.clean import clean
from headgate.observe.outlets import Refused
from headgate.observe.post import Outside, Poster
from headgate.observe.protobuf import Span, request
from headgate.observe.spans import Account, answering, spans_of

PROTOBUF = {"content-type": "application/x-protobuf"}
_record = msgspec.json.Decoder(Record).decode

Accounts = Callable[[], Mapping[str, Account]]


class Sampling:
    """Which calls are sent: every failure, every slow one, and a share of the others."""

    def __init__(self, share: float, slow: float) -> None:
        """*slow* is seconds."""
        self._below = round(share * 2**64)
        self._slow = slow * 1000

    def __call__(self, record: Record) -> bool:
        """Whether *record* is sent: the same for all calls of a trace, but for failures and slow ones."""
        if record.status != "success" or record.total_ms >= self._slow:
            return True
        return int.from_bytes(blake2b(record.trace_id.encode(), digest_size=8).digest()) < self._below


class Otlp:
    """A sink of spans."""

    def __init__(self, ways: Outside, post: Poster, accounts: Accounts, service: str, sampled: Sampling) -> None:
        self._ways = ways
        self._post = post
        self._accounts = accounts
        self._service = service
        self._sampled = sampled

    async def send(self, batch: Sequence[bytes]) -> None:
        """See ``Sink.send``."""
        accounts = self._accounts()
        spans: list[Span] = []
        unread = 0
        for raw in batch:
            try:
                record = _record(clean(raw))
                if self._sampled(record):
                    spans += self.shaped(record, spans_of(record, accounts))
            except Exception:  # one that cannot be told of must not hold up the others
                unread += 1
        if spans:
            resource = {"service.name": self._service, "service.version": __version__}
            await self._post(request(resource, ("headgate", __version__), spans))
        elif unread == len(batch):
            raise Refused(f"{unread} records cannot be read")

    async def close(self) -> None:
        """See ``Sink.close``."""
        await self._ways.close()

    def shaped(self, record: Record, spans: list[Span]) -> list[Span]:
        """Return *spans* as the other side wants them."""
        return spans


class Langfuse(Otlp):
    """Spans with what Langfuse reads, <https://langfuse.com/integrations/native/opentelemetry#property-mapping>."""

    def shaped(self, record: Record, spans: list[Span]) -> list[Span]:
        """See :class:`Otlp`."""
        exchange, *attempts = spans
        exchange.attributes = {**exchange.attributes, **_trace(record), **_outcome(exchange)}
        answered = answering(record)
        for attempt, one in zip(record.attempts, attempts, strict=True):
            more: dict[str, Any] = {
                "langfuse.observation.type": "embedding" if record.operation == "embeddings" else "generation",
                "langfuse.observation.model.name": attempt.model,
                **_who(record),
                **_outcome(one),
            }
            if attempt.first_ms is not None:
                at = datetime.fromtimestamp((record.at + attempt.first_ms * 1000) / 1_000_000, UTC)
                more["langfuse.observation.completion_start_time"] = _json(at.isoformat())
            if attempt.cost_nano is not None:
                more["langfuse.observation.cost_details"] = _json({"total": attempt.cost_nano / NANO})
            if attempt is answered:
                more["langfuse.observation.usage_details"] = _json(_tokens(record))
            one.attributes = {**one.attributes, **more}
        return spans


def _who(record: Record) -> dict[str, Any]:
    """What Langfuse takes from any span, and its filters from every one."""
    return {
        "user.id": record.end_user or record.user_id,
        "session.id": record.session,
        "langfuse.trace.tags": record.tags or None,
    }


def _trace(record: Record) -> dict[str, Any]:
    told = {
        "model_requested": record.model_requested,
        "model_routed": record.model_used,
        "route": record.route,
        "routing_reason": record.routing_reason,
        "request_id": record.id,
        "tenant": record.tenant_id,
        "team": record.team_id,
        "app": record.app_id,
        "key": record.key_id,
        "status": record.status,
        "cost_usd": None if record.cost_nano is None else f"{record.cost_nano / NANO:.9f}",
        "dropped": _json(record.dropped) if record.dropped else None,
    }
    return {
        "langfuse.observation.type": "span",
        "langfuse.trace.name": record.route or record.model_requested or record.operation,
        "langfuse.internal.as_root": True,  # its parent, if it has one, need not be known there
        **_who(record),
        **{f"langfuse.trace.metadata.{name}": value for name, value in told.items()},
    }


def _outcome(span: Span) -> dict[str, Any]:
    if span.error is None:
        return {}
    return {"langfuse.observation.level": "ERROR", "langfuse.observation.status_message": span.error}


def _tokens(record: Record) -> dict[str, int]:
    """Tokens by kind, none in two: Langfuse adds them up."""
    used = record.usage
    kinds = {
        "input": used.input - used.cached - used.cache_write,
        "input_cached_tokens": used.cached,
        "input_cache_creation": used.cache_write,
        "output": used.output - used.reasoning,
        "output_reasoning_tokens": used.reasoning,
        "total": used.total,
    }
    return {name: count for name, count in kinds.items() if count or name in ("input", "output")}


def basic(user: str, password: str) -> str:
    """Return the value of an ``authorization`` header."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
