"""Sealed values: how they are written, what opens them, and what does not."""

import msgspec
import pytest

from headgate.access import sealed
from headgate.access.envelope import Envelope
from headgate.access.keyring import Keyring, LocalKek
from headgate.access.keys import derive
from headgate.access.vault import UnknownKey, Unsealable
from tests.sealing import old

OWN = derive(b"\1" * 32)
SECRET, ABOUT = b"sk-canary-0123456789", b"default\0openai\0id"

OLDEST = "484701bdca0d97ec1fff579b6f58bac030d4eea836246982087e191c77d7dce041ff838700af561b01627f7164471d8e6edea9"
HEAD = "4847026b31" + "00" * 30
WRAPPED = (
    f"{HEAD}003c8daec876eab5ab1f63d7d629d549193a614670d93b926bb8881a9eb8118ee67bdcfcef491e358e2fe5f0934334595a37"
    "09b990530eddd1176bcbb8f08cfcf75d5201e29b8cc63080a73693c69abc64281387ae7de025438b77925b4f1d73c34aa396eef9b52650a8"
    "fde67778"
)
DIRECT = f"{HEAD}00007763a0be60184aeb9f395753b643b1edd4c867db5dbeb85b5a02613042d14e13d868412123867a68ea53b7d305ce936d"


def ring(*ids: str) -> Keyring:
    """Keys that follow from their names, before the installation's own."""
    return Keyring(OWN, lambda: [LocalKek(id, id.encode().ljust(32, b"*")) for id in ids])


def test_each_value_has_a_data_key_of_its_own_and_names_the_key_above() -> None:
    one, two = (ring("k1").envelope.seal(SECRET, ABOUT) for _ in range(2))
    first, second = sealed.read(one), sealed.read(two)
    assert first.key_id == second.key_id == "k1" and first.wrapped != second.wrapped
    keys = {LocalKek("k1", b"k1".ljust(32, b"*")).unwrap(found.wrapped) for found in (first, second)}
    assert len(keys) == 2 and {len(key) for key in keys} == {32}
    assert one.startswith(b"HG\2k1\0") and first.written() == one and sealed.key_id(one[:35]) == "k1"
    assert SECRET not in one and ring("k1").envelope.open(one, ABOUT) == SECRET


@pytest.mark.parametrize("way", ["envelope", "direct"])
def test_every_changed_bit_and_every_cut_is_noticed(way: str) -> None:
    keys = ring("k1")
    sealer = keys.envelope if way == "envelope" else keys.direct(b"payloads")
    value = sealer.seal(SECRET, ABOUT)
    for at in range(len(value)):
        for bit in (1, 128):
            bad = bytearray(value)
            bad[at] ^= bit
            with pytest.raises(Unsealable):
                sealer.open(bytes(bad), ABOUT)
    for size in range(len(value)):
        with pytest.raises(Unsealable):
            sealer.open(value[:size], ABOUT)


@pytest.mark.parametrize("way", ["envelope", "direct"])
def test_what_it_belongs_to_and_what_it_is_for_are_part_of_it(way: str) -> None:
    keys = ring("k1")
    sealer = keys.envelope if way == "envelope" else keys.direct(b"payloads")
    value = sealer.seal(SECRET, ABOUT)
    for about in (b"", b"default\0openai\0other", b"other\0openai\0id", ABOUT + b"\0"):
        with pytest.raises(Unsealable, match=r"'k1'.*moved"):
            sealer.open(value, about)
    for other in (Envelope(keys, b"other"), keys.direct(b"other"), keys.envelope, keys.direct(b"payloads")):
        if other is not sealer:
            with pytest.raises(Unsealable):
                other.open(value, ABOUT)


def test_parts_of_two_values_do_not_make_a_third() -> None:
    keys = ring("k1", "k2")
    one, two = (sealed.read(keys.envelope.seal(SECRET, ABOUT)) for _ in range(2))
    for mixed in (
        msgspec.structs.replace(one, wrapped=two.wrapped),
        msgspec.structs.replace(one, text=two.text, nonce=two.nonce),
        msgspec.structs.replace(one, key_id="k2"),
        msgspec.structs.replace(one, wrapped=b""),
    ):
        with pytest.raises(Unsealable):
            keys.envelope.open(mixed.written(), ABOUT)


