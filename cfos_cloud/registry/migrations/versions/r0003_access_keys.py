"""Access keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "access_key",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column(
            "folded",
            sa.String(40),
            sa.ForeignKey("system.folded", ondelete="CASCADE"),
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.String(10), nullable=False),
        sa.Column("kid", sa.String(64), nullable=False),
        sa.Column("consent", sa.String(43), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True)),
        sa.Column("authorised", sa.DateTime(timezone=True)),
        sa.Column("revoked", sa.DateTime(timezone=True)),
        sa.Column("last_used", sa.DateTime(timezone=True)),
        sa.Column("last_client", sa.Text()),
        sa.Column("code", sa.String(16)),
        sa.Column("requested_from", sa.Text()),
    )
    op.create_index("access_key_of_system", "access_key", ["folded"])
