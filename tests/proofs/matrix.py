"""Every route by every kind of caller on every kind of object of every tenant: nothing leaks, nothing is written.

Each name in the world holds whose it is, so that a leak can be seen in any answer. What callers may change is asked in a
way that changes nothing, so the tables must be at the end what they were at the beginning.
"""

import asyncio
import json
import random
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from sqlalchemy import select

from headgate.access.assemble import Assembler
from headgate.access.permissions import OWN_KEY, PERMISSIONS, ROLES
from headgate.access.types import Principal
from headgate.admin import tail
from headgate.admin.app import PREFIX, ROUTES
from headgate.admin.route import OPEN, SELF, Route
from headgate.storage.lookups import user_by_id
from headgate.storage.reading import asked
from headgate.storage.schema import metadata
from headgate.storage.upgrade import ensure
from headgate.surfaces.doors import CONTROL_PATHS, DOORS, PAGES
from headgate.surfaces.gemini import MODEL_DOORS
from tests.admin.conftest import Api, opened
from tests.admin.entering import house
from tests.proofs import Progress

CASES = 100_000
TENANTS = ("default", "acme")
PLATFORM, TENANT, TEAM, OWN, NOBODY = "platform", "tenant", "team", "own", ""
TEAM_OWNED = ("team", "app", "key")
TAGGED = ("tenant", "team", "app", "user", "role", "key")
"""Kinds of which none is removed with a wrong ``If-Match``."""
QUIET = {"audit", "audit_heads", "changes", "bill_marks", "bill_days", "used_once"}
"""Tables in which a refusal, or a look, may leave something."""
OPEN_PAGES = {"/health", "/livez", "/health/ready", "/readyz"}
LOOKS = {"/routes/explain", "/audit/verify"}
"""What is asked by POST and changes nothing."""
PATIENCE = 0.2
"""Seconds after which a caller leaves, and an answer that waits for calls ends."""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
STRANGE = ("0", "' OR 1=1 --", "%00", "..", "x" * 300, "01a1fd2f-2afe-7f31-bdac-dfc543cf49a1", "*", "é")
FEWEST = ("teams:view", "teams:update", "api_keys:view", "api_keys:create", "users:update", "roles:update", "logs:view")


@dataclass
class Somebody:
    """A caller, and what it may as the test has it: not as the gateway works it out."""

    word: str
    tenant: str = ""
    scope: str = NOBODY
    team: str = ""
    may: frozenset[str] = frozenset()
    own: set[str] = field(default_factory=set)


@dataclass
class World:
    api: Api
    callers: list[Somebody] = field(default_factory=list)
    objects: dict[tuple[str, str], list[tuple[str, str]]] = field(default_factory=dict)
    """Tenant and kind -> id and team of each."""

    def add(self, tenant: str, kind: str, id: str, team: str = "") -> str:
        self.objects.setdefault((tenant, kind), []).append((id, team))
        return id


def canary(tenant: str, team: str = "") -> str:
    return f"canary-{tenant}-{team or 'all'}"


async def build(api: Api) -> World:
    world = World(api)
    for tenant in TENANTS:
        await _tenant(world, tenant)
    await _person(world, "platform", TENANTS[0], "platform-admin", "platform")
    world.callers.append(Somebody("nobody"))
    return world


