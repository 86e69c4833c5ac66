"""Objects that a provider keeps for an account, such as files, batches and threads: which of them bytes name.

An object's id is as its provider writes it; Google's are names of two steps, ``files/x``. Everything here is pure.
"""

import json
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

from headgate.dialects.media_form import fields_of


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


KEYS = _words(
    "file_id file_ids input_file_id input_files training_file training_files validation_file validation_files"
    " previous_response_id response_id conversation conversation_id vector_store_id vector_store_ids container"
    " container_id thread_id assistant_id batch_id eval_id upload_id skill_id agent_id dataset_id library_ids"
    " collection_ids cachedContent cached_content fileUri file_uri fileSearchStoreNames file_search_store_names"
)
"""Fields of a request that name objects: a text, a list of texts, or an object with an ``id``."""
SHAPE = re.compile(
    r"(?:file|assistant|ftjob|ft|batch|vs|msgbatch|resp|conv|thread|asst|upload|eval|cntr|container|video|skill)"
    r"[-:_](?=.*[0-9A-Z:])[\w:.-]+\Z|file-[\w-]+\Z"
)
"""What ids of objects look like where they tell by themselves. Parts of an object (``run_``, ``msg_``) are not among
them: who may see the whole may see its parts."""
CURSORS = frozenset(("after", "before", "after_id", "before_id"))
_NAMED = re.compile(f'"(?:item_reference|{"|".join(sorted(KEYS))})"'.encode())
_BY_TYPE = frozenset(("item_reference", "file_id"))
"""Types of what names an object by its ``id``."""
_ALL = frozenset(("stored_completions", "responses", "logs"))
"""Types of a ``source`` that is whatever the account holds of a kind: nobody's, where several share it."""
_ESCAPED = re.compile(rb"\\u00[4-7][0-9A-Fa-f]")
_NAME = re.compile(r"(?:^|/)((?:files|cachedContents|fileSearchStores)/[^/?#:]+)(?=[:?#]|\Z)")
"""A name of Google's at the end of a path, be it in an address or its query: whose reader takes which, nobody knows."""
_WORD = re.compile(r"[A-Za-z]{1,32}(?:[_-][A-Za-z]{1,32}){0,4}\Z|v\d+(?:alpha|beta)?\d*\Z")
_OPEN = _words(
    "model models publishers projects locations regions deployments engines foundation-models inference-profiles"
)
"""Steps of a path after which something stands that is no tenant's."""
_HOLD = _words(
    "files batches jobs responses conversations items threads messages runs steps assistants vector_stores file_batches"
    " uploads evals containers videos datasets cachedContents tunedModels operations corpora documents chunks skills"
    " versions agents libraries completions sessions calls checkpoints batchPredictionJobs tuningJobs customJobs"
    " endpoints fileSearchStores guardrails connectors generatedFiles embed-jobs async-invoke"
)
"""Steps of a path after which the id of an object stands, unless one of these words does."""
_WORDS = _HOLD | _words(
    "search content cancel pause resume events input_items input_tokens compact count_tokens submit_tool_outputs parts"
    " complete output_items remix permissions results usage download upload url"
)
_LISTED = _words("models tags ps engines deployments foundation-models publishers voices")
"""Where lists are of what belongs to no tenant, but for what looks like an object."""
_PASSING = _words("completions invoke generate embed rerank score predict moderations classify ocr")
"""What a path ends with whose answer is no object, although it has an id."""
_MADE_WITH = (
    "thread_id", "vector_store_id", "output_file_id", "error_file_id", "output_file", "error_file", "result_files",
    "fine_tuned_model", "file.id", "file.name", "conversation.id", "container.id", "results_file_id",
    "response.name", "response.responsesFile", "metadata.output.responsesFile", "metadata.tunedModel", "dest.fileName",
)  # fmt: skip
"""Where an answer about an object names others that were made with it; nothing of it is what a caller may write."""
MOST_ID = 512
_TOLD = _words("code_interpreter_call code_execution_output bash_code_execution_output")
"""Types of what an answer has told of and its caller sends back: nothing is fetched by the ids in it."""
_THEIRS = _words("args arguments parameters input_schema parametersJsonSchema metadata annotations")
_ADMIN = frozenset(("organization", "organizations"))
_VERB = re.compile(r"(.+):[A-Za-z]+\Z")
_READ = frozenset(("assistants", "fine-tune", "vision", "user_data", "ocr"))
"""What files are uploaded for of which nothing is carried out."""
FORM = b"multipart/form-data"


