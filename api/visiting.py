"""Visitors of chats who leave: noted a few minutes later, and told to the agents of their ticket."""

import structlog

from channels.webchat import following
from ticketing.moment import rfc3339, utc_now
from ticketing.realtime import signal
from ticketing.transaction import transaction

log = structlog.get_logger()


def note_away(handle_id: int) -> None:
    """Note that a visitor is away, if they still are, and let what they have not fetched follow them."""
    now = utc_now()
    with transaction("ticker"):
        away = following.note_away(handle_id, at=now)
    if away is None or away.ticket_id is None:
        return
    if away.rerouted:
        log.info("replies follow a visitor", ticket_id=away.ticket_id, messages=list(away.rerouted))
    tell_presence(away.ticket_id, away.visitor, away_since=rfc3339(now))


def tell_presence(ticket_id: int, visitor: str, *, away_since: str | None) -> None:
    """Tell the agents of a ticket whether its visitor is there: null for yes. After the commit."""
    told = {"session": visitor, "away_since": away_since}
    signal("chat_presence", ticket_id=ticket_id, session=visitor, data=told)
