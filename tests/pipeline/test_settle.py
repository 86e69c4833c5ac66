"""A record is made by position: each of its fields must hold what its name says."""

from types import SimpleNamespace
from typing import Any

from headgate.core.call import Options
from headgate.core.errors import HeadgateError
from headgate.core.money import Usage
from headgate.core.record import Attempt, Cached, Choice, Record
from headgate.pipeline import settle

OWN = [
    "id",
    "trace_id",
    "at",
    "surface",
    "operation",
    "parent_id",
    "end_user",
    "tags",
    "finish",
    "usage",
    "billed",
    "bytes_out",
    "part_of",
    "shadow_of",
    "compared",
    "address",
]
"""Fields of a record that a call has under the same name."""


class Named:
    """Something whose name and whose other parts all tell what they are."""

    def __init__(self, what: str, **parts: Any) -> None:
        self.what = what
        self.__dict__.update(parts)

    def __getattr__(self, name: str) -> str:
        return f"{self.what}.{name}"


def test_every_field_is_what_its_name_says(monkeypatch: Any) -> None:
    monkeypatch.setattr(settle, "monotonic", lambda: 12.0)
    one = Attempt(provider="p", model="m", started_ms=100.0, headers_ms=200.0, first_ms=300.0, ended_ms=1100.0)
    one.cost_nano = 17
    target = Named("target", provider=Named("provider"))
    call: Any = Named(
        "call",
        t0=10.0,
        rested=0.25,
        attempts=[one],
        attempt=one,
        error=HeadgateError("told"),
        target=target,
        plan=(target,),
        envelope=Named("envelope", fields={"temperature": 1, "messages": 2}),
        who=Named("who", kind="key"),
        options=Options(session="session", metadata={"a": 1}),
        holds=[SimpleNamespace(nano=23)],
        dropped=["dropped"],
        defaulted=["defaulted"],
        cached=Cached(verdict="miss", cache="kept"),
        resume=SimpleNamespace(first=None, count=3),
        route=Named("route"),
        streaming=True,
        reason="reason",
        choice=Choice(by=("by",), targets=(), scores=[], order=[]),
        verdicts=["verdict"],
        guard=SimpleNamespace(checks=["check"]),
        status=418,
        body=b"seven b",
        usage=Usage(5, 7),
    )
    record = settle.record_of(call, 9)
    told = {name: getattr(record, name) for name in Record.__struct_fields__}
    assert {name: told.pop(name) for name in OWN} == {name: getattr(call, name) for name in OWN}
    assert told == {
        "tenant_id": "who.tenant_id",
        "key_id": "who.id",
        "team_id": "who.team_id",
        "user_id": "who.user_id",
        "app_id": "who.app_id",
        "session": "session",
        "metadata": {"a": 1},
        "route": "route.name",
        "stream": True,
        "model_requested": "envelope.model",
        "model_used": "target.name",
        "provider_used": "provider.name",
        "routing_reason": "reason",
        "choice": call.choice,
        "guardrails": ("check",),
        "verdicts": ("verdict",),
        "cache": call.cached,
        "parameters": {"temperature": 1},
        "status": "failure",
        "code": call.error.code,
        "http_status": 418,
        "error_message": "told",
        "attempts": (one,),
        "cost_nano": 17,
        "held_nano": 23,
        "passed": (),
        "dropped": ("dropped",),
        "defaulted": ("defaulted",),
        "latency_ms": 1000.0,
        "total_ms": 2000.0,
        "overhead_ms": 750.0,
        "first_token_ms": 300.0,
        "resumed": 3,
        "bytes_in": 7,
        "worker": 9,
    }
