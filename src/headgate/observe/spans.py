"""A finished call as OpenTelemetry spans: one of the exchange, and one for each call to a deployment.

The names of attributes are those of the semantic conventions for generative AI (1.41,
<https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/>); what they have no word for begins with
``headgate.``. Tokens stand with the attempt that used them, so that nobody who adds spans up counts them twice.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from headgate.core.ids import span_id
from headgate.core.money import NANO
from headgate.core.record import Attempt, Record
from headgate.core.redact import redact
from headgate.observe.protobuf import CLIENT, SERVER, Span

SYSTEMS = {
    "azure": "azure.ai.openai", "bedrock": "aws.bedrock", "gemini": "gcp.gemini", "vertex": "gcp.vertex_ai",
    "mistral": "mistral_ai", "xai": "x_ai", "moonshot": "moonshot_ai",
}  # fmt: skip
"""Kinds of provider that the conventions call otherwise."""
ASKED: dict[str, tuple[str, type]] = {
    "temperature": ("temperature", float), "top_p": ("top_p", float), "top_k": ("top_k", int), "seed": ("seed", int),
    "max_tokens": ("max_tokens", int), "max_completion_tokens": ("max_tokens", int), "n": ("choice.count", int),
}  # fmt: skip
"""What a record keeps of the request's parameters, by the conventions' names and types."""
MAX_ERROR = 1000


class Account(msgspec.Struct, frozen=True):
    """What is to be said of a provider."""

    kind: str
    host: str | None = None
    port: int | None = None


def spans_of(record: Record, accounts: Mapping[str, Account]) -> list[Span]:
    """Return the spans of *record*; *accounts* are the providers in force, by name.

    Their ids follow from the record alone, so that one that is sent twice is the same.
    """
    trace_id, root = bytes.fromhex(record.trace_id), span_id(record.id, 0)
    start = record.at * 1000
    parent = bytes.fromhex(record.parent_id or "")
    server = Span(
        trace_id=trace_id,
        span_id=root,
        parent=parent,
        remote=True if parent else None,
        name=f"{record.operation} {record.model_requested}" if record.model_requested else record.operation,
        kind=SERVER,
        start=start,
        end=start + _ns(record.total_ms),
        attributes=_of_exchange(record),
        error=_words(record.error_message or record.code) if record.status == "failure" else None,
    )
    answered = answering(record)
    return [server] + [
        Span(
            trace_id=trace_id,
            span_id=span_id(record.id, number),
            parent=root,
            remote=False,
            name=f"{record.operation} {attempt.model}",
            kind=CLIENT,
            start=start + _ns(attempt.started_ms),
            end=start + _ns(record.total_ms if attempt.ended_ms is None else attempt.ended_ms),
            attributes=_of_attempt(record, attempt, accounts.get(attempt.provider), attempt is answered),
            error=None if attempt.outcome == "ok" else _words(attempt.error or attempt.outcome),
        )
        for number, attempt in enumerate(record.attempts, 1)
    ]


def answering(record: Record) -> Attempt | None:
    """Return the attempt that the record's tokens are of."""
    if record.provider_used is None or not record.usage.total:
        return None
    own = [a for a in record.attempts if a.provider == record.provider_used and a.headers_ms is not None]
    return next((a for a in reversed(own) if a.outcome == "ok"), own[-1] if own else None)


def _of_exchange(record: Record) -> dict[str, Any]:
    return {
        "http.response.status_code": record.http_status,
        "error.type": record.code if record.status == "failure" else None,
        "gen_ai.conversation.id": record.session,
        "enduser.id": record.end_user or record.user_id,
        "headgate.request.id": record.id,
        "headgate.surface": record.surface,
        "headgate.operation": record.operation,
        "headgate.status": record.status,
        "headgate.route": record.route,
        "headgate.reason": record.routing_reason,
        "headgate.model.requested": record.model_requested,
        "headgate.model.used": record.model_used,
        "headgate.tenant": record.tenant_id,
        "headgate.team": record.team_id,
        "headgate.app": record.app_id,
        "headgate.key": record.key_id,
        "headgate.tags": record.tags or None,
        "headgate.cost_usd": None if record.cost_nano is None else record.cost_nano / NANO,
        "headgate.billed": record.billed,
        "headgate.dropped": record.dropped or None,
        "headgate.defaulted": record.defaulted or None,
        "headgate.overhead_ms": float(record.overhead_ms),
        "headgate.resumed": record.resumed or None,
        "headgate.shadow_of": record.shadow_of,
    }


def _of_attempt(record: Record, attempt: Attempt, account: Account | None, answered: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "gen_ai.operation.name": record.operation,
        "gen_ai.provider.name": _system(attempt.provider, account),
        "gen_ai.request.model": attempt.model,
        "gen_ai.conversation.id": record.session,
        "gen_ai.request.stream": record.stream or None,
        "gen_ai.response.id": attempt.upstream_id,
        "server.address": account.host if account is not None else None,
        "server.port": account.port if account is not None else None,
        "error.type": None if attempt.outcome == "ok" else attempt.outcome,
        "http.response.status_code": attempt.status,
        "headgate.provider": attempt.provider,
        "headgate.role": attempt.role or None,
        "headgate.cost_usd": None if attempt.cost_nano is None else attempt.cost_nano / NANO,
        "headgate.billed": attempt.billed,
        "headgate.cost_source": None if attempt.cost_source == "price" else attempt.cost_source,
    }
    if record.stream and attempt.first_ms is not None:
        found["gen_ai.response.time_to_first_chunk"] = (attempt.first_ms - attempt.started_ms) / 1000
    found |= _asked(record.parameters or {})
    return found | _used(record, attempt) if answered else found


def _used(record: Record, attempt: Attempt) -> dict[str, Any]:
    used = record.usage
    return {
        "gen_ai.response.model": attempt.model,
        "gen_ai.response.finish_reasons": (record.finish,) if record.finish else None,
        "gen_ai.usage.input_tokens": used.input,
        "gen_ai.usage.output_tokens": used.output,
        "gen_ai.usage.cache_read.input_tokens": used.cached or None,
        "gen_ai.usage.cache_creation.input_tokens": used.cache_write or None,
        "gen_ai.usage.reasoning.output_tokens": used.reasoning or None,
    }


def _asked(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked of the model, as far as it has the type that it should have."""
    found = {}
    for name, (called, kind) in ASKED.items():
        value = parameters.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            found[f"gen_ai.request.{called}"] = kind(value)
    return found


def _system(name: str, account: Account | None) -> str:
    kind = account.kind if account is not None else name
    return SYSTEMS.get(kind, kind)


def _words(text: str | None) -> str:
    return redact(text or "")[:MAX_ERROR]


def _ns(ms: float) -> int:
    return round(ms * 1_000_000)
