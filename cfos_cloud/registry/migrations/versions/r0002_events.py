"""Events, and each system's connections and traffic."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "event",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("folded", sa.String(40)),
        sa.Column("cloud_id", sa.String(40)),
        sa.Column("client", sa.Text()),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
    )
    op.create_index("event_time", "event", ["time", "id"])
    op.create_index("event_of_system", "event", ["folded", "time", "id"])
    op.create_index("event_of_kind", "event", ["kind", "time", "id"])
    op.create_index("event_of_actor", "event", ["actor", "time", "id"])
    op.create_table(
        "connection",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("session", sa.String(40), nullable=False, unique=True),
        sa.Column("folded", sa.String(40), _of_a_system(), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended", sa.DateTime(timezone=True)),
        sa.Column("reason", sa.Text()),
        sa.Column("agent", sa.Text()),
        sa.Column("client", sa.Text()),
        sa.Column("bytes_in", sa.BigInteger(), nullable=False),
        sa.Column("bytes_out", sa.BigInteger(), nullable=False),
    )
    op.create_index("connection_of_system", "connection", ["folded", "started", "id"])
    op.create_index("connection_ended", "connection", ["ended"])
    op.create_table(
        "traffic",
        sa.Column("folded", sa.String(40), _of_a_system(), primary_key=True),
        sa.Column("hour", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("bytes_in", sa.BigInteger(), nullable=False),
        sa.Column("bytes_out", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )


def _of_a_system() -> sa.ForeignKey:
    return sa.ForeignKey("system.folded", ondelete="CASCADE")
