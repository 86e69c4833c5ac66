"""The schemas that answers must have, from one dialect to the others."""

import json
from copy import deepcopy
from typing import Any

import pytest

from headgate.core.errors import BadRequest
from headgate.dialects import anthropic_messages, gemini, openai_chat, openai_responses
from headgate.dialects.base import Abilities, Dialect
from headgate.dialects.cohere import CohereChat
from headgate.dialects.converse import bedrock_converse
from headgate.dialects.ollama import OllamaChat
from headgate.dialects.schemas import promised

TO = Abilities("m", "prov/m")
USER = {"role": "user", "content": "Hi"}
TURN = {"messages": [USER]}
PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
    "required": ["name"],
}
"""What a class with a default in it becomes: open, and one of its properties may be left out."""
SHUT = {"additionalProperties": False}
FITS: dict[str, Any] = {**PERSON, **SHUT, "required": ["name", "age"]}

# What asks each dialect for an answer with a schema, and where the schema stands in it.
ASKS: dict[str, tuple[Dialect, Any, str]] = {
    "chat": (
        openai_chat,
        lambda s: {**TURN, "response_format": {"type": "json_schema", "json_schema": {"name": "r", "schema": s}}},
        "response_format.json_schema.schema",
    ),
    "responses": (
        openai_responses,
        lambda s: {"input": "Hi", "text": {"format": {"type": "json_schema", "name": "r", "schema": s}}},
        "text.format.schema",
    ),
    "messages": (
        anthropic_messages,
        lambda s: {**TURN, "max_tokens": 9, "output_config": {"format": {"type": "json_schema", "schema": s}}},
        "output_config.format.schema",
    ),
    "messages, of old": (
        anthropic_messages,
        lambda s: {**TURN, "max_tokens": 9, "output_format": {"type": "json_schema", "schema": s}},
        "output_config.format.schema",
    ),
    "gemini": (
        gemini,
        lambda s: {
            "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
            "generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": s},
        },
        "generationConfig.responseJsonSchema",
    ),
    "gemini, in its own words": (
        gemini,
        lambda s: {
            "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
            "generationConfig": {"responseMimeType": "application/json", "responseSchema": s},
        },
        "generationConfig.responseSchema",
    ),
    "cohere": (
        CohereChat(),
        lambda s: {**TURN, "response_format": {"type": "json_object", "json_schema": s}},
        "response_format.json_schema",
    ),
    "ollama": (OllamaChat(), lambda s: {**TURN, "format": s}, "format"),
    "converse": (
        bedrock_converse,
        lambda s: {
            "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
            "outputConfig": {
                "textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": json.dumps(s)}}}
            },
        },
        "outputConfig.textFormat.structure.jsonSchema.schema",
    ),
}
SAY_STRICT = ("chat", "responses")


def written(source: str, schema: Any, target: Dialect, *, drop: bool = False):
    dialect, ask, _ = ASKS[source]
    named = {} if dialect.name == bedrock_converse.name else {"model": "m"}
    request = dialect.read_request(json.dumps({**named, **ask(schema)}).encode())
    before = deepcopy(request.format)
    out = target.write_request(request, TO, drop=drop)
    assert request.format == before, "the request is read once, for every target"
    return json.loads(out.body), out


@pytest.mark.parametrize("source", ASKS)
def test_openai_is_asked_to_be_strict_where_it_can(source: str) -> None:
    said, out = written(source, FITS, openai_chat)
    asked = said["response_format"]["json_schema"]
    assert asked["schema"] == FITS
    assert asked.get("strict") == (None if source in SAY_STRICT else True)
    assert out.defaulted == []


@pytest.mark.parametrize("source", ASKS)
def test_openai_is_not_asked_to_be_strict_with_a_schema_that_it_would_refuse(source: str) -> None:
    said, out = written(source, PERSON, openai_chat)
    assert said["response_format"]["json_schema"]["schema"] == PERSON
    assert "strict" not in said["response_format"]["json_schema"]
    weaker = [one for one in out.defaulted if one.endswith(".strict=false")]
    assert len(weaker) == (source not in SAY_STRICT)
    said, _ = written(source, PERSON, openai_responses)
    assert not said["text"]["format"].get("strict")


def test_who_asks_for_strict_gets_it() -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "r", "schema": PERSON, "strict": True}}
    request = openai_chat.read_request(json.dumps({"model": "m", **TURN, "response_format": wanted}).encode())
    assert json.loads(openai_chat.write_request(request, TO, drop=False).body)["response_format"] == wanted


