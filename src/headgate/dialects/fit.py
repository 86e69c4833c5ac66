"""What becomes of the parts of a request that its target has no word for: refused by name, or left out and said so."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from headgate.core.chat import Extra, Message, Part, Request, Text, Thinking
from headgate.core.errors import BadRequest
from headgate.core.tasks import EmbedRequest, RerankRequest
from headgate.dialects import wire
from headgate.dialects.base import Abilities, Written
from headgate.dialects.contract import IGNORE as IGNORE
from headgate.dialects.contract import REFUSE, SOURCES, Rules, words
from headgate.dialects.contract import SILENT as SILENT
from headgate.dialects.contract import Rule as Rule

MAX_TOLD = 64  # paths named in a header; a long history repeats itself
MAX_PATH = 200
_UNFIT = re.compile(r"[^!-+\--~]")  # callers name fields as they like; these names go into a header
RAW = "raw"  # the form of an object that is kept whole because its kind is not known here

_NOTHING: tuple[Any, ...] = (None, [], {}, "")


class Fit:
    """Collects what is left out while one request is written for one target."""

    __slots__ = (
        "_abroad",
        "_dialect",
        "_drop",
        "_form",
        "_request",
        "_rules",
        "defaulted",
        "dropped",
        "same",
        "source",
        "to",
    )

    def __init__(
        self,
        dialect: str,
        request: Request | EmbedRequest | RerankRequest,
        to: Abilities,
        drop: bool,
        rules: Mapping[str, Rules],
    ) -> None:
        """*rules* says, by source dialect, what to do with each of its own fields, where the source says else."""
        self.source = request.extra.dialect if request.extra is not None else ""
        self.same = self.source == dialect
        """The source speaks the target's dialect."""
        self._dialect = dialect
        self._request = request
        self._form = request.extra.form if request.extra is not None else {}
        self.to = to
        self._drop = drop
        self._rules = rules.get(self.source, {})
        self._abroad: Rules = getattr(words(self.source), "ABROAD", {}) if self.source in SOURCES else {}
        self.dropped: list[str] = []
        self.defaulted: list[str] = []

    def written(self, body: dict[str, Any]) -> Written:
        """Return the request, with what was left out."""
        more = len(self.dropped) - MAX_TOLD
        told = [_UNFIT.sub("?", path[:MAX_PATH]) for path in self.dropped[:MAX_TOLD]]
        if more > 0:
            told.append(f"+{more} more")
        return Written(wire.encode(body), told, self.defaulted)

    def name(self, field: str) -> str:
        """Return what the source calls a neutral field."""
        if self.source not in SOURCES:
            return field
        return self._form.get(f"at.{field}") or words(self.source).SPELLINGS.get(field, field)

    def conversation(self, request: Request) -> list[Message]:
        """Return the messages, for an API that has another place for the system's and wants a turn beside them.

        Where all of them are the system's, the last becomes the user's, and that is told.
        """
        messages = request.messages
        if self.same or not messages or any(one.role not in ("system", "developer") for one in messages):
            return messages
        last = len(messages) - 1
        self.defaulted.append(f"{message_path(self.source, request, last)}.role=user")
        return [*messages[:last], msgspec.structs.replace(messages[last], role="user")]

    def tool(self, index: int) -> str:
        """Return where tool number *index* of the request stands in its source."""
        own = _hook(self.source, "tool_path")
        return str(own(self._request, index)) if own is not None else f"{self.name('tools')}[{index}]"

    def inner(self, path: str, row: str) -> str:
        """Return where what the source says by *row* stands, in the part or the tool at *path*."""
        return f"{path}.{self.name(row).removeprefix('parts.').removeprefix('tools.')}"

    def unsaid(self, request: Request, rules: Rules) -> None:
        """Refuse, or leave out as a hint, every neutral field that *rules* says the target has no word for."""
        for field, value in zip(request.__struct_fields__, msgspec.structs.astuple(request), strict=True):
            if value is None:
                continue
            rule = rules.get(field, SILENT)
            if rule.act in ("refuse", "ignore") and not means_nothing(value, rule.defaults):
                self.leave(rule, self.name(field))

    def leave(self, rule: Rule, path: str) -> None:
        """Leave out what is at *path*, of which *rule* says that the target has no word for it."""
        if rule.act == "refuse":
            self.refuse(path, rule.fix)
        elif rule.act != "silent":
            self.ignore(path)

    def ignore(self, path: str) -> None:
        """Leave a hint out, and say so."""
        self.dropped.append(path)

    def refuse(self, path: str, fix: str = "", code: str = "unsupported_parameter") -> None:
        """Refuse what is at *path*, or leave it out where the caller or the route allows that."""
        if self._drop:
            self.dropped.append(path)
            return
        raise BadRequest(
            f"{self.to.name} does not support '{path}'. {fix or 'Remove it, or ask for a model that takes it'}; "
            f"with the header 'x-headgate-on-unsupported: drop' the gateway leaves it out.",
            code=code,
            param=path,
        )

    def own(self, extra: Extra | None) -> dict[str, Any]:
        """Return the fields of *extra* if they are in the target's own dialect."""
        return extra.fields if extra is not None and extra.dialect == self._dialect else {}

    def proven(self, part: Part) -> bool:
        """Tell whether *part* is a thought with a proof of the target's own."""
        if not isinstance(part, Thinking) or part.source != self._dialect:
            return False
        return part.signature is not None or part.redacted is not None

    def form(self, extra: Extra | None, field: str) -> str | None:
        """Return how *field* was spelt, if that was in the target's own dialect."""
        return extra.form.get(field) if extra is not None and extra.dialect == self._dialect else None

    def raw(self, extra: Extra, path: str) -> dict[str, Any] | None:
        """Return an object that was kept whole, to print it again; ``None`` where it is another dialect's."""
        if extra.dialect == self._dialect:
            return extra.fields
        kind = extra.fields.get("type", "")
        name = f"part={wire.decode(kind) if isinstance(kind, msgspec.Raw) else kind}"
        self.leave(self._rules.get(name) or self._abroad.get(name, REFUSE), path)
        return None

    def leftover(self, extra: Extra | None, at: str, *taken: str) -> dict[str, Any]:
        """Return the fields of *extra* to print: the target's own, and of another dialect's those that it has too.

        The others are refused or ignored. *at* is the path of the object they stand in, ``""`` for the request;
        *taken* names those already dealt with.
        """
        if extra is None:
            return {}
        if extra.dialect == self._dialect:
            return extra.fields if not taken else {k: v for k, v in extra.fields.items() if k not in taken}
        kept: dict[str, Any] = {}
        for field, value in extra.fields.items():
            if field not in taken:
                self._foreign(extra.dialect, field, value, at, kept)
        return kept

    def _foreign(self, dialect: str, field: str, value: Any, at: str, kept: dict[str, Any]) -> None:
        name = f"{kind_of(at)}{field}"
        rule = self._rules.get(name) or self._abroad.get(name, REFUSE)
        if rule.act == "silent" or means_nothing(value, rule.defaults):
            return
        if rule.act in ("same", "map"):
            kept[rule.to or field] = value
            return
        path = f"{at}.{field}" if at else field
        if isinstance(value, dict):  # an object of which the rest was read
            paths = [f"{path}.{name}" for name, inner in value.items() if not means_nothing(inner, ())]
        else:
            paths = [path]
        for one in paths:
            if rule.act == "ignore":
                self.ignore(one)
            elif not at and dialect in SOURCES and field not in words(dialect).FIELDS:
                self.refuse(one, "No dialect defines it", code="unknown_parameter")
            else:
                self.refuse(one, rule.fix)


