"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "agent",
        sa.Column("id", BIG, nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent")),
        sa.UniqueConstraint("email", name=op.f("uq_agent_email")),
    )
    op.create_table(
        "calendar",
        sa.Column("id", BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", BIG, nullable=False),
        sa.Column("definition", DOCUMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("archived_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_calendar_name_version")),
    )
    op.create_table(
        "customer",
        sa.Column("id", BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("preferred_channels", DOCUMENT, nullable=False),
        sa.Column("fields", DOCUMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer")),
    )
    op.create_table(
        "queue",
        sa.Column("id", BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("access", sa.String(length=16), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queue")),
        sa.UniqueConstraint("name", name=op.f("uq_queue_name")),
    )
    op.create_table(
        "handle",
        sa.Column("id", BIG, nullable=False),
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_handle_customer_id_customer")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handle")),
        sa.UniqueConstraint("kind", "address", name=op.f("uq_handle_kind_address")),
    )
    with op.batch_alter_table("handle", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_handle_customer_id"), ["customer_id"], unique=False)

    op.create_table(
        "inbox",
        sa.Column("id", BIG, nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("queue_id", BIG, nullable=False),
        sa.Column("settings", DOCUMENT, nullable=False),
        sa.Column("secret", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["queue_id"], ["queue.id"], name=op.f("fk_inbox_queue_id_queue")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
        sa.UniqueConstraint("channel", "address", name=op.f("uq_inbox_channel_address")),
    )
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_inbox_queue_id"), ["queue_id"], unique=False)

    op.create_table(
        "policy",
        sa.Column("id", BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", BIG, nullable=False),
        sa.Column("position", BIG, nullable=False),
        sa.Column("conditions", DOCUMENT, nullable=False),
        sa.Column("targets", DOCUMENT, nullable=False),
        sa.Column("calendar_id", BIG, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("archived_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["calendar_id"], ["calendar.id"], name=op.f("fk_policy_calendar_id_calendar")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_policy_name_version")),
    )
    op.create_table(
        "queue_member",
        sa.Column("queue_id", BIG, nullable=False),
        sa.Column("agent_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_queue_member_agent_id_agent")),
        sa.ForeignKeyConstraint(["queue_id"], ["queue.id"], name=op.f("fk_queue_member_queue_id_queue")),
        sa.PrimaryKeyConstraint("queue_id", "agent_id", name=op.f("pk_queue_member")),
    )
    with op.batch_alter_table("queue_member", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_queue_member_agent_id"), ["agent_id"], unique=False)

    op.create_table(
        "token",
        sa.Column("id", BIG, nullable=False),
        sa.Column("agent_id", BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("scopes", DOCUMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_token_agent_id_agent")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token")),
        sa.UniqueConstraint("digest", name=op.f("uq_token_digest")),
    )
    with op.batch_alter_table("token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_token_agent_id"), ["agent_id"], unique=False)

    op.create_table(
        "ticket",
        sa.Column("id", BIG, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("priority", sa.String(length=16), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("queue_id", BIG, nullable=False),
        sa.Column("assignee_id", BIG, nullable=True),
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("inbox_id", BIG, nullable=True),
        sa.Column("follows_id", BIG, nullable=True),
        sa.Column("merged_into_id", BIG, nullable=True),
        sa.Column("suggested_id", BIG, nullable=True),
        sa.Column("fields", DOCUMENT, nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("waiting_since", MOMENT, nullable=True),
        sa.Column("snoozed_until", MOMENT, nullable=True),
        sa.Column("solved_at", MOMENT, nullable=True),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("version", BIG, nullable=False),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("warn_at", MOMENT, nullable=True),
        sa.Column("sla_breached", sa.Boolean(), nullable=False),
        sa.Column("sla_tracked", sa.Boolean(), nullable=False),
        sa.Column(
            "due_order",
            MOMENT,
            sa.Computed("coalesce(due_at, '9999-12-31 00:00:00.000000')", persisted=True),
            nullable=False,
        ),
        sa.Column(
            "waiting_order",
            MOMENT,
            sa.Computed("coalesce(waiting_since, '9999-12-31 00:00:00.000000')", persisted=True),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["assignee_id"], ["agent.id"], name=op.f("fk_ticket_assignee_id_agent")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_ticket_customer_id_customer")),
        sa.ForeignKeyConstraint(["follows_id"], ["ticket.id"], name=op.f("fk_ticket_follows_id_ticket")),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name=op.f("fk_ticket_inbox_id_inbox")),
        sa.ForeignKeyConstraint(["merged_into_id"], ["ticket.id"], name=op.f("fk_ticket_merged_into_id_ticket")),
        sa.ForeignKeyConstraint(["queue_id"], ["queue.id"], name=op.f("fk_ticket_queue_id_queue")),
        sa.ForeignKeyConstraint(["suggested_id"], ["ticket.id"], name=op.f("fk_ticket_suggested_id_ticket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket")),
    )
    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.create_index(
            "ix_ticket_active_due",
            ["due_order", "id"],
            unique=False,
            postgresql_where=sa.text("status IN ('new', 'open', 'pending', 'on_hold')"),
            sqlite_where=sa.text("status IN ('new', 'open', 'pending', 'on_hold')"),
        )
        batch_op.create_index("ix_ticket_assignee", ["assignee_id", "due_order", "id"], unique=False)
        batch_op.create_index(
            "ix_ticket_breached",
            ["due_order", "id"],
            unique=False,
            postgresql_where=sa.text("sla_breached"),
            sqlite_where=sa.text("sla_breached"),
        )
        batch_op.create_index("ix_ticket_created", ["created_at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_ticket_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index("ix_ticket_due", ["due_order", "id"], unique=False)
        batch_op.create_index(
            "ix_ticket_live", ["id"], unique=False, postgresql_where=sa.text("live"), sqlite_where=sa.text("live")
        )
        batch_op.create_index(
            "ix_ticket_next",
            ["queue_id", sa.literal_column("live DESC"), "due_order", "waiting_order", "id"],
            unique=False,
            postgresql_where=sa.text("assignee_id IS NULL AND status IN ('new', 'open')"),
            sqlite_where=sa.text("assignee_id IS NULL AND status IN ('new', 'open')"),
        )
        batch_op.create_index(
            "ix_ticket_queue_active_due",
            ["queue_id", "due_order", "id"],
            unique=False,
            postgresql_where=sa.text("status IN ('new', 'open', 'pending', 'on_hold')"),
            sqlite_where=sa.text("status IN ('new', 'open', 'pending', 'on_hold')"),
        )
        batch_op.create_index("ix_ticket_queue_created", ["queue_id", "created_at", "id"], unique=False)
        batch_op.create_index("ix_ticket_queue_due", ["queue_id", "due_order", "id"], unique=False)
        batch_op.create_index("ix_ticket_queue_updated", ["queue_id", "updated_at", "id"], unique=False)
        batch_op.create_index("ix_ticket_queue_waiting", ["queue_id", "waiting_order", "id"], unique=False)
        batch_op.create_index("ix_ticket_updated", ["updated_at", "id"], unique=False)
        batch_op.create_index("ix_ticket_waiting", ["waiting_order", "id"], unique=False)

    op.create_table(
        "chat_session",
        sa.Column("id", BIG, nullable=False),
        sa.Column("visitor", sa.Text(), nullable=False),
        sa.Column("inbox_id", BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("ticket_id", BIG, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name=op.f("fk_chat_session_inbox_id_inbox")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_chat_session_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat_session")),
        sa.UniqueConstraint("visitor", name=op.f("uq_chat_session_visitor")),
    )
    with op.batch_alter_table("chat_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_chat_session_inbox_id"), ["inbox_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_chat_session_ticket_id"), ["ticket_id"], unique=False)

    op.create_table(
        "clock",
        sa.Column("id", BIG, nullable=False),
        sa.Column("ticket_id", BIG, nullable=False),
        sa.Column("metric", sa.String(length=16), nullable=False),
        sa.Column("sequence", BIG, nullable=False),
        sa.Column("policy_id", BIG, nullable=False),
        sa.Column("calendar_id", BIG, nullable=False),
        sa.Column("allowance_seconds", BIG, nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("warn_at", MOMENT, nullable=True),
        sa.Column("met_at", MOMENT, nullable=True),
        sa.Column("breached_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["calendar_id"], ["calendar.id"], name=op.f("fk_clock_calendar_id_calendar")),
        sa.ForeignKeyConstraint(["policy_id"], ["policy.id"], name=op.f("fk_clock_policy_id_policy")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_clock_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock")),
        sa.UniqueConstraint("ticket_id", "metric", "sequence", name=op.f("uq_clock_ticket_id_metric_sequence")),
    )
    with op.batch_alter_table("clock", schema=None) as batch_op:
        batch_op.create_index(
            "ix_clock_due",
            ["due_at"],
            unique=False,
            postgresql_where=sa.text("met_at IS NULL AND breached_at IS NULL"),
            sqlite_where=sa.text("met_at IS NULL AND breached_at IS NULL"),
        )

    op.create_table(
        "journal",
        sa.Column("id", BIG, nullable=False),
        sa.Column("ticket_id", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor_type", sa.String(length=16), nullable=False),
        sa.Column("actor_id", BIG, nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("data", DOCUMENT, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("dispatched_at", MOMENT, nullable=True),
        sa.Column("attempts", BIG, nullable=False),
        sa.Column("wake_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_journal_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal")),
    )
    with op.batch_alter_table("journal", schema=None) as batch_op:
        batch_op.create_index("ix_journal_ticket", ["ticket_id", "id"], unique=False)
        batch_op.create_index(
            "ix_journal_undispatched",
            ["at"],
            unique=False,
            postgresql_where=sa.text("dispatched_at IS NULL"),
            sqlite_where=sa.text("dispatched_at IS NULL"),
        )

    op.create_table(
        "message",
        sa.Column("id", BIG, nullable=False),
        sa.Column("ticket_id", BIG, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("inbox_id", BIG, nullable=True),
        sa.Column("handle_id", BIG, nullable=True),
        sa.Column("author_customer_id", BIG, nullable=True),
        sa.Column("author_agent_id", BIG, nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("quoted", sa.Text(), nullable=False),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=True),
        sa.Column("channel_reason", sa.Text(), nullable=True),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("data", DOCUMENT, nullable=False),
        sa.Column("next_attempt_at", MOMENT, nullable=True),
        sa.Column("woken_at", MOMENT, nullable=True),
        sa.Column("attempts", BIG, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["author_agent_id"], ["agent.id"], name=op.f("fk_message_author_agent_id_agent")),
        sa.ForeignKeyConstraint(
            ["author_customer_id"], ["customer.id"], name=op.f("fk_message_author_customer_id_customer")
        ),
        sa.ForeignKeyConstraint(["handle_id"], ["handle.id"], name=op.f("fk_message_handle_id_handle")),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name=op.f("fk_message_inbox_id_inbox")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_message_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
    )
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_index("ix_message_author", ["author_customer_id", "id"], unique=False)
        batch_op.create_index("ix_message_handle", ["handle_id", "id"], unique=False)
        batch_op.create_index("ix_message_provider", ["provider_id", "inbox_id"], unique=False)
        batch_op.create_index(
            "ix_message_retry",
            ["next_attempt_at"],
            unique=False,
            postgresql_where=sa.text("state = 'queued'"),
            sqlite_where=sa.text("state = 'queued'"),
        )
        batch_op.create_index("ix_message_ticket", ["ticket_id", "id"], unique=False)
        batch_op.create_index(
            "ix_message_unsent",
            ["ticket_id", "id"],
            unique=False,
            postgresql_where=sa.text("state IN ('queued', 'sending')"),
            sqlite_where=sa.text("state IN ('queued', 'sending')"),
        )

    op.create_table(
        "ticket_tag",
        sa.Column("ticket_id", BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_ticket_tag_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("ticket_id", "name", name=op.f("pk_ticket_tag")),
    )
    with op.batch_alter_table("ticket_tag", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ticket_tag_name_ticket_id"), ["name", "ticket_id"], unique=False)

    op.create_table(
        "attachment",
        sa.Column("id", BIG, nullable=False),
        sa.Column("message_id", BIG, nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("size", BIG, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("content_id", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_attachment_message_id_message")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachment")),
    )
    with op.batch_alter_table("attachment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_attachment_message_id"), ["message_id"], unique=False)

    op.create_table(
        "call",
        sa.Column("id", BIG, nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("ticket_id", BIG, nullable=False),
        sa.Column("message_id", BIG, nullable=True),
        sa.Column("inbox_id", BIG, nullable=False),
        sa.Column("outbound", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("recording_id", sa.Text(), nullable=True),
        sa.Column("recording_url", sa.Text(), nullable=True),
        sa.Column("voicemail_id", BIG, nullable=True),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("duration_seconds", BIG, nullable=True),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name=op.f("fk_call_inbox_id_inbox")),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_call_message_id_message")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_call_ticket_id_ticket")),
        sa.ForeignKeyConstraint(["voicemail_id"], ["message.id"], name=op.f("fk_call_voicemail_id_message")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call")),
        sa.UniqueConstraint("provider_id", name=op.f("uq_call_provider_id")),
    )
    with op.batch_alter_table("call", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_call_ticket_id"), ["ticket_id"], unique=False)

    op.create_table(
        "delivery",
        sa.Column("id", BIG, nullable=False),
        sa.Column("message_id", BIG, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("lease_until", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_delivery_message_id_message")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index(
            "ix_delivery_lease",
            ["lease_until"],
            unique=False,
            postgresql_where=sa.text("state = 'started'"),
            sqlite_where=sa.text("state = 'started'"),
        )
        batch_op.create_index(batch_op.f("ix_delivery_message_id"), ["message_id"], unique=False)

    op.create_table(
        "inbound_item",
        sa.Column("id", BIG, nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("inbox_address", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("headers", DOCUMENT, nullable=False),
        sa.Column("meta", DOCUMENT, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("message_id", BIG, nullable=True),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("processed_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_inbound_item_message_id_message")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound_item")),
        sa.UniqueConstraint(
            "channel", "kind", "inbox_address", "key", name=op.f("uq_inbound_item_channel_kind_inbox_address_key")
        ),
    )
    with op.batch_alter_table("inbound_item", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_inbound_item_message_id"), ["message_id"], unique=False)
        batch_op.create_index(
            "ix_inbound_item_quarantine",
            ["received_at"],
            unique=False,
            postgresql_where=sa.text("state = 'quarantined'"),
            sqlite_where=sa.text("state = 'quarantined'"),
        )


def downgrade() -> None:
    with op.batch_alter_table("inbound_item", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_inbound_item_quarantine",
            postgresql_where=sa.text("state = 'quarantined'"),
            sqlite_where=sa.text("state = 'quarantined'"),
        )
        batch_op.drop_index(batch_op.f("ix_inbound_item_message_id"))

    op.drop_table("inbound_item")
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_delivery_message_id"))
        batch_op.drop_index(
            "ix_delivery_lease",
            postgresql_where=sa.text("state = 'started'"),
            sqlite_where=sa.text("state = 'started'"),
        )

    op.drop_table("delivery")
    with op.batch_alter_table("call", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_call_ticket_id"))

    op.drop_table("call")
    with op.batch_alter_table("attachment", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_attachment_message_id"))

    op.drop_table("attachment")
    with op.batch_alter_table("ticket_tag", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ticket_tag_name_ticket_id"))

    op.drop_table("ticket_tag")
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_message_unsent",
            postgresql_where=sa.text("state IN ('queued', 'sending')"),
            sqlite_where=sa.text("state IN ('queued', 'sending')"),
        )
        batch_op.drop_index("ix_message_ticket")
        batch_op.drop_index(
            "ix_message_retry", postgresql_where=sa.text("state = 'queued'"), sqlite_where=sa.text("state = 'queued'")
        )
        batch_op.drop_index("ix_message_provider")
        batch_op.drop_index("ix_message_handle")
        batch_op.drop_index("ix_message_author")

    op.drop_table("message")
    with op.batch_alter_table("journal", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_journal_undispatched",
            postgresql_where=sa.text("dispatched_at IS NULL"),
            sqlite_where=sa.text("dispatched_at IS NULL"),
        )
        batch_op.drop_index("ix_journal_ticket")

    op.drop_table("journal")
    with op.batch_alter_table("clock", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_clock_due",
            postgresql_where=sa.text("met_at IS NULL AND breached_at IS NULL"),
            sqlite_where=sa.text("met_at IS NULL AND breached_at IS NULL"),
        )

    op.drop_table("clock")
    with op.batch_alter_table("chat_session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_chat_session_ticket_id"))
        batch_op.drop_index(batch_op.f("ix_chat_session_inbox_id"))

    op.drop_table("chat_session")
    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.drop_index("ix_ticket_waiting")
        batch_op.drop_index("ix_ticket_updated")
        batch_op.drop_index("ix_ticket_queue_waiting")
        batch_op.drop_index("ix_ticket_queue_updated")
        batch_op.drop_index("ix_ticket_queue_due")
        batch_op.drop_index("ix_ticket_queue_created")
        batch_op.drop_index(
            "ix_ticket_queue_active_due",
            postgresql_where=sa.text("status IN ('new', 'open', 'pending', 'on_hold')"),
            sqlite_where=sa.text("status IN ('new', 'open', 'pending', 'on_hold')"),
        )
        batch_op.drop_index(
            "ix_ticket_next",
            postgresql_where=sa.text("assignee_id IS NULL AND status IN ('new', 'open')"),
            sqlite_where=sa.text("assignee_id IS NULL AND status IN ('new', 'open')"),
        )
        batch_op.drop_index("ix_ticket_live", postgresql_where=sa.text("live"), sqlite_where=sa.text("live"))
        batch_op.drop_index("ix_ticket_due")
        batch_op.drop_index(batch_op.f("ix_ticket_customer_id"))
        batch_op.drop_index("ix_ticket_created")
        batch_op.drop_index(
            "ix_ticket_breached", postgresql_where=sa.text("sla_breached"), sqlite_where=sa.text("sla_breached")
        )
        batch_op.drop_index("ix_ticket_assignee")
        batch_op.drop_index(
            "ix_ticket_active_due",
            postgresql_where=sa.text("status IN ('new', 'open', 'pending', 'on_hold')"),
            sqlite_where=sa.text("status IN ('new', 'open', 'pending', 'on_hold')"),
        )

    op.drop_table("ticket")
    with op.batch_alter_table("token", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_token_agent_id"))

    op.drop_table("token")
    with op.batch_alter_table("queue_member", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_queue_member_agent_id"))

    op.drop_table("queue_member")
    op.drop_table("policy")
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_inbox_queue_id"))

    op.drop_table("inbox")
    with op.batch_alter_table("handle", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_handle_customer_id"))

    op.drop_table("handle")
    op.drop_table("queue")
    op.drop_table("customer")
    op.drop_table("calendar")
    op.drop_table("agent")
