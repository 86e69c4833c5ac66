"""Providers that are there without being configured: a key in the environment, a model server on this machine."""

import asyncio
from collections.abc import Mapping
from importlib import import_module

from headgate.core.secret import Secret
from headgate.providers.base import ProviderConfig
from headgate.providers.catalog import Row, rows
from headgate.providers.endpoint import Endpoint, endpoint, render

PATIENCE = 0.15
"""Seconds that a local server has to answer."""
OURS = ("hg_", "hga_")
"""How our own keys begin: one in OPENAI_API_KEY is for this gateway, and must not be sent to a provider."""
MAX_ANSWER = 4096
COMPOSED = {
    "bedrock": ("AWS_", "headgate.providers.bedrock_credentials"),
    "vertex": ("GOOGLE_APPLICATION_CREDENTIALS", "headgate.providers.google_auth"),
}
"""Kind -> how its variables begin, and the module whose ``from_environment`` reads an account of several of them."""


def from_environment(environ: Mapping[str, str]) -> dict[str, ProviderConfig]:
    """Return a provider for every kind whose key *environ* holds, named after its kind.

    Base URLs in the environment are not read: a client's often names this very gateway.
    """
    found: dict[str, ProviderConfig] = {}
    for kind, known in rows().items():
        for variable in known.key_env:
            key = environ.get(variable, "").strip()
            if key and not key.startswith(OURS):
                found[kind] = ProviderConfig(kind=kind, api_key=Secret(key))
                break
    for kind, (sign, module) in COMPOSED.items():
        if any(variable.startswith(sign) for variable in environ):
            account = import_module(module).from_environment(environ)
            if account is not None:
                found[kind] = account
    return found


async def probe_local() -> dict[str, ProviderConfig]:
    """Return a provider for every model server that answers at its usual port on this machine. Never raises."""
    local = [(kind, known) for kind, known in rows().items() if known.probe and known.base_url]
    there = await asyncio.gather(*(_answers(known) for _, known in local))
    return {kind: ProviderConfig(kind=kind) for (kind, _), yes in zip(local, there, strict=True) if yes}


async def _answers(known: Row) -> bool:
    try:
        async with asyncio.timeout(PATIENCE):
            return await _lists_models(endpoint(known.base_url or ""), known.probe or "")
    except (OSError, TimeoutError, ValueError):
        return False


async def _lists_models(at: Endpoint, probe: str) -> bool:
    """Tell a model server from whatever else may listen there: it answers with a list of models."""
    reader, writer = await asyncio.open_connection(at.origin.host, at.origin.port)
    try:
        writer.write(render("GET", at, f"/{probe}", {"accept": "application/json", "connection": "close"}) + b"\r\n")
        answer = b""
        while len(answer) < MAX_ANSWER and (more := await reader.read(MAX_ANSWER)):
            answer += more
            head, end, body = answer.partition(b"\r\n\r\n")
            if end and b'"data"' in body:
                break
        head, _, body = answer.partition(b"\r\n\r\n")
        return head.startswith(b"HTTP/1.1 200") and b'"data"' in body
    finally:
        writer.close()
