"""Coming in and going out, over the management API and a real database."""

import asyncio
from base64 import b64encode
from time import monotonic
from urllib.parse import quote

import pytest

from headgate.core.errors import NotAuthenticated
from tests.admin.entering import PASSWORD, bearer, house

ME = "/api/v1/auth/me"


@pytest.fixture
async def home(database):
    async with house(f"sqlite:///{database}") as made:
        yield made


@pytest.fixture
async def each(url):
    async with house(url) as made:
        yield made


async def test_a_password_gives_tokens(each):
    user = await each.user("ada@corp.test", "developer")
    async with each.browser() as http:
        given = (await each.log_in(http)).json()
        assert given["expires_in"] == 600 and not http.cookies
        me = (await http.get(ME, headers=bearer(given["access_token"]))).json()
        assert (me["kind"], me["id"], me["tenant_id"]) == ("user", user, "default")
        assert "gateway:use" in me["permissions"] and "users:create" not in me["permissions"]
        next_pair = (await http.post("/api/v1/auth/refresh", json={"refresh_token": given["refresh_token"]})).json()
        assert (await http.get(ME, headers=bearer(next_pair["access_token"]))).status_code == 200


async def test_a_refresh_token_that_comes_twice_ends_its_family(each):
    await each.user("ada@corp.test", "developer")
    async with each.browser() as http:
        first = (await each.log_in(http)).json()
        second = (await http.post("/api/v1/auth/refresh", json={"refresh_token": first["refresh_token"]})).json()
        stolen = await http.post("/api/v1/auth/refresh", json={"refresh_token": first["refresh_token"]})
        assert stolen.status_code == 401
        after = await http.post("/api/v1/auth/refresh", json={"refresh_token": second["refresh_token"]})
        assert after.status_code == 401
        await each.principals.refresh()
        assert (await http.get(ME, headers=bearer(second["access_token"]))).status_code == 401


@pytest.mark.parametrize("wrong", ["", "x", "hgr_x.y.z", "hgr_" + "0" * 36 + ".a.b", "eyJ.a.b"])
async def test_what_is_no_refresh_token(home, wrong):
    async with home.browser() as http:
        answer = await http.post("/api/v1/auth/refresh", json={"refresh_token": wrong})
        assert answer.status_code in (400, 401)


async def test_wrong_ones_are_refused_in_the_same_words(home):
    await home.user("ada@corp.test", "developer")
    await home.user("off@corp.test", "developer")
    await home.user("sso@corp.test", "developer", password="")
    async with home.engine.begin() as con:
        from sqlalchemy import update

        from headgate.storage.schema import users

        await con.execute(update(users).where(users.c.email == "off@corp.test").values(is_active=False))
    async with home.browser() as http:
        said = set()
        for email, password in (
            ("ada@corp.test", "not it at all"),
            ("nobody@corp.test", PASSWORD),
            ("off@corp.test", PASSWORD),
            ("sso@corp.test", PASSWORD),
            ("ada@corp.test", "\u0000 odd"),
        ):
            answer = await home.log_in(http, email, password=password)
            assert answer.status_code == 401, answer.text
            said.add(answer.text)
        assert len(said) == 1 and "invalid_credentials" in said.pop()


async def test_a_user_of_the_same_address_elsewhere_keeps_nobody_out(home):
    mine = await home.user("ada@corp.test", "developer")
    theirs = await home.user("ada@corp.test", tenant="other", password="another long password")
    async with home.browser() as http:
        for password, tenant, user in (
            (PASSWORD, None, mine),
            ("another long password", None, theirs),
            (PASSWORD, "default", mine),
            (PASSWORD, "other", None),
            ("neither of the two", None, None),
        ):
            answer = await home.log_in(http, password=password, **({"tenant": tenant} if tenant else {}))
            assert answer.status_code == (200 if user else 401), answer.text
            if user:
                assert (await http.get(ME, headers=bearer(answer.json()["access_token"]))).json()["id"] == user
    await home.user("bob@corp.test")
    for number in range(10):
        await home.user("bob@corp.test", tenant=f"t{number}", password="another long password")
    async with home.browser() as http:
        assert (
            await home.log_in(http, "bob@corp.test", tenant="t9", password="another long password")
        ).status_code == 200
        assert (await home.log_in(http, "bob@corp.test", password="another long password")).status_code == 401


