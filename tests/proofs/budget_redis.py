"""The same on three machines with PostgreSQL and Redis: see ``budget``."""

from functools import partial

from tests.proofs import budget

prove = partial(budget.prove, postgres=True, redis=True)