async def _tenant(world: World, tenant: str) -> None:
    q, mark = f"?tenant_id={tenant}", canary(tenant)
    if tenant != TENANTS[0]:
        await _made(world, "tenants", "", {"id": tenant, "name": mark})
    world.add(tenant, "tenant", tenant)
    for name in ("one", "two"):
        team_mark = canary(tenant, name)
        team = await _made(world, "teams", q, {"name": team_mark})
        world.add(tenant, "team", team, name)
        app = world.add(tenant, "app", await _made(world, "apps", q, {"name": team_mark, "team_id": team}), name)
        for body in ({"team_id": team}, {"app_id": app}):
            key = await _made(world, "keys", q, {"name": team_mark, "tags": [team_mark], **body})
            world.add(tenant, "key", key, name)
        for role in ("tenant-admin", "developer"):
            await _person(world, f"{tenant}-{name}-{role}", tenant, role, f"team:{team}", name)
    for role in ("tenant-admin", "developer", "billing", "auditor"):
        await _person(world, f"{tenant}-{role}", tenant, role, "tenant")
    await _person(world, f"{tenant}-member", tenant, "member", "own")
    for permission in FEWEST:
        role = await _made(world, "roles", q, {"name": f"{mark}-{permission}", "permissions": [permission]})
        world.add(tenant, "role", role)
        await _person(world, f"{tenant}-{permission}", tenant, role, "tenant", may=frozenset({permission}))
    own = await _made(world, "keys", q, {"name": mark})
    world.add(tenant, "key", own)
    whole = await world.api.keys.whole(tenant, own)
    assert whole is not None
    _let_in(world, Somebody(f"{tenant}-key", tenant, OWN, may=OWN_KEY, own={own}), Assembler().key(whole))
    world.add(tenant, "key", await _made(world, "keys", q, {"name": mark, "kind": "admin"}))
    others: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("budget", "budgets", {"name": mark, "usd": "5", "window": "month"}),
        ("channel", "billing/channels", {"name": mark, "kind": "webhook", "target": "https://example.com/x"}),
        ("price", "billing/prices", {"model": "openai/*", "markup_percent": "5"}),
        ("client", "clients", {"name": mark, "scopes": ["gateway:use"]}),
        ("export", "exports", {"end_user": mark}),
    )
    for kind, path, body in others:
        response = await world.api.ask("POST", f"{PREFIX}/{path}{q}", json=body)
        if response.status_code == 201:
            world.add(tenant, kind, response.json()["id"])
    config = {"kind": "openai-compatible", "base_url": "https://93.184.216.34/v1"}
    account = await world.api.ask(
        "POST", f"{PREFIX}/config/providers{q}", json={"name": mark, "config": config, "shared": False}
    )
    assert account.status_code == 201, account.text


async def _person(
    world: World, word: str, tenant: str, role: str, scope: str, team: str = "", may: frozenset[str] | None = None
) -> None:
    q = f"?tenant_id={tenant}"
    user = await _made(world, "users", q, {"email": f"{word.replace(':', '-')}@{canary(tenant)}.example"})
    world.add(tenant, "user", user)
    body = {"role": role, "subject_kind": "user", "subject_id": user, "scope": scope}
    world.add(tenant, "binding", await _made(world, "bindings", q, body), team)
    async with world.api.keys.engine.connect() as con:
        whole = await asked(con, lambda read: user_by_id(read, tenant, user))
    assert whole is not None
    given = ROLES[role] if may is None else may
    _let_in(world, Somebody(word, tenant, scope.partition(":")[0], team, given, {user}), Assembler().user(whole))


async def _made(world: World, things: str, q: str, body: Mapping[str, Any]) -> str:
    response = await world.api.ask("POST", f"{PREFIX}/{things}{q}", json=body)
    assert response.status_code == 201, f"{things}: {response.text}"
    made: str = response.json()["id"]
    return made


def _let_in(world: World, somebody: Somebody, who: Principal) -> None:
    world.api.doors.known[somebody.word] = who
    world.callers.append(somebody)


