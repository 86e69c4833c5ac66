"""Reads and writes whole responses, <https://platform.openai.com/docs/api-reference/responses/object>."""

from typing import Any

import msgspec

from headgate.core.chat import Choice, Extra, Finish, Image, Part, Refusal, Reply, Text, Thinking, ToolCall
from headgate.dialects import wire
from headgate.dialects.base import Sniff
from headgate.dialects.opaque import unwrap
from headgate.dialects.openai_reply import document, no_reply
from headgate.dialects.pictures import is_bytes, name_lost
from headgate.dialects.responses_echo import cited, item_id, response, sealed
from headgate.dialects.responses_items import JOIN, citation
from headgate.dialects.responses_usage import Item, Reported, printed, usage_in, usage_of
from headgate.dialects.responses_words import FINISH, INCOMPLETE, NAME
from headgate.dialects.upstream import read_stream_error
from headgate.dialects.watch import believable
from headgate.dialects.wire import ODD

Document = dict[str, Any]
UNDER_WAY = ("queued", "in_progress")
_READ = frozenset({"id", "object", "model", "created_at", "output"})


class _Details(msgspec.Struct, gc=False):
    reason: str | None = None


class Sniffed(msgspec.Struct, gc=False):
    """What is read of a response that is relayed."""

    output: list[Item]
    id: str | None = None
    model: str | None = None
    status: str | None = None
    usage: Reported | None = None
    error: Any = None
    incomplete_details: _Details | None = None

    @property
    def finish(self) -> Finish | None:
        """The neutral reason of its end."""
        reason = self.incomplete_details.reason if self.incomplete_details is not None else None
        return finish_of(self.status, reason, any(item.type == "function_call" for item in self.output))


_sniff = msgspec.json.Decoder(Sniffed).decode


def finish_of(status: Any, reason: Any, called: bool) -> Finish | None:
    """Return the neutral reason; ``None`` while there is none."""
    if status == "incomplete":
        return FINISH.get(str(reason), "length")
    if status == "completed":
        return "tool_calls" if called else "stop"
    return "error" if status in ("failed", "cancelled") else None


def sniff(body: bytes) -> Sniff:
    """Read usage, finish, model and id of a response; raise ``UpstreamFailed`` for what is none."""
    try:
        seen = _sniff(body)
    except ODD:
        reply = read_reply(body)
        return Sniff(reply.usage, reply.choices[0].finish, reply.model or None, reply.id or None)
    if seen.error is not None:
        raise read_stream_error(seen.error)
    usage = usage_of(seen.usage, seen.output) if seen.usage is not None else None
    if usage is not None and not believable(usage):
        usage = None
    return Sniff(usage, seen.finish, seen.model, seen.id, usage is None and seen.status in UNDER_WAY)


def read_reply(body: bytes) -> Reply:
    """Read a whole response; raise ``UpstreamFailed('upstream_invalid_response')`` for what is none."""
    found = document(body)
    output = found.get("output")
    if not isinstance(output, list):
        no_reply("has no output")
    if found.get("error") is not None:
        raise read_stream_error(found["error"])
    id_, model, created = found.get("id"), found.get("model"), found.get("created_at")
    reply = Reply(
        id=id_ if isinstance(id_, str) else "",
        model=model if isinstance(model, str) else "",
        created=int(created) if isinstance(created, int | float) and abs(created) < 1e15 else 0,
        choices=[_choice(found, output)],
        usage=usage_in(found),
        extra=Extra(NAME, {k: v for k, v in found.items() if k not in _READ}),
    )
    return reply


