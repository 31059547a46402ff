"""Web chat in full."""

from typing import Any

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
    op.add_column("attachment", sa.Column("visitor", sa.Text(), nullable=False, server_default=""))
    op.create_index("ix_attachment_visitor", "attachment", ["visitor"], **_where("visitor <> ''"))
    with op.batch_alter_table("customer_merge", schema=None) as batch_op:
        batch_op.alter_column("by_id", existing_type=BIG, nullable=True)
    op.create_table(
        "claim",
        sa.Column("id", BIG, nullable=False),
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_claim_customer_id_customer")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim")),
    )
    op.create_index("ix_claim_address", "claim", ["kind", "address"])
    op.create_index("ix_claim_customer_id", "claim", ["customer_id"])
    # Whoever is there shows it; what was written to the others long ago shall not follow them now.
    op.execute("UPDATE handle SET away_since = created_at WHERE kind = 'visitor'")
    present = sa.text("kind = 'visitor' AND away_since IS NULL")
    op.create_index("ix_handle_present", "handle", ["away_since", "id"], postgresql_where=present, sqlite_where=present)
    with op.batch_alter_table("chat_session", schema=None) as batch_op:
        batch_op.add_column(sa.Column("customer_id", BIG, nullable=True))
        for name in ("identity", "email", "phone", "page", "language", "rating_comment"):
            batch_op.add_column(sa.Column(name, sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("fields", DOCUMENT, nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("read_until", BIG, nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("desk_read_until", BIG, nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("rating", BIG, nullable=True))
        batch_op.add_column(sa.Column("moved_to", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("rerouted", DOCUMENT, nullable=False, server_default="[]"))
        for name in ("rated_at", "transcript_sent_at", "ended_at"):
            batch_op.add_column(sa.Column(name, MOMENT, nullable=True))
        batch_op.create_index(batch_op.f("ix_chat_session_customer_id"), ["customer_id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_chat_session_customer_id_customer"), "customer", ["customer_id"], ["id"]
        )
    op.create_index("ix_chat_session_identity", "chat_session", ["identity", "inbox_id"], **_where("identity <> ''"))


def downgrade() -> None:
    op.execute(f"DELETE FROM journal WHERE kind IN ({NEW_KINDS})")  # noqa: S608 - every word is ours
    op.drop_table("claim")
    op.execute("DELETE FROM customer_merge WHERE by_id IS NULL")  # the version before knows none without an agent
    with op.batch_alter_table("customer_merge", schema=None) as batch_op:
        batch_op.alter_column("by_id", existing_type=BIG, nullable=False)
    op.drop_index("ix_attachment_visitor", "attachment")
    op.drop_column("attachment", "visitor")
    op.drop_index("ix_chat_session_identity", "chat_session")
    with op.batch_alter_table("chat_session", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_chat_session_customer_id_customer"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_chat_session_customer_id"))
        for name in ("rated_at", "transcript_sent_at", "ended_at", "rating", "desk_read_until", "read_until", "fields"):
            batch_op.drop_column(name)
        for name in ("rating_comment", "language", "page", "phone", "email", "identity"):
            batch_op.drop_column(name)
        for name in ("rerouted", "moved_to", "customer_id"):
            batch_op.drop_column(name)
    op.drop_index("ix_handle_present", "handle")
    # The table has triggers, which a copy of it would lose.
    op.drop_column("handle", "away_since")


def _where(condition: str) -> dict[str, Any]:
    return {"postgresql_where": sa.text(condition), "sqlite_where": sa.text(condition)}