_KINDS = {
    "messages": "messages.",
    "contents": "messages.",
    "input": "messages.",
    "tools": "tools.",
    "functionDeclarations": "tools.",
}


def kind_of(at: str) -> str:
    """Return the prefix under which the rules of an object stand: ``""``, ``messages.``, ``tools.`` or ``part.``."""
    return _KINDS.get(at.rpartition(".")[2].partition("[")[0], "part.") if at else ""


def means_nothing(value: Any, defaults: tuple[Any, ...]) -> bool:
    """Tell whether leaving *value* out changes nothing."""
    plain = wire.decode(value) if isinstance(value, msgspec.Raw) else value
    return any(type(plain) is type(one) and plain == one for one in (*_NOTHING, *defaults))


def result_path(source: str, path: str, index: int) -> str:
    """Return where part number *index* of the tool's result at *path* stands in its source."""
    own = _hook(source, "result_path")
    return str(own(path, index)) if own is not None else f"{path}.content[{index}]"


EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_BUDGETS = ((4096, "low"), (16_384, "medium"))
_TOKENS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 24_576, "xhigh": 32_768, "max": 65_536}


def nearest(effort: str, known: tuple[str, ...]) -> str:
    """Return *effort*, or of those that a model is *known* to take the nearest; of two as near, the stronger."""
    if not known or effort in known or effort not in EFFORTS:
        return effort
    at = EFFORTS.index(effort)
    ranked = [one for one in known if one in EFFORTS and (one == "none") == (effort == "none")]
    return min(ranked, key=lambda one: (abs(EFFORTS.index(one) - at), -EFFORTS.index(one)), default=effort)


def effort_of(budget: int) -> str:
    """Return the effort that a budget of so many tokens for thinking comes to."""
    return next((word for most, word in _BUDGETS if budget < most), "high")


def budget_of(effort: str) -> int:
    """Return the tokens that thinking with *effort* may take, for models that are told by a number."""
    return _TOKENS.get(effort, 8192)


@cache
def _hook(source: str, name: str) -> Any:
    return getattr(words(source), name, None) if source in SOURCES else None


def message_path(source: str, request: Request, index: int) -> str:
    """Return where message number *index* of *request* stands in its source."""
    own = _hook(source, "message_path")
    if own is not None:
        return str(own(request, index))
    if request.extra is not None and "system" in request.extra.form:  # it stands in a field of its own
        return f"messages[{index - 1}]" if index else "system"
    return f"messages[{index}]"


def part_path(source: str, at: str, message: Message, index: int) -> str:
    """Return where part number *index* of *message*, itself at the path *at*, stands in its source."""
    own = _hook(source, "part_path")
    if own is not None:
        return str(own(at, message, index))
    listed = message.extra is not None and message.extra.form.get("content") == "list"
    return f"{at}.content[{index}]" if listed else f"{at}.content"


def merge(into: dict[str, Any], rest: dict[str, Any]) -> None:
    """Put *rest* beside what is written; where both have an object, into it."""
    for name, value in rest.items():
        there = into.get(name)
        into[name] = {**there, **value} if isinstance(there, dict) and isinstance(value, dict) else value


def plain(parts: list[Part]) -> str | None:
    """Return the text of *parts* if they are one text and nothing beside it."""
    only = parts[0] if len(parts) == 1 else None
    if isinstance(only, Text) and only.extra is None and only.cache is None and not only.citations:
        return only.text
    return None
