"""What every level says, put together: a lower one only narrows, and all that binds is there."""

from typing import Any

import msgspec
import pytest

from headgate.access.assemble import Assembler
from headgate.access.key_services import ServiceKek
from headgate.access.keyring import Keyring
from headgate.access.keys import derive
from headgate.access.permissions import OWN_KEY, PERMISSIONS, ROLES
from headgate.access.reach import Reach, beyond, reach
from headgate.access.types import Limits, Principal, Subject
from headgate.access.vault import Unsealable, sealed_row
from headgate.core.secret import Secret
from headgate.storage.budget_rows import BudgetRow
from headgate.storage.tenancy_rows import AppRow, Found, HeldRole, TeamRow, TenantRow, UserRow
from headgate.storage.types import KeyRow

AT: dict[str, Any] = {"created_at": 1, "updated_at": 1}


def found(key: dict[str, Any] | None = None, *, roles: tuple[HeldRole, ...] = (), **levels: Any) -> Found:
    row = KeyRow(
        **{"id": "k", "tenant_id": "default", "name": "key", "key_hash": b"h", "key_prefix": "hg_", "last4": "0000"}
        | AT
        | (key or {})
    )
    made: dict[str, Any] = {"tenant": TenantRow(**{"id": "default", "name": "Acme"} | AT | levels.pop("tenant", {}))}
    kinds = {"team": TeamRow, "app": AppRow, "user": UserRow}
    for name, fields in levels.items():
        extra = {"email": f"{name}@x"} if name == "user" else {}
        made[name] = kinds[name](**{"id": f"{name}-1", "tenant_id": "default", "name": name} | AT | extra | fields)
    return Found(key=row, roles=roles, **made)


def test_a_bare_key_is_bound_by_nothing():
    who = Assembler().key(found())
    assert (who.subjects, who.budgets, who.narrowed, who.catalogue, who.providers) == ((), (), (), frozenset(), None)
    assert (who.permissions, who.scope, who.grants) == (OWN_KEY, "own", ())
    assert who.end_user_limits == Limits()


def test_every_level_is_there_outermost_first():
    who = Assembler().key(
        found(
            {"models": '["a"]', "routes": '["fast"]', "limits": '{"rps":1.5}', "providers": '["x","y"]'},
            tenant={"limits": '{"rpm":5}', "models": '["a","b"]', "catalogue": '["c"]', "zone": "Europe/Oslo"},
            team={"limits": '{"tpm":6}', "providers": '["y","z"]'},
            app={"models": '["d"]', "limits": "{}"},
            user={"limits": '{"concurrency":7}', "providers": '["y"]'},
        )
    )
    assert who.subjects == (
        Subject("tenant", "default", "Acme", Limits(rpm=5)),
        Subject("team", "team-1", "team", Limits(tpm=6)),
        Subject("user", "user-1", "user@x", Limits(concurrency=7)),
    )
    assert who.limits == Limits(rps=1.5)
    assert who.models == {"a", "fast"}
    assert who.narrowed == (frozenset({"a", "b"}), frozenset({"d"}))
    assert who.allotted == frozenset({"a", "b"})
    assert (who.catalogue, who.providers, who.zone) == (frozenset({"c"}), frozenset({"y"}), "Europe/Oslo")
    assert (who.team_id, who.app_id, who.user_id) == ("team-1", "app-1", "user-1")


def test_providers_that_no_two_levels_agree_on_leave_none():
    who = Assembler().key(found({"providers": '["x"]'}, team={"providers": '["y"]'}))
    assert who.providers == frozenset()


def test_a_user_without_limits_has_those_that_its_tenant_gives_users():
    def limits(**levels: Any) -> list[Limits]:
        return [subject.limits for subject in Assembler().key(found(**levels)).subjects]

    assert limits(user={}) == []
    assert limits(user={}, tenant={"user_limits": '{"rps":3}'}) == [Limits(rps=3)]
    assert limits(user={"limits": '{"rpm":4}'}, tenant={"user_limits": '{"rps":3}'}) == [Limits(rpm=4)]
    assert Assembler().key(found(tenant={"end_user_limits": '{"rps":2}'})).end_user_limits == Limits(rps=2)


@pytest.mark.parametrize(
    ("key", "app", "model"),
    [
        (None, {}, None),
        (None, {"default_model": "fast"}, "fast"),
        (None, {"default_model": "gpt", "default_provider": "openai"}, "openai/gpt"),
        (None, {"default_model": "azure/gpt", "default_provider": "openai"}, "azure/gpt"),
        (None, {"default_provider": "openai"}, None),
        ({"default_model": "own"}, {"default_model": "fast"}, "own"),
    ],
)
def test_the_default_model(key, app, model):
    assert Assembler().key(found(key, app=app)).default_model == model


def test_budgets_of_all_levels_follow_the_key_s_own():
    def budget(id: str, *conditions: tuple[str, str], **fields: Any) -> BudgetRow:
        text = msgspec.json.encode(conditions).decode()
        return BudgetRow(id=id, tenant_id="default", name=id, conditions=text, amount=5, period="day", **AT, **fields)

    mine = (budget("b1"), budget("b2", ("team", "team-1")), budget("b3", ("tag", "x"), hard=False))
    rows = (*mine, budget("b4", ("team", "other")), budget("b5", ("key", "other")))
    whole = found({"budgets": '[{"amount":1,"window":"month"}]'}, team={})
    who = Assembler().key(msgspec.structs.replace(whole, budgets=rows))
    assert [(b.amount, b.scope) for b in who.budgets] == [
        (1, ""),
        (5, "tenant:default"),
        (5, "team:team-1"),
        (5, "budget:b3"),
    ]


