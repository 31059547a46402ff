"""Places in the line of a queue: who waits there, answered by whom, lost again, gone.

A customer on hold or in a chat has a place, from when they began to wait (`ticket.waiting_since`). It is kept over a
change of channel: whoever asks to be called back, or goes on by text message, stays where they were. Every function is
in the caller's transaction, with the ticket locked.
"""

from datetime import datetime

from sqlalchemy import select, update

from ticketing import journal
from ticketing.envelope import Channel
from ticketing.events import Actor, CustomerAnswered, CustomerLost, LiveBegan, LiveEnded
from ticketing.inserting import insert_now
from ticketing.models import Agent, Ticket, Wait, WaitEnd
from ticketing.moment import rfc3339
from ticketing.store import db


def begin(ticket: Ticket, channel: Channel, *, on_phone: bool, since: datetime, by: Actor, at: datetime) -> None:
    """Give the customer a place in the line from `since` on; nothing but `on_phone` changes where they have one."""
    ticket.on_phone = on_phone
    if ticket.live:
        return
    ticket.live = True
    ticket.waiting_since = since if ticket.waiting_since is None else min(ticket.waiting_since, since)
    open_wait(ticket, channel, since=since)
    journal.append(ticket, LiveBegan(channel, rfc3339(ticket.waiting_since)), by=by, at=at)


def open_wait(ticket: Ticket, channel: Channel, *, since: datetime) -> None:
    """Write down that the customer waits, for whoever is told later how long that takes."""
    wait = Wait(ticket_id=ticket.id, queue_id=ticket.queue_id, channel=channel, began_at=since, ended_at=None, end=None)
    insert_now(wait)


def answer(ticket: Ticket, agent: Agent, channel: Channel, *, at: datetime) -> None:
    """Note that the agent speaks with the customer: nothing is owed to them any more. They keep the place until
    `end`, so that `lose` can give it back.
    """
    ticket.waiting_since = None
    close_wait(ticket, WaitEnd.ANSWERED, at=at)
    journal.append(ticket, CustomerAnswered(channel, agent.id), by=Actor.agent(agent.id), at=at)


def answer_in_writing(ticket: Ticket, *, at: datetime) -> None:
    """Write down that a customer in line waited until somebody wrote to them."""
    if ticket.live:
        close_wait(ticket, WaitEnd.ANSWERED, at=at)


def lose(ticket: Ticket, channel: Channel, *, since: datetime, by: Actor, at: datetime) -> None:
    """Let the customer wait again, where they stood `since` then: the agent is gone in the middle of the talk."""
    ticket.live, ticket.on_phone = True, True
    ticket.waiting_since = since
    open_wait(ticket, channel, since=at)
    journal.append(ticket, CustomerLost(channel, rfc3339(since)), by=by, at=at)


def end(ticket: Ticket, *, by: Actor, at: datetime) -> None:
    """Note that the customer has no place any more; nothing happens if they had none."""
    if ticket.live:
        ticket.live = ticket.on_phone = False
        close_wait(ticket, WaitEnd.LEFT, at=at)
        journal.append(ticket, LiveEnded(ticket.channel), by=by, at=at)


def follow_move(ticket: Ticket, *, at: datetime) -> None:
    """Let a customer who waits in line do so in the queue to which the ticket went; they keep their place."""
    if ticket.live and close_wait(ticket, WaitEnd.LEFT, at=at):
        open_wait(ticket, ticket.channel, since=at)


def stop_counting(ticket: Ticket, *, at: datetime) -> None:
    """Note that a customer who keeps their place does not wait for their turn now: they want to be called later, or
    could not be reached. How long that lasts tells others nothing.
    """
    if ticket.live:
        close_wait(ticket, WaitEnd.LEFT, at=at)


def go_on_waiting(ticket: Ticket, channel: Channel, *, at: datetime) -> None:
    """Note that a customer who has kept their place waits for their turn again; nothing happens if they do."""
    open_ones = select(Wait.id).where(Wait.ticket_id == ticket.id, Wait.ended_at.is_(None))
    db.session().flush()
    if ticket.live and db.session().scalar(open_ones.limit(1)) is None:
        open_wait(ticket, channel, since=at)


def close_wait(ticket: Ticket, how: WaitEnd, *, at: datetime) -> bool:
    """Write down how a wait ended, if one is open, which is returned."""
    db.session().flush()
    query = update(Wait).where(Wait.ticket_id == ticket.id, Wait.ended_at.is_(None)).values(ended_at=at, end=how)
    closed = db.session().scalars(query.returning(Wait.id).execution_options(synchronize_session=False)).all()
    return bool(closed)
