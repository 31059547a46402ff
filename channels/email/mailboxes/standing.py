"""How it goes with the mailboxes: of one for its administrator, of those of many inboxes, and of all together."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, case, func, or_, select

from channels.email.models import Mailbox, MailboxMail, MailboxState
from ticketing.store import db

MOST_FAILED = 20


@dataclass(frozen=True)
class Standing:
    """A mailbox, whether somebody watches it, and its newest mails that could not be had."""

    mailbox: Mailbox
    is_watched: bool
    failed: Sequence[MailboxMail]


@dataclass(frozen=True)
class Sum:
    """How many mailboxes there are, and how many are in which trouble; `missing` counts mails."""

    mailboxes: int
    troubled: int
    unwatched: int
    missing: int


def standing(row: Mailbox, *, at: datetime) -> Standing:
    """Return how it goes with a mailbox."""
    query = select(MailboxMail).where(
        MailboxMail.mailbox_id == row.id,
        MailboxMail.uid_validity == row.uid_validity,
        MailboxMail.item_id.is_(None),
    )
    failed = db.session().scalars(query.order_by(MailboxMail.uid.desc()).limit(MOST_FAILED)).all()
    return Standing(row, is_watched=is_watched(row, at=at), failed=failed)


def is_watched(row: Mailbox, *, at: datetime) -> bool:
    """Say whether a process watches the mailbox."""
    return row.enabled and row.held_until is not None and row.held_until > at


def of_inboxes(inbox_ids: Collection[int]) -> Mapping[int, Mailbox]:
    """Return the mailboxes of these inboxes, by the inbox."""
    if not inbox_ids:
        return {}
    rows = db.session().scalars(select(Mailbox).where(Mailbox.inbox_id.in_(inbox_ids)))
    return {row.inbox_id: row for row in rows}


def all_together(*, at: datetime) -> Sum:
    """Return how it goes with all mailboxes that shall be watched."""
    troubled = case((or_(Mailbox.state == MailboxState.TROUBLED, Mailbox.error != ""), 1), else_=0)
    unwatched = case((or_(Mailbox.held_until.is_(None), Mailbox.held_until <= at), 1), else_=0)
    sums = (func.count(), func.sum(troubled), func.sum(unwatched), func.sum(func.coalesce(Mailbox.missing, 0)))
    counted = db.session().execute(select(*sums).where(and_(Mailbox.enabled))).one()
    return Sum(*(int(one or 0) for one in counted))
