"""Take one mail in: its bytes, the gateway, and a row that says that we have it.

A crash between the gateway's commit and the row reads the mail again; the item's key knows it, and nothing comes twice.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum, auto

import structlog

from channels.email.mailboxes import store
from channels.email.mailboxes.account import Account
from channels.email.mailboxes.connection import Connection
from channels.email.mailboxes.desk import Desk, StoreAway
from channels.email.mailboxes.errors import ConnectionLost, MailRefused

log = structlog.get_logger()

TOGETHER = 50  # mails whose sizes are asked for at once, and that are moved at once


class Fate(Enum):
    """What became of a mail."""

    KEPT = auto()
    FAILED = auto()  # it is noted why
    GONE = auto()


def take_all(connection: Connection, account: Account, uids: Sequence[int], desk: Desk) -> Mapping[int, Fate]:
    """Take up to TOGETHER mails in, in their order, and say what became of each.

    One that cannot be had is noted with its error and holds nothing up. Raises ConnectionLost, StoreAway.
    """
    sizes, arrivals = connection.sizes(uids), connection.arrivals(uids)
    return {uid: _take(connection, account, uid, sizes.get(uid), arrivals.get(uid), desk) for uid in uids}


def _take(
    connection: Connection, account: Account, uid: int, size: int | None, arrived_at: datetime | None, desk: Desk
) -> Fate:
    try:
        body = _body(connection, uid, size, desk)
    except MailRefused as refused:
        return _put_off(account, uid, str(refused), desk)
    except ConnectionLost as lost:
        # If it is this mail at which the server breaks, the others go first next time.
        _put_off(account, uid, str(lost), desk)
        raise
    if body is None:
        log.info("mail gone before it was fetched", mailbox_id=account.id, uid=uid)
        return Fate.GONE
    return _keep(account, uid, body, arrived_at, desk)


def _body(connection: Connection, uid: int, size: int | None, desk: Desk) -> bytes | None:
    if size is not None and size > desk.largest:
        raise MailRefused(f"it has {size} bytes, and COMPTOIR_SMTP_MAX_BYTES is {desk.largest}")
    return connection.body(uid, size=desk.largest)


def _keep(account: Account, uid: int, body: bytes, arrived_at: datetime | None, desk: Desk) -> Fate:
    try:
        received = desk.take_in(account, body, received_at=_received_at(account, arrived_at, desk))
    except StoreAway:
        raise
    except Exception as error:
        # Not the store's absence but this mail: it is still where it was, and waits for the mended program.
        log.exception("mail not kept", mailbox_id=account.id, uid=uid)
        return _put_off(account, uid, f"{type(error).__name__} while it was taken in; see the log", desk)
    desk.ask(store.keep_fetched, account, uid, received.item_id, at=desk.now())
    log.info(
        "mail kept",
        door="imap",
        mailbox_id=account.id,
        item_id=received.item_id,
        ticket_id=received.ticket_id,
        state=received.state,
        duplicate=received.duplicate,
    )
    return Fate.KEPT


def _received_at(account: Account, arrived_at: datetime | None, desk: Desk) -> datetime:
    """Return since when the customer waits: since the server had the mail, but not before the desk had the mailbox."""
    now = desk.now()
    return min(now, max(arrived_at, account.created_at)) if arrived_at is not None else now


def _put_off(account: Account, uid: int, error: str, desk: Desk) -> Fate:
    again_at = desk.ask(store.keep_failed, account, uid, error, at=desk.now())
    log.warning("mail not fetched", mailbox_id=account.id, uid=uid, again_at=again_at.isoformat())
    return Fate.FAILED