class Matrix:
    """Draws cases, asks them, and judges the answers."""

    def __init__(self, world: World, seed: int) -> None:
        tail.WAIT = PATIENCE
        self.world = world
        self.rng = random.Random(seed)
        self.seen: Counter[int] = Counter()
        self.routes = [(route, path) for route in ROUTES for path in (route.path, *route.also)]
        self.table: dict[tuple[str, str], Route] = {(route.method, path): route for route, path in self.routes}
        self.app: Any = world.api.http._transport.app  # type: ignore[attr-defined]

    async def one(self) -> None:
        rng = self.rng
        route, path = rng.choice(self.routes)
        method = route.method if rng.random() < 0.9 else rng.choice(METHODS)
        route = self.table.get((method, path), route)
        caller = rng.choice(self.world.callers)
        if rng.random() < 0.6:  # else most would be refused at the door
            caller = rng.choice([one for one in self.world.callers if self._may(one, route)] or [caller])
        tenant = caller.tenant if caller.tenant and rng.random() < 0.4 else rng.choice(TENANTS)
        kind = "user" if "/users/" in path and route.object != "team" else route.object
        id, team, strange = self._id(tenant, kind)
        place = path.replace("{id}", id)
        for name in ("user_id", "provider", "name", "number"):
            other = rng.choice(self.world.objects[rng.choice(TENANTS), "user"])[0]
            place = place.replace(f"{{{name}}}", other if name == "user_id" else rng.choice(("mine", "1", "plain")))
        asked = rng.choice((None, None, None, None, *TENANTS, "nowhere"))
        allowed = self._may(caller, route)
        foreign = "{id}" in path and (strange or not self._reaches(caller, tenant, team, id, asked, route))
        harmless = allowed and method == route.method and not foreign
        stopped = bool(route.writes) or (method == "DELETE" and kind in TAGGED and path.endswith("{id}"))
        if harmless and method != "GET" and not stopped:
            return await self.one()  # it would be done
        body, headers = self._body(route, method, harmless, tenant)
        query = {} if asked is None else {"tenant_id": asked}
        status, answer = await self._ask(method, PREFIX + place, caller.word, query, body, headers)
        self.seen[status] += 1
        what = f"{method} {place} {query} by {caller.word} of {caller.tenant!r}: {status} {answer[:300]!r}"
        self._judge(what, caller, route, method, status, answer, asked=asked, foreign=foreign, allowed=allowed)

    def _judge(
        self,
        what: str,
        caller: Somebody,
        route: Route,
        method: str,
        status: int,
        answer: str,
        *,
        asked: str | None,
        foreign: bool,
        allowed: bool,
    ) -> None:
        assert status < 500, what
        self._no_leak(what, caller, answer, asked)
        if method != route.method:
            return
        if route.permission == OPEN:
            return
        if caller.scope == NOBODY:
            assert status == 401, what
            return
        if route.permission == SELF:
            return
        assert method == "GET" or status >= 300 or route.path in LOOKS, f"DONE {what}"
        if not allowed:
            assert status == 403, what
            return
        if asked is not None and asked != caller.tenant and (caller.scope != PLATFORM or asked == "nowhere"):
            assert status in (400, 403, 404), what
            return
        if foreign:
            assert status in (403, 404, 405, 412, 400), what
            assert status in (404, 400) or caller.scope in (PLATFORM, TENANT, TEAM, OWN), what
            if method == "GET":
                assert status in (404, 400, 403), what

    def _no_leak(self, what: str, caller: Somebody, answer: str, asked: str | None) -> None:
        if "canary-" not in answer:
            return
        assert caller.scope != NOBODY, f"LEAK {what}"
        for tenant in TENANTS:
            if caller.scope != PLATFORM and tenant != caller.tenant:
                assert canary(tenant)[: -len("all")] not in answer, f"LEAK of {tenant}: {what}"
        if caller.scope in (TEAM, OWN):
            for team in ("one", "two"):
                if team != caller.team:
                    assert canary(caller.tenant, team) not in answer, f"LEAK of team {team}: {what}"

    def _may(self, caller: Somebody, route: Route) -> bool:
        if route.permission in (OPEN, SELF):
            return True
        if route.permission not in caller.may:
            return False
        return caller.scope in (PLATFORM, TENANT) or caller.scope in route.narrows

    def _reaches(self, caller: Somebody, tenant: str, team: str, id: str, asked: str | None, route: Route) -> bool:
        """Whether the object is one that the caller may see, as far as is known here."""
        if route.object == "tenant":
            return caller.scope == PLATFORM or tenant == caller.tenant
        spoken = asked if asked is not None and caller.scope == PLATFORM else caller.tenant
        if tenant != spoken:
            return False
        if caller.scope in (TEAM, OWN):
            return id in caller.own or (caller.scope == TEAM and bool(team) and team == caller.team)
        return True

    def _id(self, tenant: str, kind: str) -> tuple[str, str, bool]:
        have = self.world.objects.get((tenant, kind), [])
        if not have or self.rng.random() < 0.15:
            return quote(self.rng.choice(STRANGE), safe="%"), "", True
        return (*self.rng.choice(have), False)

    def _body(
        self, route: Route, method: str, harmless: bool, tenant: str
    ) -> tuple[dict[str, Any] | None, dict[str, str]]:
        """What would do harm where it is not refused; and what does none where it is not."""
        if method == "DELETE":
            return None, {"if-match": '"1"'} if harmless else {}
        if method == "GET":
            return None, {}
        if harmless:
            return {"nonsense": 1}, {"if-match": '"1"'}
        if method == "PATCH":
            return {"name": "stolen"}, {}
        whose = self.world.objects[tenant, "user"][0][0]
        bodies: dict[str, dict[str, Any]] = {
            "teams": {"name": "stolen"},
            "apps": {"name": "stolen", "team_id": self.world.objects[tenant, "team"][0][0]},
            "users": {"email": "stolen@x.example"},
            "roles": {"name": "stolen", "permissions": sorted(PERMISSIONS)},
            "keys": {"name": "stolen", "team_id": self.world.objects[tenant, "team"][1][0]},
            "tenants": {"name": "stolen"},
            "bindings": {"role": "tenant-admin", "subject_kind": "user", "subject_id": whose},
            "budgets": {"name": "stolen", "usd": "1", "window": "day"},
            "clients": {"name": "stolen", "scopes": ["gateway:use"]},
        }
        return bodies.get(route.path.split("/")[1], {}), {}

    async def _ask(
        self, method: str, path: str, word: str, query: Mapping[str, str], body: Any, headers: Mapping[str, str]
    ) -> tuple[int, str]:
        """Ask the application itself: a client would cost more than the answer."""
        content = b"" if body is None else json.dumps(body).encode()
        lines = [(b"host", b"gateway"), (b"content-type", b"application/json")]
        lines += [(name.encode(), value.encode()) for name, value in headers.items()]
        if word != "nobody":
            lines.append((b"authorization", f"Bearer {word}".encode()))
        if body is not None:
            lines.append((b"content-length", str(len(content)).encode()))
        raw = quote(path, safe="/%").encode()
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": raw.decode(), "raw_path": raw, "root_path": "", "headers": lines, "client": ("127.0.0.1", 1),
            "query_string": "&".join(f"{n}={v}" for n, v in query.items()).encode(), "server": ("gateway", 80),
        }  # fmt: skip
        told: list[dict[str, Any]] = []

        sent = iter([{"type": "http.request", "body": content, "more_body": False}])

        async def receive() -> dict[str, Any]:
            for message in sent:
                return message
            await asyncio.sleep(PATIENCE)
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            told.append(message)

        await self.app(scope, receive, send)
        answer = b"".join(message.get("body", b"") for message in told[1:]).decode("utf-8", "replace")
        return told[0]["status"], answer + repr(told[0]["headers"])


