"""The agents' API in full."""

import unicodedata
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
MOMENT = sa.DateTime(timezone=True)
BATCH = 1000  # rows whose keys are filled in at once


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor_type", sa.String(length=16), nullable=False),
        sa.Column("actor_id", BIG, nullable=True),
        sa.Column("subject_type", sa.Text(), nullable=False),
        sa.Column("subject_id", BIG, nullable=True),
        sa.Column("data", DOCUMENT, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.create_index("ix_audit_subject", ["subject_type", "subject_id", "id"], unique=False)
        batch_op.create_index("ix_audit_kind", ["kind", "id"], unique=False)
        batch_op.create_index("ix_audit_actor", ["actor_id", "id"], unique=False)
        batch_op.create_index("ix_audit_at", ["at"], unique=False)

    op.create_table(
        "field_definition",
        sa.Column("id", BIG, nullable=False),
        sa.Column("subject", sa.String(length=16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("choices", DOCUMENT, nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("position", BIG, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("archived_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_field_definition")),
        sa.UniqueConstraint("subject", "name", name=op.f("uq_field_definition_subject_name")),
    )
    op.create_table(
        "kept_answer",
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("status", BIG, nullable=True),
        sa.Column("headers", DOCUMENT, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("holder", "key", name=op.f("pk_kept_answer")),
    )
    with op.batch_alter_table("kept_answer", schema=None) as batch_op:
        batch_op.create_index("ix_kept_answer_at", ["at"], unique=False)

    op.create_table(
        "template",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", "language", name=op.f("pk_template")),
    )
    op.create_table(
        "canned_reply",
        sa.Column("id", BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("shortcut", sa.Text(), nullable=False),
        sa.Column("bodies", DOCUMENT, nullable=False),
        sa.Column("owner_id", BIG, nullable=True),
        sa.Column("queue_id", BIG, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("archived_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["owner_id"], ["agent.id"], name=op.f("fk_canned_reply_owner_id_agent")),
        sa.ForeignKeyConstraint(["queue_id"], ["queue.id"], name=op.f("fk_canned_reply_queue_id_queue")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canned_reply")),
    )
    with op.batch_alter_table("canned_reply", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_canned_reply_owner_id"), ["owner_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_canned_reply_queue_id"), ["queue_id"], unique=False)

    op.create_table(
        "consent",
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_consent_customer_id_customer")),
        sa.PrimaryKeyConstraint("customer_id", "channel", name=op.f("pk_consent")),
    )
    op.create_table(
        "credential",
        sa.Column("agent_id", BIG, nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("totp_secret", sa.Text(), nullable=True),
        sa.Column("totp_confirmed_at", MOMENT, nullable=True),
        sa.Column("totp_last_step", BIG, nullable=True),
        sa.Column("recovery_digests", DOCUMENT, nullable=False),
        sa.Column("failures", BIG, nullable=False),
        sa.Column("locked_until", MOMENT, nullable=True),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_credential_agent_id_agent")),
        sa.PrimaryKeyConstraint("agent_id", name=op.f("pk_credential")),
    )
    op.create_table(
        "customer_merge",
        sa.Column("id", BIG, nullable=False),
        sa.Column("kept_id", BIG, nullable=False),
        sa.Column("merged_id", BIG, nullable=False),
        sa.Column("before", DOCUMENT, nullable=False),
        sa.Column("by_id", BIG, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("undone_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["by_id"], ["agent.id"], name=op.f("fk_customer_merge_by_id_agent")),
        sa.ForeignKeyConstraint(["kept_id"], ["customer.id"], name=op.f("fk_customer_merge_kept_id_customer")),
        sa.ForeignKeyConstraint(["merged_id"], ["customer.id"], name=op.f("fk_customer_merge_merged_id_customer")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_merge")),
    )
    with op.batch_alter_table("customer_merge", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_customer_merge_kept_id"), ["kept_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_customer_merge_merged_id"), ["merged_id"], unique=False)

    op.create_table(
        "identity",
        sa.Column("id", BIG, nullable=False),
        sa.Column("agent_id", BIG, nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_identity_agent_id_agent")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_identity_issuer_subject")),
    )
    with op.batch_alter_table("identity", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_identity_agent_id"), ["agent_id"], unique=False)

    op.create_table(
        "login_session",
        sa.Column("id", BIG, nullable=False),
        sa.Column("agent_id", BIG, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("csrf_digest", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_login_session_agent_id_agent")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_session")),
        sa.UniqueConstraint("digest", name=op.f("uq_login_session_digest")),
    )
    with op.batch_alter_table("login_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_login_session_agent_id"), ["agent_id"], unique=False)

    op.create_table(
        "macro",
        sa.Column("id", BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("actions", DOCUMENT, nullable=False),
        sa.Column("position", BIG, nullable=False),
        sa.Column("owner_id", BIG, nullable=True),
        sa.Column("queue_id", BIG, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("archived_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["owner_id"], ["agent.id"], name=op.f("fk_macro_owner_id_agent")),
        sa.ForeignKeyConstraint(["queue_id"], ["queue.id"], name=op.f("fk_macro_queue_id_queue")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_macro")),
    )
    with op.batch_alter_table("macro", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_macro_owner_id"), ["owner_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_macro_queue_id"), ["queue_id"], unique=False)

    op.create_table(
        "view",
        sa.Column("id", BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("owner_id", BIG, nullable=False),
        sa.Column("queue_id", BIG, nullable=True),
        sa.Column("filter", DOCUMENT, nullable=False),
        sa.Column("position", BIG, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["agent.id"], name=op.f("fk_view_owner_id_agent")),
        sa.ForeignKeyConstraint(["queue_id"], ["queue.id"], name=op.f("fk_view_queue_id_queue")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_view")),
    )
    with op.batch_alter_table("view", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_view_owner_id"), ["owner_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_view_queue_id"), ["queue_id"], unique=False)

    op.create_table(
        "draft",
        sa.Column("ticket_id", BIG, nullable=False),
        sa.Column("agent_id", BIG, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_draft_agent_id_agent")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_draft_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("ticket_id", "agent_id", name=op.f("pk_draft")),
    )
    op.create_table(
        "onlooker",
        sa.Column("ticket_id", BIG, nullable=False),
        sa.Column("agent_id", BIG, nullable=False),
        sa.Column("typing", sa.Boolean(), nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_onlooker_agent_id_agent")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_onlooker_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("ticket_id", "agent_id", name=op.f("pk_onlooker")),
    )
    with op.batch_alter_table("onlooker", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_onlooker_until"), ["until"], unique=False)

    op.create_table(
        "ticket_link",
        sa.Column("id", BIG, nullable=False),
        sa.Column("ticket_id", BIG, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("other_id", BIG, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["other_id"], ["ticket.id"], name=op.f("fk_ticket_link_other_id_ticket")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_ticket_link_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket_link")),
        sa.UniqueConstraint("ticket_id", "kind", "other_id", name=op.f("uq_ticket_link_ticket_id_kind_other_id")),
    )
    with op.batch_alter_table("ticket_link", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ticket_link_other_id"), ["other_id"], unique=False)

    op.create_table(
        "ticket_skill",
        sa.Column("ticket_id", BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_ticket_skill_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("ticket_id", "name", name=op.f("pk_ticket_skill")),
    )
    op.create_table(
        "mention",
        sa.Column("id", BIG, nullable=False),
        sa.Column("ticket_id", BIG, nullable=False),
        sa.Column("message_id", BIG, nullable=False),
        sa.Column("agent_id", BIG, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_mention_agent_id_agent")),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_mention_message_id_message")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_mention_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mention")),
        sa.UniqueConstraint("message_id", "agent_id", name=op.f("uq_mention_message_id_agent_id")),
    )
    with op.batch_alter_table("mention", schema=None) as batch_op:
        batch_op.create_index("ix_mention_agent", ["agent_id", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_mention_ticket_id"), ["ticket_id"], unique=False)

    with op.batch_alter_table("agent", schema=None) as batch_op:
        batch_op.add_column(sa.Column("skills", DOCUMENT, nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("capacity", DOCUMENT, nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("presence", sa.String(length=16), nullable=False, server_default="offline"))
        batch_op.add_column(sa.Column("presence_reason", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("presence_since", MOMENT, nullable=True))
        batch_op.add_column(sa.Column("assigned_at", MOMENT, nullable=True))
        batch_op.add_column(sa.Column("drain_due_at", MOMENT, nullable=True))
        batch_op.create_index(
            "ix_agent_drain",
            ["drain_due_at"],
            unique=False,
            postgresql_where=sa.text("drain_due_at IS NOT NULL"),
            sqlite_where=sa.text("drain_due_at IS NOT NULL"),
        )

    with op.batch_alter_table("attachment", schema=None) as batch_op:
        batch_op.add_column(sa.Column("uploaded_by_id", BIG, nullable=True))
        batch_op.add_column(sa.Column("draft_ticket_id", BIG, nullable=True))
        batch_op.alter_column("message_id", nullable=True)
        batch_op.create_index("ix_attachment_sha256", ["sha256"], unique=False)
        batch_op.create_index(
            "ix_attachment_unused",
            ["created_at"],
            unique=False,
            postgresql_where=sa.text("message_id IS NULL"),
            sqlite_where=sa.text("message_id IS NULL"),
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_attachment_uploaded_by_id_agent"), "agent", ["uploaded_by_id"], ["id"]
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_attachment_draft_ticket_id_ticket"), "ticket", ["draft_ticket_id"], ["id"]
        )

    with op.batch_alter_table("clock", schema=None) as batch_op:
        batch_op.add_column(sa.Column("cancelled_at", MOMENT, nullable=True))
    _replace_index("clock", "ix_clock_due", ["due_at"], RUNNING + " AND cancelled_at IS NULL")

    with op.batch_alter_table("customer", schema=None) as batch_op:
        batch_op.add_column(sa.Column("name_key", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("notes", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("merged_into_id", BIG, nullable=True))
        batch_op.add_column(sa.Column("erased_at", MOMENT, nullable=True))
        batch_op.create_index(
            "ix_customer_merged",
            ["merged_into_id"],
            unique=False,
            postgresql_where=sa.text("merged_into_id IS NOT NULL"),
            sqlite_where=sa.text("merged_into_id IS NOT NULL"),
        )
        batch_op.create_index("ix_customer_name_key", ["name_key", "id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_customer_merged_into_id_customer"), "customer", ["merged_into_id"], ["id"]
        )

    with op.batch_alter_table("handle", schema=None) as batch_op:
        batch_op.add_column(sa.Column("key", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("detached_at", MOMENT, nullable=True))
        batch_op.create_index("ix_handle_key", ["kind", "key"], unique=False)

    with op.batch_alter_table("queue", schema=None) as batch_op:
        batch_op.add_column(sa.Column("assignment", sa.String(length=16), nullable=False, server_default="off"))

    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.create_index(
            "ix_ticket_in_work",
            ["assignee_id", "channel"],
            unique=False,
            postgresql_where=sa.text("assignee_id IS NOT NULL AND status IN ('new', 'open')"),
            sqlite_where=sa.text("assignee_id IS NOT NULL AND status IN ('new', 'open')"),
        )
        batch_op.create_index(
            "ix_ticket_snoozed",
            ["snoozed_until"],
            unique=False,
            postgresql_where=sa.text("snoozed_until IS NOT NULL"),
            sqlite_where=sa.text("snoozed_until IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_ticket_solved",
            ["solved_at"],
            unique=False,
            postgresql_where=sa.text("status = 'solved'"),
            sqlite_where=sa.text("status = 'solved'"),
        )
    _replace_index("ticket", "ix_ticket_next", NEXT, CLAIMABLE + " AND snoozed_until IS NULL")
    for name, (columns, condition) in WALKS.items():
        where = sa.text(condition)
        op.create_index(name, "ticket", columns, postgresql_where=where, sqlite_where=where)
    if op.get_bind().dialect.name == "postgresql":  # SQLite compares byte by byte anyway
        op.execute('ALTER TABLE ticket_tag ALTER COLUMN name TYPE TEXT COLLATE "C"')
    _fill_keys(op.get_bind(), "customer", "name AS told, '' AS kind", "name_key", lambda row: _name_key(row.told))
    _fill_keys(op.get_bind(), "handle", "address AS told, kind", "key", lambda row: _handle_key(row.kind, row.told))


def _fill_keys(connection: sa.Connection, table: str, told: str, key: str, key_of: Callable[[Any], str]) -> None:
    read = sa.text(f"SELECT id, {told} FROM {table} WHERE id > :last ORDER BY id LIMIT :batch")  # noqa: S608 - ours
    write = sa.text(f"UPDATE {table} SET {key} = :key WHERE id = :id")  # noqa: S608 - ours
    last = 0
    while rows := connection.execute(read, {"last": last, "batch": BATCH}).all():
        connection.execute(write, [{"id": row.id, "key": key_of(row)} for row in rows])
        last = rows[-1].id


def _name_key(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name)
    return " ".join(sorted("".join(char for char in decomposed if not unicodedata.combining(char)).casefold().split()))


def _handle_key(kind: str, address: str) -> str:
    if kind == "phone":
        return address[-8:]
    if kind != "email":
        return address
    local, _, domain = address.rpartition("@")
    local = local.split("+", 1)[0] or local
    return f"{local.replace('.', '') if domain in ('gmail.com', 'googlemail.com') else local}@{domain}"


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute('ALTER TABLE ticket_tag ALTER COLUMN name TYPE TEXT COLLATE "default"')
    for name in WALKS:
        op.drop_index(name, table_name="ticket")
    _replace_index("ticket", "ix_ticket_next", NEXT, CLAIMABLE)
    op.execute("DELETE FROM attachment WHERE message_id IS NULL")
    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_ticket_solved", postgresql_where=sa.text("status = 'solved'"), sqlite_where=sa.text("status = 'solved'")
        )
        batch_op.drop_index(
            "ix_ticket_snoozed",
            postgresql_where=sa.text("snoozed_until IS NOT NULL"),
            sqlite_where=sa.text("snoozed_until IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_ticket_in_work",
            postgresql_where=sa.text("assignee_id IS NOT NULL AND status IN ('new', 'open')"),
            sqlite_where=sa.text("assignee_id IS NOT NULL AND status IN ('new', 'open')"),
        )

    with op.batch_alter_table("queue", schema=None) as batch_op:
        batch_op.drop_column("assignment")

    with op.batch_alter_table("handle", schema=None) as batch_op:
        batch_op.drop_index("ix_handle_key")
        batch_op.drop_column("detached_at")
        batch_op.drop_column("key")

    with op.batch_alter_table("customer", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_customer_merged_into_id_customer"), type_="foreignkey")
        batch_op.drop_index("ix_customer_name_key")
        batch_op.drop_index(
            "ix_customer_merged",
            postgresql_where=sa.text("merged_into_id IS NOT NULL"),
            sqlite_where=sa.text("merged_into_id IS NOT NULL"),
        )
        batch_op.drop_column("erased_at")
        batch_op.drop_column("merged_into_id")
        batch_op.drop_column("notes")
        batch_op.drop_column("name_key")

    _replace_index("clock", "ix_clock_due", ["due_at"], RUNNING)
    with op.batch_alter_table("clock", schema=None) as batch_op:
        batch_op.drop_column("cancelled_at")

    with op.batch_alter_table("attachment", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_attachment_draft_ticket_id_ticket"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("fk_attachment_uploaded_by_id_agent"), type_="foreignkey")
        batch_op.drop_index(
            "ix_attachment_unused",
            postgresql_where=sa.text("message_id IS NULL"),
            sqlite_where=sa.text("message_id IS NULL"),
        )
        batch_op.drop_index("ix_attachment_sha256")
        batch_op.alter_column("message_id", nullable=False)
        batch_op.drop_column("draft_ticket_id")
        batch_op.drop_column("uploaded_by_id")

    with op.batch_alter_table("agent", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_agent_drain",
            postgresql_where=sa.text("drain_due_at IS NOT NULL"),
            sqlite_where=sa.text("drain_due_at IS NOT NULL"),
        )
        batch_op.drop_column("drain_due_at")
        batch_op.drop_column("assigned_at")
        batch_op.drop_column("presence_since")
        batch_op.drop_column("presence_reason")
        batch_op.drop_column("presence")
        batch_op.drop_column("capacity")
        batch_op.drop_column("skills")

    with op.batch_alter_table("mention", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_mention_ticket_id"))
        batch_op.drop_index("ix_mention_agent")

    op.drop_table("mention")
    op.drop_table("ticket_skill")
    with op.batch_alter_table("ticket_link", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ticket_link_other_id"))

    op.drop_table("ticket_link")
    with op.batch_alter_table("onlooker", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_onlooker_until"))

    op.drop_table("onlooker")
    op.drop_table("draft")
    with op.batch_alter_table("view", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_view_queue_id"))
        batch_op.drop_index(batch_op.f("ix_view_owner_id"))

    op.drop_table("view")
    with op.batch_alter_table("macro", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_macro_queue_id"))
        batch_op.drop_index(batch_op.f("ix_macro_owner_id"))

    op.drop_table("macro")
    with op.batch_alter_table("login_session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_login_session_agent_id"))

    op.drop_table("login_session")
    with op.batch_alter_table("identity", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_identity_agent_id"))

    op.drop_table("identity")
    with op.batch_alter_table("customer_merge", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_customer_merge_merged_id"))
        batch_op.drop_index(batch_op.f("ix_customer_merge_kept_id"))

    op.drop_table("customer_merge")
    op.drop_table("credential")
    op.drop_table("consent")
    with op.batch_alter_table("canned_reply", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_canned_reply_queue_id"))
        batch_op.drop_index(batch_op.f("ix_canned_reply_owner_id"))

    op.drop_table("canned_reply")
    op.drop_table("template")
    with op.batch_alter_table("kept_answer", schema=None) as batch_op:
        batch_op.drop_index("ix_kept_answer_at")

    op.drop_table("kept_answer")
    op.drop_table("field_definition")
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_at")
        batch_op.drop_index("ix_audit_actor")
        batch_op.drop_index("ix_audit_kind")
        batch_op.drop_index("ix_audit_subject")

    op.drop_table("audit")


AT_REST = "status IN ('pending', 'on_hold', 'solved', 'closed')"
WALKS = {
    "ix_ticket_status_due": (["status", "due_order", "id"], AT_REST),
    "ix_ticket_queue_status_due": (["queue_id", "status", "due_order", "id"], AT_REST),
    "ix_ticket_guest": (["assignee_id", "queue_id"], "assignee_id IS NOT NULL"),
}
RUNNING = "met_at IS NULL AND breached_at IS NULL"
CLAIMABLE = "assignee_id IS NULL AND status IN ('new', 'open')"
NEXT = ["queue_id", sa.text("live DESC"), "due_order", "waiting_order", "id"]


def _replace_index(table: str, name: str, columns: list[Any], condition: str) -> None:
    op.drop_index(name, table_name=table)
    where = sa.text(condition)
    op.create_index(name, table, columns, postgresql_where=where, sqlite_where=where)
