"""The same on PostgreSQL, whose files and dump are searched too: see ``canaries``."""

from functools import partial

from tests.proofs import canaries

prove = partial(canaries.prove, postgres=True)
