"""An agent looks at a ticket, or types on it: what colleagues, and the visitors of its chats, hear of that."""

from collections.abc import Sequence
from datetime import datetime

from api.schemas.onlookers import OnlookerSchema
from channels.webchat.looking import Looked
from ticketing.models import Onlooker
from ticketing.moment import rfc3339
from ticketing.onlookers import LASTS
from ticketing.realtime import signal

ONLOOKER = OnlookerSchema()


def tell_onlookers(ticket_id: int, onlookers: Sequence[Onlooker]) -> None:
    """Tell the agents who see the ticket who looks at it now. After the commit."""
    signal("onlookers", ticket_id=ticket_id, data={"items": [ONLOOKER.dump(one) for one in onlookers]})


def tell_visitors(chats: Sequence[Looked], *, name: str, types: bool, typed: bool, at: datetime) -> None:
    """Tell visitors what was seen, and whether an agent types, or has stopped. After the commit."""
    for chat in chats:
        if chat.until is not None:
            signal("seen", session=chat.visitor, data={"until": chat.until})
        if types or typed:
            until = rfc3339(at + LASTS) if types else None
            signal("typing", session=chat.visitor, data={"name": first_name(name), "until": until})


def first_name(name: str) -> str:
    """Return by which part of an agent's name a visitor is told of them."""
    return name.split()[0] if name.split() else name
