"""Finished calls, written as the drainer writes them."""

from pathlib import Path
from time import time_ns
from typing import Any

from headgate.core.ids import new_id
from headgate.core.money import Usage
from headgate.core.record import Attempt, Record
from headgate.ledger.batch import Ended, ended_of
from headgate.ledger.keeper import Keeper
from headgate.ledger.lines import Charge

NOW = time_ns() // 1000


def call(**fields: Any) -> Record:
    """One call with one attempt that cost 1,500 nano-dollars."""
    tried = Attempt(
        provider="local", model="mock", started_ms=0.5, headers_ms=10.1234, first_ms=11.0, ended_ms=12.0, status=200,
        held_nano=9_000, cost_nano=1_500, billed="usage", upstream_id="up-1",
    )  # fmt: skip
    values: dict[str, Any] = {
        "id": new_id(), "trace_id": "0" * 32, "at": NOW, "tenant_id": "default", "key_id": "key-1", "surface": "openai",
        "operation": "chat", "route": "fast", "model_requested": "fast", "model_used": "local/mock",
        "provider_used": "local", "routing_reason": "route fast: local/mock first", "parameters": {"temperature": 0.5},
        "status": "success", "http_status": 200, "attempts": (tried,), "finish": "stop",
        "usage": Usage(input=100, output=20, cached=30, reasoning=5), "cost_nano": 1_500, "billed": "usage",
        "held_nano": 9_000, "dropped": ("logit_bias",), "total_ms": 12.34567, "overhead_ms": 0.3, "latency_ms": 11.5,
        "first_token_ms": 10.5, "tags": ("team-a",), "end_user": "u9",
    }  # fmt: skip
    return Record(**{**values, **fields})


def store(path: Path, *records: Record) -> None:
    """Write them."""
    batch = []
    for record in records:
        charges = []
        if record.cost_nano:
            who = record.key_id or ""
            charges = [Charge(1, record.at, who, record.cost_nano, 120, "usage", "local/mock", "UTC", [])]
        batch.append(ended_of(record, charges))
    keep(path, batch)


def keep(where: str | Path, batch: list[Ended]) -> None:
    """Write what ended calls leave; *where* is a path or a database URL."""
    keeper = Keeper(where, Path("/dev/null"), lambda batch: None, "home")
    keeper.store("journal", batch, 1)
    assert keeper.stored == len(batch)
    keeper.close()
