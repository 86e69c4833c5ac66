"""What readers of requests share that are shaped as OpenAI's: its own two, and those who copy parts of it."""

import re
from collections.abc import Callable

import msgspec

from headgate.core.chat import Extra, Image, Part, Text, Tool
from headgate.dialects.fields import Fields, items, starts, text
from headgate.dialects.fit import RAW

DATA = re.compile(r"data:([^;,]+);base64,(.*)", re.DOTALL)


def stop(given: Fields, form: dict[str, str]) -> list[str] | None:
    """Take ``stop``: one text, or several."""
    value = given.raw("stop")
    if value is None:
        return None
    if starts(value, b"["):
        given.rest["stop"] = value
        return given.names("stop")
    form["stop"] = "str"
    return [text(value, "stop")]


def stream(given: Fields, form: dict[str, str]) -> bool:
    """Take ``stream``, which is off where it is left out."""
    value = given.flag("stream")
    if value is not None:
        form["stream"] = "given"
    return value is True


def stream_usage(given: Fields, form: dict[str, str]) -> bool:
    """Take what ``stream_options`` say of the usage."""
    options = given.inner("stream_options")
    if options is None:
        return False
    asked = options.flag("include_usage")
    form["stream_options"] = "bare" if asked is None else "given"
    given.keep("stream_options", options)
    return asked is True


def content(value: msgspec.Raw | None, at: str, form: dict[str, str], part: Callable[[Fields], Part]) -> list[Part]:
    """Read the content of a message at the path *at*: a text, or an array of which *part* reads each."""
    if value is None:
        return []
    if starts(value, b'"'):
        said = text(value, at)
        if not said:
            form["content"] = "empty"
        return [Text(said)] if said else []
    form["content"] = "list"
    return [part(Fields(raw, f"{at}[{i}]")) for i, raw in enumerate(items(value, at))]


def image(given: Fields) -> Image:
    """Take ``image_url``: an address, or the picture itself in a ``data:`` URL."""
    inner = given.need("image_url", given.inner("image_url"))
    url, detail = inner.need("url", inner.text("url")), inner.text("detail")
    given.keep("image_url", inner)
    found = DATA.fullmatch(url)
    if found is None:
        return Image(url=url, detail=detail)
    return Image(data=found[2], media_type=found[1], detail=detail)


def tool(given: Fields, name: str) -> Tool:
    """Read a tool of the dialect *name*, which takes one without a type for a function."""
    whole = dict(given.rest)
    kind = given.text("type")
    function = given.inner("function") if kind in (None, "function") else None
    if function is None:
        return Tool(kind or "", extra=Extra(name, whole, {"tool": RAW}))
    found = Tool(
        function.need("name", function.text("name")), function.text("description"), function.document("parameters")
    )
    given.keep("function", function)
    found.extra = given.extra(name, {"type": "absent"} if kind is None else None)
    return found
