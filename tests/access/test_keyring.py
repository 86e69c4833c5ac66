"""Which keys there are: of the setting, of files, of the home; and what becomes of a change of them."""

import base64
import json
import logging
import stat
from pathlib import Path
from threading import Thread

import msgspec
import pytest

from headgate.access.home import Home, add_key, kept_keys, open_home
from headgate.access.key_list import listed
from headgate.access.keyring import Keyring, LocalKek, installation_id
from headgate.access.vault import UnknownKey, Unsealable
from headgate.core.secret import Secret
from headgate.encryption import open_ring
from headgate.settings import Settings, SettingsError, load, refuse_exposed
from headgate.storage.types import StorageRefused

ONE, TWO, THREE = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2, 3))


def made(tmp_path: Path, keys: str | None = None, **more: object) -> tuple[Home, Keyring]:
    home = open_home(tmp_path / "home")
    settings = Settings(home=home.path, encryption_keys=Secret(keys) if keys else None, **more)  # type: ignore[arg-type]
    return home, open_ring(settings, home, {})


def test_without_a_setting_the_key_of_the_installation_seals(tmp_path: Path) -> None:
    home, ring = made(tmp_path)
    assert ring.ids == (installation_id(home.derived),) == (ring.first.id,)
    assert ring.first.id.startswith("secret-")


def test_the_first_of_the_setting_seals_and_all_open(tmp_path: Path) -> None:
    home, before = made(tmp_path, f"k1={ONE}")
    value = before.envelope.seal(b"x", b"y")
    _, ring = made(tmp_path, f" k2={TWO},\nk1={ONE}\n")
    assert ring.ids == ("k2", "k1", installation_id(home.derived)) and ring.first.id == "k2"
    assert ring.envelope.open(value, b"y") == b"x"


def test_a_key_made_in_the_home_is_the_first_and_every_process_finds_it(tmp_path: Path) -> None:
    home, ring = made(tmp_path)
    _, other = made(tmp_path)
    before = ring.envelope.seal(b"x", b"y")
    id = ring.grow()
    assert ring.first.id == id and id.startswith("home-") and ring.ids[1:] == (installation_id(home.derived),)
    value = ring.envelope.seal(b"new", b"y")
    assert other.envelope.open(value, b"y") == b"new"  # it meets the id, and looks
    assert other.first.id == id and other.envelope.open(before, b"y") == b"x"
    assert stat.S_IMODE((home.path / "secrets.json").stat().st_mode) == 0o600
    again = ring.grow()
    assert again != id and other.ids[:2] == (again, id)
    assert open_home(home.path).derived == home.derived
    assert sorted(path.name for path in home.path.iterdir()) == ["node", "secrets.json"]


