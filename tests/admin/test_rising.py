"""No sequence of calls raises a role: whatever somebody does, nobody in its hand can do more than it could at first."""

import random
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from headgate.access.assemble import Assembler, grants_of
from headgate.access.permissions import PERMISSIONS, ROLES
from headgate.access.reach import beyond, grants
from headgate.access.types import Principal
from headgate.admin.app import PREFIX
from headgate.storage.lookups import user_by_id
from headgate.storage.reading import asked
from tests.admin.conftest import Api
from tests.admin.entering import house

STEPS = 40
MANAGING = sorted(
    permission
    for permission in PERMISSIONS
    if permission.split(":")[0] in ("roles", "api_keys", "users", "clients", "teams")
)


@dataclass
class Walk:
    api: Api
    rng: random.Random
    first: Principal
    users: list[str]
    keys: list[str]
    roles: list[str]
    clients: list[str]
    teams: list[str]
    mine: dict[str, set[str]] = field(default_factory=lambda: {"user": set(), "key": set(), "client": set()})
    """Whose credentials the walker holds or could make."""
    done: list[str] = field(default_factory=list)

    async def step(self) -> None:
        rng = self.rng
        some = rng.sample(sorted(PERMISSIONS), rng.randrange(1, 6))
        low = sorted(rng.sample(sorted(self.first.permissions), min(2, len(self.first.permissions))))
        permissions = rng.choice((some, low))
        scope = rng.choice(("tenant", "own", "platform", *(f"team:{id}" for id in self.teams)))
        role = rng.choice((*ROLES, *self.roles))
        user, key = rng.choice(self.users), rng.choice(self.keys)
        subject = rng.choice((("user", user), ("key", key), ("client", rng.choice(self.clients))))
        body = {"role": role, "subject_kind": subject[0], "subject_id": subject[1], "scope": scope}
        acts: list[tuple[str, str, dict[str, Any]]] = [
            ("POST", "/roles", {"name": str(rng.random()), "permissions": permissions}),
            ("PATCH", f"/roles/{rng.choice(self.roles)}", {"permissions": permissions}),
            ("POST", "/bindings", body),
            ("POST", "/keys", {"name": "k", "kind": "admin", "permissions": permissions}),
            ("POST", "/keys", {"name": "k", "kind": "admin", "roles": [{"role": role, "scope": scope}]}),
            ("POST", "/keys", {"name": "k", "kind": "admin"}),
            ("PATCH", f"/keys/{key}", {"permissions": permissions}),
            ("POST", f"/keys/{key}/rotate", {}),
            ("PATCH", f"/users/{user}", {"email": f"{rng.random()}@mine.example"}),
            ("POST", "/users", {"email": f"{rng.random()}@mine.example"}),
            ("POST", "/clients", {"name": "c", "scopes": permissions}),
            ("PATCH", f"/clients/{rng.choice(self.clients)}", {"scopes": permissions}),
            ("POST", f"/clients/{rng.choice(self.clients)}/rotate", {}),
            ("PUT", f"/teams/{rng.choice(self.teams)}/members/{user}", {}),
        ]
        method, path, sent = rng.choice(acts)
        answer = await self.api.ask(method, PREFIX + path, rng.choice(("walker", "walker", *self._words())), json=sent)
        assert answer.status_code < 500, answer.text
        if answer.status_code < 300:
            self.done.append(f"{method} {path} {sent}")
            await self._take(method, path, answer.json())

    async def _take(self, method: str, path: str, made: dict[str, Any]) -> None:
        kind = path.split("/")[1].removesuffix("s")
        if kind in self.mine and (method == "POST" or kind == "user"):
            id = made["id"]
            self.mine[kind].add(id)
            listed = {"user": self.users, "key": self.keys, "client": self.clients}[kind]
            listed += [id] if id not in listed else []
        if path == "/roles":
            self.roles.append(made["id"])
        await self._let_in()

    async def _let_in(self) -> None:
        """Let the walker act as everybody whom it holds."""
        for kind, ids in self.mine.items():
            for id in ids:
                found = await self.holder(kind, id)
                if found is not None:
                    self.api.doors.known[f"{kind}-{id}"] = found

    def _words(self) -> list[str]:
        return [
            f"{kind}-{id}" for kind, ids in self.mine.items() for id in ids if f"{kind}-{id}" in self.api.doors.known
        ]

    async def holder(self, kind: str, id: str) -> Principal | None:
        if kind == "key":
            whole = await self.api.keys.whole("default", id)
            return Assembler().key(whole) if whole is not None and whole.key and whole.key.kind == "admin" else None
        if kind == "user":
            async with self.api.keys.engine.connect() as con:
                person = await asked(con, lambda read: user_by_id(read, "default", id))
            return Assembler().user(person) if person is not None else None
        client = (await self.api.ask("GET", f"{PREFIX}/clients/{id}")).json()
        roles = await self.api.parts.tenancy.bindings.held("default", "client", id)
        held = (("tenant", frozenset(client["scopes"])), *grants_of(roles, "default"))
        return Principal(
            kind="client",
            id=id,
            tenant_id="default",
            name="c",
            grants=held,
            permissions=frozenset().union(*(allowed for _, allowed in held)),
        )

    async def check(self) -> None:
        for kind, ids in self.mine.items():
            for id in ids:
                held = await self.holder(kind, id)
                for scope, permissions in grants(held) if held is not None else ():
                    more = beyond(self.first, permissions, scope)
                    assert not more, f"{kind} {id} may {more} as far as {scope}, after {self.done}"


