"""Note what happens to people, rights and settings: who did what to whom, from where. Tickets have the journal."""

from contextvars import ContextVar
from datetime import datetime
from typing import Any

from ticketing.events import Actor
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