@pytest.mark.parametrize("way", ["envelope", "direct"])
def test_an_old_key_goes_on_opening_until_it_is_gone_and_then_is_named(way: str) -> None:
    def sealer(keys: Keyring) -> Envelope:
        return keys.envelope if way == "envelope" else keys.direct(b"payloads")  # type: ignore[return-value]

    value = sealer(ring("k1")).seal(SECRET, ABOUT)
    both = ring("k2", "k1")
    assert sealer(both).open(value, ABOUT) == SECRET
    assert sealed.read(sealer(both).seal(SECRET, ABOUT)).key_id == "k2"
    with pytest.raises(UnknownKey, match=r"'k1'.*HEADGATE_ENCRYPTION_KEYS"):
        sealer(ring("k2")).open(value, ABOUT)
    with pytest.raises(Unsealable, match="'k1'"):
        sealer(Keyring(OWN, lambda: [LocalKek("k1", b"#" * 32)])).open(value, ABOUT)


def test_another_installation_says_that_it_is_another() -> None:
    value = Keyring(OWN).envelope.seal(SECRET, ABOUT)
    with pytest.raises(UnknownKey, match=r"'secret-[0-9a-f]{8}' of another home or another secret key"):
        Keyring(derive(b"\2" * 32)).envelope.open(value, ABOUT)


def test_what_the_first_version_sealed_opens_under_any_ring_of_the_installation() -> None:
    for use in (b"provider-keys", b"payloads", b"answers"):
        value = old(OWN, SECRET, ABOUT, use)
        assert len(value) == 3 + 12 + len(SECRET) + 16 and sealed.read(value).key_id is None
        keys = ring("k1")
        assert keys.direct(use).open(value, ABOUT) == SECRET
        assert Envelope(keys, use).open(value, ABOUT) == SECRET
        for bad, about in ((value, b"x"), (value[:-1] + bytes([value[-1] ^ 1]), ABOUT), (value[:20], ABOUT)):
            with pytest.raises(Unsealable):
                keys.direct(use).open(bad, about)
        with pytest.raises(Unsealable, match="another secret key"):
            Keyring(derive(b"\2" * 32)).direct(use).open(value, ABOUT)


def test_what_was_stored_once_opens_in_years() -> None:
    """Written down when each version was the present one."""
    keys = ring("k1")
    assert keys.envelope.open(bytes.fromhex(OLDEST), ABOUT) == SECRET
    assert keys.envelope.open(bytes.fromhex(WRAPPED), ABOUT) == SECRET
    assert keys.direct(b"payloads").open(bytes.fromhex(DIRECT), ABOUT) == SECRET


def test_of_a_renewed_value_only_the_wrapping_is_another() -> None:
    before = ring("k1").envelope.seal(SECRET, ABOUT)
    keys = ring("k2", "k1")
    after = keys.envelope.renewed(before, ABOUT)
    one, two = sealed.read(before), sealed.read(after)
    assert two.key_id == "k2" and (two.nonce, two.text) == (one.nonce, one.text) and two.wrapped != one.wrapped
    assert ring("k2").envelope.open(after, ABOUT) == SECRET
    with pytest.raises(Unsealable):
        keys.envelope.renewed(before, b"elsewhere")
    with pytest.raises(UnknownKey):
        ring("k2").envelope.renewed(before, ABOUT)
    oldest = keys.envelope.renewed(old(OWN, SECRET, ABOUT), ABOUT)
    assert sealed.read(oldest).key_id == "k2" and sealed.read(oldest).wrapped
    assert ring("k2").envelope.open(oldest, ABOUT) == SECRET


def test_nothing_that_holds_a_key_prints_it() -> None:
    keys = ring("k1")
    shown = " ".join(map(repr, (keys, keys.first, keys.envelope, keys.direct(b"x"), keys.installation)))
    assert "*" * 20 not in shown and (b"\1" * 32).hex() not in shown
