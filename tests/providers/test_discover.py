"""Providers found by environment variables, and on this machine."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest

from headgate.providers import catalog, discover
from headgate.providers.catalog import Row

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def test_every_usual_variable_is_found() -> None:
    usual = ["OPENAI", "ANTHROPIC", "GEMINI", "GROQ", "XAI", "MISTRAL", "DEEPSEEK", "TOGETHER", "OPENROUTER"]
    found = discover.from_environment({f"{name}_API_KEY": f"key-{name}" for name in usual})
    assert set(found) == {name.lower() for name in usual}
    for name in usual:
        config = found[name.lower()]
        assert (config.kind, config.api_key is not None and config.api_key.reveal()) == (name.lower(), f"key-{name}")


def test_the_first_variable_that_is_set_counts_and_blanks_do_not() -> None:
    found = discover.from_environment({"GEMINI_API_KEY": " ", "GOOGLE_API_KEY": " k\n", "OPENAI_API_KEY": ""})
    assert list(found) == ["gemini"]
    assert found["gemini"].api_key is not None and found["gemini"].api_key.reveal() == "k"


@pytest.mark.parametrize("ours", ["hg_abc", "hga_abc"])
def test_our_own_key_is_not_taken_for_a_providers(ours: str) -> None:
    assert discover.from_environment({"OPENAI_API_KEY": ours, "OPENAI_BASE_URL": "http://127.0.0.1:8080/v1"}) == {}


def test_nothing_is_found_in_nothing() -> None:
    assert discover.from_environment({}) == {}


def answering(body: bytes, status: bytes = b"200 OK") -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readline() == b"GET /v1/models HTTP/1.1\r\n"
        writer.write(b"HTTP/1.1 %b\r\ncontent-type: application/json\r\n\r\n%b" % (status, body))
        await writer.drain()
        writer.close()

    return handle


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


@asynccontextmanager
async def serving(monkeypatch: pytest.MonkeyPatch, **handlers: Handler) -> AsyncIterator[None]:
    """Put servers at free ports of this machine, and only them into the catalogue."""
    servers, listed = [], {}
    for kind, handler in handlers.items():
        server = await asyncio.start_server(handler, "127.0.0.1", 0)
        servers.append(server)
        port = server.sockets[0].getsockname()[1]
        listed[kind] = msgspec.structs.replace(catalog.row("ollama"), base_url=f"http://127.0.0.1:{port}")
    monkeypatch.setattr(discover, "rows", lambda: listed)
    yield
    for server in servers:
        server.close()


async def test_only_a_model_server_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discover, "PATIENCE", 10.0)  # the machine may be busy
    listing = b'{"object":"list","data":[{"id":"m","object":"model"}]}'
    async with serving(
        monkeypatch,
        there=answering(listing),
        locked=answering(b'{"error":{}}', b"401 Unauthorized"),
        website=answering(b"<html>hello</html>"),
        rude=answering(b"", b""),
    ):
        found = await discover.probe_local()
    assert list(found) == ["there"]
    assert found["there"].kind == "there"


async def test_a_silent_server_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, silent=silent, mute=silent):
        began = time.monotonic()
        assert await discover.probe_local() == {}
        assert time.monotonic() - began < 5


async def test_nobody_at_home_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discover, "rows", lambda: {"nobody": Row(base_url="http://127.0.0.1:9/v1", probe="models")})
    assert await discover.probe_local() == {}