async def test_guessing_is_stopped_and_says_when_to_go_on(home):
    await home.user("ada@corp.test", "developer")
    async with home.browser() as http:
        for _ in range(10):
            assert (await home.log_in(http, password="wrong wrong wrong")).status_code == 401
        refused = await home.log_in(http)
        assert refused.status_code == 429 and int(refused.headers["retry-after"]) <= 900
        assert refused.json()["error"]["code"] == "too_many_attempts"
        await home.user("eve@corp.test", "developer")
        assert (await home.log_in(http, "eve@corp.test")).status_code == 200


async def test_guessing_many_at_once_gains_nothing(each):
    await each.user("ada@corp.test", "developer")
    async with each.browser() as http:
        named: tuple[dict[str, str], ...] = ({}, {"tenant": "default"})  # one account, whichever way it is named
        tries = [each.log_in(http, password=f"wrong wrong {number}", **named[number % 2]) for number in range(15)]
        told = [answer.status_code for answer in await asyncio.gather(*tries)]
        assert sorted(told) == [401] * 10 + [429] * 5


async def test_a_cookie_takes_its_word_along(home):
    await home.user("ada@corp.test", "tenant-admin")
    async with home.browser() as http:
        given = await home.log_in(http, session="cookie")
        assert given.json()["refresh_token"] is None
        session, csrf = (c for c in given.headers.get_list("set-cookie"))
        assert session.startswith("headgate_session=") and "HttpOnly" in session and "SameSite=lax" in session
        assert csrf.startswith("headgate_csrf=") and "HttpOnly" not in csrf
        word = given.json()["csrf_token"]
        assert (await http.get(ME)).json()["csrf_token"] == word
        for headers in ({}, {"x-csrf-token": "x"}, {"x-csrf-token": word, "origin": "https://elsewhere.test"}):
            refused = await http.post("/api/v1/clients", json={"name": "x"}, headers=headers)
            assert refused.status_code == 403 and refused.json()["error"]["code"] == "csrf_failed"
            assert refused.json()["error"]["type"] == "permission_error"
        made = await http.post("/api/v1/clients", json={"name": "x"}, headers={"x-csrf-token": word})
        assert made.status_code == 201, made.text
        fresh = await http.post("/api/v1/auth/refresh", headers={"x-csrf-token": word})
        assert fresh.status_code == 200 and fresh.json()["refresh_token"] is None
        out = await http.post("/api/v1/auth/logout", headers={"x-csrf-token": word})
        assert out.status_code == 204
        http.cookies.set("headgate_session", session.split("=", 1)[1].partition(";")[0], domain="127.0.0.1")
        assert (await http.get(ME)).status_code == 401


async def test_over_https_it_is_a_host_cookie(home):
    await home.user("ada@corp.test", "developer")
    for base in ("https://gateway.test", "http://gateway.test"):
        async with home.browser(base) as http:
            for cookie in (await home.log_in(http, session="cookie")).headers.get_list("set-cookie"):
                assert cookie.startswith("__Host-headgate_") and "Secure" in cookie and "Path=/" in cookie
                assert "Domain" not in cookie


async def test_a_login_from_a_page_of_another_origin(home):
    await home.user("ada@corp.test", "developer")
    async with home.browser() as http:
        body = {"email": "ada@corp.test", "password": PASSWORD, "session": "cookie"}
        for origin in ("https://elsewhere.test", "null", "http://[", "http://127.0.0.1:8081", ""):
            answer = await http.post("/api/v1/auth/login", json=body, headers={"origin": origin})
            assert answer.status_code == 403 and not http.cookies, origin
        mine = await http.post("/api/v1/auth/login", json=body, headers={"origin": "http://127.0.0.1:8080"})
        assert mine.status_code == 200


async def in_everywhere(each, http):
    """Sign in in both ways; return what shows whether these are good."""
    pair = (await each.log_in(http)).json()
    cookie = await each.log_in(http, session="cookie")
    http.cookies.clear()
    held = cookie.headers.get_list("set-cookie")[0].partition(";")[0]

    async def states() -> list[int]:
        await each.principals.refresh()
        by_token = await http.get(ME, headers=bearer(pair["access_token"]))
        by_cookie = await http.get(ME, headers={"cookie": held})
        return [by_token.status_code, by_cookie.status_code]

    until = monotonic() + 20
    while 503 in (found := await states()):  # on a busy machine the store may not be asked in time
        assert monotonic() < until
    assert found == [200, 200]
    return pair, held, cookie.json()["csrf_token"], states