class Place(NamedTuple):
    """What a path of a provider's own API is about."""

    ids: tuple[tuple[str, ...], ...]
    """For each object that must be the caller's, the ways in which it may be called; the first is how it is shown."""
    whole: bool
    """The path ends with the object itself."""
    last: str
    """Its last step."""
    admin: bool
    """It is about the account itself."""

    @property
    def listing(self) -> bool:
        """It names no object, so that a list of objects may be what is answered."""
        return not self.ids


def place(path: str, *, changes: bool = False) -> Place:
    """Return what *path* is about. A step that is no plain word is taken for an id: what is not known is not open.

    Models and the like are nobody's; by a method that *changes* what is there they count as objects too.
    """
    steps = [step for step in unquote(path).split("/") if step]
    ids: list[tuple[str, ...]] = []
    before, whole = "", False
    for step in steps:
        verb = None if step.startswith("ft:") else _VERB.match(step)
        name = step if verb is None else verb[1]
        shaped = SHAPE.match(name) is not None
        if before in _OPEN:
            found = shaped or changes
        else:
            found = shaped or (before in _HOLD and name not in _WORDS) or not _WORD.match(name)
        owned = found and (shaped or not ids)
        if owned:
            ids.append((name, f"{before}/{name}"))
        before, whole = name, owned and verb is None
    return Place(tuple(ids), whole, before, not _ADMIN.isdisjoint(step.lower() for step in steps))


def asked_for(query: bytes, at: Place) -> Iterator[str]:
    """Yield the objects that the query of a path names; on a list of objects its page begins after one, too."""
    listing = at.listing and at.last not in _LISTED
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if SHAPE.match(value) or (value and (name in KEYS or (listing and name in CURSORS))):
            yield value


def sent(body: bytes, content_type: bytes) -> set[str]:
    """Return the objects that the body of a call of any kind names; raise ``BadRequest`` for an ambiguous form."""
    kind = content_type.partition(b";")[0].strip().lower()
    found: set[str] = set()
    if kind == FORM:
        fields = fields_of(body, content_type)
        texts = [(one.name, body[one.start : one.end]) for one in fields if not one.is_file]
        carried_out = not {value.decode("latin-1") for name, value in texts if name == "purpose"} & _READ
        for name, value in texts:
            found |= named_in(value)
            if name.removesuffix("[]") in KEYS:
                _add(value.decode("latin-1"), found)
        for one in fields if carried_out else ():
            found |= named_in(body[one.start : one.end])
    elif kind == b"application/x-www-form-urlencoded":
        for name, text in parse_qsl(body.decode("latin-1")):
            if name.removesuffix("[]") in KEYS:
                _add(text, found)
    else:
        found = _named(body) if body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") else named_in(body)
    return found


def named_in(body: bytes) -> set[str]:
    """Return the objects that *body* names: a JSON document, or lines of which some may be one.

    What tools are given and have answered is theirs, and is not looked into.
    """
    plain = _ESCAPED.sub(_unescaped, body) if b"\\u00" in body else body
    return set() if _NAMED.search(plain) is None else _named(body)


def _named(body: bytes) -> set[str]:
    found: set[str] = set()
    for document in _documents(body):
        _walk(document, found)
    return found


