"""Tokens on the data plane: what proves something, and the many that prove nothing."""

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from headgate.access.jwks import KeySets
from headgate.access.jwt import BadToken, import_keys, read
from headgate.access.resolve import Meaning
from headgate.access.tokens import Access, Signer
from headgate.access.web import NotFetched
from headgate.core.errors import NotAuthenticated, Unavailable
from headgate.core.ids import new_id, now
from headgate.storage.entry_rows import IssuerRow
from tests.access.idp import by_secret
from tests.admin.entering import BY, DERIVED, House, house

ISSUER, AUDIENCE, URL = "https://sso.corp.test", "gateway", "https://sso.corp.test/jwks"


class Corp:
    """A company's issuer, and the gateway that trusts it."""

    def __init__(self, home: House) -> None:
        self.home = home
        self.key = ECKey.generate_key("P-256", parameters={"kid": "k1"})
        self.rsa = RSAKey.generate_key(2048, parameters={"kid": "r1"})
        self.fetched: list[str] = []
        self.down = False
        self.clock = time.monotonic()
        self.sets = KeySets(self.fetch, lambda: self.clock)
        home.gate.resolver._keys = self.sets

    async def fetch(self, url: str) -> dict[str, Any]:
        self.fetched.append(url)
        if self.down:
            raise NotFetched("down")
        return {"keys": [self.key.as_dict(private=False), self.rsa.as_dict(private=False)]}

    async def trust(self, **fields: Any) -> IssuerRow:
        mapping = msgspec.json.encode(Meaning(**fields.pop("mapping", {}))).decode()
        row = IssuerRow(
            **{
                "id": new_id(),
                "tenant_id": "default",
                "name": "corp",
                "issuer": ISSUER,
                "audience": AUDIENCE,
                "jwks_url": URL,
                "keys": None,
                "mapping": mapping,
                "is_active": True,
                "created_at": now(),
                "updated_at": now(),
                **fields,
            }
        )
        await self.home.gate.issuers.add(row.tenant_id, row, BY)
        await self.home.principals.refresh()
        return row

    def token(self, header: dict[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
        at = int(time.time())
        whole = {"iss": ISSUER, "aud": AUDIENCE, "sub": "worker-7", "exp": at + 300, "iat": at, **claims}
        whole = {name: value for name, value in whole.items() if value is not None}
        return jwt.encode({"alg": "ES256", "kid": "k1", **(header or {})}, whole, key or self.key, algorithms=["ES256"])

    async def who(self, token: str | bytes) -> Any:
        raw = token.encode() if isinstance(token, str) else token
        found = self.home.principals.authenticate([(b"authorization", b"Bearer " + raw)], b"", "192.0.2.1")
        return await found if hasattr(found, "__await__") else found

    async def is_refused(self, token: str | bytes) -> bool:
        try:
            await self.who(token)
        except NotAuthenticated:
            return True
        return False


@pytest.fixture
async def corp(database) -> AsyncIterator[Corp]:
    async with house(f"sqlite:///{database}") as home:
        yield Corp(home)


async def test_a_trusted_token(corp):
    row = await corp.trust()
    who = await corp.who(corp.token())
    assert (who.kind, who.id, who.tenant_id) == ("client", f"{row.id}:worker-7", "default")
    assert who.permissions == {"gateway:use"}
    assert who.expires_at % 1_000_000 == 0 and who.expires_at > now()
    assert corp.fetched == [URL]
    again = corp.home.principals.authenticate([(b"x-api-key", corp.token(sub="w2").encode())], b"", None)
    assert (await again).id.endswith(":w2") and corp.fetched == [URL]


async def test_claims_say_whom_it_is_bound_by(corp):
    await corp.home.user("ada@corp.test", "developer")
    await corp.trust(
        mapping={"user": "mail", "roles": "realm.roles", "role_map": {"ops": "auditor"}, "permissions": ()}
    )
    who = await corp.who(corp.token(mail="Ada@corp.test", realm={"roles": ["ops", "admins"]}))
    assert who.user_id is not None and "audit:view" in who.permissions and "gateway:use" not in who.permissions


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://elsewhere.test"},
        {"iss": ISSUER + "/"},
        {"iss": 7},
        {"aud": "somebody"},
        {"aud": None},
        {"aud": ["somebody"]},
        {"exp": 1},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"nbf": 4102444800},
        {"iat": 4102444800},
        {"sub": None},
        {"sub": ""},
        {"sub": "s" * 256},
    ],
    ids=str,
)
async def test_claims_that_do_not_hold(corp, claims):
    await corp.trust()
    assert await corp.is_refused(corp.token(**claims))


async def test_the_second_at_which_it_ends_is_not_in_its_life(corp, monkeypatch):
    await corp.trust()
    end = int(time.time()) + 100
    token = corp.token(exp=end)
    monkeypatch.setattr("headgate.access.resolve.time", lambda: float(end))
    assert await corp.is_refused(token)
    monkeypatch.setattr("headgate.access.resolve.time", lambda: end - 0.001)
    assert not await corp.is_refused(corp.token(exp=end, jti="other"))


