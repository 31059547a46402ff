"""Mail in full."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
FAILED = sa.text("item_id IS NULL")
# Of journal entries, which the version before cannot read.
NEW_KINDS = "'address_unreachable', 'delivery_delayed', 'copy_returned', 'message_read', 'complaint_received'"


def upgrade() -> None:
    op.create_table(
        "signing_key",
        sa.Column("id", BIG, nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("selector", sa.Text(), nullable=False),
        sa.Column("private_key", sa.Text(), nullable=False),
        sa.Column("signs", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_key")),
        sa.UniqueConstraint("domain", "selector", name=op.f("uq_signing_key_domain_selector")),
    )
    op.create_table(
        "mailbox",
        sa.Column("id", BIG, nullable=False),
        sa.Column("inbox_id", BIG, nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("port", BIG, nullable=False),
        sa.Column("security", sa.String(length=16), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("login", sa.String(length=16), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("move_to", sa.Text(), nullable=True),
        sa.Column("smtp_host", sa.Text(), nullable=True),
        sa.Column("smtp_port", BIG, nullable=True),
        sa.Column("smtp_security", sa.String(length=16), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("failures", BIG, nullable=False),
        sa.Column("next_at", MOMENT, nullable=True),
        sa.Column("uid_validity", BIG, nullable=True),
        sa.Column("first_uid", BIG, nullable=False),
        sa.Column("since_at", MOMENT, nullable=True),
        sa.Column("seen_at", MOMENT, nullable=True),
        sa.Column("counted_at", MOMENT, nullable=True),
        sa.Column("on_server", BIG, nullable=True),
        sa.Column("missing", BIG, nullable=True),
        sa.Column("held_by", sa.Text(), nullable=True),
        sa.Column("held_until", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name=op.f("fk_mailbox_inbox_id_inbox")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailbox")),
        sa.UniqueConstraint("inbox_id", name=op.f("uq_mailbox_inbox_id")),
    )
    op.create_table(
        "participant",
        sa.Column("id", BIG, nullable=False),
        sa.Column("ticket_id", BIG, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_participant_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_participant")),
        sa.UniqueConstraint("ticket_id", "kind", "address", name=op.f("uq_participant_ticket_id_kind_address")),
    )
    with op.batch_alter_table("participant", schema=None) as batch_op:
        batch_op.create_index("ix_participant_address", ["kind", "address"], unique=False)

    op.create_table(
        "mailbox_mail",
        sa.Column("mailbox_id", BIG, nullable=False),
        sa.Column("uid_validity", BIG, nullable=False),
        sa.Column("uid", BIG, nullable=False),
        sa.Column("item_id", BIG, nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("attempts", BIG, nullable=False),
        sa.Column("next_at", MOMENT, nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["inbound_item.id"], name=op.f("fk_mailbox_mail_item_id_inbound_item")),
        sa.ForeignKeyConstraint(
            ["mailbox_id"], ["mailbox.id"], name=op.f("fk_mailbox_mail_mailbox_id_mailbox"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("mailbox_id", "uid_validity", "uid", name=op.f("pk_mailbox_mail")),
    )
    with op.batch_alter_table("mailbox_mail", schema=None) as batch_op:
        batch_op.create_index(
            "ix_mailbox_mail_failed", ["mailbox_id"], unique=False, postgresql_where=FAILED, sqlite_where=FAILED
        )
        batch_op.create_index(batch_op.f("ix_mailbox_mail_item_id"), ["item_id"], unique=False)

    with op.batch_alter_table("handle", schema=None) as batch_op:
        batch_op.add_column(sa.Column("unreachable_at", MOMENT, nullable=True))
        batch_op.add_column(sa.Column("unreachable_reason", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("complained_at", MOMENT, nullable=True))
        batch_op.add_column(sa.Column("auto_answered_at", MOMENT, nullable=True))
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.add_column(sa.Column("quoted_html", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    op.execute(f"DELETE FROM journal WHERE kind IN ({NEW_KINDS})")  # noqa: S608 - every word is ours
    op.drop_column("message", "quoted_html")
    for name in ("auto_answered_at", "complained_at", "unreachable_reason", "unreachable_at"):
        op.drop_column("handle", name)  # the table has triggers, which a copy of it would lose

    with op.batch_alter_table("mailbox_mail", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_mailbox_mail_item_id"))
        batch_op.drop_index("ix_mailbox_mail_failed", postgresql_where=FAILED, sqlite_where=FAILED)

    op.drop_table("mailbox_mail")
    with op.batch_alter_table("participant", schema=None) as batch_op:
        batch_op.drop_index("ix_participant_address")

    op.drop_table("participant")
    op.drop_table("mailbox")
    op.drop_table("signing_key")
