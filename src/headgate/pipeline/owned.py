"""Objects at an account that tenants share: each tenant has its own, and nobody else's is asked for.

Whose an object is, is remembered when it is made. What a call names that is not its tenant's is refused before the
provider hears of it, in the same words whether it exists or not; lists are cut down to what is the tenant's.
"""

import json
from asyncio import sleep, to_thread
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import TypeVar
from urllib.parse import parse_qsl, urlencode

from msgspec import MsgspecError, Struct
from msgspec.json import Decoder

from headgate.core.call import Call
from headgate.core.errors import BadRequest, HeadgateError, NotFound, Unavailable, UpstreamFailed
from headgate.dialects import (
    anthropic_messages,
    count_gemini,
    count_input,
    count_tokens,
    embed_content,
    gemini,
    gemini_array,
    openai_responses,
)
from headgate.dialects.signs import ESCAPE
from headgate.pipeline.linked import telling
from headgate.pipeline.parts import Parts
from headgate.providers.objects import KEYS, Listing, asked_for, made, named_in, place, sent
from headgate.storage.responses import KeptResponses
from headgate.transport.base import Inbound

MAX_ANSWER = 32 * 1024 * 1024
MAX_NAMED = 500
"""Objects that one call may name."""
MAX_PAGES = 20
"""Pages of a list that are gone through for one that holds something of the caller's."""
PAGE = 20
LONG_PAGE = 100
LONG = 262_144
"""Bytes that are read in a thread, and not on the event loop."""
T = TypeVar("T")
ESCAPED = (b"\\u004", b"\\u005", b"\\u006", b"\\u007")
"""How a letter of a name begins that is written with an escape."""
IN_TOOLS = (b"store_ids", b"container", b"StoreNames", b"store_names")
TEXT = b"text/plain"
"""What a list is looked for in as well, by which a server calls what it has no name for."""
LINES = (b"ndjson", b"jsonl", b"json-seq")
"""What stands in the content type of an answer that is a stream of JSON documents."""
CHANGES = frozenset(("PUT", "PATCH", "DELETE"))
PATIENCE = (0.05, 0.15)  # seconds; another worker may be about to write what its caller already has
Page = Callable[[bytes], Awaitable[bytes]]
"""Asks for the same list with another query; the answer is a whole body."""


_INPUT = (b"file_id", b"item_reference")
_GOOGLES = (b"ileUri", b"file_uri")
MARKS: Mapping[str, tuple[bytes, ...]] = {
    **dict.fromkeys(("openai-chat", anthropic_messages.name, count_tokens.name), (b"file_id",)),
    **dict.fromkeys((openai_responses.name, count_input.name), _INPUT),
    **dict.fromkeys((one.name for one in (gemini, gemini_array, count_gemini, embed_content)), _GOOGLES),
}
"""By dialect, what stands in a request that names objects below its top level, and not in its tools."""


class _Ran(Struct):
    id: str


class _Told(Struct):
    container: _Ran | None = None


_container = Decoder(_Told)


def shared(call: Call, parts: Parts, provider: str) -> bool:
    """Whether *provider*'s account holds objects that are not the caller's: not where it brought a key of its own."""
    return parts.snapshot.passing.get(provider, "owned") != "open" and provider not in call.who.mapped


def own(call: Call, parts: Parts) -> Awaitable[None] | None:
    """Leave the plan the targets at which all that the request names is the caller's; refuse where there is none."""
    if call.dialect is anthropic_messages and parts.responses is not None and _runs_code(call):
        call.keeper = Container(parts.responses)
    marks = MARKS.get(call.dialect.name)
    if marks is None or not may_name(call, marks):
        return None
    return _own(call, parts) if call.plan else None


def _runs_code(call: Call) -> bool:
    fields = call.envelope.fields
    return "container" in fields or ("tools" in fields and b"code_execution" in bytes(fields["tools"]))


class Container:
    """Keeps whose the container is in which the tools of a call ran: the next turn names it."""

    __slots__ = ("_kept", "said")

    def __init__(self, kept: KeptResponses) -> None:
        self._kept = kept
        self.said: object = None

    def keep(self, call: Call, body: bytes | None) -> None:
        """Remember what the answer *body* tells."""
        who = call.who
        with suppress(MsgspecError, UnicodeDecodeError):
            told = _container.decode(body or b"")
            if told.container is not None:
                self._kept.claim(who.tenant_id, who.id, [told.container.id], call.target.provider.name)

    def put(self, call: Call, body: bytes) -> None:
        """Nothing ran for an answer that is given again."""


