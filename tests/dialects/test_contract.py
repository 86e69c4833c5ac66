"""The translation contract, cell by cell: what the table says of a field is what becomes of it."""

import json
from typing import Any

import pytest

from headgate.core.errors import BadRequest
from headgate.dialects.contract import SOURCES, TARGETS, words
from headgate.dialects.contract.reference import fields
from headgate.dialects.fit import means_nothing
from tests.dialects.contract import below, cells, document, found, marks, read, rule, told, write
from tests.dialects.samples import BASES, SAMPLES, Sample

# What a table says that it depends on, as it is for the values and the model of these tests: source, field, target.
DEPENDS: dict[tuple[str, str, str], str] = {
    ("*", "parts.image_url", "gemini"): "refuse",  # who fetches is not the dialect
    ("*", "parts.file_url", "gemini"): "refuse",
    ("gemini", "own:part.fileData", "bedrock-converse"): "gone",  # with the picture that it is the name of
    ("openai-chat", "parts.file_id", "openai-responses"): "same",  # both are OpenAI's
    ("bedrock-converse", "parts.file", "gemini"): "ignore",  # the name that it must have there
    ("anthropic-messages", "parts.citations", "openai-responses"): "ignore",  # this one has no address
    ("cohere-chat", "parts.citations", "openai-responses"): "ignore",
    **{
        (source, "parts.thinking", target): "ignore"  # with the proof of another API
        for source in ("anthropic-messages", "openai-responses", "bedrock-converse")
        for target in ("cohere-chat", "ollama-chat")
    },
}
OTHERWISE = {
    *(("thinking_budget", target) for target in ("openai-chat", "openai-responses", "gemini", "ollama-chat")),
}
"""What is carried as a word for the number that it was."""
CELLS: dict[tuple[str, str], list[str]] = {}
for _source, _name, _target in cells():
    CELLS.setdefault((_source, _target), []).append(_name)


def expected(source: str, name: str, target: str) -> str:
    if (source, name) == ("cohere-chat", "tool_choice"):
        name = "tool_choice.none"  # there is no other word for the model's own choice than none at all
    for key in ((source, name, target), ("*", name, target)):
        if key in DEPENDS:
            return DEPENDS[key]
    found = rule(source, name, target)
    value = getattr(read(source, document(source, SAMPLES[source][name])), name, None)
    return "silent" if value is not None and means_nothing(value, found.defaults) else found.act


def path_of(source: str, name: str, sample: Sample) -> str:
    if sample.path is not None:
        return sample.path
    return name[4:] if name.startswith("own:") else fields(source)[name]


def refusal(source: str, sample: Sample, target: str) -> BadRequest | None:
    try:
        write(target, read(source, document(source, sample)))
    except BadRequest as error:
        return error
    return None


def extra(source: str, sample: Sample) -> dict[str, Any]:
    """Return what a sample has beside the plain request: its marks are those of the field."""
    return {name: value for name, value in sample.fields.items() if BASES[source].get(name) != value}


@pytest.mark.parametrize(("source", "target"), CELLS)
def test_the_table_holds(source, target):
    for name in CELLS[source, target]:
        try:
            holds(source, name, target)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error


def holds(source, name, target):
    sample = SAMPLES[source][name]
    path, verdict = path_of(source, name, sample), expected(source, name, target)
    error = refusal(source, sample, target)
    written = write(target, read(source, document(source, sample)), drop=True)
    if verdict == "gone":
        assert error is not None
        return
    if verdict == "refuse":
        assert error is not None, "it was not refused"
        assert error.code == "unsupported_parameter" and "prov/zmodel" in error.message
        assert error.param is not None and error.param in written.dropped and told(path, written.dropped)
        return
    if verdict == "ignore":  # what it stands in, or with, may be refused
        assert told(path, written.dropped) and (error is None or not below(error.param or "", path))
        return
    assert error is None, str(error)
    assert written.dropped == []
    if verdict != "silent" and (name, target) not in OTHERWISE:
        missing = [mark for mark in marks(extra(source, sample)) if not found(mark, written.body)]
        assert missing == []
    if verdict == "default":
        plain = {k: v for k, v in document(source, sample).items() if k not in extra(source, sample)}
        given = write(target, read(source, plain)).defaulted
        assert any(one.startswith(f"{name}=") for one in given) == (name not in plain)


@pytest.mark.parametrize("source", TARGETS)
def test_every_field_of_a_source_has_a_sample(source):
    samples = SAMPLES[source]
    assert {name for name in fields(source)} - set(samples) == set()
    shown = {name for sample in samples.values() for name in (*BASES[source], *sample.fields)}
    aliases: frozenset[str] = getattr(words(source), "ALIASES", frozenset())
    assert words(source).FIELDS - shown - aliases == set()
    ruled = {f"own:{name}" for name, one in getattr(words(source), "ABROAD", {}).items() if one.act != "silent"}
    assert ruled - set(samples) == set()


def test_every_source_has_samples():
    assert set(SOURCES) == set(SAMPLES)
    assert json.loads(json.dumps(BASES)) == BASES
