"""The edge of a gateway as people start it: HTTPS, a proxy in front, pages of other origins."""

import os
import ssl
import time

import httpx2
import pytest

from tests.e2e.processes import Gateway
from tests.transport.certificates import certificate

pytestmark = pytest.mark.xdist_group("e2e-edge")


def test_https_behind_a_proxy_with_pages_of_another_origin(tmp_path, monkeypatch):
    first, second = certificate(tmp_path, "first"), certificate(tmp_path, "second")
    cert, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    os.link(first.cert, cert)
    os.link(first.key, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(first.cert))
    gateway = Gateway(
        tmp_path / "home",
        args=("--tls-cert", str(cert), "--tls-key", str(key)),
        HEADGATE_TRUSTED_PROXIES="127.0.0.1",
        HEADGATE_ALLOWED_HOSTS="127.0.0.1,gateway.test",
        HEADGATE_CORS_ORIGINS="https://app.test",
    )
    gateway.url = gateway.url.replace("http:", "https:")
    gateway.start(40)
    try:
        assert f"ready on {gateway.url}" in gateway.printed
        admin = {"authorization": f"Bearer {gateway.admin_key}"}
        keys = httpx2.get(f"{gateway.url}/api/v1/auth/keys", timeout=20)
        assert keys.status_code == 200 and keys.headers["strict-transport-security"] == "max-age=31536000"
        strange = httpx2.get(f"{gateway.url}/health", headers={"host": "elsewhere.test"}, timeout=20)
        assert strange.status_code == 400 and strange.json()["error"]["code"] == "invalid_host"

        page = {"origin": "https://app.test"}
        asked = {**page, "access-control-request-method": "POST", "access-control-request-headers": "authorization"}
        preflight = httpx2.options(f"{gateway.url}/v1/chat/completions", headers=asked, timeout=20)
        assert preflight.status_code == 204
        answer = httpx2.get(f"{gateway.url}/api/v1/config", headers=admin | page, timeout=20)
        assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == "https://app.test"
        answer = httpx2.get(f"{gateway.url}/v1/models", headers=page, timeout=20)
        assert answer.status_code == 401 and answer.headers["access-control-allow-origin"] == "https://app.test"

        wrong = {"email": "a@b.test", "password": "x" * 12}
        said = {"x-forwarded-for": "198.51.100.1, 203.0.113.7"}
        refused = httpx2.post(f"{gateway.url}/api/v1/auth/login", json=wrong, headers=said, timeout=20)
        assert refused.status_code == 401
        until = time.monotonic() + 10
        while "from 203.0.113.7" not in gateway.printed and time.monotonic() < until:
            time.sleep(0.1)
        assert "from 203.0.113.7" in gateway.printed

        os.replace(second.key, key)
        os.replace(second.cert, cert)
        until = time.monotonic() + 20
        trust = ssl.create_default_context(cafile=cert)
        while time.monotonic() < until:
            try:
                assert httpx2.get(f"{gateway.url}/health", verify=trust, timeout=5).status_code == 200
                break
            except httpx2.ConnectError:
                time.sleep(0.2)
        else:
            raise AssertionError("the new certificate was not taken")
    finally:
        assert gateway.stop() == 0


def test_a_certificate_that_cannot_be_used_stops_the_start(tmp_path):
    first, second = certificate(tmp_path, "first"), certificate(tmp_path, "second")
    for cert, key, says in (
        (first.cert, second.key, "cannot be used"),
        (tmp_path / "no.crt", first.key, "cannot be read"),
    ):
        gateway = Gateway(tmp_path / "home", args=("--tls-cert", str(cert), "--tls-key", str(key)))
        with pytest.raises(AssertionError, match="ended with 2"):
            gateway.start(20)
        assert says in gateway.printed
