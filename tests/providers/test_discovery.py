"""What providers say of their models, in the shapes they say it."""

from typing import Any

import pytest

from headgate.core.errors import UpstreamFailed
from headgate.core.secret import Secret
from headgate.providers import build
from headgate.providers.base import ProviderConfig
from headgate.providers.discovery import Learned, after, look, read
from headgate.transport.base import Inbound, Outbound
from tests.providers.conftest import Answer

ANTHROPIC = {
    "id": "claude-opus-4-7",
    "type": "model",
    "display_name": "Claude Opus 4.7",
    "max_input_tokens": 1_000_000,
    "max_tokens": 128_000,
    "capabilities": {
        "effort": {"supported": True, "low": {"supported": True}, "high": {"supported": True}, "max": {"supported": False}},
        "thinking": {
            "supported": True,
            "types": {
                "adaptive": {"supported": True}, "enabled": {"supported": False}, "disabled": {"supported": True},
                "between_tools": {"supported": True},
            },
        },
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("page", "models"),
    [
        ({"object": "list", "data": [{"id": "gpt-4o", "created": 1}]}, {"gpt-4o": Learned()}),
        ([{"id": "org/m", "context_length": 8192}], {"org/m": Learned(context=8192)}),
        (
            {"models": [{"name": "models/gemini-x", "inputTokenLimit": 10, "outputTokenLimit": 5}]},
            {"gemini-x": Learned(10, 5)},
        ),
        ({"models": [{"name": "command-a", "context_length": 256000}]}, {"command-a": Learned(256000)}),
        (
            {"data": [{"id": "a/b", "context_length": 9, "top_provider": {"max_completion_tokens": 4}}]},
            {"a/b": Learned(9, 4)},
        ),
        ({"data": [{"id": "llama", "context_window": 7, "max_completion_tokens": 3}]}, {"llama": Learned(7, 3)}),
        ({"data": [ANTHROPIC]}, {"claude-opus-4-7": Learned(1_000_000, 128_000, ("low", "high"), ("adaptive", "disabled"))}),
        (
            {"data": [{"id": "grok-4.3", "capabilities": {"reasoning_effort": ["high", "none", "low"]}}]},
            {"grok-4.3": Learned(efforts=("none", "low", "high"))},
        ),
        ({"data": []}, {}),
        ({"data": [5, {}, {"id": ""}, {"id": "x\n"}, {"id": 7}, {"id": "ok", "context_length": True}]}, {"ok": Learned()}),
    ],
)  # fmt: skip
def test_lists_of_models(page: Any, models: dict[str, Learned]) -> None:
    assert read(page) == models


@pytest.mark.parametrize("page", [None, 5, "x", {}, {"data": 5}, {"error": {"message": "no"}}])
def test_what_is_no_list(page: Any) -> None:
    with pytest.raises(ValueError, match="neither"):
        read(page)


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ({"has_more": True, "last_id": "claude-3.5:x"}, b"after_id=claude-3.5:x"),
        ({"has_more": False, "last_id": "m"}, b""),
        ({"nextPageToken": "abc-_1"}, b"pageToken=abc-_1"),
        ({"next_page_token": "t"}, b"page_token=t"),
        ({"nextPageToken": "a b\r\nx: y"}, b""),
        ({"nextPageToken": ""}, b""),
        ([], b""),
    ],
)
def test_the_next_page(page: Any, query: bytes) -> None:
    assert after(page) == query


class Pages:
    """Senders whose one sender answers from a list."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[bytes] = []

    def get(self, **_: Any) -> "Pages":
        return self

    async def send(self, out: Outbound) -> Inbound:
        self.asked.append(out.head.split(b"\r\n")[0])
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    async def close(self) -> None:
        pass


def provider(pages: Pages, kind: str = "anthropic") -> Any:
    return build("p", ProviderConfig(kind=kind, api_key=Secret("sk-canary-0123456789abcdef")), pages)


async def test_every_page_is_asked_for() -> None:
    first = {"data": [ANTHROPIC], "has_more": True, "last_id": "claude-opus-4-7"}
    pages = Pages(Answer(200, first), Answer(200, {"data": [{"id": "claude-x"}], "has_more": False}))
    found = await look(provider(pages))
    assert found.ok and list(found.models) == ["claude-opus-4-7", "claude-x"]
    assert pages.asked == [b"GET /v1/models HTTP/1.1", b"GET /v1/models?after_id=claude-opus-4-7 HTTP/1.1"]
    pages = Pages(Answer(200, {"models": [], "nextPageToken": "t"}), Answer(200, {"models": []}))
    await look(provider(pages, "gemini"))
    assert pages.asked[1].endswith(b"/models?pageSize=1000&pageToken=t HTTP/1.1")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(401, {"error": {"message": "Incorrect API key provided: sk-canary-0123456789abcdef."}}), "credential"),
        (Answer(503, b"<html>"), ""),
        (Answer(200, b"{nonsense"), "cannot be read"),
        (Answer(200, b'{"data":' + b"[" * 9000 + b"]" * 9000 + b"}"), "cannot be read"),
        (Answer(200, {"object": "error"}), "cannot be read"),
        (UpstreamFailed("does not answer", status=502, code="upstream_connect_error"), "does not answer"),
    ],
)
async def test_a_provider_that_is_not_well_is_told_about_and_its_key_is_not(answer: Any, words: str) -> None:
    found = await look(provider(Pages(answer), "openai"))
    assert not found.ok and found.models == {}
    assert found.error is not None and words in found.error and "canary" not in found.error
