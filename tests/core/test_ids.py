"""Ids."""

from uuid import UUID

from headgate.core.ids import new_id


def test_ids_made_one_after_the_other_are_in_order():
    ids = [new_id() for _ in range(20_000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert {UUID(id).version for id in ids} == {7}
    assert {UUID(id).variant for id in ids} == {UUID(int=1 << 63).variant}
