"""Carry an edit of the rules over to open tickets, in the background: a batch at a time, each in one transaction.

A ticket goes on under the version in force when its policy was edited, or when it falls under an edited one now. Each
that moves gets one entry in its journal, from which the timekeeper does the rest; where the walk has come to is kept in
the same transaction, so that a process may die at any moment and nothing is done twice or left out.
"""

from collections.abc import Iterable, Sequence, Set
from datetime import datetime
from typing import cast

from sqlalchemy import Table, func, select

from sla import rules, timekeeper
from sla.agreement import Promises
from sla.events import SLARearmed
from sla.models import Clock, JobState, Rearming
from ticketing import journal
from ticketing.errors import NotFound
from ticketing.events import SYSTEM, Actor
from ticketing.filters import among
from ticketing.many import update_many
from ticketing.models import Ticket
from ticketing.models.ticket import ACTIVE_ONES
from ticketing.store import db

TICKET, CLOCK = cast(Table, Ticket.__table__), cast(Table, Clock.__table__)
TICKET_COLUMNS = ("id", "updated_at", "sla_state", "due_at", "warn_at", "sla_breached", "sla_tracked")
CLOCK_COLUMNS = tuple(column.name for column in CLOCK.columns if column.name != "ticket_id")
UNFINISHED = (JobState.QUEUED, JobState.RUNNING)
BATCH = 100  # tickets that are locked at a time


def ask(policies: Iterable[int], *, by: Actor, at: datetime) -> Rearming:
    """Let an edit of these policies, by origin, count for the tickets that are open; `carry_on` does it."""
    row = Rearming(asked_by_id=by.id, policies=sorted(set(policies)), total=0, last_id=0, created_at=at, updated_at=at)
    _begin(row)
    db.session().add(row)
    db.session().flush()
    return row


def carry_on(rearming_id: int, *, at: datetime, limit: int = BATCH) -> bool:
    """Look at the next open tickets; return whether there may be more. Runs inside a transaction.

    Of several at once, one does it and the others are told that nothing is left for them.
    """
    row = _lock(rearming_id)
    if row is None:
        return False
    if row.state is JobState.QUEUED:
        _begin(row)  # tickets may have come in since
        row.state = JobState.RUNNING
        db.session().flush()
    ids = _next_tickets(row, limit)
    changed = _rearm(row, ids, at=max(at, row.created_at))
    row.updated_at = at
    if not ids:
        row.state, row.finished_at = JobState.DONE, at
        return False
    row.done, row.changed, row.after_id = row.done + len(ids), row.changed + changed, ids[-1]
    return True


def find_rearming(rearming_id: int) -> Rearming:
    """Return one. Raises NotFound."""
    row = db.session().get(Rearming, rearming_id)
    if row is None:
        raise NotFound(f"there is no re-arming {rearming_id}")
    return row


def page(*, before: int, limit: int) -> Sequence[Rearming]:
    """Return the newest first, from behind the one `before` (0: from the newest)."""
    query = select(Rearming).order_by(Rearming.id.desc()).limit(limit)
    return db.session().scalars(query.where(Rearming.id < before) if before else query).all()


def left_alone(*, since: datetime, at: datetime) -> list[int]:
    """Claim those that are unfinished and that nobody has touched since then; return their ids."""
    query = select(Rearming).where(Rearming.state.in_(UNFINISHED), Rearming.updated_at <= since).order_by(Rearming.id)
    rows = db.session().scalars(query.with_for_update(skip_locked=True)).all()
    for row in rows:
        row.updated_at = at
    return [row.id for row in rows]


def _begin(row: Rearming) -> None:
    row.total = db.session().scalar(select(func.count()).select_from(Ticket).where(ACTIVE_ONES)) or 0
    row.last_id = db.session().scalar(select(func.max(Ticket.id))) or 0


def _lock(rearming_id: int) -> Rearming | None:
    query = select(Rearming).where(Rearming.id == rearming_id, Rearming.state.in_(UNFINISHED))
    query = query.with_for_update(skip_locked=True).execution_options(populate_existing=True)
    return db.session().scalar(query)


def _next_tickets(row: Rearming, limit: int) -> Sequence[int]:
    query = select(Ticket.id).where(ACTIVE_ONES, Ticket.id > row.after_id, Ticket.id <= row.last_id)
    return db.session().scalars(query.order_by(Ticket.id).limit(limit)).all()


def _rearm(row: Rearming, ids: Sequence[int], *, at: datetime) -> int:
    """Put those of the tickets that are concerned under what is in force; return how many they are."""
    promises, edited = rules.in_force(), set(row.policies)
    by = SYSTEM if row.asked_by_id is None else Actor.agent(row.asked_by_id)
    moving = [ticket for ticket in _lock_tickets(ids) if _is_concerned(ticket, promises, edited, at)]
    if moving:
        event = SLARearmed(row.id)
        with timekeeper.clocks_at_hand([ticket.id for ticket in moving]):
            for ticket in moving:
                journal.append(ticket, event, by=by, at=at)
        _write(moving)
    return len(moving)


def _lock_tickets(ids: Sequence[int]) -> Sequence[Ticket]:
    """Lock the tickets in the order of their ids; one that was solved meanwhile stays as it was judged."""
    db.session().flush()
    query = select(Ticket).where(among(Ticket.id, "tickets", ids), ACTIVE_ONES).order_by(Ticket.id)
    query = query.with_for_update(of=Ticket, key_share=True).execution_options(populate_existing=True)
    return db.session().scalars(query).all()


def _write(tickets: Sequence[Ticket]) -> None:
    """Write down what the timekeeper came to, in a statement for each table instead of one for each row."""
    session = db.session()
    clocks = [row for row in session.dirty if isinstance(row, Clock)]
    update_many(CLOCK, [{name: getattr(row, name) for name in CLOCK_COLUMNS} for row in clocks])
    lines = [{name: getattr(row, name) for name in TICKET_COLUMNS} for row in tickets]
    update_many(TICKET, lines, next_version=True)
    session.expire_all()  # it is written; whoever looks again shall read it anew


def _is_concerned(ticket: Ticket, promises: Promises, edited: Set[int], at: datetime) -> bool:
    life = timekeeper.life_of(ticket)
    chosen = promises.agreement_for(life.facts, at)
    current = None if life.policy_id is None else promises.agreement(life.policy_id)
    if (chosen.id if chosen else None) == life.policy_id:
        return False
    return not edited.isdisjoint(one.origin for one in (chosen, current) if one is not None)
