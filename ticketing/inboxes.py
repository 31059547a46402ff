"""Our own addresses: make them, and give them secrets."""

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ticketing.envelope import HANDLE_KINDS, Channel, HandleKind
from ticketing.errors import Conflict, InvalidInput, NotFound
from ticketing.handles import fold
from ticketing.models import Inbox, Queue
from ticketing.secrets import encrypt
from ticketing.store import db


def create_inbox(
    channel: Channel,
    address: str,
    *,
    name: str,
    queue: Queue,
    secret_key: str,
    at: datetime,
    settings: dict[str, Any] | None = None,
) -> Inbox:
    """Add an address of ours that fills a queue; a mail inbox gets a secret for its HTTP door.

    Raises InvalidHandle, InvalidInput, Conflict when there is such an inbox.
    """
    if channel not in HANDLE_KINDS:
        raise InvalidInput(f"there are no inboxes on the channel {channel}")
    if not name.strip():
        raise InvalidInput("an inbox needs a name, which customers read")
    inbox = Inbox(
        channel=channel,
        name=name.strip(),
        address=_folded(channel, address),
        queue=queue,
        settings=settings or {},
        secret=encrypt(secrets.token_urlsafe(32), secret_key) if channel is Channel.EMAIL else None,
        created_at=at,
    )
    try:
        with db.session().begin_nested():
            db.session().add(inbox)
            db.session().flush()
    except IntegrityError:
        raise Conflict(f"there is an inbox {address} on the channel {channel} already") from None
    return inbox


def find_inbox(channel: Channel, address: str) -> Inbox:
    """Return an inbox by its address. Raises NotFound, InvalidHandle."""
    query = select(Inbox).where(Inbox.channel == channel, Inbox.address == _folded(channel, address))
    inbox = db.session().scalar(query)
    if inbox is None:
        raise NotFound(f"there is no inbox {address} on the channel {channel}")
    return inbox


def new_secret(inbox: Inbox, secret_key: str) -> str:
    """Give the inbox another secret, which ends the old one, and return it."""
    secret = secrets.token_urlsafe(32)
    inbox.secret = encrypt(secret, secret_key)
    return secret


def _folded(channel: Channel, address: str) -> str:
    kind = HANDLE_KINDS[channel]
    return address.strip() if kind is HandleKind.VISITOR else fold(kind, address)
