"""The many who copy Chat Completions, each a little otherwise: variants of OpenAI's dialect, and the quirks they have.

A caller who speaks chat is relayed to them byte for byte, unless the request has a field that the service does not take
as OpenAI does. Then it goes through the neutral form, and is refused, mapped or told as by the translation contract.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from headgate.core.chat import Audio, Extra, File, Image, Message, Part, Request, Thinking, ToolCall, ToolResult
from headgate.dialects import mistral, openai_write, wire
from headgate.dialects.base import Abilities, Written
from headgate.dialects.contract.openai_chat import KINDS, NEUTRAL, neutral
from headgate.dialects.contract.openai_family import NEW_LIMIT, THINKERS, own
from headgate.dialects.envelope import Envelope
from headgate.dialects.fit import RAW, Fit, means_nothing, message_path, part_path
from headgate.dialects.openai import OpenAIChat
from headgate.dialects.openai_words import NAME, SPELLINGS

_ROW = re.compile(r"[a-z_]+\.")  # what stands inside of messages and tools is not looked at before a relay
_MENDED = re.compile(rb'"type":"(?:file|input_audio)"')
_REPEATED = frozenset({"reasoning", "reasoning_content"})
_UNKNOWN = frozenset({"openai-compatible"})
"""Kinds of which nothing is known: what they do not take is for them to say."""

Mend = Callable[[dict[str, Any], list[list[Thinking]]], None]


class Quirks(msgspec.Struct, frozen=True):
    """What one service does otherwise, beyond what the tables of the contract say of its kind."""

    through: frozenset[str] = frozenset()
    """Fields of requests that are never relayed, since the answers to them differ from OpenAI's."""
    foreign: Callable[[bytes], bool] | None = None
    """Tells whether the messages of a body hold what must be mapped first."""
    call_id: Callable[[str], str] | None = None
    """Makes an id of a tool call one that the service takes."""
    mend: Mend | None = None
    """Puts a written request right: the document, and the thoughts of each turn of the assistant.

    Where there is one, thoughts are kept for it, and answers of models that reason are not relayed.
    """


QUIRKS = {"mistral": Quirks(mistral.THINKING, mistral.foreign, mistral.call_id, mistral.mend)}
_PLAIN = Quirks()


