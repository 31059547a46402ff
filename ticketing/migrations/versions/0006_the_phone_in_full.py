"""The phone in full."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
MOMENT = sa.DateTime(timezone=True)
# Of journal entries, which the version before cannot read.
NEW_KINDS = "'live_began', 'customer_answered', 'customer_lost'"


def upgrade() -> None:
    op.create_table(
        "reconciled",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("until_at", MOMENT, nullable=False),
        sa.Column("checked_at", MOMENT, nullable=False),
        sa.Column("found", BIG, nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_reconciled")),
    )
    op.create_table(
        "opt_out",
        sa.Column("handle_id", BIG, nullable=False),
        sa.Column("inbox_id", BIG, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["handle_id"], ["handle.id"], name=op.f("fk_opt_out_handle_id_handle")),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name=op.f("fk_opt_out_inbox_id_inbox")),
        sa.PrimaryKeyConstraint("handle_id", "inbox_id", name=op.f("pk_opt_out")),
    )
    op.create_table(
        "wait",
        sa.Column("id", BIG, nullable=False),
        sa.Column("ticket_id", BIG, nullable=False),
        sa.Column("queue_id", BIG, nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("began_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("end", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(["queue_id"], ["queue.id"], name=op.f("fk_wait_queue_id_queue")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_wait_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wait")),
    )
    with op.batch_alter_table("wait", schema=None) as batch_op:
        batch_op.create_index(
            "ix_wait_answered",
            ["queue_id", "ended_at"],
            unique=False,
            postgresql_where=sa.text("\"end\" = 'answered'"),
            sqlite_where=sa.text("\"end\" = 'answered'"),
        )
        batch_op.create_index(batch_op.f("ix_wait_ticket_id"), ["ticket_id"], unique=False)

    op.create_table(
        "call_leg",
        sa.Column("id", BIG, nullable=False),
        sa.Column("call_id", BIG, nullable=False),
        sa.Column("agent_id", BIG, nullable=True),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.Column("joined_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_call_leg_agent_id_agent")),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_call_leg_call_id_call")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_leg")),
        sa.UniqueConstraint("provider_id", name=op.f("uq_call_leg_provider_id")),
    )
    with op.batch_alter_table("call_leg", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_call_leg_agent_id"), ["agent_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_call_leg_call_id"), ["call_id"], unique=False)
        batch_op.create_index(
            "ix_call_leg_open",
            ["agent_id"],
            unique=False,
            postgresql_where=sa.text("ended_at IS NULL"),
            sqlite_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "callback",
        sa.Column("id", BIG, nullable=False),
        sa.Column("ticket_id", BIG, nullable=False),
        sa.Column("inbox_id", BIG, nullable=False),
        sa.Column("asked_by_call_id", BIG, nullable=True),
        sa.Column("call_id", BIG, nullable=True),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("waiting_since", MOMENT, nullable=False),
        sa.Column("not_before", MOMENT, nullable=False),
        sa.Column("not_after", MOMENT, nullable=True),
        sa.Column("attempts", BIG, nullable=False),
        sa.Column("next_at", MOMENT, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("promise_id", BIG, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["asked_by_call_id"], ["call.id"], name=op.f("fk_callback_asked_by_call_id_call")),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_callback_call_id_call")),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name=op.f("fk_callback_inbox_id_inbox")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_callback_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callback")),
    )
    with op.batch_alter_table("callback", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_callback_asked_by_call_id"), ["asked_by_call_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_callback_call_id"), ["call_id"], unique=False)
        batch_op.create_index(
            "ix_callback_due",
            ["next_at"],
            unique=False,
            postgresql_where=sa.text("next_at IS NOT NULL"),
            sqlite_where=sa.text("next_at IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_callback_ticket_id"), ["ticket_id"], unique=False)

    op.create_table(
        "recording",
        sa.Column("id", BIG, nullable=False),
        sa.Column("call_id", BIG, nullable=False),
        sa.Column("message_id", BIG, nullable=True),
        sa.Column("attachment_id", BIG, nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("seconds", BIG, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("transcript", sa.Text(), nullable=False),
        sa.Column("transcript_state", sa.Text(), nullable=False),
        sa.Column("delete_after", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["attachment_id"], ["attachment.id"], name=op.f("fk_recording_attachment_id_attachment")
        ),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_recording_call_id_call")),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_recording_message_id_message")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recording")),
        sa.UniqueConstraint("provider_id", name=op.f("uq_recording_provider_id")),
    )
    with op.batch_alter_table("recording", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_recording_call_id"), ["call_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_recording_message_id"), ["message_id"], unique=False)
        batch_op.create_index(
            "ix_recording_retention",
            ["delete_after"],
            unique=False,
            postgresql_where=sa.text("state = 'kept' AND delete_after IS NOT NULL"),
            sqlite_where=sa.text("state = 'kept' AND delete_after IS NOT NULL"),
        )

    with op.batch_alter_table("agent", schema=None) as batch_op:
        batch_op.add_column(sa.Column("device_kind", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("device_address", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("on_call_since", MOMENT, nullable=True))
        batch_op.add_column(sa.Column("wrap_up_until", MOMENT, nullable=True))

    with op.batch_alter_table("call", schema=None) as batch_op:
        batch_op.add_column(sa.Column("stage", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("number", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("language", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("waiting_since", MOMENT, nullable=True))
        batch_op.add_column(sa.Column("held_at", MOMENT, nullable=True))
        batch_op.add_column(sa.Column("answered_at", MOMENT, nullable=True))
        batch_op.add_column(sa.Column("agent_id", BIG, nullable=True))
        batch_op.add_column(sa.Column("conference_id", sa.Text(), nullable=True))
        batch_op.alter_column("provider_id", nullable=True)
        batch_op.create_index(
            "ix_call_open",
            ["ticket_id"],
            unique=False,
            postgresql_where=sa.text("ended_at IS NULL"),
            sqlite_where=sa.text("ended_at IS NULL"),
        )
        batch_op.create_foreign_key(batch_op.f("fk_call_agent_id_agent"), "agent", ["agent_id"], ["id"])

    op.add_column("handle", sa.Column("blocked_at", MOMENT, nullable=True))
    op.add_column("handle", sa.Column("blocked_reason", sa.Text(), nullable=False, server_default=""))

    with op.batch_alter_table("queue", schema=None) as batch_op:
        batch_op.add_column(sa.Column("settings", DOCUMENT, nullable=False, server_default="{}"))

    op.add_column("ticket", sa.Column("on_phone", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.execute(f"DELETE FROM journal WHERE kind IN ({NEW_KINDS})")  # noqa: S608 - every word is ours
    # The tables have triggers, which a copy of them would lose.
    op.drop_column("ticket", "on_phone")

    with op.batch_alter_table("queue", schema=None) as batch_op:
        batch_op.drop_column("settings")

    op.drop_column("handle", "blocked_reason")
    op.drop_column("handle", "blocked_at")

    with op.batch_alter_table("agent", schema=None) as batch_op:
        batch_op.drop_column("wrap_up_until")
        batch_op.drop_column("on_call_since")
        batch_op.drop_column("device_address")
        batch_op.drop_column("device_kind")

    with op.batch_alter_table("recording", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_recording_retention",
            postgresql_where=sa.text("state = 'kept' AND delete_after IS NOT NULL"),
            sqlite_where=sa.text("state = 'kept' AND delete_after IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_recording_message_id"))
        batch_op.drop_index(batch_op.f("ix_recording_call_id"))

    op.drop_table("recording")
    with op.batch_alter_table("callback", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_callback_ticket_id"))
        batch_op.drop_index(
            "ix_callback_due",
            postgresql_where=sa.text("next_at IS NOT NULL"),
            sqlite_where=sa.text("next_at IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_callback_call_id"))
        batch_op.drop_index(batch_op.f("ix_callback_asked_by_call_id"))

    op.drop_table("callback")
    with op.batch_alter_table("call_leg", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_call_leg_open", postgresql_where=sa.text("ended_at IS NULL"), sqlite_where=sa.text("ended_at IS NULL")
        )
        batch_op.drop_index(batch_op.f("ix_call_leg_call_id"))
        batch_op.drop_index(batch_op.f("ix_call_leg_agent_id"))

    op.drop_table("call_leg")
    with op.batch_alter_table("wait", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_wait_ticket_id"))
        batch_op.drop_index(
            "ix_wait_answered",
            postgresql_where=sa.text("\"end\" = 'answered'"),
            sqlite_where=sa.text("\"end\" = 'answered'"),
        )

    op.drop_table("wait")
    op.drop_table("opt_out")
    op.drop_table("reconciled")
    # A call of ours that the provider never took.
    op.execute("DELETE FROM call WHERE provider_id IS NULL")
    with op.batch_alter_table("call", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_call_agent_id_agent"), type_="foreignkey")
        batch_op.drop_index(
            "ix_call_open", postgresql_where=sa.text("ended_at IS NULL"), sqlite_where=sa.text("ended_at IS NULL")
        )
        batch_op.alter_column("provider_id", nullable=False)
        batch_op.drop_column("conference_id")
        batch_op.drop_column("agent_id")
        batch_op.drop_column("answered_at")
        batch_op.drop_column("held_at")
        batch_op.drop_column("waiting_since")
        batch_op.drop_column("language")
        batch_op.drop_column("number")
        batch_op.drop_column("stage")
