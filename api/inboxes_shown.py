"""Inboxes with how it goes with their mailboxes: what the core and the channels know of them, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from channels.email.mailboxes.standing import of_inboxes
from channels.email.models import Mailbox
from ticketing.envelope import Channel
from ticketing.models import Inbox, Queue


@dataclass(frozen=True)
class ShownInbox:
    """An inbox as it is answered; `mailbox` None: none is connected."""

    id: int
    channel: Channel
    name: str
    address: str
    queue: Queue
    settings: dict[str, Any]
    created_at: datetime
    mailbox: Mailbox | None


def shown(rows: Sequence[Inbox]) -> list[ShownInbox]:
    """Return inboxes with their mailboxes, in the same order; one query for all of them."""
    mailboxes = of_inboxes([row.id for row in rows if row.channel is Channel.EMAIL])
    return [
        ShownInbox(
            id=row.id,
            channel=row.channel,
            name=row.name,
            address=row.address,
            queue=row.queue,
            settings=row.settings,
            created_at=row.created_at,
            mailbox=mailboxes.get(row.id),
        )
        for row in rows
    ]
