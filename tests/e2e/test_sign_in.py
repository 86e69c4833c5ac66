"""The page on signing in, followed to the letter: its commands run against a gateway and a real OpenID provider."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.e2e.processes import ROOT, Gateway, clean_environment, free_port
from tests.e2e.test_how_to import PAGES, blocks, files

pytestmark = pytest.mark.xdist_group("e2e-sign-in")

PAGE = (PAGES / "sign-in.md").read_text()
MODULES = ROOT / "tests" / "upstreams" / "node_modules"
NODE = ROOT / ".venv" / "bin" / "node"


class Shell:
    """One shell, in which the page's blocks run one after the other."""

    def __init__(self, folder: Path, gateway: Gateway, provider: int) -> None:
        self.folder, self.gateway, self.provider = folder, gateway, provider
        env = clean_environment(HEADGATE_ADMIN=gateway.admin_key)
        self.bash = subprocess.Popen(
            ["bash"], env=env, cwd=folder, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.run(blocks(PAGE.partition("\n## ")[0], "sh")[0])

    def here(self, text: str) -> str:
        """The page has fixed ports, and names that no test can resolve."""
        ports = text.replace("127.0.0.1:8080", f"127.0.0.1:{self.gateway.port}")
        return ports.replace("9400", str(self.provider)).replace("https://ci.example.com/keys", "https://1.1.1.1/keys")

    def run(self, block: str) -> str:
        """Run *block*; return what it printed."""
        assert self.bash.stdin is not None and self.bash.stdout is not None
        self.bash.stdin.write(f"{self.here(block)}\nprintf '\\n%s\\n' \"end $?\"\n")
        self.bash.stdin.flush()
        printed = ""
        while not (line := self.bash.stdout.readline()).startswith("end "):
            assert line, "the shell has ended"
            printed += line
        assert line == "end 0\n", (block, printed)
        return printed

    def close(self) -> None:
        assert self.bash.stdin is not None and self.bash.stdout is not None
        self.bash.stdin.close()
        self.bash.wait(10)
        self.bash.stdout.close()


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder, port = tmp_path_factory.mktemp("page"), free_port()
    gateway = Gateway(tmp_path_factory.mktemp("home"), HEADGATE_PRIVATE_HOSTS=f"127.0.0.1:{port}")
    gateway.start(40)
    shell = Shell(folder, gateway, port)
    try:
        yield shell
    finally:
        shell.close()
        assert gateway.stop() == 0


def section(title: str) -> list[str]:
    """The blocks of shell under a heading."""
    return blocks(PAGE.partition(f"## {title}")[2].partition("\n## ")[0], "sh")


def test_a_password(shell):
    make, use = section("With a password")
    shell.run(make)
    said = shell.run(use)
    assert '"kind":"user"' in said and '"ada@example.com"' in said and '"chat.completion"' in said


def test_the_real_provider(shell):
    if not (MODULES / "oidc-provider").is_dir() or not NODE.exists():
        pytest.skip("oidc-provider is not installed")
    make, sign_in = section("Through your identity provider")
    shell.run(make)
    sso = json.loads((shell.folder / "sso.json").read_text())
    (shell.folder / "provider.mjs").write_text(shell.here(files(PAGE)["provider.mjs"]))
    (shell.folder / "node_modules").symlink_to(MODULES)
    command = [str(NODE), "provider.mjs", sso["id"]]
    with (shell.folder / "provider.log").open("wb") as log:
        provider = subprocess.Popen(command, cwd=shell.folder, stdout=log, stderr=log, start_new_session=True)
    try:
        wait(shell.provider)
        me = json.loads(shell.run(sign_in))
        assert (me["kind"], me["name"]) == ("user", "grace@example.com") and "gateway:use" in me["permissions"]
        assert me["csrf_token"] and "users:create" not in me["permissions"]
        doors = httpx2.get(f"{shell.gateway.url}/api/v1/auth/sso", params={"email": "x@example.com"}, timeout=20).json()
        assert [door["id"] for door in doors["data"]] == [sso["id"]]
    finally:
        os.killpg(provider.pid, signal.SIGTERM)  # what is called node may be a program that starts it
        provider.wait(10)


def wait(port: int) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError


def test_a_client_and_an_issuer(shell):
    shell.run(section("Services: OAuth2 client credentials")[0])
    token = json.loads((shell.folder / "token.json").read_text())
    assert token["scope"] == "gateway:use usage:view" and token["expires_in"] == 600
    headers = {"authorization": f"Bearer {token['access_token']}"}
    models = httpx2.get(f"{shell.gateway.url}/v1/models", headers=headers, timeout=20)
    assert models.status_code == 200
    assert httpx2.get(f"{shell.gateway.url}/api/v1/sessions", headers=headers, timeout=20).status_code == 403
    made = json.loads(shell.run(section("Tokens of issuers that you trust")[0]))
    assert made["mapping"]["role_map"] == {"release": "developer"}


def test_the_control_plane_tells_browsers_what_they_may(shell):
    answer = httpx2.get(f"{shell.gateway.url}/api/v1/auth/keys", timeout=20)
    assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["x-frame-options"] == "DENY"
    assert "strict-transport-security" not in answer.headers


def test_going_out_counts_everywhere_within_a_second(shell):
    with httpx2.Client(base_url=shell.gateway.url, timeout=20) as http:
        body = {"email": "ada@example.com", "password": "nine paper lanterns"}
        given = http.post("/api/v1/auth/login", json=body).json()
        assert "access_token" in given, given
        headers = {"authorization": f"Bearer {given['access_token']}"}
        assert http.get("/v1/models", headers=headers).status_code == 200
        out = http.post("/api/v1/auth/logout", json={"refresh_token": given["refresh_token"]})
        assert out.status_code == 204 and http.get("/api/v1/auth/me", headers=headers).status_code in (200, 401)
        began = time.monotonic()
        while http.get("/v1/models", headers=headers).status_code != 401:
            assert time.monotonic() - began < 5
            time.sleep(0.02)


def test_who_may_not_call_models_does_not(shell):
    admin = {"authorization": f"Bearer {shell.gateway.admin_key}"}
    with httpx2.Client(base_url=shell.gateway.url, timeout=20) as http:
        made = http.post("/api/v1/clients", json={"name": "reader", "scopes": ["usage:view"]}, headers=admin).json()
        form = {"grant_type": "client_credentials"}
        token = http.post("/api/v1/auth/token", data=form, auth=(made["id"], made["client_secret"])).json()
        chat = {"model": "sandbox/chat", "messages": [{"role": "user", "content": "Hi"}]}
        headers = {"authorization": f"Bearer {token['access_token']}"}
        refused = http.post("/v1/chat/completions", json=chat, headers=headers)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "permission_denied")
        assert http.get("/v1/models", headers=headers).status_code == 403
        assert http.get("/api/v1/metrics/usage", headers=headers).status_code == 200
