"""The phone in full."""

from typing import Any

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
NEW_KINDS = (
    "'live_began', 'customer_answered', 'customer_lost', 'talk_recorded', 'transcript_added', "
    "'recording_deleted', 'call_placed', 'call_offered', 'leg_picked_up', 'leg_ended', 'caller_returned', "
    "'call_held', 'call_resumed', 'call_transferred', 'supervision_changed', 'call_ending', "
    "'called_again', 'caller_chose', 'call_abandoned', "
    "'callback_booked', 'callback_moved', 'callback_due', 'callback_tried', 'callback_done', 'callback_missed', "
    "'callback_cancelled'"
)
TEXTING_KINDS = "'media_announced', 'media_fetched', 'opted_out', 'opted_in'"
# Where channels are named inside of documents, by table.
DOCUMENTS_WITH_CHANNELS = (
    ("agent", "capacity"),
    ("customer", "preferred_channels"),
    ("customer_merge", "before"),
    ("macro", "actions"),
    ("policy", "conditions"),
    ("sla_replay", "proposal"),
    ("sla_replay", "tally"),
    ("view", "filter"),
)


# A voicemail was three columns of its call.
RECORDINGS_OUT_OF_CALLS = """
    INSERT INTO recording (call_id, message_id, attachment_id, kind, provider_id, url, seconds, state, error,
        transcript, transcript_state, created_at)
    SELECT call.id, call.voicemail_id,
        (SELECT min(id) FROM attachment WHERE attachment.message_id = call.voicemail_id),
        'voicemail', call.recording_id, call.recording_url, coalesce(call.duration_seconds, 0),
        CASE WHEN EXISTS (SELECT 1 FROM attachment WHERE attachment.message_id = call.voicemail_id) THEN 'kept'
            WHEN message.state_reason IS NOT NULL THEN 'failed' ELSE 'announced' END,
        coalesce(message.state_reason, ''), '', '', message.created_at
    FROM call JOIN message ON message.id = call.voicemail_id
    WHERE call.recording_id IS NOT NULL AND call.recording_url IS NOT NULL
"""
# The last voicemail of a call is the one that the version before knows; it has no place for a recorded talk.
RECORDINGS_INTO_CALLS = """
    UPDATE call SET recording_id = recording.provider_id, recording_url = recording.url,
        voicemail_id = recording.message_id
    FROM recording WHERE recording.id = (
        SELECT max(id) FROM recording AS newest WHERE newest.call_id = call.id AND newest.kind = 'voicemail')
"""


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
            "ix_wait_over",
            ["queue_id", "ended_at"],
            unique=False,
            postgresql_where=sa.text("ended_at IS NOT NULL"),
            sqlite_where=sa.text("ended_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_wait_open",
            ["queue_id", "began_at"],
            unique=False,
            postgresql_where=sa.text("ended_at IS NULL"),
            sqlite_where=sa.text("ended_at IS NULL"),
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
        sa.Column("heard", sa.Text(), nullable=False),
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
        batch_op.create_index(
            "ix_callback_open",
            ["ticket_id"],
            unique=False,
            postgresql_where=sa.text("finished_at IS NULL"),
            sqlite_where=sa.text("finished_at IS NULL"),
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
            ["attachment_id"],
            ["attachment.id"],
            name=op.f("fk_recording_attachment_id_attachment"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_recording_call_id_call")),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_recording_message_id_message")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recording")),
        sa.UniqueConstraint("provider_id", name=op.f("uq_recording_provider_id")),
    )
    with op.batch_alter_table("recording", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_recording_attachment_id"), ["attachment_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_recording_call_id"), ["call_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_recording_message_id"), ["message_id"], unique=False)
        batch_op.create_index(
            "ix_recording_retention",
            ["delete_after"],
            unique=False,
            postgresql_where=sa.text("delete_after IS NOT NULL"),
            sqlite_where=sa.text("delete_after IS NOT NULL"),
        )

    op.execute(RECORDINGS_OUT_OF_CALLS)

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
        batch_op.add_column(sa.Column("joined_at", MOMENT, nullable=True))
        batch_op.add_column(sa.Column("agent_id", BIG, nullable=True))
        batch_op.add_column(sa.Column("conference_id", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("heard", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("place_was_kept", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("answered_by", sa.Text(), nullable=False, server_default=""))
        batch_op.alter_column("provider_id", nullable=True)
        batch_op.drop_constraint(batch_op.f("fk_call_voicemail_id_message"), type_="foreignkey")
        batch_op.drop_column("voicemail_id")
        batch_op.drop_column("recording_url")
        batch_op.drop_column("recording_id")
        batch_op.create_index(
            "ix_call_open",
            ["ticket_id"],
            unique=False,
            postgresql_where=sa.text("ended_at IS NULL"),
            sqlite_where=sa.text("ended_at IS NULL"),
        )
        batch_op.create_index(batch_op.f("ix_call_message_id"), ["message_id"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_call_agent_id_agent"), "agent", ["agent_id"], ["id"])

    op.add_column("handle", sa.Column("blocked_at", MOMENT, nullable=True))
    op.add_column("handle", sa.Column("blocked_reason", sa.Text(), nullable=False, server_default=""))

    with op.batch_alter_table("queue", schema=None) as batch_op:
        batch_op.add_column(sa.Column("settings", DOCUMENT, nullable=False, server_default="{}"))

    op.add_column("ticket", sa.Column("on_phone", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    _fold_whatsapp()
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

    with op.batch_alter_table("call", schema=None) as batch_op:
        batch_op.add_column(sa.Column("recording_id", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("recording_url", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("voicemail_id", BIG, nullable=True))
        batch_op.create_foreign_key(batch_op.f("fk_call_voicemail_id_message"), "message", ["voicemail_id"], ["id"])
    op.execute(RECORDINGS_INTO_CALLS)

    with op.batch_alter_table("recording", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_recording_retention",
            postgresql_where=sa.text("delete_after IS NOT NULL"),
            sqlite_where=sa.text("delete_after IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_recording_message_id"))
        batch_op.drop_index(batch_op.f("ix_recording_call_id"))
        batch_op.drop_index(batch_op.f("ix_recording_attachment_id"))

    op.drop_table("recording")
    with op.batch_alter_table("callback", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_callback_ticket_id"))
        batch_op.drop_index(
            "ix_callback_open",
            postgresql_where=sa.text("finished_at IS NULL"),
            sqlite_where=sa.text("finished_at IS NULL"),
        )
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
            "ix_wait_open",
            postgresql_where=sa.text("ended_at IS NULL"),
            sqlite_where=sa.text("ended_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_wait_over",
            postgresql_where=sa.text("ended_at IS NOT NULL"),
            sqlite_where=sa.text("ended_at IS NOT NULL"),
        )

    op.drop_table("wait")
    op.drop_table("opt_out")
    op.drop_table("reconciled")
    # A call of ours that the provider never took.
    op.execute("DELETE FROM call WHERE provider_id IS NULL")
    with op.batch_alter_table("call", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_call_agent_id_agent"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_call_message_id"))
        batch_op.drop_index(
            "ix_call_open", postgresql_where=sa.text("ended_at IS NULL"), sqlite_where=sa.text("ended_at IS NULL")
        )
        batch_op.alter_column("provider_id", nullable=False)
        batch_op.drop_column("answered_by")
        batch_op.drop_column("place_was_kept")
        batch_op.drop_column("heard")
        batch_op.drop_column("conference_id")
        batch_op.drop_column("agent_id")
        batch_op.drop_column("answered_at")
        batch_op.drop_column("joined_at")
        batch_op.drop_column("held_at")
        batch_op.drop_column("waiting_since")
        batch_op.drop_column("language")
        batch_op.drop_column("number")
        batch_op.drop_column("stage")


def _fold_whatsapp() -> None:
    """Tell what went by WhatsApp as texts, which go to the same numbers: the version before knows no such channel."""
    op.execute(f"DELETE FROM journal WHERE kind IN ({TEXTING_KINDS})")  # noqa: S608 - every word is ours
    op.execute("DELETE FROM opt_out")
    for table in ("message", "ticket"):
        twin = (
            "(SELECT twin.id FROM inbox AS twin JOIN inbox AS gone ON gone.address = twin.address"  # noqa: S608
            f" WHERE twin.channel = 'sms' AND gone.channel = 'whatsapp' AND gone.id = {table}.inbox_id)"
        )
        op.execute(f"UPDATE {table} SET inbox_id = {twin} WHERE {twin} IS NOT NULL")  # noqa: S608 - likewise
    op.execute(
        "DELETE FROM inbox WHERE channel = 'whatsapp'"
        " AND address IN (SELECT twin.address FROM inbox AS twin WHERE twin.channel = 'sms')"
    )
    op.execute(
        "DELETE FROM consent WHERE channel = 'whatsapp' AND (given OR customer_id IN"
        " (SELECT other.customer_id FROM consent AS other WHERE other.channel = 'sms'))"
    )
    op.execute("UPDATE ticket SET sla_state = NULL WHERE channel = 'whatsapp'")
    for table in ("message", "ticket", "inbox", "consent", "draft", "inbound_item", "clock"):
        op.execute(f"UPDATE {table} SET channel = 'sms' WHERE channel = 'whatsapp'")  # noqa: S608 - likewise
    if op.get_bind().dialect.name == "postgresql":
        channel, told = "data ->> 'channel'", "jsonb_set(data, '{channel}', '\"sms\"')"
    else:
        channel, told = "json_extract(data, '$.channel')", "json_set(data, '$.channel', 'sms')"
    op.execute(f"UPDATE journal SET data = {told} WHERE {channel} = 'whatsapp'")  # noqa: S608 - likewise
    for name, column in DOCUMENTS_WITH_CHANNELS:
        _fold_documents(name, column)


def _fold_documents(name: str, column: str) -> None:
    table = sa.table(name, sa.column("id"), sa.column(column, DOCUMENT))
    connection = op.get_bind()
    named = sa.select(table).where(sa.cast(table.c[column], sa.Text).like('%"whatsapp"%'))
    for row_id, value in connection.execute(named).all():
        change = table.update().where(table.c.id == row_id)
        connection.execute(change.values({column: _without_whatsapp(value)}))


def _without_whatsapp(value: Any) -> Any:
    """Return a document in which texts stand for WhatsApp, once."""
    if isinstance(value, dict):
        kept = {key: _without_whatsapp(one) for key, one in value.items() if key != "whatsapp"}
        return {"sms": _without_whatsapp(value["whatsapp"]), **kept} if "whatsapp" in value else kept
    if isinstance(value, list):
        found = [_without_whatsapp(one) for one in value]
        return [one for number, one in enumerate(found) if one != "sms" or "sms" not in found[:number]]
    return "sms" if value == "whatsapp" else value
