"""Writes whole generateContent replies, and the parts that streams are made of too."""

from datetime import UTC, datetime
from typing import Any

from headgate.core.chat import Audio, Choice, File, Image, Part, Refusal, Reply, Text, Thinking, ToolCall
from headgate.dialects import wire
from headgate.dialects.call_input import input_of
from headgate.dialects.fit import RAW, merge
from headgate.dialects.gemini_asides import citations_of, logprobs_of
from headgate.dialects.gemini_fields import signature_of, urlsafe
from headgate.dialects.gemini_parts import OURS
from headgate.dialects.gemini_usage import printed
from headgate.dialects.gemini_words import FINISH, NAME, REASONS, is_proof
from headgate.dialects.opaque import Opaque


def write_reply(reply: Reply) -> bytes:
    """Print a whole reply."""
    same = reply.extra is not None and reply.extra.dialect == NAME
    body: dict[str, Any] = {}
    candidates = [
        _candidate(choice)
        for choice in reply.choices
        if choice.extra is None or choice.extra.form.get("candidate") != "absent"
    ]
    if candidates or not same:
        body["candidates"] = candidates
    if reply.usage is not None:
        body["usageMetadata"] = printed(reply.usage)
    if reply.model:
        body["modelVersion"] = reply.model
    if reply.id:
        body["responseId"] = reply.id
    if reply.created and not same:
        body["createTime"] = datetime.fromtimestamp(reply.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if same and reply.extra is not None:
        body.update(reply.extra.fields)
    return wire.encode(body)


def _candidate(choice: Choice) -> dict[str, Any]:
    own = choice.extra if choice.extra is not None and choice.extra.dialect == NAME else None
    form = own.form if own is not None else {"role": "model", "content": "given"}
    written: dict[str, Any] = {}
    if "content" in form:
        written["content"] = {"parts": blocks(choice.parts)} if form["content"] == "given" else {}
        if "role" in form:
            written["content"]["role"] = form["role"]
    if choice.native is not None or choice.finish is not None or own is None:
        refused = any(isinstance(part, Refusal) for part in choice.parts)
        number = form.get("finishReason")
        written["finishReason"] = (
            int(number) if number is not None else reason_of(choice.finish, choice.native, refused=refused)
        )
    if "index" not in form:
        written["index"] = choice.index
    if own is not None:
        written.update(own.fields)
        return written
    if choice.stop_sequence is not None:
        written["finishMessage"] = f"Stopped at the sequence {choice.stop_sequence!r}."
    written.update(asides_of(choice.logprobs, choice.parts))
    return written


def asides_of(logprobs: Any, parts: list[Part]) -> dict[str, Any]:
    """Return what stands beside the text: log probabilities, and the sources of its parts."""
    found: dict[str, Any] = {}
    if logprobs is not None:
        found["logprobsResult"] = logprobs_of(logprobs)
    cited = [(at, part) for at, part in enumerate(parts) if isinstance(part, Text) and part.citations]
    if cited:
        found["groundingMetadata"] = citations_of([(at, p.text, p.citations or []) for at, p in cited])
    return found


def reason_of(finish: str | None, native: str | None, *, refused: bool) -> str:
    """Return Google's word for why an answer ended."""
    if native in FINISH and FINISH[native] in (finish, "stop"):
        return native
    return "SAFETY" if refused and finish in (None, "stop") else REASONS[finish]


def blocks(parts: list[Part]) -> list[dict[str, Any]]:
    """Print the parts of an answer; the signature of a part stands in it."""
    found: list[dict[str, Any]] = []
    pending: str | None = None
    proofs: dict[str, str] = {}
    for part in parts:
        if isinstance(part, Thinking):
            proof = proof_of(part)
            if proof is not None and part.source == NAME and part.of is not None and not is_proof(part):
                proofs[part.of] = proof
            elif proof is not None and is_proof(part):
                pending = proof
            else:
                found.append(_thought(part, proof))
            continue
        block = _block(part)
        signature = pending or (proofs.pop(part.id, None) if isinstance(part, ToolCall) else None)
        if signature is not None:
            block["thoughtSignature"] = signature
            pending = None
        found.append(block)
    return found


def proof_of(part: Thinking) -> str | None:
    """Return what proves a thought, as a ``thoughtSignature``."""
    if part.signature is None and part.redacted is None:
        return None
    return signature_of(Opaque(part.source or NAME, part.signature, part.redacted, part.of, part.id))


def _thought(part: Thinking, proof: str | None) -> dict[str, Any]:
    block: dict[str, Any] = {"text": part.text, "thought": True}
    if not part.text and proof is not None:
        del block["text"]
    if proof is not None:
        block["thoughtSignature"] = proof
    if part.extra is not None and part.extra.dialect == NAME:
        if part.extra.form.get("text") != "absent":
            block["text"] = part.text
        merge(block, part.extra.fields)
    return block


def _block(part: Part) -> dict[str, Any]:
    own = part.extra if part.extra is not None and part.extra.dialect == NAME else None
    if own is not None and own.form.get("part") == RAW:
        return dict(own.fields)
    form = own.form if own is not None else {}
    if isinstance(part, Text | Refusal | Thinking):
        block: dict[str, Any] = {"text": part.text}
    elif isinstance(part, ToolCall):
        block = {"functionCall": call_block(part.id, part.name, part.arguments, form)}
    elif isinstance(part, Image | Audio | File):
        kind = f"audio/{part.format}" if isinstance(part, Audio) else part.media_type
        data = urlsafe(part.data or "") if form.get("base64") == "url" else part.data
        block = {"inlineData": {"mimeType": form.get("mimeType", kind), "data": data}}
        if not isinstance(part, Audio) and part.data is None:
            block = {"fileData": {"fileUri": part.url} | ({"mimeType": kind} if kind else {})}
    else:
        block = {"text": ""}  # results of tools are in no answer
    if own is not None:
        merge(block, own.fields)
    return block


def call_block(id_: str, name: str, arguments: str, form: dict[str, str]) -> dict[str, Any]:
    """Print a call: what is no JSON object stands in one, under a name of our own."""
    call: dict[str, Any] = {"id": id_, "name": name}
    if form.get("id") == "absent" or OURS.fullmatch(id_):
        del call["id"]
    if form.get("args") != "absent":
        call["args"] = input_of(arguments)
    return call
