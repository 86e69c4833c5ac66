"""``/ai/code/generate``: parse the task, fetch its context, select a model, write the prompt, stream, format, return.

What comes back tells fenced code from prose: as a document, or as events ``text``, ``code`` and, last, ``done``.
"""

from typing import Annotated, Any

import msgspec

from headgate.dialects import wire
from headgate.dialects.envelope import Name, read
from headgate.dialects.sse import Event
from headgate.pipeline.parts import Parts
from headgate.surfaces.captured import Captured, chat, posted, told
from headgate.surfaces.fences import Fences, Piece, tidy
from headgate.surfaces.formatters import Formatters
from headgate.surfaces.state import State
from headgate.transport.server_asgi import Scope

Meta = msgspec.Meta
MAX_FILES = 200
MAX_FORMATTED = 50
"""Blocks of one answer that the language's formatter is run on."""
DEFAULT_MODEL = "use-case/code"


class Source(msgspec.Struct, forbid_unknown_fields=True):
    """A file that the task is about."""

    path: Annotated[str, Meta(min_length=1, max_length=1024)]
    content: str


class Task(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What is to be written."""

    task: Annotated[str, Meta(min_length=1)]
    language: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    files: Annotated[list[Source], Meta(max_length=MAX_FILES)] = []
    constraints: Annotated[list[str], Meta(max_length=MAX_FILES)] = []
    context: str | None = None
    """Anything else worth knowing: conventions, an error message, an interface."""
    model: Name = DEFAULT_MODEL
    models: list[Name] | None = None
    stream: bool = False
    format: bool = False
    """Run the language's own formatter on each block, where it is installed."""
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    seed: int | None = None
    user: str | None = None
    headgate: msgspec.Raw = wire.NULL


_task = msgspec.json.Decoder(Task)
PASSED = ("model", "models", "max_tokens", "temperature", "seed", "user", "headgate")


async def generate(state: State, parts: Parts, scope: Scope, link: Any, rest: bytes) -> None:
    """Answer one task."""
    body = await posted(parts, scope, link)
    task = read(_task, body)
    fences = Fences()
    rewriter = Rewriter(fences)
    captured = await chat(parts, scope, link, wire.encode(prompt(task)), rewriter)
    if captured.reply is not None:
        if captured.status == 200:
            reply = wire.decode(captured.reply)
            fences.feed(reply["choices"][0]["message"].get("content") or "")
            fences.close()
            finish, usage = reply["choices"][0]["finish_reason"], reply.get("usage")
            captured.reply = wire.encode(await result(task, state.formatters, fences, captured, finish, usage))
        link.respond(captured.status, captured.head, captured.reply)
    elif not link.closed:
        if not rewriter.failed:
            last = b"".join(map(rewriter.piece, fences.close()))
            whole = await result(task, state.formatters, fences, captured, rewriter.finish, rewriter.usage)
            link.write(last + event("done", whole))
        link.end()


def prompt(task: Task) -> dict[str, Any]:
    """Return the chat request for *task*."""
    language = f" Write {task.language}." if task.language else ""
    system = (
        f"You write code.{language} Put all code into fenced blocks, each with its language, and path=... behind it"
        " where the block is a whole file. Say outside of the blocks only what its reader must know."
    )
    user = [task.task]
    if task.constraints:
        user.append("Constraints:\n" + "\n".join(f"- {one}" for one in task.constraints))
    if task.context:
        user.append(f"Context:\n{task.context}")
    for file in task.files:
        fence = "`" * max(3, longest_run(file.content) + 1)
        user.append(f"The file {file.path}:\n{fence}\n{file.content}\n{fence}")
    passed = {name: value for name in PASSED if (value := getattr(task, name)) not in (None, wire.NULL)}
    messages = [{"role": "system", "content": system}, {"role": "user", "content": "\n\n".join(user)}]
    usage = {"stream_options": {"include_usage": True}} if task.stream else {}
    return {**passed, "messages": messages, "stream": task.stream, **usage}


def longest_run(text: str) -> int:
    """The most backticks in a row: a fence around *text* must have more."""
    longest = run = 0
    for char in text:
        run = run + 1 if char == "`" else 0
        longest = max(longest, run)
    return longest


async def result(
    task: Task, formatters: Formatters, fences: Fences, captured: Captured, finish: str | None, usage: Any
) -> dict[str, Any]:
    """Return the whole answer, its first blocks formatted."""
    for block in fences.blocks:
        block.code = tidy(block.code)
    for block in fences.blocks[:MAX_FORMATTED] if task.format else ():
        better = await formatters.formatted(block.language or task.language, block.code)
        if better is not None:
            block.code, block.formatted = better, True
    head = told(captured.head)
    return {
        "id": head.get("x-request-id"),
        "object": "code.generation",
        "model": captured.model,
        "text": fences.text,
        "blocks": [msgspec.structs.asdict(block) for block in fences.blocks],
        "finish_reason": finish,
        "usage": usage,
    }


class Rewriter:
    """Turns chat chunks into events of this surface."""

    def __init__(self, fences: Fences) -> None:
        self._fences = fences
        self.finish: str | None = None
        self.usage: Any = None
        self.failed = False

    def __call__(self, found: Event) -> bytes:
        """Return what becomes of one event."""
        if found.data is None:
            return found.raw
        if found.data == b"[DONE]":
            return b""
        chunk = wire.decode(found.data)
        if "error" in chunk:
            self.failed = True
            return event("error", chunk)
        self.usage = chunk.get("usage") or self.usage
        out = b""
        for choice in chunk["choices"]:
            self.finish = choice.get("finish_reason") or self.finish
            out += b"".join(map(self.piece, self._fences.feed(choice["delta"].get("content") or "")))
        return out

    def piece(self, piece: Piece) -> bytes:
        """Print one line of prose or code."""
        if piece.block is None:
            return event("text", {"delta": piece.text})
        block = piece.block
        return event(
            "code", {"index": block.index, "language": block.language, "path": block.path, "delta": piece.text}
        )


def event(name: str, data: Any) -> bytes:
    """Print one event."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), wire.encode(data))