async def dump(api: Api) -> dict[str, list[Any]]:
    """What the tables hold that nobody may have changed."""
    found = {}
    async with api.keys.engine.connect() as con:
        for table in metadata.sorted_tables:
            if table.name not in QUIET:
                found[table.name] = sorted(map(repr, (await con.execute(select(table))).all()))
    return found


def classified() -> int:
    """Every path of both planes says who may, or stands in the short list of what anybody may; return how many."""
    for door in (*DOORS, *MODEL_DOORS):
        assert door.permission in PERMISSIONS, door.path
    for page in PAGES:
        assert page.permission in PERMISSIONS or (page.permission is None and page.path in OPEN_PAGES), page.path
    for route in ROUTES:
        assert route.permission in PERMISSIONS or route.permission in (OPEN, SELF), route.path
        assert route.object, route.path
    return len(DOORS) + len(MODEL_DOORS) + len(PAGES) + len(ROUTES) + len(CONTROL_PATHS)


def prove(scale: float, folder: Path, progress: Progress) -> str:
    template = folder / "template.db"
    ensure(f"sqlite:///{template}")
    shutil.copy(template, folder / "headgate.db")
    cases, paths = round(CASES * scale), classified()

    async def run() -> Counter[int]:
        url = f"sqlite:///{folder / 'headgate.db'}"
        async with opened(folder, url) as api, house(url) as gate:
            app: Any = api.http._transport.app  # type: ignore[attr-defined]
            app.state.parts = msgspec.structs.replace(api.parts, entrance=gate.gate)
            world = await build(api)
            before = await dump(api)
            matrix = Matrix(world, seed=cases)
            refused: Counter[str] = Counter()
            assert api.parts.money is not None
            api.parts.money.refusals.add = lambda entry: refused.update([entry.outcome])  # type: ignore[method-assign]
            for number in range(cases):
                await matrix.one()
                if number % 1000 == 0:
                    progress(number, cases)
            after = await dump(api)
            changed = {name for name in before if before[name] != after[name]}
            told = [(name, *(set(after[name]) ^ set(before[name]))) for name in sorted(changed)]
            assert refused["refused"] > 0.9 * (matrix.seen[403] + matrix.seen[404]), (
                "each refusal of an object is noted"
            )
            assert not changed, f"written without a right: {str(told)[:2000]}"
            return matrix.seen

    seen = asyncio.run(run())
    statuses = ", ".join(f"{number} times {status}" for status, number in sorted(seen.items()))
    return f"{cases} cases over {paths} paths: no leak, nothing written, no 5xx ({statuses})"
