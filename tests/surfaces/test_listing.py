"""What lists of models let through."""

from typing import Any

import pytest

from headgate.core.errors import BadRequest
from headgate.surfaces.listing import filters

MODELS: list[dict[str, Any]] = [
    {"id": "a/eye", "owned_by": "a", "kind": "chat", "context": 1000, "capabilities": ("chat", "vision", "tools")},
    {"id": "a/vec", "owned_by": "a", "kind": "embedding", "context": None, "capabilities": ("embedding",)},
    {"id": "b/talk", "owned_by": "b", "kind": "chat", "context": 8000, "capabilities": ("chat",)},
]


@pytest.mark.parametrize(
    ("query", "left"),
    [
        (b"", ["a/eye", "a/vec", "b/talk"]),
        (b"provider=a", ["a/eye", "a/vec"]),
        (b"kind=chat", ["a/eye", "b/talk"]),
        (b"capability=vision,tools", ["a/eye"]),
        (b"capability=chat&provider=b", ["b/talk"]),
        (b"search=EYE", ["a/eye"]),
        (b"min_context=5000", ["b/talk"]),
        (b"limit=1&after_id=x", ["a/eye", "a/vec", "b/talk"]),
    ],
)
def test_filters(query: bytes, left: list[str]) -> None:
    wanted = filters(query)
    assert [model["id"] for model in MODELS if all(fits(model) for fits in wanted)] == left


def test_nonsense_is_refused_by_name() -> None:
    with pytest.raises(BadRequest) as refused:
        filters(b"min_context=wide")
    assert refused.value.param == "min_context"
