"""The same on two machines with one PostgreSQL: see ``sigkill``."""

from functools import partial

from tests.proofs import sigkill

prove = partial(sigkill.prove, postgres=True)