def _choice(found: Document, output: list[Any]) -> Choice:
    parts: list[Part] = []
    cuts: list[list[Any]] = []
    for item in output:
        if isinstance(item, dict):
            before = len(parts)
            rest = _item(item, parts)
            cuts.append([len(parts) - before, rest])
    details, status = found.get("incomplete_details"), found.get("status")
    reason = details.get("reason") if isinstance(details, dict) else None
    finish = finish_of(status, reason, any(isinstance(part, ToolCall) for part in parts))
    choice = Choice(0, parts, finish)
    choice.native = str(reason or status) if finish is not None else None
    told = [one for part in parts if isinstance(part, Text) for one in logprobs_in(part.extra)]
    choice.logprobs = {"content": told} if told else None
    choice.extra = Extra(NAME, {"cuts": cuts})
    return choice


def logprobs_in(extra: Extra | None) -> list[Any]:
    """Return the log probabilities of a text."""
    told = extra.fields.get("logprobs") if extra is not None else None
    return told if isinstance(told, list) else []


def _item(item: Document, parts: list[Part]) -> Document:
    """Read one item of the output into *parts*; return what they do not say of it."""
    kind, content = item.get("type"), item.get("content")
    if kind == "message" and isinstance(content, list) and all(isinstance(block, dict) for block in content):
        parts += [_block(block) for block in content]
        return {k: v for k, v in item.items() if k != "content"}
    if kind == "function_call":
        taken = ("call_id", "name", "arguments")
        if all(isinstance(item.get(name), str) for name in taken):
            parts.append(ToolCall(item["call_id"], item["name"], item["arguments"]))
            return {k: v for k, v in item.items() if k not in taken}
    if kind == "reasoning":
        parts.append(thinking(item))
    if kind == "image_generation_call" and (image := picture(item)) is not None:
        parts.append(image)
    return item


def picture(item: Document) -> Image | None:
    """Read the picture that was made in an item; ``None`` where there is none yet."""
    data, format_ = item.get("result"), item.get("output_format")
    if not isinstance(data, str) or not data:
        return None
    return Image(data=data, media_type=f"image/{format_ if isinstance(format_, str) and format_ else 'png'}")


def thinking(item: Document) -> Thinking:
    """Read a reasoning item; a proof of another dialect is unwrapped."""
    part = Thinking(source=NAME)
    for name in ("summary", "content"):
        said = item.get(name)
        if isinstance(said, list) and not part.text:
            texts = [one["text"] for one in said if isinstance(one, dict) and isinstance(one.get("text"), str)]
            part.text = JOIN.join(texts)
    proof, id_ = item.get("encrypted_content"), item.get("id")
    part.id = id_ if isinstance(id_, str) else None
    if isinstance(proof, str) and proof:
        part.signature = proof
        foreign = unwrap(proof)
        if foreign is not None:
            part.signature, part.redacted, part.source = foreign.signature, foreign.redacted, foreign.source or None
            part.of, part.id = foreign.of, foreign.id
    return part


def _block(block: Document) -> Part:
    kind, text, refusal = block.get("type"), block.get("text"), block.get("refusal")
    if kind == "output_text" and isinstance(text, str):
        part = Text(text)
        said = block.get("annotations")
        if isinstance(said, list) and said and all(isinstance(one, dict) for one in said):
            part.citations = [citation(one) for one in said]
        taken = ("type", "text", "annotations") if part.citations else ("type", "text")
        part.extra = Extra(NAME, {k: v for k, v in block.items() if k not in taken})
        return part
    if kind == "refusal" and isinstance(refusal, str):
        rest = {k: v for k, v in block.items() if k not in ("type", "refusal")}
        return Refusal(refusal, Extra(NAME, rest) if rest else None)
    return Text("", Extra(NAME, {"block": block}))


def write_reply(reply: Reply) -> bytes:
    """Print a whole response."""
    choice = reply.choices[0] if reply.choices else Choice(0, [])
    name_lost(reply, choice.parts, is_bytes)
    id_ = f"resp_{reply.call_id.replace('-', '')}" if reply.call_id else reply.id
    body = response(id_, reply.model, reply.created, reply.request)
    if choice.extra is not None and choice.extra.dialect == NAME:
        body["output"] = _recut(choice)
    else:
        body["output"] = _output(choice, id_)
    finish(body, choice.finish)
    body["usage"] = printed(reply.usage) if reply.usage is not None else None
    if reply.extra is not None and reply.extra.dialect == NAME:
        body = {name: body[name] for name in _READ} | reply.extra.fields
    return wire.encode(body)