def may_name(call: Call, marks: Sequence[bytes]) -> bool:
    """Whether a request may name objects: told by a search for bytes, as nearly none does."""
    fields = call.envelope.fields
    if not KEYS.isdisjoint(fields):
        return True
    text = telling(call)
    if text and (
        max(map(text.find, marks)) >= 0 or (text.find(ESCAPE) >= 0 and any([sign in text for sign in ESCAPED]))
    ):
        return True
    tools = fields.get("tools")
    return tools is not None and marks is not MARKS["openai-chat"] and any([mark in bytes(tools) for mark in IN_TOOLS])


async def _own(call: Call, parts: Parts) -> None:
    named = await _read(partial(named_in, call.body), len(call.body))
    if call.dialect is openai_responses or call.dialect is count_input:
        named.discard(call.envelope.previous)  # `recall` has looked
    if not named:
        return
    call.bound = True
    refusals: dict[str, HeadgateError | None] = {}
    for target in call.plan:
        name = target.provider.name
        if name not in refusals:
            refusals[name] = await refusal(call, parts, name, [(one,) for one in sorted(named)])
    left = tuple(target for target in call.plan if refusals[target.provider.name] is None)
    first = refusals[call.plan[0].provider.name]
    if not left and first is not None:
        raise first
    call.plan = left


async def _read(work: Callable[[], T], size: int) -> T:
    """Do *work* on so many bytes, many of them in a thread."""
    return work() if size < LONG else await to_thread(work)


async def refusal(call: Call, parts: Parts, provider: str, named: Sequence[tuple[str, ...]]) -> HeadgateError | None:
    """Return why the caller may not name these objects, each by all its names; ``None`` where they are its own.

    Raise ``Unavailable`` where nobody can tell.
    """
    if not named or not shared(call, parts, provider):
        return None
    if len(named) > MAX_NAMED:
        raise BadRequest(f"A request may name {MAX_NAMED} objects of a provider.", code="invalid_value")
    asked, tenant = list({name: None for names in named for name in names}), call.who.tenant_id
    other: tuple[str, ...] = ()
    for pause in (0.0, *PATIENCE):
        if pause:
            await sleep(pause)
        mine = await kept(parts).owned(tenant, provider, asked)
        other = next((names for names in named if mine.isdisjoint(names)), ())
        if not other:
            return None
    return foreign(other[0], provider)


def foreign(id_: str, provider: str) -> NotFound:
    """The refusal of an object that is not the caller's, whether or not it is anybody's."""
    return NotFound(
        f"There is no {id_[:100]!r} of yours at {provider!r}. What was made through the gateway can be asked for by "
        "its tenant; what was made elsewhere needs an account of its own ('passthrough: open' of the provider)."
    )


def kept(parts: Parts) -> KeptResponses:
    """Return where it is remembered; raise ``Unavailable`` where nothing is."""
    if parts.responses is None:
        raise Unavailable("What at a provider is whose cannot be looked up.", code="storage_unavailable")
    return parts.responses


