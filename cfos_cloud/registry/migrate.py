"""Bringing a database to the schema that this version knows."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from cfos_cloud.registry import migrations
from cfos_cloud.registry_errors import DatabaseError

#: Where the revisions are, also when installed from a wheel.
MIGRATIONS = Path(migrations.__file__).parent


def _config(folder: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config


def schema_revision(connection: Connection) -> str | None:
    """The revision that the database is at; ``None``: it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def is_older(connection: Connection, folder: Path = MIGRATIONS) -> bool:
    """
    Whether there is something in the database that :func:`migrate` would change.

    :raises DatabaseError: the schema is of a newer version of this program.
    """
    current = schema_revision(connection)
    if current is None:
        return False
    script = ScriptDirectory.from_config(_config(folder))
    newest = script.get_current_head()
    if current not in {known.revision for known in script.walk_revisions()}:
        raise DatabaseError(
            f"its schema {current} is of a newer version of this program, "
            f"which knows schemas up to {newest}"
        )
    return current != newest


def migrate(connection: Connection, folder: Path = MIGRATIONS) -> None:
    """Apply the revisions that are missing, in the connection's transaction."""
    config = _config(folder)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