async def world(api: Api, rng: random.Random) -> Walk:
    """A tenant with people, keys, clients and roles of every power, and one who can manage some of it."""

    async def make(path: str, **body: Any) -> str:
        answer = await api.ask("POST", f"{PREFIX}/{path}", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    teams = [await make("teams", name=name) for name in ("one", "two")]
    roles = [
        await make("roles", name="reader", permissions=["teams:view"]),
        await make("roles", name="strong", permissions=["users:delete", "tenants:update"]),
    ]
    users, keys = [], []
    for role, scope in (("platform-admin", "platform"), ("tenant-admin", "tenant"), ("member", "own")):
        users.append(await make("users", email=f"{role}@x.example"))
        await make("bindings", role=role, subject_kind="user", subject_id=users[-1], scope=scope)
    keys.append(await make("keys", name="strong", kind="admin"))
    keys.append(await make("keys", name="strong", kind="admin", permissions=["config:view", "users:create"]))
    clients = [await make("clients", name="strong", scopes=["gateway:use", "users:delete"])]
    clients.append(await make("clients", name="bound", scopes=["gateway:use"]))
    await make("bindings", role="tenant-admin", subject_kind="client", subject_id=clients[-1], scope="tenant")
    scope = rng.choice(("tenant", "tenant", f"team:{teams[0]}"))
    few = frozenset(rng.sample(MANAGING, rng.randrange(2, len(MANAGING))))
    first = Principal(
        kind="user", id="walker", tenant_id="default", name="w", grants=((scope, few),), permissions=few, scope=scope
    )
    api.doors.known["walker"] = first
    return Walk(api, rng, first, users, keys, roles, clients, teams)


@pytest.fixture
async def entered(api, database):
    """The API, with the part about signing in."""
    async with house(f"sqlite:///{database}") as gate:
        app: Any = api.http._transport.app
        app.state.parts = msgspec.structs.replace(api.parts, entrance=gate.gate)
        yield api


@pytest.mark.parametrize("seed", range(12))
async def test_nobody_rises(entered, seed):
    api = entered
    walk = await world(api, random.Random(seed))
    for _ in range(STEPS):
        await walk.step()
    await walk.check()
    assert walk.done or walk.first.scope != "tenant" or seed, "some of it is allowed"
