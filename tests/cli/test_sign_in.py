"""Signing in from the command line, and managing identity providers, against a gateway that runs."""

import json
import os
import stat
import subprocess

import httpx2
import pytest

from tests.e2e.processes import HEADGATE, Gateway, clean_environment

pytestmark = pytest.mark.xdist_group("e2e-sign-in")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    gateway = Gateway(tmp_path_factory.mktemp("home"))
    gateway.start(40)
    try:
        yield gateway
    finally:
        assert gateway.stop() == 0


@pytest.fixture(scope="module")
def ada(gateway):
    admin = {"authorization": f"Bearer {gateway.admin_key}"}
    with httpx2.Client(base_url=gateway.url, headers=admin, timeout=30) as http:
        user = http.post("/api/v1/users", json={"email": "ada@example.com", "name": "Ada"}).json()
        role = {"role": "tenant-admin", "subject_kind": "user", "subject_id": user["id"]}
        assert http.post("/api/v1/bindings", json=role).is_success
        token = http.post(f"/api/v1/users/{user['id']}/password-reset").json()["token"]
        body = {"token": token, "new_password": "nine paper lanterns"}
        assert http.post("/api/v1/auth/password", json=body).status_code == 204
    return "ada@example.com"


def run(folder, *words, stdin="", code=0, **env):
    done = subprocess.run(
        [HEADGATE, *words],
        env=clean_environment(HEADGATE_HOME=str(folder), **env),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


def test_signed_in_commands_need_no_key(gateway, ada, tmp_path):
    at = ("--url", gateway.url)
    assert "headgate login" in run(tmp_path, "whoami", *at, code=2)
    assert "Incorrect" in run(tmp_path, "login", *at, "--email", ada, "--password-stdin", stdin="x\n", code=1)
    run(tmp_path, "login", *at, "--email", ada, "--password-stdin", stdin="nine paper lanterns\n")
    file = tmp_path / "signed-in.json"
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600 and "lanterns" not in file.read_text()
    who = json.loads(run(tmp_path, "whoami", *at, "--json"))
    assert (who["kind"], who["name"]) == ("user", ada)
    assert ada in run(tmp_path, "whoami", *at)

    held = json.loads(file.read_text())
    before = held[gateway.url]["refresh"]
    held[gateway.url]["until"] = 0
    file.write_text(json.dumps(held))
    run(tmp_path, "whoami", *at)
    assert json.loads(file.read_text())[gateway.url]["refresh"] != before

    run(tmp_path, "logout", *at)
    assert json.loads(file.read_text()) == {}
    assert "Nobody is signed in" in run(tmp_path, "logout", *at, code=1)
    assert "headgate login" in run(tmp_path, "whoami", *at, code=2)


def test_a_way_to_a_password(gateway, ada, tmp_path):
    at = ("--home", str(gateway.home))
    offered = json.loads(run(tmp_path, "users", "password", ada, *at, "--json"))
    assert offered["token"].startswith("hgp_")
    assert "There is no user" in run(tmp_path, "users", "password", "nobody@example.com", *at, code=1)
    weak = run(tmp_path, "users", "password", ada, *at, "--password-stdin", stdin="short\n", code=1)
    assert "12 to 256" in weak
    run(tmp_path, "users", "password", ada, *at, "--password-stdin", stdin="eleven glass doors\n")
    words = ("login", "--url", gateway.url, "--email", ada, "--password-stdin")
    run(tmp_path, *words, stdin="eleven glass doors\n")


def test_identity_providers(gateway, tmp_path):
    words = ["sso", "add", "--name", "Staff", "--issuer", "https://1.1.1.1", "--client-id", "gw", "--secret-stdin"]
    words += ["--role", "a=b=developer", "--domain", "example.com", "--scope", "email", "--home", str(gateway.home)]
    made = json.loads(run(tmp_path, *words, "--json", stdin="hush\n"))
    assert made["roles"] == {"a=b": "developer"} and made["has_secret"] and made["scopes"] == ["email"]
    listed = run(tmp_path, "sso", "list", "--home", str(gateway.home))
    assert made["id"] in listed and "hush" not in listed
    assert "GROUP=ROLE" in run(tmp_path, *words[:-2], "--role", "x", stdin="\n", code=2)
    assert "Removed" in run(tmp_path, "sso", "remove", made["id"], "--home", str(gateway.home))
