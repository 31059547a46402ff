"""Note what happens to people, rights and settings: who did what to whom, from where. Tickets have the journal."""

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from ticketing.events import Actor, ActorType
from ticketing.models import AuditEntry
from ticketing.store import db

asking_address: ContextVar[str] = ContextVar("asking_address", default="")  # the IP address; set at the edge


def record(
    kind: str, *, subject: str, subject_id: int | None, by: Actor, at: datetime, data: dict[str, Any] | None = None
) -> None:
    """Add an entry in this transaction; `kind` is in the past tense (role_changed), `subject` what it is about (agent).

    `data` holds plain values: what was before and after, never a secret, a body or an address of a customer.
    """
    entry = AuditEntry(
        kind=kind,
        actor_type=by.type,
        actor_id=by.id,
        subject_type=subject,
        subject_id=subject_id,
        data=data or {},
        address=asking_address.get(),
        at=at,
    )
    db.session().add(entry)


@dataclass(frozen=True)
class Asked:
    """Which entries; None: all."""

    kind: str | None = None
    subject: str | None = None
    subject_id: int | None = None
    actor: int | None = None  # an agent's id
    since: datetime | None = None
    until: datetime | None = None


def entries(asked: Asked, *, before: int, limit: int) -> Sequence[AuditEntry]:
    """Return up to `limit` + 1 entries, newest first, from behind the entry `before` (0: from the newest)."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit + 1)
    for column, value in (
        (AuditEntry.kind, asked.kind),
        (AuditEntry.subject_type, asked.subject),
        (AuditEntry.subject_id, asked.subject_id),
        (AuditEntry.actor_id, asked.actor),
    ):
        query = query if value is None else query.where(column == value)
    if asked.actor is not None:
        query = query.where(AuditEntry.actor_type == ActorType.AGENT)
    if asked.since is not None:
        query = query.where(AuditEntry.at >= asked.since)
    if asked.until is not None:
        query = query.where(AuditEntry.at < asked.until)
    return db.session().scalars(query.where(AuditEntry.id < before) if before else query).all()
