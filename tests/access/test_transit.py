"""HashiCorp Vault's Transit engine as what wraps data keys."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headgate.access import key_services, sealed
from headgate.access.key_services import NotWrapped, Place, ServiceAway, ServiceKek, service
from headgate.access.keyring import Keyring
from headgate.access.keys import derive
from headgate.access.transit import Transit
from headgate.access.vault import KeyAway, Unsealable
from tests.access.vault_double import TOKEN, VaultDouble

OWN = derive(b"\1" * 32)
ENVIRON = {"VAULT_TOKEN": TOKEN}
KEY = bytes(range(32))


@pytest.fixture
def vault() -> Iterator[VaultDouble]:
    double = VaultDouble()
    yield double
    double.close()


def ring(vault: VaultDouble, environ: dict[str, str] = ENVIRON) -> Keyring:
    """The service's key alone, as a process that has just started has it."""
    kek = ServiceKek("hv", Transit(Place(vault.target, environ, None)))
    return Keyring(OWN, lambda: [kek])


def test_it_wraps_and_unwraps_as_the_documentation_has_it(vault: VaultDouble) -> None:
    transit = Transit(Place(vault.target, {**ENVIRON, "VAULT_NAMESPACE": "team/a"}, None))
    wrapped = transit.wrap(KEY)
    assert wrapped.startswith(b"vault:v1:") and transit.unwrap(wrapped) == KEY
    assert [one.path for one in vault.asked] == ["/v1/transit/encrypt/headgate", "/v1/transit/decrypt/headgate"]
    sent = vault.asked[0].headers
    assert (sent["x-vault-token"], sent["x-vault-namespace"], sent["x-vault-request"]) == (TOKEN, "team/a", "true")
    with pytest.raises(NotWrapped, match=r"answered 400 \(cipher: message authentication failed\)"):
        transit.unwrap(b"vault:v1:AAAA")


async def test_it_can_be_asked_where_a_loop_runs(vault: VaultDouble) -> None:
    assert asyncio.get_running_loop()
    keys = ring(vault)
    assert keys.envelope.open(keys.envelope.seal(b"x", b"y"), b"y") == b"x"


def test_a_token_in_a_file_is_read_each_time(vault: VaultDouble, tmp_path: Path) -> None:
    file = tmp_path / "token"
    transit = Transit(Place(vault.target, {"VAULT_TOKEN": f"file:{file}"}, None))
    with pytest.raises(ServiceAway, match="VAULT_TOKEN names cannot be read"):
        transit.wrap(KEY)
    file.write_text("hvs.old\n")
    with pytest.raises(ServiceAway, match=r"403 \(permission denied\)"):
        transit.wrap(KEY)
    file.write_text(TOKEN + "\n")
    assert transit.unwrap(transit.wrap(KEY)) == KEY


@pytest.mark.parametrize(
    "says",
    [
        (200, b'{"x":' + b"[" * 9000 + b"]" * 9000 + b"}"),
        (503, {"errors": ["Vault is sealed"]}),
        (200, {"data": {}}),
        (200, b"<html>"),
        (307, {}),
        (500, b"\xff"),
        (200, {}),
    ],
)
def test_any_other_answer_is_none(vault: VaultDouble, says: Any) -> None:
    transit = Transit(Place(vault.target, ENVIRON, None))
    wrapped = transit.wrap(KEY)
    vault.says = says
    for ask in (lambda: transit.wrap(KEY), lambda: transit.unwrap(wrapped)):
        with pytest.raises((ServiceAway, Unsealable)) as caught:
            found = ask()
            ring(vault).data_key("hv", found)  # an empty key is refused there
        assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    "target", ["", "https://h", "https://h/key", "ftp://h/transit/key", "https://u:p@h/a/b", "https://h/a/b?x=1"]
)
def test_a_target_that_is_none_is_refused_at_the_start(target: str) -> None:
    with pytest.raises(ValueError, match=r"transit:https://host"):
        Transit(Place(target, ENVIRON, None))


