"""Web chat in full."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
MOMENT = sa.DateTime(timezone=True)
# Of journal entries, which the version before cannot read.
NEW_KINDS = "'chat_rated', 'chat_ended', 'reply_rerouted'"


def upgrade() -> None:
    op.add_column("handle", sa.Column("away_since", MOMENT, nullable=True))
    with op.batch_alter_table("chat_session", schema=None) as batch_op:
        batch_op.add_column(sa.Column("customer_id", BIG, nullable=True))
        for name in ("identity", "email", "phone", "page", "language", "rating_comment"):
            batch_op.add_column(sa.Column(name, sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("fields", DOCUMENT, nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("read_until", BIG, nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("desk_read_until", BIG, nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("rating", BIG, nullable=True))
        for name in ("rated_at", "transcript_sent_at", "ended_at"):
            batch_op.add_column(sa.Column(name, MOMENT, nullable=True))
        batch_op.create_index(batch_op.f("ix_chat_session_customer_id"), ["customer_id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_chat_session_customer_id_customer"), "customer", ["customer_id"], ["id"]
        )


def downgrade() -> None:
    op.execute(f"DELETE FROM journal WHERE kind IN ({NEW_KINDS})")  # noqa: S608 - every word is ours
    with op.batch_alter_table("chat_session", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_chat_session_customer_id_customer"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_chat_session_customer_id"))
        for name in ("rated_at", "transcript_sent_at", "ended_at", "rating", "desk_read_until", "read_until", "fields"):
            batch_op.drop_column(name)
        for name in ("rating_comment", "language", "page", "phone", "email", "identity"):
            batch_op.drop_column(name)
        batch_op.drop_column("customer_id")
    # The table has triggers, which a copy of it would lose.
    op.drop_column("handle", "away_since")
