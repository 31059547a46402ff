"""How a visitor found their chat, said once it is over; they may say it anew."""

from datetime import datetime

from channels.events import ChatRated
from channels.webchat.leaving import hold_person, lock_ticket_of
from channels.webchat.sessions import find_session
from channels.webchat.standing import ChatState, is_answered, state_of
from ticketing import journal
from ticketing.errors import Conflict, InvalidInput
from ticketing.events import Actor
from ticketing.storable import storable

BEST = 5
MAX_COMMENT = 2000


def rate(visitor: str, rating: int, comment: str, *, at: datetime) -> None:
    """Note what a visitor says of the chat, 1 (bad) to 5. Raises InvalidInput, and Conflict until it is answered and
    over.
    """
    if not 1 <= rating <= BEST:
        raise InvalidInput(f"a rating is a whole number from 1 to {BEST}")
    comment = storable(comment).strip()
    if len(comment) > MAX_COMMENT:
        raise InvalidInput(f"a comment has at most {MAX_COMMENT} characters")
    session = find_session(visitor)
    if session.ticket_id is None or not is_answered(session):
        raise Conflict("nobody has answered in this chat yet")
    hold_person(session, at=at)
    ticket = lock_ticket_of(session)
    session = find_session(visitor, lock=True)
    if state_of(session) is not ChatState.ENDED:
        raise Conflict("end the chat first, then rate it")
    if (session.rating, session.rating_comment) == (rating, comment):
        return
    rated = ChatRated(session.id, rating, ticket.assignee_id, before=session.rating)
    session.rating, session.rating_comment, session.rated_at = rating, comment, at
    journal.append(ticket, rated, by=Actor.customer(ticket.customer_id), at=at)