def test_a_service_that_is_not_installed_is_named() -> None:
    with pytest.raises(ValueError, match="no key service 'azure'; there are transit"):
        service("azure", Place("x", {}, None))


def test_a_package_can_bring_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class Backwards:
        def __init__(self, place: Place) -> None:
            self.place = place

        def wrap(self, key: bytes) -> bytes:
            return key[::-1]

        def unwrap(self, wrapped: bytes) -> bytes:
            return wrapped[::-1]

    def load(kind: str, builtin: dict[str, Any]) -> dict[str, Any]:
        assert kind == "key_services"
        return {**builtin, "backwards": Backwards}

    monkeypatch.setattr(key_services, "load", load)
    made = service("backwards", Place("there", {}, None))
    keys = Keyring(OWN, lambda: [ServiceKek("b", made)])
    value = keys.envelope.seal(b"x", b"y")
    assert sealed.read(value).key_id == "b" and keys.envelope.open(value, b"y") == b"x"


def test_its_key_never_comes_here_and_many_values_share_a_data_key(vault: VaultDouble) -> None:
    keys = ring(vault)
    many = keys.direct(b"payloads")
    values = [many.seal(b"said %d" % number, b"a") for number in range(50)]
    assert len(vault.asked) == 1 and len({sealed.read(value).wrapped for value in values}) == 1
    other = ring(vault)
    assert [other.direct(b"payloads").open(value, b"a") for value in values][-1] == b"said 49"
    assert len(vault.asked) == 2
    with pytest.raises(Unsealable):
        other.direct(b"answers").open(values[0], b"a")


def test_what_was_opened_once_opens_while_the_service_is_away(vault: VaultDouble) -> None:
    keys = ring(vault)
    values = [keys.envelope.seal(b"%d" % number, b"a") for number in range(3)]
    assert keys.waits(values[0]) and keys.envelope.open(values[0], b"a") == b"0" and not keys.waits(values[0])
    vault.says = (503, {"errors": ["Vault is sealed"]})
    assert keys.envelope.open(values[0], b"a") == b"0"
    with pytest.raises(KeyAway, match=r"'hv' gives no answer: it answered 503 \(Vault is sealed\)"):
        keys.envelope.open(values[1], b"a")
    asked = len(vault.asked)
    with pytest.raises(KeyAway):
        keys.envelope.open(values[2], b"a")
    with pytest.raises(KeyAway):
        keys.envelope.seal(b"new", b"a")
    assert len(vault.asked) == asked  # it is left alone for a while


def test_it_is_asked_again_after_a_rest(vault: VaultDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = ring(vault)
    value = keys.envelope.seal(b"x", b"a")
    vault.says = (503, {"errors": []})
    with pytest.raises(KeyAway):
        keys.envelope.open(value, b"a")
    vault.says = None
    monkeypatch.setattr(key_services, "monotonic", lambda: __import__("time").monotonic() + key_services.REST + 1)
    assert keys.envelope.open(value, b"a") == b"x"


def test_what_another_key_of_the_service_wrapped_is_no_outage(vault: VaultDouble) -> None:
    keys = ring(vault)
    value = keys.envelope.seal(b"x", b"a")
    vault.key = b"w" * 32
    with pytest.raises(Unsealable, match="'hv' does not open its data key") as caught:
        ring(vault).envelope.open(value, b"a")
    assert not isinstance(caught.value, KeyAway)


def test_nobody_there_is_told_in_words() -> None:
    gone = VaultDouble()
    gone.close()
    with pytest.raises(KeyAway, match="'hv' gives no answer"):
        ring(gone).envelope.seal(b"x", b"y")
    with pytest.raises(KeyAway, match="VAULT_TOKEN is not set"):
        ring(gone, {}).envelope.seal(b"x", b"y")
