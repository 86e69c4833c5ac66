"""What is published of the configuration is what the program reads."""

from pathlib import Path

import msgspec

from headgate.config.reference import pages
from headgate.config.schema import schema, structs
from headgate.config.types import RANGES

DOCS = Path(__file__).parents[2] / "docs" / "reference"


def test_the_pages_are_current():
    for name, content in pages().items():
        said = "run `python -m headgate.config.reference docs/reference`"
        assert (DOCS / name).read_text("utf-8") == content, f"{name} is out of date: {said}"


def test_the_schema_is_closed_and_complete():
    document = schema()
    objects = [document, *document["$defs"].values()]
    assert all(o["additionalProperties"] is False and o["description"] for o in objects)
    assert {o["title"] for o in objects} == {s.__name__ for s in structs()} - {"Config"} | {"headgate.yaml"}
    route = document["$defs"]["RouteConfig"]
    assert route["required"] == ["targets"]
    assert route["properties"]["attempts"]["anyOf"][0] == {"type": "integer", "minimum": 1, "maximum": 10}


def test_every_range_is_of_a_field_that_exists():
    for kind, field in RANGES:
        assert field in {f.name for f in msgspec.structs.fields(kind)}


def test_every_number_of_the_schema_has_a_minimum():
    def numbers(node):
        if isinstance(node, dict):
            if node.get("type") in ("number", "integer"):
                yield node
            for value in node.values():
                yield from numbers(value)
        elif isinstance(node, list):
            for value in node:
                yield from numbers(value)

    found = list(numbers(schema()))
    assert found
    assert all("minimum" in number for number in found)