def test_keys_made_at_once_are_all_kept(tmp_path: Path) -> None:
    home, _ = made(tmp_path)
    threads = [Thread(target=add_key, args=(home.path, f"home-{number}")) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(id for id, _ in kept_keys(home.path)) == [f"home-{number}" for number in range(8)]


def test_where_a_new_key_in_the_home_would_be_of_no_use_it_is_not_made(tmp_path: Path) -> None:
    home, ring = made(tmp_path, f"k1={ONE}")
    with pytest.raises(ValueError, match="HEADGATE_ENCRYPTION_KEYS: put the new one there"):
        ring.grow()
    _, shared = made(tmp_path, database_url=Secret("postgresql://h/d"))
    with pytest.raises(ValueError, match="other machines would not have"):
        shared.grow()
    assert kept_keys(home.path) == []


def test_a_spoilt_secrets_file_is_refused_and_changes_no_running_ring(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home, ring = made(tmp_path)
    id = ring.grow()
    file = home.path / "secrets.json"
    said = json.loads(file.read_text())
    said["encryption_keys"][0]["key"] = "AAAA"
    file.write_text(json.dumps(said))
    with caplog.at_level(logging.ERROR):
        assert ring.first.id == ring.first.id == id
    assert caplog.text.count("stay as they were") == 1
    with pytest.raises(StorageRefused, match=r"secrets\.json"):
        kept_keys(home.path)
    value = ring.envelope.seal(b"x", b"y")
    file.write_text(json.dumps({"secret_key": said["secret_key"]}))  # an old copy was given back
    with pytest.raises(UnknownKey, match=f"'{id}' of another home"):
        made(tmp_path)[1].envelope.open(value, b"y")


def test_keys_and_whole_lists_may_stand_in_files_and_a_list_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "two").write_text(TWO + "\n")
    file = tmp_path / "list"
    file.write_text(f"k1={ONE}\n")
    _, ring = made(tmp_path, f"file:{file}")
    assert ring.first.id == "k1"
    value = ring.envelope.seal(b"x", b"y")
    file.write_text(f"k2=file:{tmp_path / 'two'}\nk1={ONE}\n")
    assert ring.first.id == "k2" and ring.envelope.open(value, b"y") == b"x"
    file.write_text("k2=nonsense\n")
    assert ring.first.id == "k2"
    with pytest.raises(SettingsError, match=r"HEADGATE_ENCRYPTION_KEYS the key 'k2' must be 32 bytes"):
        made(tmp_path, f"file:{file}")
    with pytest.raises(SettingsError, match="cannot be read"):
        made(tmp_path, f"k1=file:{tmp_path / 'nowhere'}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x", "entry 1 must be written id=key"),
        (f"k1={ONE},=x", "entry 2"),
        (f"a b={ONE}", "entry 1"),
        (f"{'k' * 33}={ONE}", "entry 1"),
        (f"k1={ONE[:20]}", "'k1' must be 32 bytes in base64"),
        ("k1=", "'k1' must be 32 bytes"),
        (f"k1={ONE},k1={TWO}", "names the key 'k1' twice"),
        (",", "names no key"),
    ],
)
def test_what_is_no_list_is_refused_without_repeating_it(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        listed(text)
    assert ONE[:12] not in str(caught.value)
    with pytest.raises(SettingsError, match="HEADGATE_ENCRYPTION_KEYS") as stopped:
        load({"HEADGATE_ENCRYPTION_KEYS": text})
    assert ONE[:12] not in str(stopped.value)


def test_both_alphabets_of_base64_are_taken_and_nothing_shows_a_key() -> None:
    key = bytes(range(224, 256))
    for text in (base64.b64encode(key), base64.urlsafe_b64encode(key), base64.urlsafe_b64encode(key).rstrip(b"=")):
        entries = listed(f"k1={text.decode()}")
        assert text.decode()[:12] not in repr(entries) and entries[0].id == "k1"


def test_a_service_is_an_entry_whose_target_may_be_a_url(tmp_path: Path) -> None:
    [entry] = listed("hv=transit:https://vault:8200/transit/key")
    assert (entry.kind, entry.value) == ("transit", "https://vault:8200/transit/key")
    _, ring = made(tmp_path, "hv=transit:http://127.0.0.1:1/transit/key")
    assert ring.first.waits
    for bad in ("hv=nobody:x", "hv=transit:x"):
        with pytest.raises(SettingsError, match="'hv'"):
            made(tmp_path, bad)


def test_a_key_called_as_another_is_refused(tmp_path: Path) -> None:
    home, _ = made(tmp_path)
    with pytest.raises(SettingsError, match="twice"):
        made(tmp_path, f"{installation_id(home.derived)}={ONE}")


def test_a_changed_key_under_the_same_id_is_told(tmp_path: Path) -> None:
    value = made(tmp_path, f"k1={ONE}")[1].envelope.seal(b"x", b"y")
    with pytest.raises(Unsealable, match="'k1' is another than it was"):
        made(tmp_path, f"k1={THREE}")[1].envelope.open(value, b"y")


def test_the_home_of_an_earlier_version_is_opened(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o700)
    file = tmp_path / "home" / "secrets.json"
    file.touch(0o600)
    file.write_text(json.dumps({"secret_key": ONE}))
    _, ring = made(tmp_path)
    assert ring.grow() == ring.first.id
    assert json.loads(file.read_text())["secret_key"] == ONE


def test_no_key_is_printed(tmp_path: Path) -> None:
    home, ring = made(tmp_path)
    id = ring.grow()
    [(_, key)] = kept_keys(home.path)
    from headgate.access.home import KeptKey, Secrets

    kept = KeptKey(id, base64.b64encode(key).decode())
    shown = f"{kept!r} {Secrets(encryption_keys=(kept,))!r} {LocalKek(id, key)!r} {msgspec.structs.asdict(home)!r}"
    assert kept.key[:12] not in shown


def test_a_key_that_is_not_random_is_refused_where_others_can_reach_the_gateway() -> None:
    random = base64.b64encode(bytes(range(32))).decode()
    refuse_exposed(Settings(host="0.0.0.0", encryption_keys=Secret(f"k2={random},hv=transit:http://h/a/b")))
    refuse_exposed(Settings(encryption_keys=Secret(f"k1={ONE}")))
    refuse_exposed(Settings(host="0.0.0.0", encryption_keys=Secret("file:/run/secrets/keys")))
    with pytest.raises(SettingsError, match="the key 'k1' of HEADGATE_ENCRYPTION_KEYS is not random"):
        refuse_exposed(Settings(host="0.0.0.0", encryption_keys=Secret(f"k2={random},k1={ONE}")))
