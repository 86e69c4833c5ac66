"""Reads the parts of Gemini's contents, of a request and of a reply."""

import re
from collections.abc import Callable
from hashlib import blake2b

import msgspec

from headgate.core.chat import Audio, Extra, File, Image, Part, Text, Thinking, ToolCall, ToolResult
from headgate.dialects import wire
from headgate.dialects.call_input import WRAPPED, unwrapped
from headgate.dialects.fields import starts, text
from headgate.dialects.fit import RAW
from headgate.dialects.gemini_fields import Given, proof_in, standard
from headgate.dialects.gemini_words import NAME

OURS = re.compile(r"call_hg[0-9a-f]{16}")
"""The ids that are made up for calls that came without."""
_OWN = re.compile(r"gs://|files/|https://(generativelanguage\.googleapis\.com|(www\.)?youtube\.com|youtu\.be)/", re.I)
_AUDIO = {"mpeg": "mp3", "mpga": "mp3", "x-wav": "wav", "wave": "wav", "vnd.wave": "wav"}
_TOLD = ("output", "result", "error")


def minted(*where: object) -> str:
    """Return an id for a call that came without: the same for the same place, another for the next."""
    return "call_hg" + blake2b("/".join(map(str, where)).encode("utf-8", "replace"), digest_size=8).hexdigest()


class Calls:
    """The calls of one conversation that have no result yet, in order."""

    def __init__(self) -> None:
        self._open: list[tuple[str, str]] = []

    def asked(self, id_: str, name: str) -> None:
        """A call was made."""
        self._open.append((id_, name))

    def answered(self, id_: str | None, name: str) -> str | None:
        """Return the id of the call that a result answers: of its name the first, where it names no id."""
        for at, (known, called) in enumerate(self._open):
            if known == id_ or (id_ is None and called == name):
                del self._open[at]
                return known
        return id_


def read_part(given: Given, mint: Callable[[str], str], calls: Calls) -> list[Part]:
    """Read one part: a signature on anything but a thought becomes a :class:`Thinking` before it.

    *mint* makes an id for a call or a result that has none, out of what it says.
    """
    whole = dict(given.rest)
    signature = given.text("thoughtSignature")
    thought = given.flag("thought")
    form: dict[str, str] = {}
    part: Part
    if "text" in given.rest:
        said = given.text("text")
        if thought:
            return [_thought(given, said or "", signature)]
        part = Text(said or "")
    elif thought and signature is not None and len(whole) == 2:
        return [_thought(given, None, signature)]
    elif "functionCall" in given.rest:
        part = _call(given, mint, calls, form)
    elif "functionResponse" in given.rest:
        part = _result(given, mint, calls, form)
    elif "inlineData" in given.rest:
        part = _inline(given, form)
    elif "fileData" in given.rest:
        part = _linked(given)
    else:
        return [Text("", Extra(NAME, whole, {"part": RAW}))]
    if thought is False:
        form["thought"] = "false"
    part.extra = given.extra(form=form)
    if signature is None:
        return [part]
    proof = proof_in(signature)
    of = part.id if isinstance(part, ToolCall) and proof.source == NAME else proof.of
    on = Extra(NAME, {}, {"on": "part"})
    return [Thinking("", proof.signature, proof.redacted, proof.source, on, of, proof.id), part]


def _thought(given: Given, said: str | None, signature: str | None) -> Thinking:
    form = {"on": "itself"} | ({"text": "absent"} if said is None else {})
    thought = Thinking(said or "", extra=given.extra(form=form))
    if signature is not None:
        proof = proof_in(signature)
        thought.signature, thought.redacted, thought.source = proof.signature, proof.redacted, proof.source
        thought.of, thought.id = proof.of, proof.id
    return thought


def _call(given: Given, mint: Callable[[str], str], calls: Calls, form: dict[str, str]) -> ToolCall:
    call = given.need("functionCall", given.inner("functionCall"))
    name, id_, args = call.need("name", call.text("name")), call.text("id"), call.raw("args")
    if id_ is None:
        form["id"] = "absent"
    if args is None:
        form["args"] = "absent"
    said = "{}" if args is None else wire.one_line(args)
    if args is not None and (told := unwrapped(args)) is not None:
        form["input"], said = WRAPPED, told
    part = ToolCall(id_ or mint(f"{name}{said}"), name, said)
    calls.asked(part.id, name)
    given.keep("functionCall", call)
    return part


def _result(given: Given, mint: Callable[[str], str], calls: Calls, form: dict[str, str]) -> ToolResult:
    result = given.need("functionResponse", given.inner("functionResponse"))
    name, id_ = result.need("name", result.text("name")), result.text("id")
    form["name"] = name
    if id_ is None:
        form["id"] = "absent"
    part = ToolResult(calls.answered(id_, name) or mint(name), [])
    response = result.raw("response")
    if response is not None:
        part.parts.append(_response(response, part, form))
    for index, raw in enumerate(result.items("parts") or ()):
        inner = Given(raw, f"{result.path('parts')}[{index}]")
        part.parts += read_part(inner, mint, calls)
    given.keep("functionResponse", result)
    return part


def _response(response: msgspec.Raw, part: ToolResult, form: dict[str, str]) -> Text:
    members = wire.members(response) if starts(response, b"{") else {}
    if len(members) == 1:
        name, value = next(iter(members.items()))
        if name in _TOLD and starts(value, b'"'):
            form["response"] = name
            part.is_error = name == "error"
            return Text(text(value, name))
    form["response"] = "whole"
    return Text(wire.one_line(response))


def _inline(given: Given, form: dict[str, str]) -> Part:
    blob = given.need("inlineData", given.inner("inlineData"))
    mime, data = blob.need("mimeType", blob.text("mimeType")), blob.need("data", blob.text("data"))
    plain = standard(data)
    if plain is not data:
        form["base64"] = "url"
    part: Part
    kind, _, subtype = mime.partition("/")
    if kind == "image":
        part = Image(data=plain, media_type=mime)
    elif kind == "audio":
        subtype = subtype.partition(";")[0]
        part = Audio(plain, _AUDIO.get(subtype, subtype))
        if f"audio/{part.format}" != mime:
            form["mimeType"] = mime
    else:
        part = File(data=plain, media_type=mime, name=blob.text("displayName"))
    given.keep("inlineData", blob)
    return part


def _linked(given: Given) -> Part:
    link = given.need("fileData", given.inner("fileData"))
    uri, mime = link.need("fileUri", link.text("fileUri")), link.text("mimeType")
    part: Part
    if _OWN.match(uri):
        part = File(file_id=uri, media_type=mime, name=link.text("displayName"))
    elif mime is not None and mime.startswith("image/"):
        part = Image(url=uri, media_type=mime)
    else:
        part = File(url=uri, media_type=mime, name=link.text("displayName"))
    given.keep("fileData", link)
    return part


def is_own(uri: str) -> bool:
    """Tell whether Google fetches *uri* by itself: a file in an account there, or a film."""
    return _OWN.match(uri) is not None
