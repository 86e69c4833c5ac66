"""A request as guardrails read it, and as it reads once they have masked something in it."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from headgate.core.call import Call
from headgate.dialects.json_guard import duplicate
from headgate.dialects.media_form import refilled
from headgate.dialects.splice import splice
from headgate.dialects.text import KEY, Path
from headgate.pipeline.parts import JSON, put_body


def document_of(body: bytes) -> Any:
    """Decode a request whose JSON was checked; refuse names that an object has twice: two readers may see two texts."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            times = Counter(name for name, _ in pairs)
            raise duplicate(next(name for name, many in times.items() if many > 1))
        return found

    return json.loads(body, object_pairs_hook=once)


def rewrite(call: Call, edits: Mapping[Path, str | None]) -> None:
    """Write *edits* into the body of *call*."""
    form = call.media != JSON
    put_body(call, refilled(call.body, call.envelope.content_type, edits) if form else splice(call.body, edits))


def shown(path: Path) -> str:
    """Return ``messages[0].content`` for its parts; of a name in an object the object alone."""
    if path[-1:] == (KEY,):
        path = path[:-2]
    return "".join([f"[{part}]" if isinstance(part, int) else f".{part}" for part in path]).removeprefix(".")
