"""Accounts of tenants reach public addresses alone, at the very address that was checked, whatever the way out."""

import asyncio
from contextlib import suppress

import pytest

from headgate.core.errors import UpstreamFailed
from headgate.providers import build
from headgate.providers.base import ProviderConfig
from headgate.providers.confined import Confined, ConfinedSender
from headgate.transport.base import Origin, Outbound
from headgate.transport.client import Http1Sender
from headgate.transport.websocket_client import open_socket

HOST = Origin("models.example.com", 443, tls=True)


class Ways:
    """Hands out one way, and keeps what was to be sent."""

    ca_file = "/authorities.pem"

    def __init__(self) -> None:
        self.sent: list[Outbound] = []
        self.asked: list[dict[str, object]] = []

    def get(self, **way):
        self.asked.append(way)
        return self

    async def send(self, out):
        self.sent.append(out)

    async def close(self):
        raise AssertionError("it belongs to others")


class Names:
    """Says where a name leads, another place each time."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host, port):
        self.asked.append((host, port))
        return self.answers.pop(0)


async def test_a_call_goes_to_the_address_that_was_checked():
    ways, names = Ways(), Names(["93.184.216.34"])
    sender = ConfinedSender(ways, names)
    for _ in range(3):
        await sender.send(Outbound(HOST, b"GET / HTTP/1.1\r\n"))
    assert {out.origin for out in ways.sent} == {Origin(HOST.host, 443, tls=True, address="93.184.216.34")}
    assert names.asked == [("models.example.com", 443)], "it is asked again after a while, not for every call"
    await sender.close()


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "::1", "fd00::1", "::ffff:127.0.0.1"],
)
async def test_a_name_that_leads_inside_is_not_followed(address):
    ways = Ways()
    with pytest.raises(UpstreamFailed, match="public address") as error:
        await ConfinedSender(ways, Names([address])).send(Outbound(HOST, b""))
    assert (error.value.code, error.value.billed, ways.sent) == ("upstream_connect_error", "none", [])


async def test_a_name_that_changes_its_mind_is_found_out(monkeypatch):
    ways, names = Ways(), Names(["93.184.216.34"], ["127.0.0.1"])
    sender = ConfinedSender(ways, names)
    await sender.send(Outbound(HOST, b""))
    now = 1e9
    monkeypatch.setattr("headgate.providers.confined.monotonic", lambda: now)
    with pytest.raises(UpstreamFailed, match="public address"):
        await sender.send(Outbound(HOST, b""))


async def test_addresses_that_are_written_out_are_checked_too():
    ways = Ways()
    for host in ("127.0.0.1", "::1", "0x7f.1", "2130706433"):
        with pytest.raises(UpstreamFailed):
            await ConfinedSender(ways, Names()).send(Outbound(Origin(host, 80), b""))
    assert ways.sent == []


async def test_a_socket_goes_the_same_way():
    with pytest.raises(UpstreamFailed, match="public address"):
        await open_socket(Outbound(HOST, b""), 1024, ConfinedSender(Ways(), Names(["127.0.0.1"])))


def test_every_account_is_built_on_it_and_none_has_a_way_of_its_own():
    ways = Ways()
    config = ProviderConfig(
        kind="openai-compatible", base_url="https://h.example/v1", proxy="http://10.0.0.1:1", http2=True
    )
    made = build("ours", config, Confined(ways, Names()))
    assert isinstance(made.sender, ConfinedSender) and made.sender.ca_file == "/authorities.pem"
    assert ways.asked == [{}], "a proxy would resolve names by itself"


async def test_the_connection_is_to_that_address_and_the_name_is_asked_for(monkeypatch):
    """As a call goes out: only here may it lead to this machine, for there is no other server."""
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                heads.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    names, sender = Names(["127.0.0.1"]), Http1Sender()
    config = ProviderConfig(kind="openai-compatible", base_url=f"http://models.example.com:{port}/v1")
    monkeypatch.setattr("headgate.transport.egress.is_public", lambda ip: True)

    class Lean(Ways):
        def get(self, **way):
            return sender

    made = build("ours", config, Confined(Lean(), names))
    for _ in range(2):
        inbound = await made.sender.send(made.raw("GET", "/models", b"", [], b""))
        assert (inbound.status, await inbound.read_all(5, 100)) == (200, b"{}")
    assert len(heads) == 2 and all(f"host: models.example.com:{port}".encode() in head.lower() for head in heads)
    assert sender.counts.open == 1, "one connection serves both"
    await sender.close()
    server.close()
    await asyncio.sleep(0.05)
