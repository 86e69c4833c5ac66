"""Which budgets bind a caller, and under which scope each is kept."""

import msgspec
import pytest

from headgate.billing.resolve import Caller, resolve, scope
from headgate.storage.budget_rows import BudgetRow

ANN = Caller(tenant_id="t", team_id="search", app_id="web", user_id="ann", key_id="k1")


def row(*conditions, **fields):
    told = {"name": "b", "amount": 5, "period": "month", "created_at": 0, "updated_at": 0, **fields}
    return BudgetRow(id="b1", tenant_id="t", conditions=msgspec.json.encode(conditions).decode(), **told)


@pytest.mark.parametrize(
    ("conditions", "each", "kept", "when", "left"),
    [
        ([], None, "tenant:t", (), None),
        ([("tenant", "t")], None, "tenant:t", (), None),
        ([("team", "search")], None, "team:search", (), None),
        ([("key", "k1")], None, "k1", (), None),
        ([("team", "search"), ("app", "web")], None, "budget:b1", (("team", "search"), ("app", "web")), None),
        ([("team", "search"), ("model", "a/m")], None, "budget:b1", (("team", "search"), ("model", "a/m")), None),
        ([("end_user", "e")], None, "budget:b1", (("end_user", "e"),), None),
        ([("tag", "x"), ("tag", "y")], None, "budget:b1", (("tag", "x"), ("tag", "y")), None),
        ([], "user", "user:ann", (), None),
        ([], "key", "k1", (), None),
        ([("team", "search")], "user", "budget:b1:ann", (("team", "search"), ("user", "ann")), None),
        ([("model", "a/m")], "app", "budget:b1:web", (("model", "a/m"), ("app", "web")), None),
        ([], "end_user", "budget:b1", (), "end_user"),
    ],
)
def test_what_binds_is_kept_under_its_subjects_scope_or_its_own(conditions, each, kept, when, left):
    (found,) = resolve([row(*conditions, each=each)], ANN)
    assert (found.scope, found.when, found.each) == (kept, when, left)
    assert (found.amount, found.window, found.name) == (5, "month", "budget 'b'")


@pytest.mark.parametrize("condition", [("team", "other"), ("key", "k2"), ("tenant", "u"), ("user", "bob")])
def test_another_ones_budget_does_not_bind(condition):
    assert resolve([row(condition, ("model", "a/m"))], ANN) == ()


def test_who_has_no_subject_of_the_kind_is_not_bound_by_each():
    assert resolve([row(each="user")], Caller(tenant_id="t")) == ()


def test_the_scope_of_a_row_is_what_its_sums_are_found_by():
    assert scope(row(("team", "x"))) == "team:x"
    assert scope(row(each="user")) == "budget:b1"
