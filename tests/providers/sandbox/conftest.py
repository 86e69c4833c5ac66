"""A sandbox to ask, with its clock stopped."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from headgate.providers import build
from headgate.providers.base import Operation, Provider, ProviderConfig, Target
from headgate.providers.sandbox.sender import SandboxSender
from tests.providers.conftest import Senders

Ask = Callable[..., Awaitable[tuple[int, Any]]]


@pytest.fixture
def sandbox(senders: Senders) -> Provider:
    provider = build("sandbox", ProviderConfig(kind="sandbox"), senders)
    provider.sender = SandboxSender(clock=lambda: 1_800_000_000.0)
    return provider


@pytest.fixture
def ask(sandbox: Provider, target: Callable[..., Target]) -> Ask:
    """Ask the sandbox; return the status and the decoded reply, or the list of a stream's events."""

    async def asked(operation: Operation = "chat", **body: Any) -> tuple[int, Any]:
        if operation == "chat":
            body = {"model": "chat", "messages": [{"role": "user", "content": "Hello"}], **body}
        inbound = await sandbox.sender.send(sandbox.outbound(operation, target(sandbox), json.dumps(body).encode()))
        data = await inbound.read_all(5.0, 10**7)
        inbound.close()
        if (inbound.header(b"content-type") or b"").startswith(b"text/event-stream"):
            return inbound.status, events(data)
        return inbound.status, json.loads(data)

    return asked


def events(data: bytes) -> list[Any]:
    """Return the events of a stream; the terminator as the text it is."""
    made = []
    for event in data.decode().split("\n\n")[:-1]:
        assert event.startswith("data: ")
        made.append(event[6:] if event == "data: [DONE]" else json.loads(event[6:]))
    return made


def user(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


def tool(name: str, parameters: dict[str, Any] | None = None, description: str = "") -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


WEATHER = tool(
    "get_weather",
    {
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "The current weather in a city",
)
SUM = tool(
    "calculate", {"type": "object", "properties": {"expression": {"type": "string"}}, "required": ["expression"]}
)
