"""The SLA engine in full."""

# ruff: noqa: S608 - every word of these statements is ours

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
MOMENT = sa.DateTime(timezone=True)
TO_DO = sa.text("next_at IS NOT NULL")
MET = sa.text("met_at IS NOT NULL")
BREACHED = sa.text("breached_at IS NOT NULL")
FROM_CUSTOMERS = sa.text("kind = 'inbound' AND NOT automatic")
RUNNING = sa.text("met_at IS NULL AND breached_at IS NULL AND cancelled_at IS NULL")
NEW_COLUMNS = (
    *("promise_id", "counted_microseconds", "running_since", "paused_by", "next_at", "steps_done"),
    *("channel", "queue_id", "priority", "agent_id"),
)
NEW_KINDS = "'sla_warned', 'sla_escalated', 'sla_rearmed', 'promise_made', 'promise_kept', 'promise_withdrawn'"


def upgrade() -> None:
    op.create_table(
        "sla_rules_stamp",
        sa.Column("id", BIG, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sla_rules_stamp")),
    )
    op.create_table(
        "alert_preference",
        sa.Column("agent_id", BIG, nullable=False),
        sa.Column("mail", sa.Boolean(), nullable=False),
        sa.Column("sms", sa.Text(), nullable=False),
        sa.Column("webhook", sa.Text(), nullable=False),
        sa.Column("webhook_secret", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("quiet", DOCUMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_alert_preference_agent_id_agent")),
        sa.PrimaryKeyConstraint("agent_id", name=op.f("pk_alert_preference")),
    )
    op.create_table(
        "calendar_feed",
        sa.Column("id", BIG, nullable=False),
        sa.Column("calendar_id", BIG, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("read_at", MOMENT, nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["calendar_id"], ["calendar.id"], name=op.f("fk_calendar_feed_calendar_id_calendar")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_feed")),
        sa.UniqueConstraint("calendar_id", "url", name=op.f("uq_calendar_feed_calendar_id_url")),
    )
    with op.batch_alter_table("calendar_feed", schema=None) as batch_op:
        batch_op.create_index("ix_calendar_feed_next", ["next_at"], unique=False)

    op.create_table(
        "sla_rearming",
        sa.Column("id", BIG, nullable=False),
        sa.Column("asked_by_id", BIG, nullable=True),
        sa.Column("policies", DOCUMENT, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("total", BIG, nullable=False),
        sa.Column("done", BIG, nullable=False),
        sa.Column("changed", BIG, nullable=False),
        sa.Column("after_id", BIG, nullable=False),
        sa.Column("last_id", BIG, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["asked_by_id"], ["agent.id"], name=op.f("fk_sla_rearming_asked_by_id_agent")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sla_rearming")),
    )
    op.create_table(
        "sla_replay",
        sa.Column("id", BIG, nullable=False),
        sa.Column("asked_by_id", BIG, nullable=True),
        sa.Column("shadow_id", BIG, nullable=True),
        sa.Column("proposal", DOCUMENT, nullable=False),
        sa.Column("from_at", MOMENT, nullable=False),
        sa.Column("to_at", MOMENT, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("total", BIG, nullable=False),
        sa.Column("done", BIG, nullable=False),
        sa.Column("after_id", BIG, nullable=False),
        sa.Column("last_id", BIG, nullable=False),
        sa.Column("tally", DOCUMENT, nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["asked_by_id"], ["agent.id"], name=op.f("fk_sla_replay_asked_by_id_agent")),
        sa.ForeignKeyConstraint(["shadow_id"], ["policy.id"], name=op.f("fk_sla_replay_shadow_id_policy")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sla_replay")),
    )
    op.create_table(
        "promise",
        sa.Column("id", BIG, nullable=False),
        sa.Column("ticket_id", BIG, nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("made_by_id", BIG, nullable=True),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("kept_at", MOMENT, nullable=True),
        sa.Column("withdrawn_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["made_by_id"], ["agent.id"], name=op.f("fk_promise_made_by_id_agent")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_promise_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promise")),
    )
    with op.batch_alter_table("promise", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_promise_ticket_id"), ["ticket_id"], unique=False)
    op.create_index("ix_promise_due", "promise", ["due_at", "id"])

    op.create_table(
        "sla_replay_flip",
        sa.Column("id", BIG, nullable=False),
        sa.Column("replay_id", BIG, nullable=False),
        sa.Column("ticket_id", BIG, nullable=False),
        sa.Column("metric", sa.String(length=16), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["replay_id"], ["sla_replay.id"], name=op.f("fk_sla_replay_flip_replay_id_sla_replay"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_sla_replay_flip_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sla_replay_flip")),
    )
    op.create_index("ix_sla_replay_flip_page", "sla_replay_flip", ["replay_id", "id"])
    op.create_table(
        "sla_consequence",
        sa.Column("id", BIG, nullable=False),
        sa.Column("clock_id", BIG, nullable=False),
        sa.Column("ticket_id", BIG, nullable=False),
        sa.Column("policy_id", BIG, nullable=False),
        sa.Column("offset_seconds", BIG, nullable=False),
        sa.Column("number", BIG, nullable=False),
        sa.Column("action", DOCUMENT, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempts", BIG, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("next_at", MOMENT, nullable=True),
        sa.Column("done_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["clock_id"], ["clock.id"], name=op.f("fk_sla_consequence_clock_id_clock")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sla_consequence")),
        sa.UniqueConstraint(
            "clock_id",
            "policy_id",
            "offset_seconds",
            "number",
            name=op.f("uq_sla_consequence_clock_id_policy_id_offset_seconds_number"),
        ),
    )
    with op.batch_alter_table("sla_consequence", schema=None) as batch_op:
        batch_op.create_index(
            "ix_sla_consequence_next", ["next_at"], unique=False, postgresql_where=TO_DO, sqlite_where=TO_DO
        )

    op.create_table(
        "alert",
        sa.Column("id", BIG, nullable=False),
        sa.Column("agent_id", BIG, nullable=False),
        sa.Column("ticket_id", BIG, nullable=True),
        sa.Column("consequence_id", BIG, nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("data", DOCUMENT, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("read_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_alert_agent_id_agent")),
        sa.ForeignKeyConstraint(
            ["consequence_id"], ["sla_consequence.id"], name=op.f("fk_alert_consequence_id_sla_consequence")
        ),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_alert_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        sa.UniqueConstraint("consequence_id", "agent_id", name=op.f("uq_alert_consequence_id_agent_id")),
    )
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.create_index("ix_alert_agent", ["agent_id", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_alert_ticket_id"), ["ticket_id"], unique=False)

    op.create_table(
        "alert_notice",
        sa.Column("id", BIG, nullable=False),
        sa.Column("alert_id", BIG, nullable=False),
        sa.Column("medium", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempts", BIG, nullable=False),
        sa.Column("next_at", MOMENT, nullable=True),
        sa.Column("done_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alert.id"], name=op.f("fk_alert_notice_alert_id_alert"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_notice")),
        sa.UniqueConstraint("alert_id", "medium", name=op.f("uq_alert_notice_alert_id_medium")),
    )
    with op.batch_alter_table("alert_notice", schema=None) as batch_op:
        batch_op.create_index(
            "ix_alert_notice_next", ["next_at"], unique=False, postgresql_where=TO_DO, sqlite_where=TO_DO
        )

    with op.batch_alter_table("calendar", schema=None) as batch_op:
        batch_op.add_column(sa.Column("origin_id", BIG, nullable=True))
        batch_op.create_index(batch_op.f("ix_calendar_origin_id"), ["origin_id"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_calendar_origin_id_calendar"), "calendar", ["origin_id"], ["id"])

    op.drop_index("ix_clock_due", table_name="clock")
    with op.batch_alter_table("clock", schema=None) as batch_op:
        batch_op.add_column(sa.Column("promise_id", BIG, nullable=True))
        batch_op.add_column(sa.Column("counted_microseconds", BIG, nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("running_since", MOMENT, nullable=True))
        batch_op.add_column(sa.Column("paused_by", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("next_at", MOMENT, nullable=True))
        batch_op.add_column(sa.Column("steps_done", BIG, nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("channel", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("queue_id", BIG, nullable=True))
        batch_op.add_column(sa.Column("priority", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("agent_id", BIG, nullable=True))
        for name in ("policy_id", "calendar_id", "due_at"):
            batch_op.alter_column(name, nullable=True)
    _fill_clocks()
    with op.batch_alter_table("clock", schema=None) as batch_op:
        for name in ("running_since", "channel", "queue_id", "priority"):
            batch_op.alter_column(name, nullable=False)
        for name, table in (("queue_id", "queue"), ("promise_id", "promise"), ("agent_id", "agent")):
            batch_op.create_foreign_key(batch_op.f(f"fk_clock_{name}_{table}"), table, [name], ["id"])
    op.create_index("ix_clock_next", "clock", ["next_at"], postgresql_where=TO_DO, sqlite_where=TO_DO)
    op.create_index("ix_clock_started", "clock", ["started_at", "id"])
    op.create_index("ix_clock_met", "clock", ["met_at"], postgresql_where=MET, sqlite_where=MET)
    op.create_index("ix_clock_breached", "clock", ["breached_at"], postgresql_where=BREACHED, sqlite_where=BREACHED)
    op.create_index("ix_clock_running", "clock", ["due_at"], postgresql_where=RUNNING, sqlite_where=RUNNING)
    op.create_index(
        "ix_message_received", "message", ["created_at"], postgresql_where=FROM_CUSTOMERS, sqlite_where=FROM_CUSTOMERS
    )

    with op.batch_alter_table("policy", schema=None) as batch_op:
        batch_op.add_column(sa.Column("origin_id", BIG, nullable=True))
        batch_op.add_column(sa.Column("rules", DOCUMENT, nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("shadow", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.create_index(batch_op.f("ix_policy_origin_id"), ["origin_id"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_policy_origin_id_policy"), "policy", ["origin_id"], ["id"])
    _link_versions("calendar")
    _link_versions("policy")

    op.add_column("ticket", sa.Column("sla_state", DOCUMENT, nullable=True))


def _fill_clocks() -> None:
    """Tell of the clocks that there are what is kept of them from here on.

    The working time that one had counted in the end was not kept before; it is taken from the clock on the wall.
    """
    op.execute("UPDATE clock SET running_since = started_at")
    for name, column in (
        ("channel", "channel"),
        ("queue_id", "queue_id"),
        ("priority", "priority"),
        ("agent_id", "assignee_id"),
    ):
        op.execute(f"UPDATE clock SET {name} = (SELECT {column} FROM ticket WHERE ticket.id = clock.ticket_id)")
    ended, running = "coalesce(met_at, cancelled_at)", "met_at IS NULL AND cancelled_at IS NULL AND breached_at IS NULL"
    op.execute(f"UPDATE clock SET next_at = coalesce(warn_at, due_at) WHERE {running}")
    op.execute("UPDATE clock SET steps_done = 2 WHERE breached_at IS NOT NULL")
    passed = {
        "postgresql": f"extract(epoch FROM {ended} - started_at) * 1000000",
        "sqlite": f"round((julianday({ended}) - julianday(started_at)) * 86400) * 1000000",
    }[op.get_bind().dialect.name]
    op.execute(f"UPDATE clock SET counted_microseconds = CAST({passed} AS BIGINT) WHERE {ended} IS NOT NULL")


def _link_versions(table: str) -> None:
    """Tell every version which one was the first of its name."""
    op.execute(
        f"UPDATE {table} SET origin_id = (SELECT min(first.id) FROM {table} AS first WHERE first.name = {table}.name)"
    )
    op.execute(f"UPDATE {table} SET origin_id = NULL WHERE origin_id = id")


def downgrade() -> None:
    op.drop_column("ticket", "sla_state")

    op.execute("UPDATE policy SET archived_at = created_at WHERE shadow AND archived_at IS NULL")
    with op.batch_alter_table("policy", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_policy_origin_id_policy"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_policy_origin_id"))
        batch_op.drop_column("shadow")
        batch_op.drop_column("rules")
        batch_op.drop_column("origin_id")

    for table in ("alert_notice", "alert", "sla_consequence"):  # which hang on clocks
        op.drop_table(table)
    op.execute(f"DELETE FROM journal WHERE kind IN ({NEW_KINDS})")
    op.execute("DELETE FROM clock WHERE metric <> 'first_response'")
    op.execute("DELETE FROM clock WHERE due_at IS NULL OR policy_id IS NULL OR calendar_id IS NULL")
    op.drop_index("ix_message_received", table_name="message")
    for name in ("ix_clock_running", "ix_clock_breached", "ix_clock_met"):
        op.drop_index(name, table_name="clock")
    op.drop_index("ix_clock_started", table_name="clock")
    op.drop_index("ix_clock_next", table_name="clock")
    with op.batch_alter_table("clock", schema=None) as batch_op:
        for name in ("policy_id", "calendar_id", "due_at"):
            batch_op.alter_column(name, nullable=False)
        for name, table in (("queue_id", "queue"), ("promise_id", "promise"), ("agent_id", "agent")):
            batch_op.drop_constraint(batch_op.f(f"fk_clock_{name}_{table}"), type_="foreignkey")
        for name in NEW_COLUMNS:
            batch_op.drop_column(name)
    op.create_index("ix_clock_due", "clock", ["due_at"], postgresql_where=RUNNING, sqlite_where=RUNNING)

    with op.batch_alter_table("calendar", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_calendar_origin_id_calendar"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_calendar_origin_id"))
        batch_op.drop_column("origin_id")

    op.drop_table("sla_replay_flip")
    op.drop_index("ix_promise_due", table_name="promise")
    with op.batch_alter_table("promise", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_promise_ticket_id"))

    op.drop_table("promise")
    op.drop_table("sla_replay")
    op.drop_table("sla_rearming")
    with op.batch_alter_table("calendar_feed", schema=None) as batch_op:
        batch_op.drop_index("ix_calendar_feed_next")

    op.drop_table("calendar_feed")
    op.drop_table("alert_preference")
    op.drop_table("sla_rules_stamp")