async def test_a_changed_password_ends_every_session(each):
    await each.user("ada@corp.test", "developer")
    async with each.browser() as http:
        pair, _, _, states = await in_everywhere(each, http)
        body = {"current_password": PASSWORD, "new_password": "nine paper lanterns"}
        weak = await http.post(
            "/api/v1/auth/password", json=body | {"new_password": "ada@corp.test"}, headers=bearer(pair["access_token"])
        )
        assert weak.status_code == 400 and weak.json()["error"]["code"] == "weak_password"
        wrong = await http.post(
            "/api/v1/auth/password", json=body | {"current_password": "x"}, headers=bearer(pair["access_token"])
        )
        assert wrong.status_code == 401
        done = await http.post("/api/v1/auth/password", json=body, headers=bearer(pair["access_token"]))
        assert done.status_code == 204, done.text
        assert await states() == [401, 401]
        assert (
            await http.post("/api/v1/auth/refresh", json={"refresh_token": pair["refresh_token"]})
        ).status_code == 401
        assert (await each.log_in(http)).status_code == 401
        assert (await each.log_in(http, password="nine paper lanterns")).status_code == 200


async def test_a_changed_role_ends_every_session(each):
    user = await each.user("ada@corp.test", "developer")
    async with each.browser() as http:
        _, _, _, states = await in_everywhere(each, http)
        await each.bind(user, "auditor")
        assert await states() == [401, 401]
        again = bearer((await each.log_in(http)).json()["access_token"])
        assert len((await http.get("/api/v1/auth/sessions", headers=again)).json()["data"]) == 1


async def test_a_user_who_is_off_is_out(each):
    from sqlalchemy import update

    from headgate.storage.changes import tell
    from headgate.storage.schema import users

    user = await each.user("ada@corp.test", "developer")
    async with each.browser() as http:
        _, _, _, states = await in_everywhere(each, http)
        async with each.engine.begin() as con:
            await con.execute(update(users).where(users.c.id == user).values(is_active=False))
            await tell(con, user, "default", "user")
        assert await states() == [401, 401]


async def test_going_out_everywhere(each):
    await each.user("ada@corp.test", "developer")
    async with each.browser() as http:
        pair, _, _, states = await in_everywhere(each, http)
        out = await http.post("/api/v1/auth/logout", json={"everywhere": True}, headers=bearer(pair["access_token"]))
        assert out.status_code == 204
        assert await states() == [401, 401]


async def test_an_administrator_sees_and_ends_sessions_and_gives_a_way_to_a_password(home):
    ada = await home.user("ada@corp.test", "developer")
    boss = await home.user("boss@corp.test", "tenant-admin")
    root = await home.user("root@corp.test")
    await home.bind(root, "platform-admin", "platform")
    other = await home.user("eve@other.test", "tenant-admin", tenant="other")
    async with home.browser() as http:
        adas = (await home.log_in(http)).json()
        as_boss = bearer((await home.log_in(http, "boss@corp.test")).json()["access_token"])
        listed = (await http.get("/api/v1/sessions", headers=as_boss)).json()["data"]
        assert {row["user_id"] for row in listed} == {ada, boss}
        mine = next(row["id"] for row in listed if row["user_id"] == ada)
        assert (await http.get("/api/v1/sessions", headers=bearer(adas["access_token"]))).status_code == 403
        assert (await http.delete(f"/api/v1/sessions/{mine}", headers=as_boss)).status_code == 200
        await home.principals.refresh()
        assert (await http.get(ME, headers=bearer(adas["access_token"]))).status_code == 401

        for user, status in ((other, 404), ("nobody", 404), (root, 403)):
            answer = await http.post(f"/api/v1/users/{user}/password-reset", headers=as_boss)
            assert answer.status_code == status, answer.text
        first = (await http.post(f"/api/v1/users/{ada}/password-reset", headers=as_boss)).json()["token"]
        token = (await http.post(f"/api/v1/users/{ada}/password-reset", headers=as_boss)).json()["token"]
        body = {"new_password": "nine paper lanterns"}
        for given, status in ((first, 401), (token + "x", 401), (token, 204), (token, 401)):
            answer = await http.post("/api/v1/auth/password", json={"token": given, **body})
            assert answer.status_code == status, answer.text
        assert (await home.log_in(http, password="nine paper lanterns")).status_code == 200


