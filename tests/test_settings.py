"""Settings: one place, all problems at once, no secret repeated."""

from pathlib import Path

import pytest

from headgate import settings
from headgate.core.secret import Secret
from headgate.settings import SettingsError, describe, load

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


def test_nothing_set_is_the_default():
    loaded = load({})
    assert loaded.home == Path.home() / ".headgate"
    assert (loaded.host, loaded.port, loaded.workers, loaded.dashboard) == ("127.0.0.1", 8080, 1, True)
    assert loaded.database_path() == loaded.home / "headgate.db"


def test_the_environment_sets_and_the_command_line_wins():
    environ = {"HEADGATE_PORT": "9000", "HEADGATE_WORKERS": "2", "HEADGATE_DASHBOARD": "OFF", "HEADGATE_HOST": "::1"}
    loaded = load(environ, {"port": 9100, "workers": None})
    assert (loaded.port, loaded.workers, loaded.dashboard, loaded.host) == (9100, 2, False, "::1")


def test_an_empty_variable_is_unset():
    assert load({"HEADGATE_PORT": "", "HEADGATE_CONFIG": ""}).port == 8080


def test_every_problem_is_told_at_once_and_no_secret():
    environ = {
        "HEADGATE_PORT": "80800",
        "HEADGATE_WORKERS": "zero",
        "HEADGATE_CONFIG": "~nobody-is-called-so/headgate.yaml",
        "HEADGATE_DASHBOARD": "perhaps",
        "HEADGATE_LOG_LEVEL": "loud",
        "HEADGATE_SECRET_KEY": "canary-7f3a",
        "HEADGATE_REDIS_URL": "memcached://:canary-7f3a@host",
        "HEADGATE_DATABASE_URL": "mysql://u:canary-7f3a@host",
    }
    with pytest.raises(SettingsError) as caught:
        load(environ)
    told = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == len(environ)
    assert all(name in told for name in environ)
    assert "canary" not in told + str(caught.value) + repr(caught.value)
    assert caught.value.exit_code == 2


def test_an_option_is_named_as_it_was_typed():
    with pytest.raises(SettingsError, match="--port must be a number from 0 to 65535, not '-1'"):
        load({}, {"port": "-1"})


def test_secrets_are_secrets():
    loaded = load({"HEADGATE_ADMIN_KEY": "hga_canary", "HEADGATE_SECRET_KEY": KEY, "HEADGATE_METRICS_TOKEN": "canary"})
    assert isinstance(loaded.admin_key, Secret)
    assert "canary" not in repr(loaded)
    assert KEY not in repr(loaded)


@pytest.mark.parametrize("text", [KEY, KEY.rstrip("="), "-_" * 21 + "A", " " + KEY + "\n"])
def test_a_secret_key_in_either_alphabet(text):
    raw = settings.decode_secret_key(Secret(text))
    assert raw is not None
    assert len(raw) == 32


@pytest.mark.parametrize("text", ["", "short", KEY + "AAAA", "!" * 44, "ä" * 44])
def test_what_is_no_secret_key(text):
    assert settings.decode_secret_key(Secret(text)) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_loopback(host):
    assert load({}, {"host": host}).loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "example.org", "localhost.example.org"])
def test_not_loopback(host):
    assert not load({}, {"host": host}).loopback


def test_the_configuration_file_is_found_in_order(tmp_path, monkeypatch):
    home, here, named = tmp_path / "home", tmp_path / "here", tmp_path / "named.yaml"
    home.mkdir()
    here.mkdir()
    monkeypatch.chdir(here)
    environ = {"HEADGATE_HOME": str(home)}
    assert load(environ).config_file() is None
    (home / "headgate.yaml").touch()
    assert load(environ).config_file() == home / "headgate.yaml"
    (here / "headgate.yaml").touch()
    assert load(environ).config_file() == here / "headgate.yaml"
    assert load({**environ, "HEADGATE_CONFIG": str(named)}).config_file() == named
    assert (
        load({**environ, "HEADGATE_CONFIG": str(named)}, {"config": "other.yaml"}).config_file() == here / "other.yaml"
    )


