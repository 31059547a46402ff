"""What keeps the desk honest: the audit of people, rights and settings, and answers kept for repeated requests."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from ticketing.events import ActorType
from ticketing.store import Base


class AuditEntry(Base):
    """One thing that happened to people, rights or settings. Tickets have the journal."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]  # login_succeeded, role_changed, token_made, …
    actor_type: Mapped[ActorType]
    actor_id: Mapped[int | None]  # None: the system, or nobody whom we know
    subject_type: Mapped[str]  # agent, token, queue, customer, setting, …
    subject_id: Mapped[int | None]
    data: Mapped[dict[str, Any]]
    address: Mapped[str]  # the IP address that asked; "" for the command line and the ticker
    at: Mapped[datetime]


class KeptAnswer(Base):
    """What was answered to a request with an `Idempotency-Key`. Written in the transaction of the work itself."""

    __tablename__ = "kept_answer"

    holder: Mapped[str] = mapped_column(primary_key=True)  # whose key: a token or a login session
    key: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str]  # of the request: method, address, body
    status: Mapped[int | None]  # None: the work is done, its answer was lost
    headers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    at: Mapped[datetime]


Index("ix_audit_subject", AuditEntry.subject_type, AuditEntry.subject_id, AuditEntry.id)
Index("ix_audit_kind", AuditEntry.kind, AuditEntry.id)
Index("ix_audit_actor", AuditEntry.actor_id, AuditEntry.id)
Index("ix_audit_at", AuditEntry.at)
Index("ix_kept_answer_at", KeptAnswer.at)
