"""Which of a caller's headers reach a provider."""

from headgate.providers import build
from headgate.providers.base import ProviderConfig
from headgate.providers.forward import forwarded
from tests.providers.conftest import Senders

SENT = [
    (b"host", b"gateway"),
    (b"authorization", b"Bearer hg_secret"),
    (b"x-api-key", b"hg_secret"),
    (b"cookie", b"a=b"),
    (b"x-forwarded-for", b"10.0.0.1"),
    (b"x-headgate-tags", b"a"),
    (b"anthropic-version", b"2026-10-21"),
    (b"anthropic-beta", b"a"),
    (b"anthropic-beta", b"b"),
    (b"openai-beta", b"assistants=v2"),
    (b"openai-organization", b"org-1"),
    (b"idempotency-key", b"once"),
    (b"traceparent", b"00-1-2-01"),
]
TRACED = b"idempotency-key: once\r\ntraceparent: 00-1-2-01\r\n"


def lines_for(kind: str, senders: Senders) -> bytes:
    return forwarded(build("p", ProviderConfig(kind=kind), senders), SENT)


def test_each_kind_gets_its_own(senders: Senders) -> None:
    assert lines_for("openai", senders) == b"openai-beta: assistants=v2\r\nopenai-organization: org-1\r\n" + TRACED
    assert lines_for("groq", senders) == TRACED
    versions = b"anthropic-version: 2026-10-21\r\nanthropic-beta: a\r\nanthropic-beta: b\r\n"
    assert lines_for("anthropic", senders) == versions + TRACED
    assert lines_for("sandbox", senders) == b""


def test_a_trace_goes_on_from_our_own_span(senders: Senders) -> None:
    provider = build("p", ProviderConfig(kind="openai"), senders)
    sent = [(b"traceparent", b"00-%b-%b-01" % (b"a" * 32, b"b" * 16)), (b"tracestate", b"vendor=1")]
    state = b"tracestate: vendor=1\r\n"
    assert forwarded(provider, sent, b"c" * 16) == b"traceparent: 00-%b-%b-01\r\n" % (b"a" * 32, b"c" * 16) + state
    assert forwarded(provider, sent) == b"traceparent: 00-%b-%b-01\r\n" % (b"a" * 32, b"b" * 16) + state


def test_nothing_to_forward_is_nothing(senders: Senders) -> None:
    assert forwarded(build("p", ProviderConfig(kind="openai"), senders), SENT[:6]) == b""


def test_a_value_that_would_end_its_line_is_left_out(senders: Senders) -> None:
    provider = build("p", ProviderConfig(kind="openai"), senders)
    evil = [(b"traceparent", b"1\r\nauthorization: x"), (b"idempotency-key", b"1\n2"), (b"openai-beta", b"\0")]
    assert forwarded(provider, [*evil, (b"openai-project", b"ok")]) == b"openai-project: ok\r\n"
