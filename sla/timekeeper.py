"""Start, pause and stop a ticket's clocks as the journal is written: AT_ONCE in api/reactions.py.

The verdicts are the pure reducer's in sla.life; here they are only kept.
"""

from collections.abc import Sequence

import structlog
from sqlalchemy import select

from sla import rules
from sla.agreement import Promises
from sla.clock import SLAClock
from sla.facts import Facts, tell
from sla.life import OBSERVED, Life
from sla.models import Clock
from sla.steps import next_step, target_of, warning
from sla.summary import summarise
from ticketing import journal
from ticketing.events import Entry, TicketOpened
from ticketing.inserting import insert_now
from ticketing.models import Ticket
from ticketing.store import db

log = structlog.get_logger(__name__)


def observe(ticket: Ticket, entry: Entry) -> None:
    """Move the ticket's clocks by one entry of its journal; the caller holds the ticket's lock, or has just made it."""
    if type(entry.event) not in OBSERVED:
        return
    promises = rules.in_force()
    rows: list[Clock] = []
    if isinstance(entry.event, TicketOpened):
        life = Life.opened(entry, promises)
    else:
        life = _life_of(ticket, rows)
        life.take(entry, promises)
    ticket.sla_state = life.pack()
    for trouble in life.troubles:
        log.error("clock not kept", ticket=ticket.id, policy=life.policy_id, reason=trouble)
    if life.has_clocks_at_hand:
        _keep(ticket, life, rows, promises)


def _life_of(ticket: Ticket, rows: list[Clock]) -> Life:
    """Return the ticket's life so far; its clocks, once they are asked for, are in `rows` too."""

    def load() -> Sequence[SLAClock]:
        rows.extend(_clocks_of(ticket))
        return [row.value() for row in rows]

    if ticket.sla_state is not None:
        return Life.unpack(ticket.sla_state, load)
    life = Life(_facts_of(ticket), load)
    for one in life.clocks:  # of before the timekeeper kept a memory
        life.counts[one.metric] = max(one.sequence, life.counts.get(one.metric, 0))
        life.policy_id = one.policy_id or life.policy_id
    life.awaited = {one.metric for one in life.clocks if not one.has_ended}
    return life


def _facts_of(ticket: Ticket) -> Facts:
    """Return what the journal has told of the ticket before this transaction."""
    first, *others = map(journal.entry_of, journal.lines(ticket.id, limit=100_000))
    if not isinstance(first.event, TicketOpened):
        raise TypeError(f"the journal of ticket {ticket.id} begins with {first.event.kind()}")
    facts = Facts.at_opening(first, first.event)
    for entry in others:
        facts = tell(facts, entry)
    return facts


def _clocks_of(ticket: Ticket) -> Sequence[Clock]:
    return db.session().scalars(select(Clock).where(Clock.ticket_id == ticket.id).order_by(Clock.id)).all()


def _keep(ticket: Ticket, life: Life, rows: list[Clock], promises: Promises) -> None:
    for row, value in zip(rows, life.clocks, strict=False):
        if row.value() == value and (value.has_ended or _is_of(row, life.facts)):
            continue
        if row.policy_id != value.policy_id:
            row.steps_done = 0  # other steps
        _write(row, value, life.facts, promises)
    for value in life.clocks[len(rows) :]:
        row = Clock(ticket_id=ticket.id, steps_done=0)
        _write(row, value, life.facts, promises)
        insert_now(row)
        rows.append(row)
    summarise(ticket, rows)


def _write(row: Clock, value: SLAClock, facts: Facts, promises: Promises) -> None:
    row.take(value)
    row.channel, row.queue_id, row.priority = facts.channel, facts.queue_id, facts.priority
    row.agent_id = facts.assignee_id
    named = promises.agreement(value.policy_id).targets.get(value.metric) if value.policy_id else None
    target = target_of(value, named)
    row.calendar_id = target.calendar_id
    row.warn_at, row.next_at = warning(value, target), next_step(value, target, row.steps_done)


def _is_of(row: Clock, facts: Facts) -> bool:
    return (row.queue_id, row.priority) == (facts.queue_id, facts.priority)
