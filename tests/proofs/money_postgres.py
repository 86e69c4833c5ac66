"""The same on three machines with one PostgreSQL: see ``money``."""

from functools import partial

from tests.proofs import money

prove = partial(money.prove, postgres=True)