class Family(OpenAIChat):
    """The chat dialect of one kind of provider; see :class:`headgate.dialects.base.Dialect`."""

    def __init__(self, kind: str, quirks: Quirks = _PLAIN, *, stream_options: bool = True) -> None:
        """*stream_options* is false where the server refuses them: it tells the usage without being asked."""
        self.kind = kind
        self._quirks = quirks
        self._own = own(kind)
        self._neutral = neutral(kind)
        self._stream_options = stream_options
        self._watched = frozenset(self._watching())

    def _watching(self) -> list[str]:
        """Name the fields of requests that the service does not take as OpenAI does."""
        found = list(self._quirks.through)
        rules = {name: rule for name, rule in self._neutral.items() if NEUTRAL.get(name) != rule}
        for name, rule in {**rules, **self._own}.items():
            spelt = SPELLINGS.get(name, name)
            if not _ROW.match(name) and (rule.act in ("refuse", "ignore") or rule.to not in ("", spelt)):
                found.append(spelt)
        if self.kind not in NEW_LIMIT:
            found.append("max_completion_tokens")
        if not self._stream_options:
            found.append("stream_options")
        return found

    def relays(self, envelope: Envelope, to: Abilities) -> bool:
        """Tell whether a request in OpenAI's own dialect can go to *to* as it is."""
        fields = envelope.fields.keys()
        if self._own["tool_choice.allowed"].act == "map" and narrows(envelope):
            return False
        if not fields.isdisjoint(self._watched):
            return False
        effort = bytes(envelope.fields.get("reasoning_effort", b""))
        if not fields.isdisjoint(THINKERS.get(self.kind, ())) and thinks(to, effort, unasked=True):
            return False
        if self._quirks.mend is not None and thinks(to, effort, unasked="none" not in to.profile.efforts):
            return False
        return self._quirks.foreign is None or not self._quirks.foreign(envelope.body)

    def write_request(self, request: Request, to: Abilities, *, drop: bool) -> Written:
        """Write *request*; raise ``BadRequest`` for what this service has no word for, unless *drop*."""
        fit = Fit(NAME, request, to, drop, {})
        thoughts: list[list[Thinking]] = []
        copy = msgspec.structs.replace(
            request,
            messages=[self._message(one, i, request, fit, thoughts) for i, one in enumerate(request.messages)],
            extra=self._extra(request, fit),
        )
        self._tools(copy, fit)
        if thinks(to, wire.encode(request.effort), unasked=True):
            for name in THINKERS.get(self.kind, ()):
                if getattr(request, name):
                    fit.refuse(fit.name(name))
                    setattr(copy, name, None)
        told = fit.written({}).dropped
        written = openai_write.write_request(copy, to, drop=drop)
        if self._quirks.mend is not None and (any(thoughts) or _MENDED.search(written.body)):
            document = wire.decode(written.body)
            self._quirks.mend(document, thoughts)
            written.body = wire.encode(document)
        written.dropped = told + written.dropped
        written.defaulted = fit.defaulted + written.defaulted
        return written

    def _extra(self, request: Request, fit: Fit) -> Extra | None:
        """Return what the neutral form has no word for without what the service does not take."""
        extra = request.extra
        if extra is None or extra.dialect != NAME:
            return extra
        form, fields = dict(extra.form), dict(extra.fields)
        if self.kind not in NEW_LIMIT:
            form.pop("max_tokens", None)
        if self._own["safety_identifier"].act == "map" and self._neutral["user"].act == "same":
            form.pop("at.user", None)
        if not self._stream_options:
            form.pop("stream_options", None)
            for name in wire.members(wire.encode(fields.pop("stream_options", {}))):
                fit.ignore(f"stream_options.{name}")
        for name in [name for name in fields if name in self._own]:
            rule = self._own[name]
            if rule.act in ("refuse", "ignore") and not means_nothing(fields.pop(name), rule.defaults):
                fit.leave(rule, name)
        return Extra(NAME, fields, form)

    def _tools(self, request: Request, fit: Fit) -> None:
        tools = request.tools
        if tools is not None and fit.same and self._own["tools.custom"].act == "refuse":
            kept = []
            for index, tool in enumerate(tools):
                if tool.extra is not None and tool.extra.form.get("tool") == RAW and tool.name == "custom":
                    fit.leave(self._own["tools.custom"], f"tools[{index}]")
                else:
                    kept.append(tool)
            request.tools = kept
        if self._own["tool_choice.allowed"].act == "map":
            narrow(request)

    def _message(
        self, message: Message, index: int, request: Request, fit: Fit, thoughts: list[list[Thinking]]
    ) -> Message:
        at = message_path(fit.source, request, index)
        kept: list[Part] = []
        thought: list[Thinking] = []
        for number, part in enumerate(message.parts):
            path = part_path(fit.source, at, message, number)
            if isinstance(part, Thinking) and self._quirks.mend is not None:
                if part.source in (None, self.kind) and part.redacted is None:
                    thought.append(part)
                elif fit.same:
                    fit.leave(self._neutral["parts.thinking"], path)
                else:
                    kept.append(part)
            elif (fitted := self._part(part, path, fit)) is not None:
                kept.append(fitted)
        if message.role == "assistant":
            thoughts.append(thought)
        name = message.name
        if name is not None and fit.same and self._neutral["messages.name"].act != "same":
            fit.leave(self._neutral["messages.name"], f"{at}.name")
            name = None
        extra = message.extra
        if thought and fit.same and extra is not None:  # the text of the thoughts once more
            extra = Extra(NAME, {k: v for k, v in extra.fields.items() if k not in _REPEATED}, extra.form)
        return msgspec.structs.replace(message, parts=kept, name=name, extra=extra)

    def _part(self, part: Part, path: str, fit: Fit) -> Part | None:
        """Return *part* as the service takes it, ``None`` where it was left out."""
        id_ = self._quirks.call_id
        if isinstance(part, ToolCall):
            raw = part.extra is not None and part.extra.form.get("part") == RAW
            if raw and fit.same and part.name == "custom" and self._own["tools.custom"].act == "refuse":
                fit.leave(self._own["tools.custom"], path)
                return None
            return part if id_ is None else msgspec.structs.replace(part, id=id_(part.id))
        if isinstance(part, ToolResult):
            return part if id_ is None else msgspec.structs.replace(part, call_id=id_(part.call_id))
        if isinstance(part, Audio | File):
            rule = self._own["parts.audio" if isinstance(part, Audio) else "parts.file"]
            if rule.act == "refuse":
                fit.leave(rule, path)
                return None
        elif (
            isinstance(part, Image) and self._own["parts.detail"].act == "ignore" and part.detail not in (None, "auto")
        ):
            fit.ignore(fit.inner(path, "parts.detail"))
            return msgspec.structs.replace(part, detail=None)
        return part


class Unknown(OpenAIChat):
    """The chat dialect of servers of which nothing is known but that few of them know ``allowed_tools``."""

    def relays(self, envelope: Envelope, to: Abilities) -> bool:
        """As in :class:`Family`."""
        return not narrows(envelope)

    def write_request(self, request: Request, to: Abilities, *, drop: bool) -> Written:
        """Write *request* with the tools alone that may be called; a caller of chat gets through what else was said."""
        copy = msgspec.structs.replace(request)
        narrow(copy)
        own = request.extra is not None and request.extra.dialect == NAME
        return openai_write.write_request(copy, msgspec.structs.replace(to, kind="") if own else to, drop=drop)


def narrows(envelope: Envelope) -> bool:
    """Tell whether a chat request has tools of which not all may be called."""
    choice = envelope.fields.get("tool_choice")
    return choice is not None and b'"allowed_tools"' in bytes(choice)


def narrow(request: Request) -> None:
    """Leave the tools out that *request* says may not be called."""
    choice = request.tool_choice
    if choice is not None and choice.allowed is not None:
        request.tools = [tool for tool in request.tools or () if tool.name in choice.allowed]
        request.tool_choice = msgspec.structs.replace(choice, allowed=None)


def thinks(to: Abilities, effort: bytes, *, unasked: bool) -> bool:
    """Tell whether a model thinks at *effort* (JSON); *unasked* tells that it does where none is given."""
    return to.reasoning and effort != b'"none"' and (unasked or effort not in (b"", b"null"))


def variant(kind: str, *, stream_options: bool = True) -> OpenAIChat | None:
    """Return the chat dialect of a *kind* of provider; ``None`` where it is OpenAI's own."""
    if kind not in KINDS:
        return None
    if kind in _UNKNOWN:
        return Unknown()
    return Family(kind, QUIRKS.get(kind, _PLAIN), stream_options=stream_options)
