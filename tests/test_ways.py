"""The ways out of the process: who goes through a proxy, and whom each trusts."""

from typing import Any

import pytest

from headgate.base import Ways
from headgate.core.secret import Secret
from headgate.transport.base import Origin, Outbound
from headgate.transport.client import Http1Sender
from headgate.transport.general import GeneralSender


async def test_a_way_is_made_once_for_all_who_want_the_same(tmp_path):
    ca = tmp_path / "ca.pem"
    ca.write_text("")
    ways = Ways()
    try:
        assert ways.get() is ways.lean is ways.get(proxy=None, http2=False)
        other = ways.get(ca=str(ca))
        assert isinstance(other, Http1Sender) and other is not ways.lean and ways.get(ca=str(ca)) is other
        proxied = ways.get(proxy="http://proxy.test:3128", ca=str(ca))
        assert isinstance(proxied, GeneralSender) and proxied.ca_file == str(ca)
        with pytest.raises(ValueError, match=r"no file .*missing\.pem"):
            ways.get(ca=str(tmp_path / "missing.pem"))
    finally:
        await ways.close()


async def test_the_settings_hold_where_a_provider_says_nothing(tmp_path, monkeypatch):
    ca = tmp_path / "ca.pem"
    ca.write_text("")
    ways = Ways(ca, Secret("http://proxy.test:3128"))
    try:
        went: list[str] = []

        def noted(name: str):
            async def send(self: Any, out: Outbound) -> Any:
                went.append(f"{name} {out.origin.host}")

            return send

        monkeypatch.setattr(GeneralSender, "send", noted("proxy"))
        monkeypatch.setattr(Http1Sender, "send", noted("direct"))
        for host in ("api.test", "127.0.0.1", "::1", "localhost", "10.0.0.1"):
            await ways.get().send(Outbound(Origin(host, 80), b""))
        assert went == ["proxy api.test", "direct 127.0.0.1", "direct ::1", "direct localhost", "proxy 10.0.0.1"]
        assert ways.get() is ways.get()
        own = ways.get(proxy="http://other.test:1")
        assert isinstance(own, GeneralSender) and own.proxy == "http://other.test:1"
        assert isinstance(ways.lean, Http1Sender)  # what asks the parent process, and issuers, needs no proxy
    finally:
        await ways.close()
