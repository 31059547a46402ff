"""What is written down of mailboxes: who watches them, how it goes, and which of their mails we have.

Each function is one transaction, or a read. What a watcher writes counts only while the mailbox is as it knows it
(`updated_at`): somebody may have given it another server meanwhile.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, Update, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session, joinedload

from channels.email.mailboxes.account import Account
from channels.email.mailboxes.connection import Folder
from channels.email.models import Mailbox, MailboxMail, MailboxState
from ticketing.store import db
from ticketing.transaction import transaction

LEASE = timedelta(seconds=60)
SOURCE = "mailbox"
# When a mail that could not be had is tried again; the last one again and again.
AGAIN = [timedelta(seconds=s) for s in (5, 60, 300, 1800, 6 * 3600)]
MAX_ERROR = 500
MANY = 500  # ids in one statement


@dataclass(frozen=True)
class Known:
    """What we have of a mail: its item, or None for one that could not be had, to be tried again at `next_at`."""

    item_id: int | None
    next_at: datetime | None


def claim_free(holder: str, *, at: datetime) -> list[Account]:
    """Take the mailboxes that nobody watches, and return them. One conditional write each decides between processes."""
    free = and_(Mailbox.enabled, or_(Mailbox.held_until.is_(None), Mailbox.held_until < at))
    wanted = db.session().scalars(select(Mailbox.id).where(free).order_by(Mailbox.id)).all()
    if not wanted:
        return []
    with transaction(SOURCE) as session:
        taken = [
            one
            for one in wanted
            if _rows(
                session, update(Mailbox).where(Mailbox.id == one, free).values(held_by=holder, held_until=at + LEASE)
            )
        ]
        return [Account.of(row) for row in session.scalars(_mailboxes().where(Mailbox.id.in_(taken)))]


def renew(holder: str, *, at: datetime) -> Mapping[int, datetime]:
    """Go on holding what the holder has; return it: mailbox -> when somebody last changed how it is connected."""
    mine = and_(Mailbox.held_by == holder, Mailbox.enabled)
    rows = db.session().execute(select(Mailbox.id, Mailbox.updated_at, Mailbox.held_until).where(mine)).all()
    if any(row.held_until < at + LEASE * 0.75 for row in rows):  # seldom, for it is asked every other second
        with transaction(SOURCE) as session:
            session.execute(update(Mailbox).where(mine).values(held_until=at + LEASE))
    return {row.id: row.updated_at for row in rows}


def release(holder: str, mailbox_ids: Collection[int]) -> None:
    """Let others watch these at once."""
    with transaction(SOURCE) as session:
        mine = and_(Mailbox.held_by == holder, Mailbox.id.in_(mailbox_ids))
        session.execute(update(Mailbox).where(mine).values(held_by=None, held_until=None))


def note_look(account: Account, folder: Folder) -> Account:
    """Note what the folder says of itself; return the account that follows from it.

    Numbers that begin anew make all mail there nameless to us: it is listed again, and known by what it is.
    """
    if folder.uid_validity == account.uid_validity:
        return account
    with transaction(SOURCE) as session:
        as_known = update(Mailbox).where(_as_known(account))
        session.execute(as_known.values(uid_validity=folder.uid_validity, first_uid=folder.uid_next))
    return replace(account, uid_validity=folder.uid_validity, first_uid=folder.uid_next)


def note_trouble(account: Account, error: str, *, failures: int, next_at: datetime) -> None:
    """Note that the mailbox cannot be read, and when it is tried again."""
    values = {"state": MailboxState.TROUBLED, "error": error[:MAX_ERROR], "failures": failures, "next_at": next_at}
    with transaction(SOURCE) as session:
        session.execute(update(Mailbox).where(_as_known(account)).values(**values))


def note_count(account: Account, *, on_server: int, missing: int, warning: str, at: datetime) -> None:
    """Note that all is looked through, and what was found; `warning` is what did not work all the same, "" for none."""
    counted = {"on_server": on_server, "missing": missing, "counted_at": at, "seen_at": at}
    values = {"state": MailboxState.WATCHED, "error": warning[:MAX_ERROR], "failures": 0, "next_at": None, **counted}
    with transaction(SOURCE) as session:
        session.execute(update(Mailbox).where(_as_known(account)).values(**values))


def note_seen(account: Account, *, at: datetime) -> None:
    """Note that the server has answered."""
    with transaction(SOURCE) as session:
        session.execute(update(Mailbox).where(_as_known(account)).values(seen_at=at))


def have(account: Account, low: int, high: int | None = None) -> Mapping[int, Known]:
    """Return what we have of the mails from `low` to `high`, both included; None: to the end."""
    query = select(MailboxMail.uid, MailboxMail.item_id, MailboxMail.next_at).where(
        _mails(account), MailboxMail.uid >= low
    )
    if high is not None:
        query = query.where(MailboxMail.uid <= high)
    return {row.uid: Known(row.item_id, row.next_at) for row in db.session().execute(query)}


def keep_fetched(account: Account, uid: int, item_id: int, *, at: datetime) -> None:
    """Note that we have a mail."""
    with transaction(SOURCE) as session:
        if (row := _row(session, account, uid, at)) is not None:
            row.item_id, row.error, row.next_at, row.at = item_id, "", None, at


def keep_failed(account: Account, uid: int, error: str, *, at: datetime) -> datetime:
    """Note that a mail could not be had; return when to try again."""
    with transaction(SOURCE) as session:
        row = _row(session, account, uid, at)
        if row is None or row.item_id is not None:
            return at + AGAIN[-1]
        row.attempts += 1
        row.error, row.at = error[:MAX_ERROR], at
        row.next_at = at + AGAIN[min(row.attempts, len(AGAIN)) - 1]
        return row.next_at


def forget(account: Account, uids: Collection[int]) -> None:
    """Drop what we know of mails that are no longer there."""
    gone = sorted(uids)
    for start in range(0, len(gone), MANY):
        with transaction(SOURCE) as session:
            some = MailboxMail.uid.in_(gone[start : start + MANY])
            session.execute(delete(MailboxMail).where(_mails(account), some))


def forget_old_numbers(account: Account) -> None:
    """Drop what we know by numbers that count no more."""
    old = and_(MailboxMail.mailbox_id == account.id, MailboxMail.uid_validity != account.uid_validity)
    if db.session().scalar(select(MailboxMail.uid).where(old).limit(1)) is None:
        return
    with transaction(SOURCE) as session:
        if _is_as_known(session, account):
            session.execute(delete(MailboxMail).where(old))


def next_retry(account: Account) -> datetime | None:
    """Return when a mail is due to be tried again; None if none is."""
    failed = and_(_mails(account), MailboxMail.item_id.is_(None))
    return db.session().scalar(select(func.min(MailboxMail.next_at)).where(failed))


def _mailboxes() -> Select[Mailbox]:
    return select(Mailbox).options(joinedload(Mailbox.inbox)).execution_options(populate_existing=True)


def _mails(account: Account) -> ColumnElement[bool]:
    return and_(MailboxMail.mailbox_id == account.id, MailboxMail.uid_validity == account.uid_validity)


def _as_known(account: Account) -> ColumnElement[bool]:
    return and_(Mailbox.id == account.id, Mailbox.updated_at == account.updated_at)


def _is_as_known(session: Session, account: Account) -> bool:
    """Say whether the mailbox is still what the account says, and keep it so until the transaction ends."""
    return session.scalar(select(Mailbox.id).where(_as_known(account)).with_for_update(read=True)) is not None


def _row(session: Session, account: Account, uid: int, at: datetime) -> MailboxMail | None:
    """Return the row of a mail, locked, a new one if need be; None when the mailbox is another one now."""
    if not _is_as_known(session, account):
        return None
    key = (account.id, account.uid_validity, uid)
    row = session.get(MailboxMail, key, with_for_update=True)
    if row is None:
        row = MailboxMail(
            mailbox_id=account.id, uid_validity=account.uid_validity, uid=uid, attempts=0, error="", at=at
        )
        session.add(row)
    return row


def _rows(session: Session, statement: Update) -> int:
    return int(session.execute(statement).rowcount)  # type: ignore[attr-defined]  # of an UPDATE there is one
