"""URLs that clients name: public ones pass at a pinned address, and no spelling of another gets through."""

import asyncio
import ipaddress

import pytest

from headgate.core.errors import BadRequest
from headgate.transport import egress
from headgate.transport.base import Origin
from headgate.transport.egress import check_url, is_public

PUBLIC = "93.184.216.34"


async def names(host: str, port: int) -> list[str]:
    """A name service: ``public.example`` is, ``private.example`` is not, ``mixed.example`` is both."""
    known = {
        "public.example": [PUBLIC, "2606:2800:220:1::1"],
        "private.example": ["10.0.0.1"],
        "mixed.example": [PUBLIC, "127.0.0.1"],
        "scoped.example": ["fe80::1%eth0"],
        "metadata.google.internal": ["169.254.169.254"],
        "localhost": ["127.0.0.1"],
        "xn--bcher-kva.example": [PUBLIC],
    }
    if host == "slow.example":
        await asyncio.sleep(60)
    if host not in known:
        raise OSError("no such name")
    return known[host]


@pytest.mark.parametrize(
    ("url", "origin", "target"),
    [
        ("http://public.example", Origin("public.example", 80, False, PUBLIC), "/"),
        ("https://Public.Example./a/b?c=d#e", Origin("public.example", 443, True, PUBLIC), "/a/b?c=d"),
        ("https://public.example:8443/?q", Origin("public.example", 8443, True, PUBLIC), "/?q"),
        (f"http://{PUBLIC}/x", Origin(PUBLIC, 80, False, PUBLIC), "/x"),
        ("https://[2606:2800:220:1::1]/", Origin("2606:2800:220:1::1", 443, True, "2606:2800:220:1::1"), "/"),
        ("https://bücher.example/ü", Origin("xn--bcher-kva.example", 443, True, PUBLIC), "/%C3%BC"),
    ],
)
async def test_allowed(url: str, origin: Origin, target: str) -> None:
    found = await check_url(url, names)
    assert (found.origin, found.target) == (origin, target)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://public.example/",
        "gopher://public.example/",
        "data:text/plain,hello",
        "//public.example/",
        "public.example",
        "",
        "http://",
        "http:///path",
        "http://:80/",
        "http://user@public.example/",
        "http://user:password@public.example/",
        "http://public.example@127.0.0.1/",
        "http://127.0.0.1\\@public.example/",
        "http://public.example\\.evil.example/",
        "http://public.example/a b",
        "http://public.example/\r\nHost: evil",
        "http://public.example/\x00",
        " http://public.example/",
        "http://public.example:0/",
        "http://public.example:65536/",
        "http://public.example:x/",
        "http://public.example/" + "a" * 9000,
        "http://127.0.0.1/",
        "http://127.0.0.1:8080/",
        "http://127.8.8.8/",
        "http://0.0.0.0/",
        "http://0/",
        "http://127.1/",
        "http://127.0.1/",
        "http://0177.0.0.1/",
        "http://00000177.0.0.1/",
        "http://0x7f.0.0.1/",
        "http://0x7f000001/",
        "http://0x/",
        "http://2130706433/",
        "http://017700000001/",
        "http://127.0.0.1./",
        "http://127.0.0.256/",
        "http://1.2.3.4.5/",
        "http://public.example.1/",
        "http://１２７.０.０.１/",
        "http://127。0。0。1/",
        "http://①②⑦.0.0.1/",
        "http://10.0.0.1/",
        "http://172.16.0.1/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.100.100.200/",
        "http://168.63.129.16/",
        "http://100.64.0.1/",
        "http://192.0.0.192/",
        "http://198.18.0.1/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://240.0.0.1/",
        "http://[::1]/",
        "http://[::]/",
        "http://[0:0:0:0:0:0:0:1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[64:ff9b:1::1]/",
        "http://[2002:7f00:1::]/",
        "http://[2001:0:7f00:1::]/",
        "http://[fe80::1]/",
        "http://[fe80::1%25eth0]/",
        "http://[2606:2800:220:1::1%251]/",
        "http://[fc00::1]/",
        "http://[fd00:ec2::254]/",
        "http://[ff02::1]/",
        "http://[::1/",
        "http://[v1.x]/",
        "http://localhost/",
        "http://LOCALHOST/",
        "http://localhost./",
        "http://private.example/",
        "http://mixed.example/",
        "http://scoped.example/",
        "http://metadata.google.internal/",
        "http://unknown.example/",
        "http://-bad.example/",
        "http://a..b/",
        "http://%31%32%37.0.0.1/",
        "http://127.0.0.1%2f@public.example/",
        "http://public.example%00.evil/",
        "http://" + "a" * 64 + ".example/",
    ],
)
async def test_refused(url: str) -> None:
    with pytest.raises(BadRequest) as caught:
        await check_url(url, names, "messages[0].content[1].image_url.url")
    assert (caught.value.status, caught.value.code) == (400, "url_not_allowed")
    assert caught.value.param == "messages[0].content[1].image_url.url"


async def test_slow_name_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(egress, "RESOLVE_TIMEOUT", 0.05)
    with pytest.raises(BadRequest, match="resolved"):
        await check_url("http://slow.example/", names)


async def test_system_names() -> None:
    """By default the system is asked."""
    with pytest.raises(BadRequest, match="public address"):
        await check_url("http://localhost/")


async def test_a_name_that_changes_its_mind() -> None:
    """It is asked once; where it leads later does not matter, as the address is pinned."""
    answers = [[PUBLIC], ["127.0.0.1"]]

    async def flips(host: str, port: int) -> list[str]:
        return answers.pop(0)

    assert (await check_url("http://flips.example/", flips)).origin.address == PUBLIC
    with pytest.raises(BadRequest):
        await check_url("http://flips.example/", flips)


def test_is_public_agrees_with_what_is_mapped() -> None:
    for text in ("8.8.8.8", "127.0.0.1", "10.1.1.1", "169.254.169.254", "168.63.129.16"):
        plain = ipaddress.ip_address(text)
        assert is_public(plain) is is_public(ipaddress.ip_address(f"::ffff:{text}"))
        assert is_public(plain) is is_public(ipaddress.IPv6Address((0x64FF9B << 96) | int(plain)))