def finish(body: Document, reason: Finish | None) -> None:
    """Say in a response how it ended."""
    incomplete = INCOMPLETE.get(reason) if reason is not None else None
    body["status"] = "incomplete" if incomplete is not None else "failed" if reason == "error" else "completed"
    if incomplete is not None:
        body["incomplete_details"] = {"reason": incomplete}
    elif reason == "error":
        body["error"] = {"code": "server_error", "message": "The provider ended the answer with an error."}


def _recut(choice: Choice) -> list[Document]:
    """Write the items that the parts were read from."""
    assert choice.extra is not None
    parts = iter(choice.parts)
    output = []
    for count, rest in choice.extra.fields["cuts"]:
        mine = [next(parts) for _ in range(count)]
        if rest.get("type") == "message" and "content" not in rest:
            rest = {**rest, "content": [block(part) for part in mine]}
        elif mine and isinstance(mine[0], ToolCall):
            call = mine[0]
            rest = {**rest, "call_id": call.id, "name": call.name, "arguments": call.arguments}
        output.append(rest)
    return output


def _output(choice: Choice, id_: str) -> list[Document]:
    """Write the parts as items; texts and refusals that stand together are one message."""
    output: list[Document] = []
    logprobs = choice.logprobs.get("content") if isinstance(choice.logprobs, dict) else None
    for part in choice.parts:
        if isinstance(part, Text | Refusal):
            if not output or output[-1]["type"] != "message":
                output.append(message(item_id("msg", id_, len(output)), []))
            output[-1]["content"].append(block(part, logprobs))
            logprobs = None
        elif isinstance(part, ToolCall):
            output.append(call(item_id("fc", id_, len(output)), part.id, part.name, part.arguments))
        elif isinstance(part, Thinking):
            named = (part.id if part.source == NAME else None) or item_id("rs", id_, len(output))
            output.append(reasoning(named, part.text, sealed(part, named)))
        elif isinstance(part, Image) and part.data is not None:
            output.append(image_call(item_id("ig", id_, len(output)), part))
    return output


def message(id_: str, content: list[Document], status: str = "completed") -> Document:
    """A message of the model."""
    return {"id": id_, "type": "message", "status": status, "content": content, "role": "assistant"}


def call(id_: str, call_id: str, name: str, arguments: str, status: str = "completed") -> Document:
    """A call of a function."""
    named = {"arguments": arguments, "call_id": call_id, "name": name}
    return {"id": id_, "type": "function_call", "status": status, **named}


def reasoning(id_: str, text: str, proof: str | None) -> Document:
    """What the model thought."""
    summary = [{"type": "summary_text", "text": text}] if text else []
    item: Document = {"id": id_, "type": "reasoning", "summary": summary}
    return item | ({"encrypted_content": proof} if proof is not None else {})


def image_call(id_: str, part: Image) -> Document:
    """A picture, as if a tool of the server had made it: the format has no other place for one."""
    item: Document = {"id": id_, "type": "image_generation_call", "status": "completed", "result": part.data}
    kind = (part.media_type or "").removeprefix("image/")
    return item | ({"output_format": kind} if kind else {})


def block(part: Part, logprobs: list[Any] | None = None) -> Document:
    """A text or a refusal of a message."""
    own = part.extra.fields if part.extra is not None and part.extra.dialect == NAME else {}
    if "block" in own:
        return own["block"]  # type: ignore[no-any-return]  # kept as it came
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text, **own}
    assert isinstance(part, Text)
    written: Document = {"type": "output_text", "text": part.text}
    if own:
        return written | ({"annotations": [cited(one) for one in part.citations]} if part.citations else {}) | own
    return written | {"annotations": [cited(one) for one in part.citations or ()], "logprobs": logprobs or []}
