"""``headgate chat``: a conversation through a running gateway, to see that it works."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import click

from headgate.cli import own
from headgate.cli.connect import gateway_options, load_settings, plain_url
from headgate.cli.keys import CHAT_TAG
from headgate.cli.output import as_json, print_json, text
from headgate.cli.when import iso

if TYPE_CHECKING:
    import httpx2

INFO = ": headgate "
PATIENCE = 3.0  # seconds until a new key is known to a running gateway, and some


class ChatError(Exception):
    """The gateway refused, or did not answer."""

    exit_code = 1


@click.command("chat")
@click.argument("message", required=False)
@click.option("--model", default="sandbox/chat", show_default=True, help="Route, alias or provider/model.")
@click.option("--system", help="Instructions that go before the conversation.")
@gateway_options
@as_json
def command(
    message: str | None,
    model: str,
    system: str | None,
    home: Path | None,
    url: str | None,
    key: str | None,
    json: bool,
) -> None:
    """Send MESSAGE and print the answer as it comes. Without MESSAGE: what is piped in, or a conversation.

    At a home on this machine no key is needed: one is made for the conversation.
    """
    import httpx2

    settings = load_settings(home)
    base = plain_url(url) if url else own.url_of(settings)
    try:
        way: dict[str, Any] = {"verify": True if url is not None else own.trusting(settings) or True}
    except OSError as error:
        raise ChatError(f"{settings.tls_cert} cannot be read as a certificate: {error}.") from None
    headers = {"host": own.name_of(settings)} if url is None and settings.allowed_hosts else {}
    turns = [{"role": "system", "content": system}] if system else []
    with ExitStack() as stack:
        if url is None and key is None:
            _be_there(base, way)
            key = stack.enter_context(_temporary_key(home))
        headers["authorization"] = f"Bearer {key or ''}"
        http = stack.enter_context(httpx2.Client(base_url=base, headers=headers, timeout=600, **way))
        for said in _said(message, json):
            turns.append({"role": "user", "content": said})
            answer = _whole(http, model, turns) if json else _streamed(http, model, turns)
            turns.append({"role": "assistant", "content": answer})


def _said(message: str | None, json: bool) -> Iterator[str]:
    if message is not None:
        yield message
    elif not sys.stdin.isatty():
        yield sys.stdin.read().strip()
    elif json:
        raise click.UsageError("--json needs a MESSAGE.")
    else:
        while True:
            try:
                said = click.prompt("you", prompt_suffix="> ", default="", show_default=False)
            except click.Abort:
                click.echo()
                return
            if not said.strip():
                return
            yield said


def _whole(http: "httpx2.Client", model: str, turns: list[dict[str, str]]) -> str:
    response = _ask(http, {"model": model, "messages": turns}, {})
    response.read()
    reply = response.json()
    choice = reply["choices"][0]
    content = choice["message"].get("content") or ""
    print_json(
        {
            "id": response.headers.get("x-request-id"),
            "model": response.headers.get("x-headgate-model"),
            "content": content,
            "finish_reason": choice.get("finish_reason"),
            "usage": reply.get("usage"),
            "cost_usd": response.headers.get("x-headgate-cost"),
        }
    )
    return content


def _streamed(http: "httpx2.Client", model: str, turns: list[dict[str, str]]) -> str:
    import msgspec

    request = {"model": model, "messages": turns, "stream": True}
    response = _ask(http, request, {"x-headgate-stream-info": "1"})
    said: list[str] = []
    info: dict[str, Any] = {}
    for line in response.iter_lines():
        if line.startswith(INFO):
            info = msgspec.json.decode(line.removeprefix(INFO))
        elif line.startswith("data: ") and line != "data: [DONE]":
            event = msgspec.json.decode(line.removeprefix("data: "))
            if "error" in event:
                click.echo()
                raise ChatError(f"{event['error'].get('code')}: {event['error'].get('message')}")
            for choice in event.get("choices", ()):
                piece = choice.get("delta", {}).get("content") or ""
                said.append(piece)
                click.echo(_safe(piece), nl=False)
    click.echo()
    cost = f", {info['cost']} USD" if info.get("cost") is not None else ""
    note = (
        f"[{text(response.headers.get('x-headgate-model'))}{cost}; headgate trace {response.headers['x-request-id']}]"
    )
    click.secho(note, dim=True, err=True)
    return "".join(said)


def _ask(http: "httpx2.Client", body: dict[str, Any], headers: dict[str, str]) -> "httpx2.Response":
    """Send one request; a key made a moment ago is waited for."""
    import httpx2

    began = monotonic()
    while True:
        try:
            request = http.build_request("POST", "/v1/chat/completions", json=body, headers=headers)
            response = http.send(request, stream=True)
        except httpx2.HTTPError as error:
            raise _absent(str(http.base_url), error) from None
        if response.status_code == 401 and monotonic() - began < PATIENCE:
            response.close()
            sleep(0.2)
            continue
        if response.status_code >= 400:
            response.read()
            raise ChatError(_words(response))
        return response


def _be_there(base: str, way: dict[str, Any]) -> None:
    """Raise unless a gateway answers: no key needs to be made for one that does not run."""
    import httpx2

    try:
        httpx2.get(f"{base}/health", timeout=5, **way)
    except httpx2.HTTPError as error:
        raise _absent(base, error) from None


def _absent(base: str, error: Exception) -> ChatError:
    return ChatError(f"{base} does not answer ({error}). `headgate serve` starts a gateway.")


def _words(response: "httpx2.Response") -> str:
    try:
        error = response.json()["error"]
        return f"{error.get('code')}: {error['message']}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{response.url} answered {response.status_code}"


@contextmanager
def _temporary_key(home: Path | None) -> Iterator[str]:
    """A key for this conversation. Should nobody be left to revoke it, it ends within a day."""
    from headgate.cli.connect import open_admin

    ends = datetime.now(UTC) + timedelta(days=1)
    with open_admin(home, None, None) as gateway:
        made = gateway.create_key("headgate chat", expires_at=iso(ends), tags=[CHAT_TAG])
        try:
            yield made.key
        finally:
            gateway.revoke_key(made.id)


def _safe(piece: str) -> str:
    """What a model says must not command the terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in piece)
