"""Secrets that are planted everywhere they may come in, and then looked for everywhere they must not come out.

Provider keys, virtual keys, secrets of webhooks, clients and identity providers, passwords, tokens, cookies, keys in
URLs, and what prompts have of secrets and personal data: given to a running gateway that keeps what is said, masked, and
whose provider repeats its key in every error. Then all its files, its log, its metrics, its audit log, the traces and
webhooks it sent, what it kept and its exports are searched; and of a database server its files and its dump.
"""

import base64
import secrets
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx2

from tests.answering import Answer, Answering, Asked
from tests.e2e.processes import Gateway
from tests.e2e.scripted import CHAT
from tests.proofs import Progress
from tests.servers import Postgres

CANARIES = 500
ADMIN = "hga_" + secrets.token_urlsafe(32)
CONFIG = """
providers:
  echo: {{kind: openai-compatible, base_url: "http://127.0.0.1:{port}/v1", api_key: "${{ECHO_KEY}}", price: {{input: 1, output: 2}}}}
  more: {{kind: openai-compatible, base_url: "http://127.0.0.1:{port}/v1", price: {{input: 1, output: 2}}}}
observe:
  otlp: {{endpoint: "http://127.0.0.1:{port}/told", headers: {{x-token: "${{TOKEN}}"}}}}
  langfuse: {{host: "http://127.0.0.1:{port}/told", public_key: pk, secret_key: "${{LANGFUSE}}"}}
  webhook: {{url: "http://127.0.0.1:{port}/told/hook", secret: "${{HOOK}}"}}
  log: {{to: "{home}/calls.jsonl"}}
"""
TOLD = ("/told/v1/traces", "/told/api/public/otel/v1/traces", "/told/hook")
"""Where the gateway tells of calls."""
ERRORS = (400, 404, 422, 429, 500, 503, 401, 403)
PAGES = (
    "/api/v1/config", "/api/v1/config/providers", "/api/v1/config/providers/more/keys", "/api/v1/config/virtual-keys",
    "/api/v1/logs", "/api/v1/audit", "/api/v1/audit/export", "/api/v1/audit/export?format=csv", "/api/v1/budgets",
    "/api/v1/billing/channels", "/api/v1/billing/chargeback/export?by=key", "/api/v1/clients", "/api/v1/sso",
    "/api/v1/issuers", "/api/v1/encryption", "/api/v1/exports", "/api/v1/logs?text=remember", "/api/v1/users", "/api/v1/notifications", "/metrics", "/health/ready", "/openapi.json",
)  # fmt: skip
MADE_SECRETS = ("key", "client_secret", "secret", "token")


def echo(asked: Asked) -> Answer:
    """Answer as a provider that repeats the credential it was given wherever it can; whoever is told says nothing."""
    if asked.path in TOLD:
        return 200, b""
    model, bare = asked.json["model"], asked.bearer
    words = f"Incorrect API key provided: Bearer {bare}. We do not know ({bare}) nor '{bare[:12]}...'"
    if model.isdecimal() and model != "200":
        said = {"error": {"message": words, "code": bare, "param": bare, "type": bare}}
        return int(model), said, {"set-cookie": bare}
    return 200, CHAT, {"set-cookie": bare}


