"""Who decided an appeal, why, and when. Appeals that were decided before have none of the three."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("appeals", sa.Column("reviewer", sa.String()))
    op.add_column("appeals", sa.Column("reason", sa.Text()))
    op.add_column("appeals", sa.Column("decided_at", sa.DateTime(timezone=True)))
