"""What the journal means for a chat's visitor: a hint that there is something to fetch, never the thing itself."""

from collections.abc import Mapping
from typing import Any

from channels.events import DeliveryChanged, MediaFetched, MessageRead
from ticketing.envelope import MessageState
from ticketing.events import (
    CustomerAnswered,
    CustomerLost,
    Event,
    LiveBegan,
    LiveEnded,
    MessageReceived,
    TicketAbsorbed,
    TicketAssigned,
    TicketClosed,
    TicketMerged,
    TicketMoved,
    TicketReleased,
    TicketReopened,
    TicketResolved,
    TicketSplit,
)

MESSAGE = "message"  # there is something to read behind what you have
STATE = "state"  # what you have has another state
SESSION = "session"  # how the chat stands has changed
LINE = "line"  # so may have the place in the line

_OF: Mapping[type[Event], str] = {
    MessageReceived: MESSAGE,
    MediaFetched: MESSAGE,
    TicketAbsorbed: MESSAGE,
    TicketSplit: MESSAGE,
    DeliveryChanged: STATE,
    MessageRead: STATE,
    CustomerAnswered: SESSION,
    CustomerLost: SESSION,
    LiveBegan: SESSION,
    LiveEnded: SESSION,
    TicketAssigned: SESSION,
    TicketClosed: SESSION,
    TicketMerged: SESSION,
    TicketMoved: SESSION,
    TicketReleased: SESSION,
    TicketReopened: SESSION,
    TicketResolved: SESSION,
}
HINTS: Mapping[str, str] = {
    **{kind.kind(): hint for kind, hint in _OF.items()},
    # Of the chat's own, by name: who waits behind, what was said at its end.
    "chat_ended": SESSION,
    "chat_rated": SESSION,
    "reply_rerouted": STATE,
}
# Whoever waits behind a ticket to which this happens may have moved up.
MOVES_THE_LINE = frozenset(
    one.kind()
    for one in (LiveBegan, LiveEnded, CustomerLost, TicketAssigned, TicketReleased, TicketMoved, TicketResolved)
)


def hint_of(kind: str, data: Mapping[str, Any]) -> str:
    """Return what a visitor is told of a journal entry of their ticket, "" for nothing."""
    if kind == DeliveryChanged.kind() and data.get("after") == MessageState.SENT:
        return MESSAGE  # from now on they may read it
    return HINTS.get(kind, "")
