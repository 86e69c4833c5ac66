"""Runs revisions on the connection that ``storage.upgrade`` hands over; there is no ``alembic.ini``."""

from alembic import context

from headgate.storage.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
