"""Placeholders: made of the value under a tenant's key, put back whatever a model does to them."""

import pytest

from headgate.guardrails.mask import FORM, Masks, tenant_key
from tests.proofs.guard_chunks import forms

KEY = tenant_key(b"s" * 32, "t1")


def test_the_same_value_has_the_same_one_in_every_turn() -> None:
    first, second = Masks(KEY), Masks(KEY)
    one = first.put("email", "jane@corp.example")
    second.put("email", "other@corp.example")
    assert second.put("email", "jane@corp.example") == one and FORM.fullmatch(one)
    assert first.put("phone", "jane@corp.example") != one


def test_another_tenant_has_another_one_and_gets_nothing_back() -> None:
    mine, theirs = Masks(KEY), Masks(tenant_key(b"s" * 32, "t2"))
    placeholder = mine.put("email", "jane@corp.example")
    assert theirs.put("email", "jane@corp.example") != placeholder
    assert theirs.restored(placeholder) == placeholder
    assert Masks(KEY).restored(placeholder) == placeholder, "only what the same request has sent is put back"


def test_two_values_never_share_one() -> None:
    class Crowded(Masks):
        def _digest(self, kind: str, value: str) -> str:
            return "abcdef" + super()._digest(kind, value)[:26]

    masks = Crowded(KEY)
    one, two = masks.put("email", "a@x.example"), masks.put("email", "b@x.example")
    assert one == "<EMAIL_abcdef>" and two.startswith("<EMAIL_abcdef") and len(two) == len(one) + 2
    assert masks.put("email", "a@x.example") == one and masks.of("email", "b@x.example") == two
    assert masks.restored(f"{one} {two}") == "a@x.example b@x.example"


def test_one_that_the_text_has_of_its_own_stands_for_itself() -> None:
    placeholder = Masks(KEY).put("email", "jane@corp.example")
    masks = Masks(KEY)
    masks.avoid(f"what is {placeholder}?")
    longer = masks.put("email", "jane@corp.example")
    assert len(longer) > len(placeholder) and masks.restored(placeholder) == placeholder


@pytest.mark.parametrize("kind", ["email", "us_ssn"])
def test_models_write_them_again_in_their_own_way(kind: str) -> None:
    masks = Masks(KEY)
    placeholder = masks.put(kind, "the original")
    core = placeholder[1:-1]
    for form in (
        *forms(placeholder),
        f"\\<{core}\\>",
        f"&lt;{core.upper()}&gt;",
        core.replace("_", "-"),
        core.replace("_", r"\_"),
    ):
        assert (
            masks.restored(f"see {form}, ok").replace("**", "").replace("`", "").replace("[", "").replace("]", "")
            == "see the original, ok"
        ), form


def test_in_json_they_are_put_back_as_json() -> None:
    masks = Masks(KEY)
    placeholder = masks.put("name", 'Jane "J" Roe')
    assert masks.restored(f'{{"to": "{placeholder}"}}', quoted=True) == '{"to": "Jane \\"J\\" Roe"}'
    assert masks.restored(rf'{{"to": "\u003c{placeholder[1:-1]}\u003e"}}', quoted=True) == '{"to": "Jane \\"J\\" Roe"}'


def test_what_only_looks_like_one_is_left() -> None:
    masks = Masks(KEY)
    masks.put("email", "jane@corp.example")
    for text in ("<EMAIL_000000>", "EMAIL", "the email 12 of", "<b>", "abcdef"):
        assert masks.restored(text) == text
