"""The same on three machines with one PostgreSQL: see ``budget``."""

from functools import partial

from tests.proofs import budget

prove = partial(budget.prove, postgres=True)
