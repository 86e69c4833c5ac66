"""Keys of providers at rest."""

import logging

import msgspec
import pytest

from headgate.access.keyring import Keyring
from headgate.access.keys import derive
from headgate.access.vault import Unsealable, about, all_opened, opened, sealed_row
from headgate.core.secret import Secret

RING = Keyring(derive(b"\1" * 32))
SEALER = RING.envelope
KEY = Secret("sk-a-rather-long-provider-key-0123456789")


def test_a_key_is_opened_again_by_who_sealed_it() -> None:
    row = sealed_row(KEY, "openai", "main", "default", SEALER)
    assert opened(row, SEALER) == KEY
    assert opened(row, Keyring(derive(b"\1" * 32)).envelope) == KEY
    assert (row.key_prefix, row.last4, row.name) == ("sk-a", "6789", "main")


def test_nothing_of_it_can_be_read_in_what_is_stored() -> None:
    first, second = (sealed_row(KEY, "openai", "", "default", SEALER) for _ in range(2))
    assert KEY.reveal().encode() not in msgspec.json.encode(first)
    assert KEY.reveal()[4:-4].encode() not in first.sealed
    assert first.sealed != second.sealed
    assert first.sealed.startswith(b"HG\2" + RING.ids[0].encode())


def test_of_a_short_key_nothing_is_shown() -> None:
    row = sealed_row(Secret("short-key"), "p", "", "default", SEALER)
    assert (row.key_prefix, row.last4) == ("", "")


@pytest.mark.parametrize(
    "change", [{"tenant_id": "other"}, {"provider": "anthropic"}, {"id": "0"}, {"sealed": b"HG\1" + b"\0" * 40}]
)
def test_a_row_in_anothers_place_does_not_open(change: dict[str, object]) -> None:
    row = msgspec.structs.replace(sealed_row(KEY, "openai", "", "default", SEALER), **change)
    with pytest.raises(Unsealable):
        opened(row, SEALER)


def test_every_changed_bit_and_every_other_key_is_noticed() -> None:
    row = sealed_row(KEY, "openai", "", "default", SEALER)
    for at in range(0, len(row.sealed), 7):
        bad = bytearray(row.sealed)
        bad[at] ^= 1
        with pytest.raises(Unsealable):
            SEALER.open(bytes(bad), about("default", "openai", row.id))
    for size in (0, 3, 10, 20):
        with pytest.raises(Unsealable):
            SEALER.open(row.sealed[:size], about("default", "openai", row.id))
    with pytest.raises(Unsealable):
        opened(row, Keyring(derive(b"\2" * 32)).envelope)


def test_one_that_cannot_be_opened_is_told_and_the_others_are_used(caplog: pytest.LogCaptureFixture) -> None:
    good = [sealed_row(Secret(f"key-{n}"), "openai", "", "default", SEALER) for n in range(2)]
    bad = sealed_row(KEY, "openai", "", "default", Keyring(derive(b"\2" * 32)).envelope)
    with caplog.at_level(logging.ERROR):
        found = all_opened([good[0], bad, good[1]], SEALER)
    assert [key.reveal() for key in found["openai"]] == ["key-0", "key-1"]
    assert bad.id in caplog.text and KEY.reveal() not in caplog.text
