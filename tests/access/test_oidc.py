"""OpenID Connect against a provider that lies: whatever it answers, nobody gets in by it."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from headgate.access.jwks import KeySets
from headgate.access.keys import derive
from headgate.access.oidc import Answer, Identity, Oidc
from headgate.access.web import Web
from headgate.core.errors import BadRequest, HeadgateError
from headgate.core.secret import Secret
from headgate.storage.entry_rows import SsoRow
from headgate.transport.client import Http1Sender
from headgate.transport.egress import Private
from tests.access.idp import CLIENT, LIES, SECRET, FakeIdp

BACK = "https://gateway.test/api/v1/auth/sso/sso-1/callback"


class Away:
    """A browser and the gateway's side of it."""

    def __init__(self, idp: FakeIdp) -> None:
        self.idp = idp
        self.sender = Http1Sender()
        web = Web(self.sender, Private([f"127.0.0.1:{idp.port}"]))
        self.used: set[bytes] = set()
        self.oidc = Oidc(web, KeySets(web.get_json), derive(b"\5" * 32), self.use_once)
        self.sso = SsoRow(
            id="sso-1",
            tenant_id="default",
            name="corp",
            issuer=idp.issuer,
            client_id=CLIENT,
            sealed_secret=None,
            scopes="email groups",
            groups_claim="groups",
            roles="{}",
            default_role=None,
            domains="[]",
            creates_users=True,
            is_active=True,
            created_at=0,
            updated_at=0,
        )

    async def use_once(self, digest: bytes, until: int) -> bool:
        new = digest not in self.used
        self.used.add(digest)
        return new

    async def leave(self) -> tuple[dict[str, str], str]:
        url, cookie = await self.oidc.start(self.sso, BACK, "/after")
        return self.idp.log_in(url), cookie

    async def back(self, answer: dict[str, Any], cookie: str | None) -> tuple[Identity, str]:
        return await self.oidc.finish(self.sso, Secret(SECRET), msgspec.convert(answer, Answer), cookie)


@pytest.fixture
async def away() -> AsyncIterator[Away]:
    async with FakeIdp() as idp:
        away = Away(idp)
        yield away
        await away.sender.close()


async def test_an_honest_one(away):
    identity, back = await away.back(*await away.leave())
    assert back == "/after"
    assert (identity.subject, identity.email, identity.groups) == ("subject-1", "ada@corp.test", ("staff",))
    assert identity.email_verified


@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_lets_nobody_in(away, lie):
    away.idp.lie = lie
    with pytest.raises(HeadgateError) as refused:
        await away.back(*await away.leave())
    assert refused.value.status in (400, 503)
    assert refused.value.code in ("sso_failed", "sso_unavailable", "auth_unavailable")


async def test_a_state_is_good_once_in_one_browser(away):
    answer, cookie = await away.leave()
    others, others_cookie = await away.leave()
    for wrong in (None, "", "a.b", others_cookie, cookie[:-4] + cookie[-4:][::-1] + "A", cookie.replace(".", "")):
        with pytest.raises(BadRequest) as refused:
            await away.back(answer, wrong)
        assert refused.value.code == "invalid_state"
    for strange in ({**answer, "state": "x"}, {"code": answer["code"]}, {**answer, "state": others["state"]}):
        with pytest.raises(BadRequest):
            await away.back(strange, cookie)
    await away.back(answer, cookie)
    with pytest.raises(BadRequest) as again:
        await away.back(answer, cookie)
    assert again.value.code == "invalid_state"


async def test_a_code_is_good_once(away):
    answer, cookie = await away.leave()
    await away.back(answer, cookie)
    fresh, cookie = await away.leave()
    with pytest.raises(BadRequest, match="does not take the code"):
        await away.back({**fresh, "code": answer["code"]}, cookie)


async def test_a_cookie_of_another_provider(away):
    answer, cookie = await away.leave()
    away.sso = msgspec.structs.replace(away.sso, id="sso-2")
    with pytest.raises(BadRequest, match="not begun in this browser"):
        await away.back(answer, cookie)


async def test_a_refusal_is_told(away):
    answer, cookie = await away.leave()
    with pytest.raises(BadRequest, match="access_denied"):
        await away.back({"error": "access_denied", "state": answer["state"]}, cookie)
