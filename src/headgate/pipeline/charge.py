"""What a try is charged whose provider has not told what it used, or whose answer has failed."""

from headgate.core.call import MEDIA, Call
from headgate.core.errors import HeadgateError, UpstreamFailed
from headgate.core.money import Price, Usage
from headgate.core.record import Attempt
from headgate.dialects.base import Tap
from headgate.ledger.types import Hold
from headgate.pipeline.parts import Parts
from headgate.pipeline.settle import owe_everything, owe_nothing, owe_usage


def owe_failed(call: Call, parts: Parts, attempt: Attempt, hold: Hold, error: HeadgateError) -> None:
    """Charge a try that failed with *error* before its caller got anything: what its provider says, if it does."""
    if not isinstance(error, UpstreamFailed):
        owe_nothing(call, parts, hold)
    elif error.usage is not None:
        owe_usage(call, attempt, hold, error.usage)
    elif error.billed == "uncertain":
        owe_everything(call, attempt, hold)
    else:
        owe_nothing(call, parts, hold)


async def owe_cut(call: Call, parts: Parts, attempt: Attempt, hold: Hold, pipe: Tap, cut: BaseException | None) -> None:
    """Charge an answer that *cut* has ended: by its provider's last word where there is one, else by our count."""
    if isinstance(cut, UpstreamFailed) and cut.usage is not None:
        owe_usage(call, attempt, hold, cut.usage)
    else:
        await estimate(call, parts, attempt, hold, pipe.text_bytes, pipe.usage)


async def estimate(
    call: Call,
    parts: Parts,
    attempt: Attempt,
    hold: Hold,
    text_bytes: int,
    seen: Usage | None = None,
    reply: bytes = b"",
) -> None:
    """Charge what was sent by our own count: the whole prompt, and the output that arrived.

    Where the provider goes on with the answer nobody can count it.
    """
    if call.envelope.goes_on:
        owe_everything(call, attempt, hold)
        return
    if call.operation in MEDIA:
        guessed: Usage = call.dialect.guess(call.envelope, reply, text_bytes)
        owe_usage(call, attempt, hold, guessed, estimated=not counted(guessed, hold.ask.price))
        return
    if seen is not None and seen.input:
        prompt = seen.input
    else:
        prompt = await parts.count_prompt(call)
        if call.resume is not None:
            prompt += parts.estimate_output(call.resume.sent)
    output = max(parts.estimate_output(text_bytes), seen.output if seen is not None else 0)
    owe_usage(call, attempt, hold, Usage(input=prompt, output=output), estimated=True)


def counted(usage: Usage, price: Price | None) -> bool:
    """Tell whether *usage* costs only what can be counted without its provider: pictures and characters."""
    return price is not None and price.cost(usage) == price.cost(
        Usage(images=usage.images, characters=usage.characters)
    )
