"""What one try may cost at most, and the room that is taken for it before it leaves."""

from collections.abc import Awaitable

from headgate.core.call import MEDIA, Call
from headgate.core.errors import BudgetSpent
from headgate.core.money import Price, Usage
from headgate.ledger.types import Ask, Hold
from headgate.pipeline.hosted import searches
from headgate.pipeline.linked import named
from headgate.pipeline.parts import Parts, neutral
from headgate.providers.base import Target

DEFAULT_OUTPUT = 16_384
SPOKEN = 250  # milliseconds that a character may take to say
SEARCHED = 300  # bytes of the hundred documents that one search unit covers, were they all empty
FRAMING = 32  # tokens that a provider may add around the messages, beyond a tenth for tokenizers that differ
WRITES = frozenset(("chat", "images", "speech", "transcription"))  # what may be charged by the token made
FREE = Price()  # counting tokens costs nothing anywhere


def take_hold(call: Call, parts: Parts, target: Target) -> Hold | Awaitable[Hold]:
    """Hold the worst case of this try, at once where there is room for it; raise as ``Books.hold`` does."""
    ask, more = asked_of(call, target)
    try:
        hold = parts.books.hold(ask)
    except BudgetSpent as spent:
        return _counted(call, parts, ask, more, spent)
    if isinstance(hold, Hold):
        call.holds.append(hold)
        return hold
    return _when_held(call, parts, ask, more, hold)


async def _when_held(call: Call, parts: Parts, ask: Ask, more: int | None, waiting: Awaitable[Hold]) -> Hold:
    try:
        hold = await waiting
    except BudgetSpent as spent:
        return await _counted(call, parts, ask, more, spent)
    call.holds.append(hold)
    return hold


async def _counted(call: Call, parts: Parts, ask: Ask, more: int | None, spent: BudgetSpent) -> Hold:
    """Hold for the tokens that a prompt has, which its bytes bound four times too high for plain text; *more* is named
    in it. Raise *spent* where they are not fewer."""
    if more is None:
        raise spent
    counted = await parts.count_tokens(neutral(call))
    counted += counted // 10 + FRAMING + more
    if counted >= ask.input_tokens:
        raise spent
    ask.input_tokens = counted
    return await held(call, parts, ask)


async def held(call: Call, parts: Parts, ask: Ask) -> Hold:
    """Take the room of *ask* for *call*; raise as ``Books.hold`` does."""
    hold = parts.books.hold(ask)
    if not isinstance(hold, Hold):
        hold = await hold
    call.holds.append(hold)
    return hold


def ask_of(
    call: Call,
    target: str,
    price: Price | None,
    input_tokens: int = 0,
    output_tokens: int = 0,
    most: Usage | None = None,
    min_output: int = 0,
) -> Ask:
    """Return what a try of *call* asks of the books, unclamped; see :class:`Ask` for the amounts."""
    return Ask(
        call_id=call.id,
        trace_id=call.trace_id,
        attempt=len(call.attempts) or 1,
        who=call.who,
        target=target,
        end_user=call.end_user,
        tags=call.tags,
        price=price,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        most=most,
        min_output=min_output,
        clamp=False,
        deadline=call.deadline,
        surface=call.surface,
    )


def asked_of(call: Call, target: Target) -> tuple[Ask, int | None]:
    """Return what a try of *call* at *target* asks of the books: the prompt's bytes bound its tokens, the output limit
    bounds the answer.

    The second are the tokens in it of what the prompt only names; ``None`` where counting would tell nothing less.
    """
    envelope, chat, count = call.envelope, call.operation == "chat", call.operation == "count_tokens"
    wanted, most = envelope.max_tokens or target.max_output or DEFAULT_OUTPUT, target.max_output
    if most is not None and wanted > most:
        wanted = most
    size = len(call.body) if call.resume is None else len(call.body) + call.resume.begun
    more, whole = named(call, target, size) if chat else (0, True)
    least = 0
    if chat:
        own, routed = envelope.least_output, call.route.config.min_output
        least = (own if own > routed else routed) * envelope.n
    ask = ask_of(
        call,
        target.name,
        FREE if count else target.price,
        0 if count else envelope.bound if call.operation in MEDIA else size + more,
        wanted * envelope.n if call.operation in WRITES else 0,
        most_of(call, target),
        least,
    )
    ask.clamp = call.options.clamp and chat
    return ask, None if whole else more


def most_of(call: Call, target: Target) -> Usage | None:
    """The most that *call* can use of what is charged by the piece, from its bytes alone."""
    size = len(call.body)
    match call.operation:
        case "chat":
            found = searches(call, target)
            return Usage(searches=found) if found else None
        case "images":
            return Usage(images=call.envelope.n)
        case "speech":
            return Usage(characters=size, milliseconds=size * SPOKEN)
        case "transcription":
            return Usage(milliseconds=size * 2)  # speech codecs go down to some 6 kbit a second
        case "rerank":
            return Usage(searches=1 + size // SEARCHED)
    return None
