"""Which event loops the tests of the transport run on."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop

Loops = Mapping[str, Callable[[], asyncio.AbstractEventLoop]]


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Loops:
    """Client and server are tested on both loops: uvloop is what serves, asyncio's own is what remains without it."""
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    if item.path.name.startswith(("test_client", "test_server")):
        loops["uvloop"] = uvloop.new_event_loop
    return loops