def _documents(body: bytes) -> Iterator[Any]:
    try:
        yield json.loads(body, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        for line in body.decode("utf-8", "replace").split("\n"):
            if "{" in line:
                with suppress(ValueError, RecursionError):
                    yield json.loads(line, object_pairs_hook=_Pairs, strict=False)


class _Pairs(list[tuple[str, Any]]):
    """An object with every name that it has, were it there twice: two readers may see two."""


def _walk(value: Any, found: set[str]) -> None:
    if isinstance(value, _Pairs):
        kinds = {str(inner) for name, inner in value if name == "type"}
        for name, inner in value:
            names = name in KEYS and not (kinds and kinds <= _TOLD)
            if names or (name == "id" and not kinds.isdisjoint(_BY_TYPE)):
                _add(inner, found)
            elif name == "source" and isinstance(inner, _Pairs):
                found |= {kind for key, kind in inner if key == "type" and isinstance(kind, str)} & _ALL
            if not _theirs(name, kinds):
                _walk(inner, found)
    elif isinstance(value, list):
        for inner in value:
            _walk(inner, found)


def _theirs(name: str, kinds: Collection[str]) -> bool:
    """Whether a field holds what a tool is given or has answered, the form of it, or notes that nobody acts on."""
    if name == "input":
        return bool(kinds) and all(kind.endswith("tool_use") for kind in kinds)
    return name in _THEIRS or (name == "response" and not kinds)


def _add(value: Any, found: set[str]) -> None:
    if isinstance(value, str):
        names = _NAME.findall(unquote(value))
        if names:
            found.update(names)
        elif value and "://" not in value:
            found.add(value)
    elif isinstance(value, _Pairs):
        for name, inner in value:
            if name == "id":
                _add(inner, found)
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, str):
                _add(inner, found)


def _unescaped(match: re.Match[bytes]) -> bytes:
    sign = int(match[0][2:], 16)
    return b"_" if sign == ord("\\") else bytes((sign,))


def made(answer: Any, at: Place) -> list[str]:
    """Return the objects that an *answer* about what was made or is the caller's tells of, itself first."""
    if not isinstance(answer, dict) or at.last in _PASSING:
        return []
    found = [answer.get("id") or canonical(answer.get("name"))]
    for where in _MADE_WITH:
        value: Any = answer
        for step in where.split("."):
            value = value.get(step) if isinstance(value, dict) else None
        found += [canonical(one) or one for one in (value if isinstance(value, list) else [value])]
    return [
        one for one in dict.fromkeys(found) if isinstance(one, str) and 0 < len(one) <= MOST_ID and one.isprintable()
    ]


def canonical(name: Any) -> str | None:
    """Return the last two steps of a name of Google's; ``None`` for what is none."""
    steps = name.split("/") if isinstance(name, str) else ()
    return "/".join(steps[-2:]) if len(steps) > 1 and steps[-2] in _HOLD else None


class Listing:
    """A list that a provider has answered with, to be cut down to what is its caller's."""

    def __init__(self, answer: Any, at: Place) -> None:
        self.answer = answer
        self._public = at.last in _LISTED
        self._key = next(iter(_lists(answer)), None) if isinstance(answer, dict) else None
        self.entries: list[Any] = answer if isinstance(answer, list) else answer[self._key] if self._key else []

    @property
    def more(self) -> bool:
        """Whether it goes on after its last entry."""
        return isinstance(self.answer, dict) and self.answer.get("has_more") is True and bool(self.entries)

    @property
    def last(self) -> str | None:
        """Its last object."""
        return id_of(self.entries[-1]) if self.entries else None

    def ids(self) -> list[str]:
        """Return the objects in it."""
        return [one for one in map(id_of, self.entries) if one is not None]

    def keep(self, mine: Collection[str], most: int | None = None) -> None:
        """Keep what is among *mine*, and what is no object; at most so many entries."""
        kept = [entry for entry in self.entries if self._open(id_of(entry)) or id_of(entry) in mine]
        self.entries[:] = kept[:most]
        if isinstance(self.answer, dict):
            if most is not None and len(kept) > most:
                self.answer["has_more"] = True
            for name, index in (("first_id", 0), ("last_id", -1)):
                if name in self.answer:
                    self.answer[name] = id_of(self.entries[index]) if self.entries else None
            if isinstance(self.answer.get("total"), int):
                self.answer["total"] = len(self.entries)

    def _open(self, id_: str | None) -> bool:
        return id_ is None or (self._public and not SHAPE.match(id_) and not id_.startswith("tunedModels/"))


def id_of(entry: Any) -> str | None:
    """Return how the object *entry* is called; ``None`` where it is none."""
    if not isinstance(entry, dict):
        return None
    own = entry.get("id")
    if isinstance(own, str):
        return own
    name = entry.get("name")
    return (canonical(name) or name) if isinstance(name, str) else None


def _lists(answer: dict[str, Any]) -> list[str]:
    found = [
        name
        for name, value in answer.items()
        if isinstance(value, list) and all(isinstance(one, dict) for one in value)
    ]
    return sorted(found, key=lambda name: name != "data")
