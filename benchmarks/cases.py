"""The loads: which bytes, how many at once, and what the CPU is divided by."""

from collections.abc import Callable
from dataclasses import dataclass

from . import bodies

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"


@dataclass(frozen=True)
class Case:
    """One load. *per_answer* is how many units an answer counts; CPU is told per *scale* units."""

    name: str
    title: str
    body: Callable[[str], bytes]  # from the model's name
    concurrency: int = 32
    events: int = 0
    per_answer: int = 1
    scale: int = 1
    door: str = CHAT
    model: str = "mock"
    steady: bool = False  # paced by the upstream: the target is never fully used, so utilisation is not judged

    @property
    def unit(self) -> str:
        return "CPU ms per request" if self.scale == 1 else "CPU ms per 1,000 chunks"


def stream(model: str) -> bytes:
    return bodies.small(model, stream=True)


def message_stream(model: str) -> bytes:
    return bodies.messages(model, stream=True)


# A target may merge the finish with the usage event, so a good stream has at least two events beyond its chunks.
FLAT, PACED = bodies.CHUNKS + 2, bodies.PACED_CHUNKS + 2

CASES = (
    Case("small", "540-byte request", bodies.small),
    Case("large", "300 KB request, 80 messages", bodies.large),
    Case("stream", "stream of 100 chunks, back to back", stream, 16, FLAT, bodies.CHUNKS, 1000),
    Case("burst", "stream of 100 chunks, in one write", stream, 16, FLAT, bodies.CHUNKS, 1000, model=bodies.BURST),
    Case("paced", "256 streams, 20 chunks 10 ms apart", stream, 256, PACED, 20, 1000, model=bodies.PACED, steady=True),
    Case("messages", "Anthropic request, relayed", bodies.messages, door=MESSAGES),
    Case("messages-stream", "Anthropic stream, relayed", message_stream, 16, FLAT, bodies.CHUNKS, 1000, MESSAGES),
    Case("translate", "chat request to an Anthropic upstream", bodies.small, model="translated"),
    Case("translate-stream", "chat stream from Anthropic", stream, 16, FLAT, bodies.CHUNKS, 1000, model="translated"),
)
BY_NAME = {case.name: case for case in CASES}
EVERYBODY = ("small", "large", "stream", "burst", "paced")
# The time to first byte of a request and of a stream, one at a time; each is asked where its load is run.
FIRST_BYTE = {
    "small": BY_NAME["small"],
    "stream": Case("first", "stream whose first event comes alone", stream, 1, FLAT, model=bodies.LATE),
}
