"""The page of the translation contract says what the tables say."""

from pathlib import Path

from headgate.core.chat import Request
from headgate.dialects.contract import ROWS, SOURCES, TARGETS, column, words
from headgate.dialects.contract.reference import fields, pages

DOCS = Path(__file__).parents[2] / "docs" / "reference"


def test_the_page_is_what_the_tables_say():
    for name, content in pages().items():
        said = "run `python -m headgate.dialects.contract.reference docs/reference`"
        assert (DOCS / name).read_text("utf-8") == content, said


def test_every_target_has_a_rule_for_everything_a_request_can_say():
    everything = {*Request.__struct_fields__, *ROWS} - {"extra"}
    for target in TARGETS:
        assert everything - set(column(target).NEUTRAL) == set(), target
        assert set(column(target).NEUTRAL) - everything == set(), target
        assert set(column(target).OWN) <= set(SOURCES), target


def test_every_source_says_what_it_has():
    for source in TARGETS:
        known = words(source)
        assert source == known.NAME
        assert {"model", "messages"} - set(fields(source)) <= {"model"}, source  # some name the model in the path
        neutral = {
            *Request.__struct_fields__,
            *ROWS,
            "parts.arguments",
            "parts.detail",
            "format.schema",
            "format.description",
        }
        assert set(known.SPELLINGS) - neutral == set(), source
