"""Paths that name a model: which door they lead to."""

import pytest

from headgate.core.errors import NotFound
from headgate.dialects import count_gemini, embed_content, gemini, gemini_array, gemini_embeddings
from headgate.surfaces.describe import data_plane
from headgate.surfaces.gemini import MODEL_DOORS, door_at


@pytest.mark.parametrize("prefix", [b"/v1/models/", b"/v1beta/models/"])
@pytest.mark.parametrize(
    ("rest", "query", "dialect", "model", "stream"),
    [
        (b"m:generateContent", b"", gemini, "m", False),
        (b"p/m:generateContent", b"alt=sse", gemini, "p/m", False),
        (b"p%2Fm:streamGenerateContent", b"", gemini_array, "p/m", True),
        (b"p/m:streamGenerateContent", b"a=b&alt=sse", gemini, "p/m", True),
        (b"p/m:streamGenerateContent", b"alt=json", gemini_array, "p/m", True),
        (b"ollama/llama3:8b:countTokens", b"", count_gemini, "ollama/llama3:8b", False),
        (b"models/p/m:embedContent", b"", embed_content, "p/m", False),
        (b"%C3%A4%FF:batchEmbedContents", b"", gemini_embeddings, "ä\ufffd", False),
    ],
)
def test_what_a_path_names(prefix: bytes, rest: bytes, query: bytes, dialect: object, model: str, stream: bool) -> None:
    door, named, streams = door_at(prefix + rest, query)
    assert door.dialect is dialect and (named, streams) == (model, stream)
    assert door.surface == "gemini" and door.permission == "gateway:use"


@pytest.mark.parametrize("rest", [b"m", b"m:", b":generateContent", b"m:predict", b"m:generatecontent", b""])
def test_what_is_no_door(rest: bytes) -> None:
    with pytest.raises(NotFound, match="generateContent"):
        door_at(b"/v1beta/models/" + rest, b"")


def test_every_door_is_described() -> None:
    paths = data_plane()
    for door in MODEL_DOORS:
        assert paths[door.path]["post"]["parameters"][0]["name"] == "model"
    assert len(MODEL_DOORS) == 10 and "/v1beta/models" in paths
