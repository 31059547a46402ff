"""A mailbox as its thread knows it: plain values, read once, that belong to no session."""

from dataclasses import dataclass
from datetime import datetime

from channels.email.models import Mailbox, MailLogin, MailSecurity


@dataclass(frozen=True)
class Account:
    """Where a mailbox is, and what of it is ours.

    Ours is every mail from the UID `first_uid` on, and of those below what came at `since_at` or later (None: all).
    `uid_validity` None: nobody has looked yet.
    """

    id: int
    inbox_address: str
    host: str
    port: int
    security: MailSecurity
    username: str
    login: MailLogin
    folder: str
    move_to: str | None
    since_at: datetime | None
    uid_validity: int | None
    first_uid: int
    failures: int
    next_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Mailbox) -> "Account":
        """Return what a row says."""
        return cls(
            id=row.id,
            inbox_address=row.inbox.address,
            host=row.host,
            port=row.port,
            security=row.security,
            username=row.username,
            login=row.login,
            folder=row.folder,
            move_to=row.move_to,
            since_at=row.since_at,
            uid_validity=row.uid_validity,
            first_uid=row.first_uid,
            failures=row.failures,
            next_at=row.next_at,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