async def test_forgeries(corp):
    await corp.trust()
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "root", "exp": int(time.time()) + 300}
    good = corp.token()
    head, body, sign = good.split(".")
    stranger = ECKey.generate_key("P-256")
    forged = [
        by_secret({"alg": "none"}, claims, b"").rpartition(".")[0] + ".",
        by_secret({"alg": "none"}, claims, b""),
        by_secret({"alg": "HS256", "kid": "r1"}, claims, corp.rsa.as_pem(private=False)),
        by_secret({"alg": "HS256", "kid": "k1"}, claims, json.dumps(corp.key.as_dict(private=False)).encode()),
        by_secret({"alg": "ES256", "kid": "k1"}, claims, b"x"),
        corp.token(key=stranger),
        corp.token({"kid": "../../../dev/null"}),
        corp.token({"kid": "https://elsewhere.test/jwks"}),
        corp.token({"jku": "https://elsewhere.test/jwks", "kid": "k2"}, key=stranger),
        corp.token({"kid": "r1"}),
        f"{head}.{body}.",
        f"{head}.{body}.{sign[:-8]}AAAAAAAA",
        f"{head}.{body[:-4]}AAAA.{sign}",
        f"{head}.{body}",
        good[:20] + "A" * 400,
        good + "A" * 20_000,
        "eyJ" + "A" * 1_000_000 + ".e30.x",
        "eyJ..x",
        "e30.e30.e30",
        by_secret({"alg": ["ES256"]}, claims, b"x"),
        by_secret({"alg": "ES256", "crit": ["exp"], "kid": "k1"}, claims, b"x"),
    ]
    for token in forged:
        assert await corp.is_refused(token), token[:200]
    assert not await corp.is_refused(good)


async def test_tokens_that_share_their_beginning_are_not_mixed_up(corp):
    await corp.trust()
    one, two = corp.token(sub="one"), corp.token(sub="two")
    assert one[:20] == two[:20]
    assert (await corp.who(one)).id.endswith(":one") and (await corp.who(two)).id.endswith(":two")


async def test_keys_outlive_their_source_for_a_day(corp):
    await corp.trust()
    await corp.who(corp.token(sub="a"))
    corp.down = True
    corp.clock += 86_000
    assert not await corp.is_refused(corp.token(sub="b"))
    corp.clock += 500
    with pytest.raises(Unavailable):
        await corp.who(corp.token(sub="c"))


async def test_an_unknown_key_is_asked_for_once_a_minute(corp):
    await corp.trust()
    await corp.who(corp.token(sub="a"))
    for number in range(20):
        assert await corp.is_refused(corp.token({"kid": f"new-{number}"}))
    assert len(corp.fetched) == 1  # it was fetched within the minute
    corp.clock += 61
    new = ECKey.generate_key("P-256", parameters={"kid": "k2"})
    for number in range(20):
        assert await corp.is_refused(corp.token({"kid": f"other-{number}"}))
    assert len(corp.fetched) == 2
    corp.key = new
    corp.clock += 61
    assert not await corp.is_refused(corp.token({"kid": "k2"}, key=new))
    assert len(corp.fetched) == 3


async def test_trusted_no_more(corp):
    row = await corp.trust()
    token = corp.token()
    await corp.who(token)
    await corp.home.gate.issuers.drop("default", row.id, BY)
    await corp.home.principals.refresh()
    assert await corp.is_refused(token)


async def test_one_tenants_issuer_names_no_other_tenant(corp):
    await corp.home.tenant("other")
    await corp.trust()
    assert (await corp.who(corp.token(tenant="other"))).tenant_id == "default"
    await corp.trust(audience="platform", mapping={"tenant": "org"})
    assert (await corp.who(corp.token(aud="platform", org="other"))).tenant_id == "other"
    assert await corp.is_refused(corp.token(aud="platform", org="nowhere"))
    assert await corp.is_refused(corp.token(aud="platform"))


async def test_our_own_tokens_are_not_anybodys(corp):
    """Signed by us for another use, by another installation, or about a session that is not there."""
    await corp.trust()
    signer, others = corp.home.signer, Signer(type(DERIVED)(*(b"\7" * 32 for _ in range(4))))
    access = Access(kind="user", sub="u", tid="default", sid="s")
    assert await corp.is_refused(signer.sign(access).reveal())
    assert await corp.is_refused(others.sign(access).reveal())
    claims = {"iss": signer.issuer, "aud": "headgate", "exp": time.time() + 100, "kind": "user", "sub": "u", "tid": "d"}
    for header in ({"typ": "JWT"}, {"typ": "at+jwt", "kid": "k1"}):
        token = jwt.encode({"alg": "ES256", "kid": signer.kid, **header}, claims, signer._key, algorithms=["ES256"])
        assert await corp.is_refused(token)


def test_keys_that_are_none():
    short = rsa.generate_private_key(65537, 1024).public_key().public_numbers()
    modulus = urlsafe_b64encode(short.n.to_bytes(128, "big")).rstrip(b"=").decode()
    sets = [
        [OctKey.generate_key(256).as_dict()],
        [{"kty": "RSA", "n": modulus, "e": "AQAB"}],
        [{"kty": "RSA"}, {"kty": "ML-DSA", "x": "1"}, "x", None],
        [ECKey.generate_key("P-256", parameters={"use": "enc"}).as_dict(private=False)],
    ]
    for keys in sets:
        assert import_keys({"keys": keys}) == []
    documents: tuple[Any, ...] = ({}, [], {"keys": {}}, {"keys": [{}] * 101})
    for document in documents:
        with pytest.raises(BadToken):
            import_keys(document)


@pytest.mark.parametrize("raw", [b"", b"a", b"..", b"e30.e30", b"eyJhbGciOiJFUzI1NiJ9.W10.x", b"\xff.\xff.\xff"])
def test_what_is_no_token(raw):
    with pytest.raises(BadToken):
        read(raw)