@pytest.mark.parametrize(
    "schema",
    [
        PERSON,
        {**PERSON, **SHUT},
        {**FITS, "additionalProperties": True},
        {**FITS, "patternProperties": {"^x": {"type": "string"}}},
        {**FITS, "properties": {**FITS["properties"], "name": {"type": "string", "minLength": 1}}},
        {**FITS, "properties": {**FITS["properties"], "name": {"type": "object", "properties": {}}}},
        {**FITS, "properties": {**FITS["properties"], "name": {"description": "anything"}}},
        {**FITS, "properties": {**FITS["properties"], "name": True}},
        {**FITS, "properties": {**FITS["properties"], "name": {"$ref": "#/$defs/a", "description": "b"}}},
        {**FITS, "properties": {**FITS["properties"], "name": {"type": "array", "items": [{"type": "string"}]}}},
        {**FITS, "$defs": {"a": PERSON}},
        {**FITS, "required": "name"},
        {**FITS, "properties": []},
        {"anyOf": [FITS]},
        {"type": "array", "items": FITS},
        {},
        None,
        5,
    ],
)
def test_what_openai_does_not_take_strictly(schema: Any) -> None:
    assert promised(schema) is None


def test_what_openai_takes_strictly() -> None:
    deep = {
        "$defs": {"p": FITS},
        "type": "object",
        "title": "T",
        "properties": {"a": {"$ref": "#/$defs/p"}, "b": {"type": ["array", "null"], "items": FITS, "minItems": 1}},
        "required": ["b", "a"],
        **SHUT,
    }
    assert promised(deep) is True


@pytest.mark.parametrize("source", ASKS)
def test_claude_gets_closed_objects_and_that_is_told(source: str) -> None:
    _, _, at = ASKS[source]
    for target in (anthropic_messages, bedrock_converse):
        said, out = written(source, PERSON, target)
        if target.name == ASKS[source][0].name:
            assert out.defaulted == [], "its own dialect is what the caller wrote"
            continue
        assert schema_of(said) == {**PERSON, **SHUT}
        assert f"{at}.additionalProperties=false" in out.defaulted
        said, out = written(source, FITS, target)
        assert schema_of(said) == FITS
        assert [one for one in out.defaulted if "additionalProperties" in one] == []


def schema_of(said: dict[str, Any]) -> Any:
    if "outputConfig" in said:
        return json.loads(said["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"])
    return said["output_config"]["format"]["schema"]


def test_objects_are_closed_wherever_they_stand() -> None:
    one = {"type": "object", "properties": {"a": {"type": "string"}}}
    shut = {**one, **SHUT}
    text = {"type": "string", "enum": ["object"], "default": {"type": "object"}, "const": {"type": "object"}}
    said, out = written(
        "chat",
        {
            "type": "object",
            "properties": {"type": one, "list": {"type": "array", "items": one}, "either": {"anyOf": [text, one]}},
            "$defs": {"d": one, "shut": shut, "untyped": {"properties": {}}},
            "allOf": [True, {"type": ["object", "null"]}],
        },
        anthropic_messages,
    )
    assert schema_of(said) == {
        "type": "object",
        "properties": {"type": shut, "list": {"type": "array", "items": shut}, "either": {"anyOf": [text, shut]}},
        "$defs": {"d": shut, "shut": shut, "untyped": {"properties": {}, **SHUT}},
        "allOf": [True, {"type": ["object", "null"], **SHUT}],
        **SHUT,
    }
    assert out.defaulted[-1:] == ["response_format.json_schema.schema.additionalProperties=false"]


@pytest.mark.parametrize("open_", [True, {"type": "integer"}, {}])
@pytest.mark.parametrize("target", [anthropic_messages, bedrock_converse])
def test_an_object_that_is_open_on_purpose_is_refused_by_name(target: Dialect, open_: Any) -> None:
    schema = {**FITS, "properties": {"a": {"type": "object", "additionalProperties": open_}}}
    param = "response_format.json_schema.schema.properties.a.additionalProperties"
    with pytest.raises(BadRequest) as refused:
        written("chat", schema, target)
    assert (refused.value.code, refused.value.param) == ("unsupported_parameter", param)
    said, out = written("chat", schema, target, drop=True)
    assert out.dropped == [param]
    assert schema_of(said)["properties"]["a"] == {"type": "object", **SHUT}
