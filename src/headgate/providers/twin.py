"""Paths spelt otherwise than a call that the gateway knows, and that a server may take for it all the same."""

from urllib.parse import unquote

from headgate.providers.base import Provider
from headgate.providers.google_models import VERBS

_VERBS = {verb.lower(): verb for verb in VERBS}


def twin(provider: Provider, path: str) -> str | None:
    """Return how the call is spelt that *path*, itself not known, could be taken for; ``None`` where there is none.

    Servers differ in what they make of letters' case, a slash at the end, empty steps, parameters of a step and of
    what is percent-encoded: all of it is taken away here.
    """
    plain, once = unquote(path), ""
    while plain != once:
        plain, once = unquote(plain), plain
    steps = [step.partition(";")[0] for step in plain.split("/")]
    joined = "/" + "/".join([step for step in steps if step])
    for spelt in (joined, _with_verb(joined.lower())):
        if provider.heard("POST", spelt) is not None:
            return spelt
    return None


def _with_verb(path: str) -> str:
    """Return *path* with what stands after its last colon in the letters that Google writes it in."""
    before, colon, verb = path.rpartition(":")
    return f"{before}:{_VERBS.get(verb, verb)}" if colon else path
