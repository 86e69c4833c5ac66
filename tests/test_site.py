"""The dashboard's files: where each is found, what guards it, and what is there before it is built."""

import gzip
import hashlib
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from headgate.site import Site

SCRIPT = 'self.x="/__headgate__/api"'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "_next/static").mkdir(parents=True)
    page = f'<html><script src="/__headgate__/_next/static/a.js"></script><script>{SCRIPT}</script></html>'
    for name in ("index", "logs", "404"):
        (tmp_path / f"{name}.html").write_text(page)
    (tmp_path / "icon.svg").write_text("<svg/>")
    (tmp_path / "_next/static/a.js").write_text("const base='/__headgate__';" + "//" * 1000)
    return tmp_path


async def asked(site: Site, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    await site({"raw_path": path.encode(), "method": method, "headers": lines}, send)
    told = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], told, sent[1]["body"]


async def test_pages_have_short_names_and_the_prefix_they_are_served_under(root: Path) -> None:
    site = Site(root, prefix="/gate/")
    for path in ("/", "/logs", "/logs.html"):
        status, headers, body = await asked(site, path)
        assert status == 200 and headers["content-type"].startswith("text/html")
        assert b'src="/gate/_next/static/a.js"' in body and b"__headgate__" not in body
    assert (await asked(site, "/favicon.ico"))[1]["content-type"] == "image/svg+xml"
    status, headers, body = await asked(site, "/_next/static/a.js", accept_encoding="gzip, br")
    assert headers["content-encoding"] == "gzip" and gzip.decompress(body).startswith(b"const base='/gate';")
    assert "immutable" in headers["cache-control"]


async def test_a_policy_names_the_scripts_of_its_own_page(root: Path) -> None:
    _, headers, _ = await asked(Site(root), "/")
    policy = headers["content-security-policy"]
    digest = b64encode(hashlib.sha256(SCRIPT.replace("/__headgate__", "").encode()).digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in policy
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"


async def test_what_is_known_is_not_sent_again(root: Path) -> None:
    site = Site(root)
    _, headers, _ = await asked(site, "/logs")
    status, again, body = await asked(site, "/logs", if_none_match=headers["etag"])
    assert (status, body) == (304, b"")
    assert again["content-security-policy"] == headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/nothing", "/../site.py", "/logs/", "//", "/%6c%6fgs"])
async def test_there_is_nothing_else(root: Path, path: str) -> None:
    site = Site(root)
    status, headers, _ = await asked(site, path)
    assert status == 404 and headers["content-type"] == "application/json"
    status, headers, _ = await asked(site, path, accept="text/html,*/*")
    assert status == 404 and headers["content-type"].startswith("text/html")


async def test_only_reading(root: Path) -> None:
    status, headers, _ = await asked(Site(root), "/logs", "POST")
    assert (status, headers["allow"]) == (405, "GET")


async def test_a_holding_page_until_it_is_built(root: Path, tmp_path: Path) -> None:
    later = tmp_path / "later"
    site = Site(later)
    status, headers, body = await asked(site, "/")
    assert status == 200 and b"is being built" in body and "script-src 'self';" in headers["content-security-policy"]
    assert (await asked(site, "/logs"))[0] == 404
    later.mkdir()
    (later / "index.html").write_text("<html>built</html>")
    assert (await asked(site, "/"))[2] == b"<html>built</html>"


async def test_it_can_be_switched_off(root: Path) -> None:
    site = Site(root, on=False)
    assert (await asked(site, "/"))[0] == 404 and (await asked(site, "/logs"))[0] == 404
