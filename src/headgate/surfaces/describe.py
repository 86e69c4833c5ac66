"""``/openapi.json`` and ``/docs``: both planes in one document, made from the table that answers the requests."""

from html import escape
from typing import Any

from headgate import __version__
from headgate.surfaces.doors import ANY, DOORS, PAGES
from headgate.surfaces.gemini import MODEL_DOORS

JSON_BODY = {"application/json": {"schema": {"type": "object"}}}
SOUND = {"audio/*": {"schema": {"type": "string", "format": "binary"}}}
METHODS = ("get", "post", "put", "patch", "delete")
STREAM = {"text/event-stream": {"schema": {"type": "string"}}}
REFERENCES = {
    "/v1/chat/completions": "https://platform.openai.com/docs/api-reference/chat/create",
    "/v1/responses": "https://platform.openai.com/docs/api-reference/responses/create",
    "/v1/responses/input_tokens": "https://platform.openai.com/docs/api-reference/responses/input-tokens",
    "/v1/embeddings": "https://platform.openai.com/docs/api-reference/embeddings/create",
    "/v1/moderations": "https://platform.openai.com/docs/api-reference/moderations/create",
    "/v1/images/generations": "https://platform.openai.com/docs/api-reference/images/create",
    "/v1/audio/speech": "https://platform.openai.com/docs/api-reference/audio/createSpeech",
    "/v1/audio/transcriptions": "https://platform.openai.com/docs/api-reference/audio/createTranscription",
    "/v1/audio/translations": "https://platform.openai.com/docs/api-reference/audio/createTranslation",
    "/v1/rerank": "https://docs.cohere.com/v2/reference/rerank",
    "/v2/rerank": "https://docs.cohere.com/v2/reference/rerank",
    "/v1/messages": "https://docs.anthropic.com/en/api/messages",
    "/v1/messages/count_tokens": "https://docs.anthropic.com/en/api/messages-count-tokens",
}

ABOUT = {
    "/metrics": (
        "Metrics for Prometheus; open on loopback, else for the metrics token or the platform's administrators",
        "text/plain",
    ),
    "/openapi.json": ("This document", "application/json"),
    "/docs": ("This document, for people", "text/html"),
}
"""Pages of the control plane that the management API's own document does not have: what they are, content type."""


def data_plane() -> dict[str, Any]:
    """Return the OpenAPI paths of the data plane. Bodies are the vendors' own; their pages are linked."""
    paths: dict[str, Any] = {}
    for door in (*DOORS, *MODEL_DOORS):
        content = JSON_BODY | (STREAM if door.operation in ("chat", "images", "transcription") else {})
        if door.operation == "speech":
            content = SOUND | STREAM
        about: dict[str, Any] = {
            "summary": door.summary,
            "tags": ["data plane"],
            "x-permission": door.permission,
            "requestBody": {"required": True, "content": {door.media.decode(): JSON_BODY["application/json"]}},
            "responses": {"200": {"description": "The answer", "content": content}, "default": ERROR},
        }
        if "{model}" in door.path:
            about["parameters"] = [{"name": "model", "in": "path", "required": True, "schema": {"type": "string"}}]
            about["externalDocs"] = {"url": "https://ai.google.dev/api"}
        if door.path in REFERENCES:
            about["externalDocs"] = {"url": REFERENCES[door.path]}
        paths[door.path] = {door.method.lower(): about}
    for page in PAGES:
        operation: dict[str, Any] = {
            "summary": page.summary,
            "tags": ["data plane"],
            "responses": {"200": {"description": "The answer", "content": JSON_BODY}, "default": ERROR},
        }
        if page.permission is None:
            operation["security"] = []
        else:
            operation["x-permission"] = page.permission
        path = page.path
        if page.rest:
            names = ("provider", "path") if page.method == ANY else ("id",)
            path += "/".join(f"{{{name}}}" for name in names)
            operation["parameters"] = [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
            ]
        methods = METHODS if page.method == ANY else (page.method.lower(),)
        paths.setdefault(path, {}).update(dict.fromkeys(methods, operation))
    for path, (summary, kind) in ABOUT.items():
        content = {kind: {"schema": {"type": "string"}}}
        answers = {"200": {"description": "The answer", "content": content}, "default": ERROR}
        paths[path] = {"get": {"summary": summary, "tags": ["about"], "responses": answers}}
    return paths


ERROR = {"description": "What is wrong, in the shape of the client's own SDK", "content": JSON_BODY}


def merged(management: dict[str, Any]) -> dict[str, Any]:
    """Return one document for both planes; *management* is the management API's own."""
    document = {**management, "paths": data_plane() | management["paths"]}
    document["info"] = {
        "title": "Headgate",
        "version": __version__,
        "description": "An AI gateway. The data plane speaks its clients' own wire formats; /api/v1 manages it.",
    }
    return document


def docs_page(document: dict[str, Any]) -> bytes:
    """Return the document as one page of HTML: no script, nothing from elsewhere."""
    rows: list[str] = []
    section = ""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            tag = (operation.get("tags") or ["other"])[0]
            if tag != section:
                section = tag
                rows.append(f"<h2>{escape(tag)}</h2>")
            permission = operation.get("x-permission")
            link = operation.get("externalDocs", {}).get("url")
            more = f' <a href="{escape(link)}">reference</a>' if link else ""
            rows.append(
                f"<p><code><b>{method.upper()}</b> {escape(path)}</code> {escape(operation.get('summary', ''))}"
                f"{f' <small>{escape(permission)}</small>' if permission else ''}{more}</p>"
            )
    return PAGE.format(version=escape(__version__), rows="\n".join(rows)).encode()


PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Headgate API</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
code {{ font: 13px ui-monospace, monospace; }} h2 {{ margin-top: 2rem; border-bottom: 1px solid #8886; }}
small {{ opacity: .7; border: 1px solid #8886; border-radius: 4px; padding: 0 .3em; }} p {{ margin: .3rem 0; }}
</style>
<h1>Headgate {version}</h1>
<p>Send a key as <code>Authorization: Bearer hg_...</code> (or <code>x-api-key</code>). The whole document:
<a href="openapi.json">openapi.json</a>.</p>
{rows}
</html>
"""
