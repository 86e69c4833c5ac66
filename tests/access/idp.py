"""An identity provider that lies on demand, over real sockets."""

import asyncio
import base64
import hmac
import json
import secrets
import time
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

CLIENT, SECRET = "headgate", "s3cret-of-the-client"


class FakeIdp:
    """Honest unless ``lie`` is one of :data:`LIES`."""

    def __init__(self) -> None:
        self.lie = ""
        self.key = ECKey.generate_key("P-256", parameters={"kid": "k1", "use": "sig", "alg": "ES256"})
        self.rsa = RSAKey.generate_key(2048, parameters={"kid": "r1", "use": "sig", "alg": "RS256"})
        self.stranger = ECKey.generate_key("P-256", parameters={"kid": "k1", "use": "sig", "alg": "ES256"})
        self.codes: dict[str, dict[str, str]] = {}
        self.seen: list[str] = []
        self.down = False
        self.claims: dict[str, Any] = {"email": "ada@corp.test", "email_verified": True, "groups": ["staff"]}

    async def __aenter__(self) -> "FakeIdp":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.issuer = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    def log_in(self, url: str) -> dict[str, str]:
        """Do what a browser and a person do at the authorization endpoint; return the query they come back with."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = f"code-{secrets.token_hex(8)}"
        self.codes[code] = asked
        answer = {"code": code, "state": asked["state"], "iss": self.issuer}
        if self.lie == "wrong iss in the response":
            answer["iss"] = "https://elsewhere.test"
        if self.lie == "no iss though it is promised":
            del answer["iss"]
        return answer

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                first, *lines = head.decode().split("\r\n")
                headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                path = first.split(" ")[1]
                self.seen.append(path)
                if self.down:
                    break
                status, kind, data, more = self._answer(path, headers, parse_qs(body.decode()))
                writer.write(
                    f"HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\ncontent-length: {len(data)}\r\n{more}\r\n".encode()
                    + data
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, path: str, headers: dict[str, str], form: dict[str, list[str]]) -> tuple[int, str, bytes, str]:
        if self.lie == f"HTML at {path}":
            return 200, "text/html", b"<html>Sign in to the Wi-Fi</html>", ""
        if path == "/.well-known/openid-configuration":
            return self._json(self._described())
        if path == "/jwks":
            if self.lie == "a redirecting JWKS":
                return 302, "application/json", b"{}", f"location: {self.issuer}/jwks2\r\n"
            if self.lie == "a huge JWKS":
                return self._json({"keys": [], "pad": "x" * 600_000})
            return self._json({"keys": [self.key.as_dict(private=False), self.rsa.as_dict(private=False)]})
        if path == "/token":
            return self._token(headers, {name: values[0] for name, values in form.items()})
        return 404, "application/json", b"{}", ""

    def _described(self) -> dict[str, Any]:
        at = self.issuer
        jwks = f"{at}/jwks"
        if self.lie == "a JWKS at a private address":
            jwks = "http://127.0.0.2:1/jwks"
        if self.lie == "a JWKS in the metadata service":
            jwks = "http://169.254.169.254/latest/jwks"
        return {
            "issuer": "https://elsewhere.test" if self.lie == "another issuer in the description" else at,
            "authorization_endpoint": f"{at}/auth",
            "token_endpoint": f"{at}/token",
            "jwks_uri": jwks,
            "authorization_response_iss_parameter_supported": True,
        }

    def _token(self, headers: dict[str, str], form: dict[str, str]) -> tuple[int, str, bytes, str]:
        asked = self.codes.pop(form.get("code", ""), None)
        given = base64.b64decode(headers.get("authorization", "").removeprefix("Basic ")).decode()
        proof = _base64(sha256(form.get("code_verifier", "").encode()).digest())
        if (
            asked is None
            or given != f"{CLIENT}:{SECRET}"
            or proof != asked["code_challenge"]
            or form.get("redirect_uri") != asked["redirect_uri"]
        ):
            return 400, "application/json", b'{"error": "invalid_grant"}', ""
        access = "an-access-token"
        answer: dict[str, Any] = {
            "access_token": access,
            "token_type": "Bearer",
            "id_token": self._id_token(asked, access),
        }
        if self.lie == "no ID token":
            del answer["id_token"]
        if self.lie == "an ID token that is a number":
            answer["id_token"] = 7
        return self._json(answer)

    def _id_token(self, asked: dict[str, str], access: str) -> str:
        now = int(time.time())
        half = sha256(access.encode()).digest()[:16]
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "subject-1",
            "nonce": asked["nonce"],
            "iat": now,
            "exp": now + 300,
            "at_hash": _base64(half),
            **self.claims,
        }
        header: dict[str, Any] = {"alg": "ES256", "kid": "k1"}
        changes, headers = LIES.get(self.lie, ({}, {}))
        claims = {name: value for name, value in {**claims, **changes}.items() if value is not GONE}
        if "iat" in changes or "exp" in changes:
            claims |= {name: now + changes[name] for name in ("iat", "exp") if isinstance(changes.get(name), int)}
        header |= headers
        if self.lie == "signed by nobody":
            return by_secret({"alg": "none"}, claims, b"").rpartition(".")[0] + "."
        if self.lie == "signed with the public key as a secret":
            return by_secret({"alg": "HS256", "kid": "r1"}, claims, self.rsa.as_pem(private=False))
        if self.lie == "signed with the client's secret":
            return by_secret({"alg": "HS256"}, claims, SECRET.encode())
        if self.lie == "an RSA key's name on another's signature":
            return jwt.encode({"alg": "ES256", "kid": "r1"}, claims, self.key, algorithms=["ES256"])
        key = self.stranger if self.lie in ("signed by a stranger", "brings its own key") else self.key
        if self.lie == "brings its own key":
            header["jwk"] = self.stranger.as_dict(private=False)
        signed = jwt.encode(header, claims, key, algorithms=["ES256"], registry=None)
        if self.lie == "a signature of nothing":
            signed = signed.rpartition(".")[0] + "." + "A" * 86
        if self.lie == "a token of 20 KiB":
            signed += "A" * 20_000
        return signed

    def _json(self, value: Any) -> tuple[int, str, bytes, str]:
        return 200, "application/json", json.dumps(value).encode(), ""


def by_secret(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    """A token as no library would make it."""
    body = ".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
    return f"{body}.{_base64(hmac.digest(secret, body.encode(), 'sha256'))}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


GONE = object()
LIES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # claims and headers that are not what they should be; instants are seconds from now
    "another issuer": ({"iss": "https://elsewhere.test"}, {}),
    "an issuer with a slash": ({"iss": "http://127.0.0.1/"}, {}),
    "another audience": ({"aud": "somebody-else"}, {}),
    "several audiences and no azp": ({"aud": [CLIENT, "somebody-else"]}, {}),
    "made for another client": ({"aud": [CLIENT, "somebody-else"], "azp": "somebody-else"}, {}),
    "another nonce": ({"nonce": "n-0S6_WzA2Mj"}, {}),
    "no nonce": ({"nonce": GONE}, {}),
    "expired": ({"exp": -1}, {}),
    "never expires": ({"exp": GONE}, {}),
    "expires at a word": ({"exp": "tomorrow"}, {}),
    "from the future": ({"iat": 3600}, {}),
    "made long ago": ({"iat": -7200}, {}),
    "no iat": ({"iat": GONE}, {}),
    "no subject": ({"sub": GONE}, {}),
    "an empty subject": ({"sub": ""}, {}),
    "a subject that is a list": ({"sub": ["root"]}, {}),
    "another access token": ({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, {}),
    "a key that is a path": ({}, {"kid": "../../etc/passwd"}),
    "a key that is a URL": ({}, {"kid": "https://elsewhere.test/jwks"}),
    "a key at a URL": ({}, {"jku": "https://elsewhere.test/jwks", "kid": "k9"}),
    "an extension that must be understood": ({}, {"crit": ["b64"], "b64": True}),
    # told elsewhere
    **dict.fromkeys(
        (
            "wrong iss in the response",
            "no iss though it is promised",
            "another issuer in the description",
            "a JWKS at a private address",
            "a JWKS in the metadata service",
            "a redirecting JWKS",
            "a huge JWKS",
            "HTML at /jwks",
            "HTML at /token",
            "HTML at /.well-known/openid-configuration",
            "no ID token",
            "an ID token that is a number",
            "signed by nobody",
            "signed by a stranger",
            "signed with the public key as a secret",
            "signed with the client's secret",
            "an RSA key's name on another's signature",
            "brings its own key",
            "a signature of nothing",
            "a token of 20 KiB",
        ),
        ({}, {}),
    ),
}