@pytest.mark.parametrize(
    ("url", "path"), [("sqlite:////var/x.db", Path("/var/x.db")), ("sqlite:///x.db", Path("x.db"))]
)
def test_a_database_elsewhere(url, path):
    assert load({"HEADGATE_DATABASE_URL": url}).database_path() == path


def test_every_setting_has_help_and_its_own_variable():
    found = describe()
    assert all(len(s.help) > 10 and s.env == "HEADGATE_" + s.name.upper() for s in found)
    assert len({s.env for s in found}) == len(found)


@pytest.mark.parametrize("key", ["sk-1234", "changeme", "admin", "hga_admin", "short-odd-9x", "a" * 40, "abab" * 10])
def test_a_weak_admin_key_is_refused_where_others_can_reach_it(key):
    environ = {"HEADGATE_ADMIN_KEY": key}
    settings.refuse_exposed(load(environ))
    with pytest.raises(SettingsError, match="HEADGATE_ADMIN_KEY") as caught:
        settings.refuse_exposed(load({**environ, "HEADGATE_HOST": "0.0.0.0"}))
    assert key not in str(caught.value)


def test_every_weak_secret_is_told():
    environ = {"HEADGATE_HOST": "::", "HEADGATE_ADMIN_KEY": "admin", "HEADGATE_METRICS_TOKEN": "x"}
    environ["HEADGATE_SECRET_KEY"] = "A" * 43 + "="
    with pytest.raises(SettingsError) as caught:
        settings.refuse_exposed(load(environ))
    assert len(caught.value.problems) == 3


def test_strong_secrets_may_be_exposed():
    strong = {"HEADGATE_ADMIN_KEY": "hga_V9zKq3mW7xT2nB5cR8yL1pD4", "HEADGATE_SECRET_KEY": KEY, "HEADGATE_HOST": "::"}
    settings.refuse_exposed(load(strong))


def test_lists_are_written_with_commas():
    loaded = load({"HEADGATE_TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.1", "HEADGATE_ALLOWED_HOSTS": "a.test,*.b.test,"})
    assert loaded.trusted_proxies == ("10.0.0.0/8", "192.0.2.1")
    assert loaded.allowed_hosts == ("a.test", "*.b.test")
    assert loaded.cors_origins == ()


def test_an_edge_that_cannot_be_is_told_at_once():
    environ = {
        "HEADGATE_TRUSTED_PROXIES": "10.0.0.1/8",
        "HEADGATE_CORS_ORIGINS": "app.test",
        "HEADGATE_PRIVATE_HOSTS": "a b",
        "HEADGATE_PUBLIC_URL": "*",
        "HEADGATE_TLS_CERT": "/x.pem",
        "HEADGATE_PROXY": "socks5://user:canary-7f3a@host",
    }
    with pytest.raises(SettingsError) as caught:
        load(environ)
    told = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == len(environ) and all(name in told for name in environ)
    assert "canary" not in told


def test_an_edge_that_can_be():
    loaded = load(
        {
            "HEADGATE_PUBLIC_URL": "https://gateway.test/",
            "HEADGATE_CORS_ORIGINS": "https://app.test,http://localhost:3000",
            "HEADGATE_PRIVATE_HOSTS": "sso.corp:8443,10.0.0.0/8,[::1]:9,127.0.0.1",
            "HEADGATE_TLS_CERT": "a.pem",
            "HEADGATE_TLS_KEY": "a.key",
        }
    )
    assert loaded.tls_cert is not None and loaded.tls_cert.is_absolute()


@pytest.mark.parametrize(
    "given", ["postgresql://u:p@h:5433/d?sslmode=require", "postgres://u:p@h:5433/d?sslmode=require"]
)
def test_a_database_server(given):
    loaded = load({"HEADGATE_DATABASE_URL": given})
    assert loaded.database() == "postgresql://u:p@h:5433/d?sslmode=require"
    assert loaded.database_path() is None
    assert "u:p" not in repr(loaded)