async def test_my_own_sessions(home):
    await home.user("ada@corp.test", "member")
    await home.user("eve@corp.test", "member")
    async with home.browser() as http:
        mine = bearer((await home.log_in(http)).json()["access_token"])
        hers = bearer((await home.log_in(http, "eve@corp.test")).json()["access_token"])
        [row] = (await http.get("/api/v1/auth/sessions", headers=mine)).json()["data"]
        assert row["address"] == "192.0.2.7"
        assert (await http.delete(f"/api/v1/auth/sessions/{row['id']}", headers=hers)).status_code == 404
        assert (await http.delete(f"/api/v1/auth/sessions/{row['id']}", headers=mine)).status_code == 204


async def test_the_same_address_in_two_tenants(home):
    await home.tenant("other")
    await home.user("ada@corp.test", "developer")
    await home.user("ada@corp.test", "developer", tenant="other")
    async with home.browser() as http:
        assert (await home.log_in(http)).status_code == 401
        token = (await home.log_in(http, tenant="other")).json()["access_token"]
        assert (await http.get(ME, headers=bearer(token))).json()["tenant_id"] == "other"


async def test_a_hash_of_another_cost_is_renewed(home):
    from headgate.access.passwords import Cost, Passwords

    user = await home.user("ada@corp.test", "developer")
    before = (await home.reader.person(user)).password_hash
    dearer = Passwords(Cost(passes=2, memory=64, lanes=1))
    home.gate.signin._passwords = dearer
    async with home.browser() as http:
        pair = (await home.log_in(http)).json()
        assert (await home.log_in(http)).status_code == 200
        after = (await home.reader.person(user)).password_hash
        assert after != before and "t=2" in after
        assert (await http.get(ME, headers=bearer(pair["access_token"]))).status_code == 200
    dearer.close()


async def test_the_keys_verify_our_tokens(home):
    from joserfc import jwt
    from joserfc.jwk import KeySet

    await home.user("ada@corp.test", "developer")
    async with home.browser() as http:
        keys = (await http.get("/api/v1/auth/keys")).json()
        assert "d" not in keys["keys"][0]
        token = (await home.log_in(http)).json()["access_token"]
        assert jwt.decode(token, KeySet.import_key_set(keys), algorithms=["ES256"]).claims["aud"] == "headgate"


async def test_a_token_is_looked_up_once(home):
    await home.user("ada@corp.test", "developer")
    async with home.browser() as http:
        token = (await home.log_in(http)).json()["access_token"]
    headers = [(b"authorization", b"Bearer " + token.encode())]
    who = await home.principals.authenticate(headers, b"", None)
    assert home.principals.authenticate(headers, b"", None) is who
    with pytest.raises(NotAuthenticated):
        await home.principals.authenticate([(b"authorization", b"Bearer " + token[:-4].encode() + b"AAAA")], b"", None)


async def test_odd_texts_are_no_fault_of_ours(each):
    """What a database cannot hold, in every place that leads to one."""
    odd = ("\0", "a\0b@c.d", "%00", "' OR 1=1 --", "\u202e", "x" * 5000, "ünïcode@corp.test", "a@\udcff")
    async with each.browser() as http:
        for text in odd:
            plain = text.encode("utf-8", "replace").decode()
            for method, path, body in (
                ("POST", "/auth/login", {"email": plain, "password": plain, "tenant": plain}),
                ("POST", "/auth/refresh", {"refresh_token": plain}),
                ("POST", "/auth/logout", {"refresh_token": plain}),
                ("POST", "/auth/password", {"token": plain, "new_password": "nine paper lanterns"}),
                ("POST", "/auth/token", {"grant_type": "client_credentials", "client_id": plain, "client_secret": "x"}),
            ):
                answer = await http.request(method, "/api/v1" + path, json=body)
                assert answer.status_code < 500, (path, text, answer.text)
            for path in ("/auth/sso?email=x@{}", "/auth/sso/{}/start", "/auth/sso/{}/callback?state={}"):
                answer = await http.get("/api/v1" + path.replace("{}", quote(plain, safe="")))
                assert answer.status_code < 500, (path, text, answer.text)


async def test_a_basic_header_of_any_kind(home):
    async with home.browser() as http:
        for given in (
            "",
            "x",
            "Og==",
            b64encode(b"%ff:%ff").decode(),
            b64encode(b"\xff").decode(),
            b64encode(b"a:" * 99),
        ):
            value = given.decode() if isinstance(given, bytes) else given
            answer = await http.post(
                "/api/v1/auth/token",
                data={"grant_type": "client_credentials"},
                headers={"authorization": f"Basic {value}"},
            )
            assert answer.status_code == 401, given
