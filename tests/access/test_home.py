"""The home: made once, tight, and refused when it is not as it was left."""

import base64
import json
import os
import stat

import pytest

from headgate.access.home import open_home
from headgate.access.keys import derive
from headgate.storage.types import StorageRefused

KEY = bytes(range(32))


def test_it_is_made_tight_and_found_again(tmp_path):
    path = tmp_path / "deep" / "home"
    home = open_home(path)
    assert home.created
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE((path / "secrets.json").stat().st_mode) == 0o600
    again = open_home(path)
    assert not again.created
    assert again.derived == home.derived
    assert sorted(p.name for p in path.iterdir()) == ["node", "secrets.json"]
    assert again.node == home.node


def test_two_homes_have_two_secrets(tmp_path):
    assert open_home(tmp_path / "a").derived != open_home(tmp_path / "b").derived


def test_a_key_of_the_environment_is_used_and_not_stored(tmp_path):
    home = open_home(tmp_path, KEY)
    assert home.derived == derive(KEY)
    text = (tmp_path / "secrets.json").read_text()
    assert base64.b64encode(KEY).decode() not in text
    assert KEY.hex() not in text
    assert open_home(tmp_path, KEY).derived == derive(KEY)


@pytest.mark.parametrize(("first", "then"), [(KEY, None), (KEY, b"\1" * 32), (None, KEY)])
def test_another_key_than_before_is_refused_and_nothing_is_changed(tmp_path, first, then):
    open_home(tmp_path, first)
    before = (tmp_path / "secrets.json").read_bytes()
    with pytest.raises(StorageRefused, match=r"secrets\.json.*HEADGATE_SECRET_KEY") as caught:
        open_home(tmp_path, then)
    assert caught.value.exit_code == 3
    assert (tmp_path / "secrets.json").read_bytes() == before


def test_the_same_key_as_the_stored_one_may_be_given(tmp_path):
    home = open_home(tmp_path)
    stored = json.loads((tmp_path / "secrets.json").read_text())["secret_key"]
    assert open_home(tmp_path, base64.b64decode(stored)).derived == home.derived


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o604, 0o601])
def test_a_secrets_file_open_to_others_is_refused(tmp_path, mode):
    open_home(tmp_path)
    (tmp_path / "secrets.json").chmod(mode)
    with pytest.raises(StorageRefused, match=r"secrets\.json: is open to other users"):
        open_home(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_secrets_file_of_another_user_is_refused(tmp_path):
    open_home(tmp_path)
    os.chown(tmp_path / "secrets.json", 12345, -1)
    with pytest.raises(StorageRefused, match=r"secrets\.json: belongs to user 12345"):
        open_home(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"secret_key": 1}', '{"secret_key": "AAAA"}', '{"secret_key": "ä"}']
)
def test_a_damaged_secrets_file_is_refused_and_left(tmp_path, text):
    open_home(tmp_path)
    (tmp_path / "secrets.json").write_text(text)
    with pytest.raises(StorageRefused, match=r"secrets\.json"):
        open_home(tmp_path)
    assert (tmp_path / "secrets.json").read_text() == text


def test_what_is_no_directory_or_no_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageRefused, match="file: cannot be used"):
        open_home(tmp_path / "file")
    (tmp_path / "home" / "secrets.json").mkdir(parents=True)
    with pytest.raises(StorageRefused, match=r"secrets\.json"):
        open_home(tmp_path / "home")


def test_many_processes_at_once_agree(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(16) as threads:
        homes = list(threads.map(lambda _: open_home(tmp_path), range(64)))
    assert len({home.derived.pepper for home in homes}) == 1
    assert len({home.node for home in homes}) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["node", "secrets.json"]


def test_the_secret_is_not_printed(tmp_path):
    home = open_home(tmp_path)
    assert "***" in repr(home)
    assert home.derived.pepper.hex() not in repr(home)
