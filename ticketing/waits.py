"""What somebody in the line of a queue is told: their place, and an honest span of how long it still takes.

The place is that of `next` (see `ticketing.routing`). How the span is reckoned says `ticketing.pace`; here are the
waits that it is reckoned from: those of the last hour and a half, those that last, and those of the same hour and
weekday of the weeks before. What was learned of a queue serves all of its callers for a few seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import bindparam, func, literal_column, select, tuple_, union_all

from ticketing.models import Ticket, Wait, WaitEnd
from ticketing.models.ticket import CLAIMABLE
from ticketing.pace import Estimate, Pace, Past, Spell, learn, remember
from ticketing.routing import MOST_PRESSING
from ticketing.status import WAITING_FOR_US
from ticketing.store import db
from ticketing.walks import LAST

LATELY = timedelta(minutes=90)
SAME_HOUR = timedelta(hours=1)  # before and after the same moment of a week before: an hour, whatever the clocks do
WEEK = timedelta(days=7)
WEEKS = 4
MOST_LATELY, MOST_OPEN, MOST_OF_A_WEEK = 400, 600, 150  # waits that are read
FRESH = timedelta(seconds=5)  # what was learned today serves so long
PAST_FRESH = timedelta(minutes=10)  # and what the weeks before tell
MOST_QUEUES = 500  # remembered at a time

__all__ = ["Estimate", "InLine", "estimate", "length", "line_of", "position"]


@dataclass(frozen=True)
class InLine:
    """A customer in the line of a queue; `estimate` is what they would be told now."""

    position: int
    ticket: Any  # id, subject, channel, priority, on_phone and waiting_since of a ticket
    estimate: Estimate


def position(ticket: Ticket) -> int:
    """Return the customer's place among those who wait in line in their queue, 1 for who is next; 0: they have none.

    Who is with an agent already, whose ticket is put away, or who does not wait in line at all, has none. One walk
    along ix_ticket_next, as far as the customer.
    """
    if not _is_in_line(ticket):
        return 0
    values = {"queue": ticket.queue_id, "due": ticket.due_at or LAST, "since": ticket.waiting_since or LAST}
    return db.session().scalar(_PLACE, {**values, "ticket": ticket.id}) or 0


def estimate(queue_id: int, position: int, *, at: datetime) -> Estimate:
    """Return how long it still takes from a place in the line of a queue (1 for the front), as people say it.

    At most one statement every few seconds, and one more every few minutes, however many ask.
    """
    return _pace(queue_id, at).estimate(position)


def length(queue_id: int) -> int:
    """Return how many wait in the line of a queue."""
    return db.session().scalar(select(func.count()).select_from(Ticket).where(*_in_line(queue_id))) or 0


def line_of(queue_id: int, *, at: datetime, after: int = 0, limit: int = 50) -> Sequence[InLine]:
    """Return who waits in the line of a queue, in the order of `next`, from behind the place `after`."""
    query = select(*_SHOWN).where(*_in_line(queue_id)).order_by(*MOST_PRESSING).offset(after).limit(limit)
    rows = db.session().execute(query).all()
    return [InLine(place, row, estimate(queue_id, place, at=at)) for place, row in enumerate(rows, after + 1)]


def _is_in_line(ticket: Ticket) -> bool:
    waits = ticket.live and ticket.assignee_id is None
    return waits and ticket.status in WAITING_FOR_US and ticket.snoozed_until is None


def _in_line(queue_id: Any) -> tuple[Any, ...]:
    return Ticket.queue_id == queue_id, CLAIMABLE, Ticket.live


_SHOWN = (Ticket.id, Ticket.subject, Ticket.channel, Ticket.priority, Ticket.on_phone, Ticket.waiting_since)
_PLACE = (
    select(func.count())
    .select_from(Ticket)
    .where(
        *_in_line(bindparam("queue", type_=Ticket.queue_id.type)),
        tuple_(Ticket.due_order, Ticket.waiting_order, Ticket.id)
        <= tuple_(
            bindparam("due", type_=Ticket.due_order.type),
            bindparam("since", type_=Ticket.waiting_order.type),
            bindparam("ticket", type_=Ticket.id.type),
        ),
    )
)


def _pace(queue_id: int, at: datetime) -> Pace:
    known: dict[int, tuple[datetime, Pace]] = current_app.extensions.setdefault("comptoir.paces", {})
    found = known.get(queue_id)
    if found is None or not timedelta(0) <= at - found[0] < FRESH:
        found = at, learn(_today(queue_id, at), _past(queue_id, at), at.timestamp())
        _remember(known, queue_id, found)
    return found[1]


def _past(queue_id: int, at: datetime) -> Past:
    known: dict[int, tuple[datetime, Past]] = current_app.extensions.setdefault("comptoir.past_paces", {})
    found = known.get(queue_id)
    if found is None or not timedelta(0) <= at - found[0] < PAST_FRESH:
        found = at, remember(_weeks_before(queue_id, at))
        _remember(known, queue_id, found)
    return found[1]


def _remember(known: dict[int, Any], queue_id: int, found: Any) -> None:
    """Keep what was learned of a queue; of too many queues, all is forgotten and learned again."""
    if len(known) >= MOST_QUEUES and queue_id not in known:
        known.clear()
    known[queue_id] = found


def _today(queue_id: int, at: datetime) -> list[Spell]:
    return [spell for _, spell in _read(_TODAY, {"queue": queue_id, "since": at - LATELY, "now": at})]


def _weeks_before(queue_id: int, at: datetime) -> list[list[Spell]]:
    moments = {f"{name}_{week}": at - week * WEEK + shift for week in range(1, WEEKS + 1) for name, shift in _AROUND}
    weeks: dict[int, list[Spell]] = {week: [] for week in range(1, WEEKS + 1)}
    for week, spell in _read(_WEEKS, {"queue": queue_id, **moments}):
        weeks[week].append(spell)
    return list(weeks.values())


def _read(statement: Any, values: dict[str, Any]) -> list[tuple[int, Spell]]:
    return [
        (
            row.week,
            Spell(row.began_at.timestamp(), row.ended_at and row.ended_at.timestamp(), row.end is WaitEnd.ANSWERED),
        )
        for row in db.session().execute(statement, values)
    ]


_AROUND = (("since", -SAME_HOUR), ("until", SAME_HOUR))


def _spells(week: int, *conditions: Any, last: Any, most: int) -> Any:
    """Return the query for the last of a queue's waits that are such."""
    columns: tuple[Any, ...] = (literal_column(str(week)).label("week"), Wait.began_at, Wait.ended_at, Wait.end)
    of_queue = Wait.queue_id == bindparam("queue", type_=Wait.queue_id.type)
    query = select(*columns).where(of_queue, *conditions).order_by(last.desc()).limit(most).subquery()
    return select(query)


def _moment(name: str) -> Any:
    return bindparam(name, type_=Wait.began_at.type)


def _ended_between(since: str, until: str) -> tuple[Any, ...]:
    return Wait.ended_at.is_not(None), Wait.ended_at > _moment(since), Wait.ended_at <= _moment(until)


_TODAY = union_all(
    _spells(0, *_ended_between("since", "now"), last=Wait.ended_at, most=MOST_LATELY),
    _spells(0, Wait.ended_at.is_(None), Wait.began_at <= _moment("now"), last=Wait.began_at, most=MOST_OPEN),
)
_WEEKS = union_all(
    *(
        _spells(week, *_ended_between(f"since_{week}", f"until_{week}"), last=Wait.ended_at, most=MOST_OF_A_WEEK)
        for week in range(1, WEEKS + 1)
    )
)
