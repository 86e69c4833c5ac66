"""Keys as text."""

import re

import msgspec
import pytest

from headgate.access.assemble import Assembler
from headgate.access.keys import Grant, derive, digest, is_tagged, is_usable, mint, new_row, weakness
from headgate.access.types import Budget, Limits
from headgate.core.secret import Secret
from headgate.storage.tenancy_rows import Found, TenantRow

OURS, THEIRS = derive(b"\1" * 32), derive(b"\2" * 32)
TENANT = TenantRow(id="default", name="default", created_at=1, updated_at=1)


def test_derived_keys_differ_by_purpose_and_by_secret():
    every = [*OURS.__struct_fields__]
    found = {getattr(d, name) for d in (OURS, THEIRS) for name in every}
    assert len(found) == 2 * len(every)
    assert all(len(key) == 32 for key in found)
    assert derive(b"\1" * 32) == OURS
    assert "***" in repr(OURS)


@pytest.mark.parametrize(("kind", "prefix"), [("key", "hg_"), ("admin", "hga_")])
def test_a_key_is_random_and_tagged(kind, prefix):
    keys = {mint(kind, OURS).reveal() for _ in range(100)}
    assert len(keys) == 100
    for key in keys:
        assert re.fullmatch(prefix + r"[A-Za-z0-9_-]{49}", key)
        assert is_tagged(key.encode(), OURS.tag)
        assert not is_tagged(key.encode(), THEIRS.tag)
        assert not is_tagged((key[:-1] + ("A" if key[-1] != "A" else "B")).encode(), OURS.tag)


@pytest.mark.parametrize("text", ["", "hg_", "hga_", "hg_short", "sk-" + "x" * 49, "hg_" + "x" * 49, "hg_ä" * 20])
def test_what_we_did_not_make_has_no_tag(text):
    assert not is_tagged(text.encode(), OURS.tag)


def test_a_row_holds_a_digest_and_no_key():
    key = mint("key", OURS)
    limits, budgets = Limits(rps=2.5, concurrency=3), (Budget(10**9, "day"),)
    grant = Grant(limits=limits, budgets=budgets, models=("fast",), expires_at=9)
    row = new_row(key, OURS, name="app", now=7, grant=grant)
    assert row.key_hash == digest(key, OURS) != digest(key, THEIRS)
    assert key.reveal() not in repr(row)
    assert (row.key_prefix, row.last4) == (key.reveal()[:8], key.reveal()[-4:])
    who = Assembler().key(Found(tenant=TENANT, key=row))
    assert (who.id, who.name, who.tenant_id, who.kind) == (row.id, "app", "default", "key")
    assert (who.limits, who.budgets, who.models, who.expires_at) == (limits, budgets, frozenset({"fast"}), 9)


def test_when_a_key_may_be_used():
    row = new_row(mint("key", OURS), OURS, name="x", now=1, grant=Grant(expires_at=10))

    def found(**fields):
        return Found(tenant=TENANT, key=msgspec.structs.replace(row, **fields))

    assert is_usable(found(), 9)
    assert not is_usable(found(), 10)
    assert not is_usable(found(is_active=False), 5)
    assert not is_usable(found(revoked_at=1), 5)
    assert not is_usable(found(app_id="gone"), 5)
    assert not is_usable(found(team_id="gone"), 5)
    assert not is_usable(found(user_id="gone"), 5)
    off = msgspec.structs.replace(TENANT, is_active=False)
    assert not is_usable(Found(tenant=off, key=row), 5)
    assert not is_usable(Found(tenant=TENANT), 5)


@pytest.mark.parametrize("text", ["sk-1234", "changeme", "hga_changeme", "ADMIN", " admin ", "x" * 64, "x9Kq" * 3])
def test_weak(text):
    assert weakness(text)


def test_not_weak():
    assert weakness(mint("admin", OURS).reveal()) is None
    assert weakness("correct horse battery staple") is None


def test_a_key_is_not_printed():
    assert isinstance(mint("key", OURS), Secret)
    assert "hg_" not in repr(mint("key", OURS))
