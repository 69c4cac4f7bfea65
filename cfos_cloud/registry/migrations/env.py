"""
Alembic's entry point: migrates on the connection that it is given, inside that
connection's transaction.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from cfos_cloud.registry.schema import metadata


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        # SQLite can roll back DDL; Alembic assumes that it can't.
        transactional_ddl=True,
        # SQLite alters a table by copying it.
        render_as_batch=True,
    )
    with context.begin_transaction():
        context.run_migrations()


migrate(context.config.attributes["connection"])
