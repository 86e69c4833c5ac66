"""Tables for people, JSON for programs."""

import json

from headgate.access.types import Limits
from headgate.cli.output import print_json, print_table, text


def test_a_table_that_is_not_shown_to_people_is_not_wrapped(capsys):
    print_table(("id", "n>"), [("x" * 150, 12345), (None, 1.25)], empty="none")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert "x" * 150 in lines[1]
    assert "12,345" in lines[1]


def test_an_empty_table(capsys):
    print_table(("id",), [], empty="nothing here")
    assert capsys.readouterr().out == "nothing here\n"


def test_cells_cannot_command_a_terminal():
    assert text("a\x1b[31mb\nc\u202e") == "a\ufffd[31mb\ufffdc\ufffd"
    assert text(["a", "b"]) == "a, b"
    assert text(None) == ""
    assert text(True) == "yes"


def test_json_takes_structs(capsys):
    print_json([Limits(rps=1)])
    assert json.loads(capsys.readouterr().out) == [{"rps": 1.0}]