class Planted:
    """The canaries, and how they are told apart: each has a random middle that stands nowhere else."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        """What is looked for -> what it is."""

    def new(self, kind: str, prefix: str = "") -> str:
        text = prefix + secrets.token_urlsafe(24)
        self.keep(kind, text)
        return text

    def keep(self, kind: str, text: str) -> None:
        self.texts[text] = kind

    def found(self, data: bytes) -> list[str]:
        """Return the kinds of the canaries in *data*, plain, in base64 or, as dumps have it, in hexadecimal."""
        found = []
        for text, kind in self.texts.items():
            plain = text.encode()
            if plain in data or base64.b64encode(plain) in data or plain.hex().encode() in data:
                found.append(kind)
        return found


class Drive:
    """Gives the gateway its secrets, and keeps every answer but those that show a secret once."""

    def __init__(self, gateway: Gateway, planted: Planted) -> None:
        self.http = httpx2.Client(base_url=gateway.url, timeout=30)
        self.planted = planted
        self.answers: list[tuple[str, bytes]] = []

    def ask(self, method: str, path: str, key: str = ADMIN, *, shows: bool = False, **request: Any) -> Any:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        response = self.http.request(method, path, headers={**headers, **request.pop("headers", {})}, **request)
        if not shows:
            self.answers.append((f"{method} {path}", response.content + repr(response.headers.raw).encode()))
        with suppress(ValueError):
            return response.json()
        return None

    def call(self, model: str, key: str, text: str = "hi") -> None:
        body = {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 5}
        self.ask("POST", "/v1/chat/completions", key, json=body)

    def made(self, kind: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = self.ask("POST", path, json=body, shows=True)
        assert "error" not in made, (path, made)
        shown = [made[name] for name in MADE_SECRETS if isinstance(made.get(name), str)]
        assert shown, (path, made)
        for text in shown:
            self.planted.keep(kind, text)
        return made


def plant(drive: Drive, number: int) -> None:
    """One round: a secret of each kind that can be given or made."""
    new, ask = drive.planted.new, drive.ask
    one = drive.made("virtual key", "/api/v1/config/virtual-keys", {"name": f"app {number}"})
    for model in ("echo/m", "more/m", *(f"echo/{status}" for status in ERRORS), f"more/{ERRORS[number % len(ERRORS)]}"):
        drive.call(model, one["key"])
    mail = f"{new('address in a prompt', 'a')}@example.com".replace("_", "x")  # no address begins with a dash
    drive.planted.keep("address in a prompt", mail)
    drive.call("echo/m", one["key"], f"remember {new('secret in a prompt', 'sk-proj-')} and {mail}")
    for status in (400, 500):
        ask("POST", "/passthrough/echo/elsewhere", one["key"], json={"model": str(status)})
    turned = drive.made("virtual key", f"/api/v1/config/virtual-keys/{one['id']}/rotate", {"overlap": 60})
    drive.call("echo/m", turned["key"])
    ask("POST", "/api/v1/config/providers/more/keys", json={"key": new("sealed provider key"), "name": str(number)})
    drive.made("client secret", "/api/v1/clients", {"name": f"client {number}"})
    ask("POST", "/api/v1/billing/channels", json={
        "name": f"hook {number}", "kind": "webhook", "target": "https://203.0.114.9/x", "secret": new("webhook secret"),
    })  # fmt: skip
    ask("POST", "/api/v1/billing/channels", json={"name": "x", "secret": new("secret of a refused body")})
    ask("POST", "/api/v1/sso", json={
        "name": f"sso {number}", "issuer": f"https://203.0.114.9/{number}", "client_id": "x",
        "client_secret": new("identity provider's secret"),
    })  # fmt: skip
    login = {"email": "ann@example.com", "password": new("password")}
    ask("POST", "/api/v1/auth/login", "", json=login)
    ask("GET", "/api/v1/auth/me", "", headers={"cookie": f"__Host-headgate={new('cookie')}"})
    jwt = "eyJhbGciOiJub25lIn0." + new("token", "eyJ")
    for path in ("/v1/models", "/api/v1/logs", f"/v1/models?key={new('key in a URL', 'hg_')}"):
        ask("GET", path, new("wrong key", "hg_"))
        ask("GET", path, jwt)
    ask(
        "POST",
        "/v1/chat/completions",
        turned["key"],
        json={"model": "echo/m", "api_key": new("key in a body"), "messages": []},
    )
    ask("POST", "/v1/chat/completions", turned["key"], headers={"x-api-key": new("second credential")}, json={})
    ask("DELETE", f"/api/v1/config/virtual-keys/{one['id']}")


def prove(scale: float, folder: Path, progress: Progress, *, postgres: bool = False) -> str:
    with ExitStack() as at_end:
        server, planted, home = Answering(echo), Planted(), folder / "home"
        at_end.callback(server.close)
        planted.keep("admin key", ADMIN)
        more: dict[str, Any] = {}
        database = Postgres().start() if postgres else None
        if database is not None:
            at_end.callback(database.close)
            more["HEADGATE_DATABASE_URL"] = database.url
        gateway = Gateway(
            home, config=CONFIG.format(port=server.port, home=home), HEADGATE_ADMIN_KEY=ADMIN,
            ECHO_KEY=planted.new("provider key of no known form"), HEADGATE_LOG_LEVEL="debug",
            HEADGATE_SMTP_URL=f"smtp://u:{planted.new('mail password')}@127.0.0.1:1",
            TOKEN=planted.new("collector's token"), LANGFUSE=planted.new("key of Langfuse"),
            HOOK=planted.new("secret of the hook"), **more,
        )  # fmt: skip
        at_end.callback(gateway.kill)
        gateway.start(60)
        drive = Drive(gateway, planted)
        drive.ask("PATCH", "/api/v1/tenants/default", json={"logging": {"payload": "redacted"}})
        time.sleep(1.5)  # until it is obeyed
        wanted = max(round(CANARIES * scale), 1)
        number = 0
        while len(planted.texts) < wanted or number == 0:
            plant(drive, number)
            number += 1
            progress(len(planted.texts), wanted)
        for path in PAGES:
            drive.ask("GET", path)
        drive.ask("POST", "/api/v1/audit/verify")
        for row in drive.ask("GET", "/api/v1/logs?limit=50")["data"]:
            drive.ask("GET", f"/api/v1/traces/{row['id']}")
            drive.ask("GET", f"/api/v1/logs/{row['id']}/payload")
        export(drive)
        assert gateway.stop() == 0, gateway.printed[-2000:]
        told = [(asked.path, asked.body) for asked in server.asked if asked.path in TOLD]
        assert {where for where, _ in told} == set(TOLD), "somebody was told nothing"
        drive.answers += told
        files = [path for path in home.rglob("*") if path.is_file()]
        if database is not None:
            dump = folder / "dump.sql"
            dump.write_bytes(database.dump())
            assert b"INSERT INTO public.provider_keys" in dump.read_bytes(), "the dump is not whole"
            database.stop()
            files += [dump, *(path for path in database.directory.rglob("*") if path.is_file())]
        return judge(files, drive, planted)


def export(drive: Drive) -> None:
    """Take all calls and what was said out of the gateway."""
    until = time.monotonic() + 60
    while not drive.ask("GET", "/api/v1/logs?text=remember")["data"]:
        assert time.monotonic() < until, "nothing was kept"
        time.sleep(0.5)
    made = drive.ask("POST", "/api/v1/exports", json={"payloads": True})
    while (state := drive.ask("GET", f"/api/v1/exports/{made['id']}"))["state"] != "done":
        assert time.monotonic() < until, state
        time.sleep(0.2)
    for file in state["files"]:
        drive.ask("GET", f"/api/v1/exports/{made['id']}/files/{file['name']}")
    assert any(b"remember <OPENAI> and <EMAIL>" in data for _, data in drive.answers), "nothing was kept"


def judge(files: list[Path], drive: Drive, planted: Planted) -> str:
    """Look for every canary in every answer, all that was sent, and every file."""
    shown = [(where, kind) for where, data in drive.answers for kind in planted.found(data)]
    shown += [(str(path), kind) for path in files for kind in planted.found(path.read_bytes())]
    assert not shown, f"{len(shown)} hits: {shown[:10]}"
    size = sum(path.stat().st_size for path in files)
    kinds = len(set(planted.texts.values()))
    return (
        f"{len(planted.texts)} canaries of {kinds} kinds, {len(drive.answers)} answers and posts and {len(files)} "
        f"files of {size / 1e6:.1f} MB: 0 hits"
    )
