"""Names that callers make up fit into every store, and stay apart."""

import pytest

from headgate.core.call import Call, Options
from headgate.core.names import LONGEST, kept


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("ann", "ann"),
        ("Ünï cödé ☃ 😀", "Ünï cödé ☃ 😀"),
        ("a\0b", "a\ufffdb"),
        ("\udfff\ud800", "\ufffd\ufffd"),
        ("tab\there", "tab\there"),
        ("x" * LONGEST, "x" * LONGEST),
    ],
)
def test_a_name_is_kept_as_it_can_be_stored(name, stored):
    assert kept(name) == stored
    stored.encode()


def test_long_names_are_bounded_and_stay_apart():
    names = ["a" * LONGEST + end for end in ("1", "2", "\0", "\ud800", "b" * 100_000)]
    found = [kept(name) for name in names]
    assert len(set(found)) == len(names)
    assert {len(name) for name in found} == {LONGEST}
    assert [kept(name) for name in found] == found


def test_a_call_tells_its_end_user_so():
    call = Call(surface="", operation="chat", dialect=None, link=None, headers=[], t0=0.0)
    assert call.end_user is None
    call.options = Options(user="\0")
    assert call.end_user == "\ufffd"