def test_a_key_may_no_more_than_keys_may():
    who = Assembler().key(found({"permissions": '["gateway:use","users:delete"]'}))
    assert who.permissions == {"gateway:use"}


def test_an_admin_key_has_its_roles_and_no_more():
    assert Assembler().key(found({"kind": "admin"})).permissions == frozenset()
    roles = (HeldRole("tenant-admin", "team:t1", None), HeldRole("r1", "tenant", '["usage:view","nonsense:do"]'))
    who = Assembler().key(found({"kind": "admin", "permissions": '["logs:view"]'}, roles=roles))
    assert who.scope == "tenant"
    assert reach(who, "usage:view") == Reach(tenant=True, teams=frozenset({"t1"}))
    assert reach(who, "keys:none") is None
    assert reach(who, "api_keys:create") == Reach(teams=frozenset({"t1"}))
    assert reach(who, "logs:view") == Reach(tenant=True, teams=frozenset({"t1"}))
    assert "nonsense:do" not in who.permissions


def test_only_the_installation_s_tenant_reaches_beyond_itself():
    role = (HeldRole("platform-admin", "platform", None),)
    assert Assembler().key(found({"kind": "admin"}, roles=role)).scope == "platform"
    other = found({"kind": "admin", "tenant_id": "t2"}, roles=role)
    assert Assembler().key(other).scope == "tenant"


def test_a_role_that_is_gone_allows_nothing():
    who = Assembler().key(found({"kind": "admin"}, roles=(HeldRole("0190-gone", "tenant", None),)))
    assert who.permissions == frozenset()


def test_a_person_is_bound_by_its_tenant_and_its_own_limits():
    whole = found(
        user={"models": '["a"]', "limits": '{"rps":1}'},
        tenant={"limits": '{"rpm":5}'},
        roles=(HeldRole("member", "own", None),),
    )
    who = Assembler().user(msgspec.structs.replace(whole, key=None))
    assert (who.kind, who.id, who.user_id, who.name, who.scope) == ("user", "user-1", "user-1", "user@x", "own")
    assert [s.kind for s in who.subjects] == ["tenant", "user"]
    assert (who.permissions, who.narrowed) == (ROLES["member"], (frozenset({"a"}),))


def test_a_mapped_provider_key_is_opened_and_its_row_cannot_be_moved():
    ring = Keyring(derive(b"\1" * 32))
    row = msgspec.structs.replace(sealed_row(Secret("sk-canary"), "openai", "", "default", ring.envelope), owner_id="k")
    whole = msgspec.structs.replace(found(), mapped=(row,))
    assert Assembler(ring).key(whole).mapped == {"openai": Secret("sk-canary")}
    moved = msgspec.structs.replace(whole, mapped=(msgspec.structs.replace(row, tenant_id="t2"),))
    with pytest.raises(Unsealable):
        Assembler(ring).key(moved)


def test_a_key_service_is_asked_before_the_principal_is_put_together():
    class Reversed:
        asked = 0

        def wrap(self, key: bytes) -> bytes:
            return key[::-1]

        def unwrap(self, wrapped: bytes) -> bytes:
            self.asked += 1
            return wrapped[::-1]

    service = Reversed()
    ring = Keyring(derive(b"\1" * 32), lambda: [ServiceKek("s", service)])
    row = msgspec.structs.replace(sealed_row(Secret("sk-canary"), "openai", "", "default", ring.envelope), owner_id="k")
    whole, assembler = msgspec.structs.replace(found(), mapped=(row,)), Assembler(ring)
    assert assembler.waits(whole) and not assembler.waits(found())
    assembler.fetch(whole)
    assert not assembler.waits(whole) and service.asked == 1
    assert assembler.key(whole).mapped == {"openai": Secret("sk-canary")} and service.asked == 1
    assembler.fetch(
        msgspec.structs.replace(whole, mapped=(msgspec.structs.replace(row, sealed=b"x"),))
    )  # told, no more


def test_what_many_keys_share_is_one_object():
    assembler = Assembler()
    level: dict[str, Any] = {"tenant": {"limits": '{"rpm":5}', "catalogue": '["a"]'}, "team": {"models": '["x"]'}}
    first, second = (assembler.key(found({"id": id}, **level)) for id in "ab")
    for field in ("subjects", "narrowed", "catalogue", "end_user_limits", "permissions", "tenant_id", "limits"):
        assert getattr(first, field) is getattr(second, field), field


def test_what_is_not_had_cannot_be_given():
    def one(*grants: tuple[str, set[str]]) -> Principal:
        held = tuple((scope, frozenset(allowed)) for scope, allowed in grants)
        return Principal(kind="user", id="u", tenant_id="t", name="u", grants=held)

    lead = one(("team:a", {"api_keys:create"}), ("tenant", {"usage:view"}), ("own", {"logs:view"}))
    given = ["api_keys:create", "usage:view", "logs:view", "users:delete"]
    assert beyond(lead, given, "team:a") == ["logs:view", "users:delete"]
    assert beyond(lead, given, "team:b") == ["api_keys:create", "logs:view", "users:delete"]
    assert beyond(lead, given, "tenant") == ["api_keys:create", "logs:view", "users:delete"]
    assert beyond(lead, given, "own") == ["api_keys:create", "users:delete"]
    assert beyond(one(("platform", set(PERMISSIONS))), PERMISSIONS, "platform") == []
    assert "usage:view" in beyond(lead, given, "platform")