class Passage:
    """One call of a provider's own API at an account that is shared."""

    __slots__ = ("_at", "_call", "_method", "_parts", "_path", "_provider")

    def __init__(self, call: Call, parts: Parts, provider: str, method: str, path: str) -> None:
        self._call = call
        self._parts = parts
        self._provider = provider
        self._method = method
        self._path = path
        self._at = place(path, changes=method in CHANGES)

    async def check(self) -> None:
        """Raise ``NotFound`` where the call names what is not the caller's."""
        call, at = self._call, self._at
        if at.admin:
            raise foreign(self._path, self._provider)
        kinds = [value for name, value in call.headers if name == b"content-type"]
        if len(kinds) > 1:
            raise BadRequest("The request has two content types. Send one.", param="content-type")
        kind = kinds[0] if kinds else b""
        if b"json" in kind.lower() and b"\0" in call.body:
            raise BadRequest("The request body is not UTF-8.", code="invalid_encoding")
        others = [*asked_for(call.query, at)]
        if call.body:
            others += sorted(await _read(partial(sent, call.body, kind), len(call.body)))
        why = await refusal(call, self._parts, self._provider, [*at.ids, *((one,) for one in others)])
        if why is not None:
            raise why

    async def seen(self, inbound: Inbound, page: Page, idle: float) -> Inbound:
        """Return the answer as the caller may have it: what was made is the caller's from then on, and what of a list
        is others' is left out. *page* asks for more of the list; *idle* is how many seconds nothing may come.
        """
        at, method = self._at, self._method
        if inbound.status >= 300 or method in ("HEAD", "OPTIONS"):
            return inbound
        if method == "DELETE":
            if at.whole and len(at.ids) == 1:  # what is taken out of another object is still there
                await kept(self._parts).disown(self._call.who.tenant_id, self._provider, at.ids[-1])
            return inbound
        kind, listing = (inbound.header(b"content-type") or TEXT).lower(), method == "GET" and at.listing
        document = b"json" in kind
        if not (document or (listing and kind.startswith(TEXT))) or (method == "GET" and at.ids and not at.whole):
            return inbound
        if not listing and any([sign in kind for sign in LINES]):
            return inbound
        body = await inbound.read_all(idle, MAX_ANSWER, max(self._call.deadline - monotonic(), 0.001))
        try:
            answer = await _read(partial(json.loads, body), len(body)) if body else None
        except (ValueError, RecursionError):
            if listing and document:
                raise _unreadable() from None
            return Whole(inbound, body)
        if listing:
            body = await self._cut(body, Listing(answer, at), page)
        elif ids := [one for one in made(answer, at) if method != "GET" or one not in at.ids[-1]]:
            who = self._call.who
            await kept(self._parts).own(who.tenant_id, who.id, ids, self._provider)
        return Whole(inbound, body)

    async def _cut(self, body: bytes, listing: Listing, page: Page) -> bytes:
        query = dict(parse_qsl(self._call.query.decode("latin-1")))
        limit = query.get("limit", "")[:9]
        most: int | None = None
        turns = 0
        while True:
            ids, last = listing.ids(), listing.last
            mine = await self._mine(ids)
            before = len(listing.entries)
            more = listing.more and "before" not in query and "before_id" not in query
            listing.keep(mine, most)
            if listing.entries or not more or last is None:
                return body if len(listing.entries) == before and not turns else json.dumps(listing.answer).encode()
            turns += 1
            if turns > MAX_PAGES:
                raise BadRequest(
                    f"The next {MAX_PAGES * LONG_PAGE} entries of this list are others'. Ask for what is yours by its "
                    "id, or for the list in another order.",
                    code="unsupported_operation",
                )
            most = int(limit) if limit.isdecimal() and int(limit) > 0 else PAGE
            cursor = "after_id" if self._call.dialect is anthropic_messages else "after"
            asked = urlencode({**query, cursor: last, "limit": str(LONG_PAGE)}).encode()
            try:
                listing = Listing(json.loads(await page(asked)), self._at)
            except (ValueError, RecursionError):
                raise _unreadable() from None

    async def _mine(self, ids: Iterable[str]) -> set[str]:
        asked = sorted(set(ids))
        found: set[str] = set()
        for start in range(0, len(asked), MAX_NAMED):
            part = asked[start : start + MAX_NAMED]
            found |= await kept(self._parts).owned(self._call.who.tenant_id, self._provider, part)
        return found


def _unreadable() -> UpstreamFailed:
    return UpstreamFailed(
        "The provider answered with a list that cannot be read, so nobody can tell what of it is the caller's.",
        status=502,
        code="upstream_invalid_response",
    )


class Whole:
    """An answer that was read to its end, and may have become another."""

    __slots__ = ("_body", "_inbound", "headers", "status")

    def __init__(self, inbound: Inbound, body: bytes) -> None:
        self._inbound = inbound
        self._body = body
        self.status = inbound.status
        self.headers = inbound.headers

    def header(self, name: bytes) -> bytes | None:
        """As it came."""
        return self._inbound.header(name)

    async def read(self, timeout: float) -> bytes:
        """Return all of it, then nothing."""
        body, self._body = self._body, b""
        return body

    async def read_all(self, timeout: float, limit: int, whole: float = 0) -> bytes:
        """Return all of it."""
        return await self.read(timeout)

    def close(self) -> None:
        """Give the connection back."""
        self._inbound.close()
