"""The same on three machines with PostgreSQL and Redis: see ``money``."""

from functools import partial

from tests.proofs import money

prove = partial(money.prove, postgres=True, redis=True)
