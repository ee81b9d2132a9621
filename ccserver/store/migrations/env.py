"""Alembic's way in: the connection, in a transaction, is given by ``ccserver.store.database``."""

from __future__ import annotations

from alembic import context

from ccserver.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter much in place
)
context.run_migrations()
