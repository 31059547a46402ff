"""Addresses that somebody merely typed in a chat."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("handle", sa.Column("typed", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    # The table has triggers, which a copy of it would lose.
    op.drop_column("handle", "typed")
