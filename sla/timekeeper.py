"""Start, pause and stop a ticket's clocks as the journal is written: AT_ONCE in api/reactions.py.

The verdicts are the pure reducer's in sla.life; here they are only kept.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select

from sla import rules
from sla.agreement import Agreement, Promises
from sla.clock import SLAClock, as_of
from sla.facts import Facts, tell
from sla.life import OBSERVED, Life
from sla.models import Clock, columns_of
from sla.segments import NOTHING
from sla.steps import next_step, target_of, warning
from sla.summary import summarise
from ticketing import journal
from ticketing.events import Entry, TicketOpened
from ticketing.inserting import fresh, insert_together
from ticketing.models import Ticket
from ticketing.store import db

log = structlog.get_logger(__name__)

AT_HAND = "clocks at hand"  # of tickets by id, in the session's info


class _InForce:
    """The policies in force. They are asked for when something depends on them: most messages move no clock."""

    def agreement_for(self, facts: Facts, at: datetime) -> Agreement | None:
        return rules.in_force().agreement_for(facts, at)

    def agreement(self, agreement_id: int) -> Agreement:
        return rules.in_force().agreement(agreement_id)


IN_FORCE = _InForce()


def observe(ticket: Ticket, entry: Entry) -> None:
    """Move the ticket's clocks by one entry of its journal; the caller holds the ticket's lock, or has just made it."""
    if type(entry.event) not in OBSERVED:
        return
    promises: Promises = IN_FORCE
    rows: list[Clock] = []
    if isinstance(entry.event, TicketOpened):
        life = Life.opened(entry, promises)
    else:
        life = _life_of(ticket, rows)
        life.take(entry, promises)
    if (state := life.pack()) != ticket.sla_state:  # or the flush looks at the ticket, which costs more than to compare
        ticket.sla_state = state
    for trouble in life.troubles:
        log.error("clock not kept", ticket=ticket.id, policy=life.policy_id, reason=trouble)
    if life.has_clocks_at_hand:
        _keep(ticket, life, rows, promises, entry.at)


def life_of(ticket: Ticket) -> Life:
    """Return the ticket's life so far; its clocks are loaded when something asks for them."""
    return _life_of(ticket, [])


@contextmanager
def clocks_at_hand(ticket_ids: Sequence[int]) -> Iterator[None]:
    """Read the clocks of many tickets at once; whoever does this holds the tickets' locks and moves each once."""
    at_hand: dict[int, list[Clock]] = {one: [] for one in ticket_ids}
    if ticket_ids:
        query = select(Clock).where(Clock.ticket_id.in_(ticket_ids)).order_by(Clock.id)
        for row in db.session().scalars(query.execution_options(populate_existing=True)):
            at_hand[row.ticket_id].append(row)
    db.session().info[AT_HAND] = at_hand
    try:
        yield
    finally:
        del db.session().info[AT_HAND]


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
    """Return what the journal has told of the ticket before this transaction, or what it is where nothing has."""
    entries = [journal.entry_of(line) for line in journal.lines(ticket.id, limit=100_000)]
    if not entries or not isinstance(entries[0].event, TicketOpened):  # it came from elsewhere, with no past
        return _facts_as_they_are(ticket)
    facts = Facts.at_opening(entries[0], entries[0].event)
    for entry in entries[1:]:
        facts = tell(facts, entry)
    return facts


def _facts_as_they_are(ticket: Ticket) -> Facts:
    return Facts(
        channel=ticket.channel,
        queue_id=ticket.queue_id,
        priority=ticket.priority,
        opened_at=ticket.created_at,
        waiting_since=ticket.waiting_since,
        status=ticket.status,
        snoozed=ticket.snoozed_until is not None,
        assignee_id=ticket.assignee_id,
        answered=ticket.waiting_since is None,
        tags=frozenset(ticket.tags),
        fields=ticket.fields,
    )


def _clocks_of(ticket: Ticket) -> Sequence[Clock]:
    at_hand: list[Clock] | None = db.session().info.get(AT_HAND, {}).pop(ticket.id, None)
    if at_hand is not None:
        return at_hand
    return db.session().scalars(select(Clock).where(Clock.ticket_id == ticket.id).order_by(Clock.id)).all()


def _keep(ticket: Ticket, life: Life, rows: list[Clock], promises: Promises, at: datetime) -> None:
    for row, value in zip(rows, life.clocks, strict=False):
        if row.value() == value and (value.has_ended or _is_of(row, life.facts)):
            continue
        if row.policy_id != value.policy_id:
            row.steps_done = _steps_behind(row, value, promises)
        if not _was_missed(row, value, at):
            _write(row, _noted(life.facts))
        elif row.breached_at is None:
            row.agent_id = life.facts.assignee_id  # nobody has noticed yet whose it was
        row.take(value)
        _write(row, _ahead(value, promises, steps_done=row.steps_done))
    new = [_begun(ticket, life.facts, value, promises) for value in life.clocks[len(rows) :]]
    insert_together(new)
    summarise(ticket, [*rows, *new])


def _begun(ticket: Ticket, facts: Facts, value: SLAClock, promises: Promises) -> Clock:
    return fresh(
        Clock,
        ticket_id=ticket.id,
        steps_done=0,
        **_noted(facts),
        **columns_of(value),
        **_ahead(value, promises, steps_done=0),
    )


def _was_missed(row: Clock, value: SLAClock, at: datetime) -> bool:
    """Say whether the deadline had passed before, and has still: what reports tell of the clock stands from then on."""
    return as_of(row.value(), at).breached_at is not None and as_of(value, at).breached_at is not None


def _noted(facts: Facts) -> dict[str, Any]:
    """Return what is kept with a clock of its ticket, for reports."""
    return {
        "channel": facts.channel,
        "queue_id": facts.queue_id,
        "priority": facts.priority,
        "agent_id": facts.assignee_id,
    }


def _ahead(value: SLAClock, promises: Promises, *, steps_done: int) -> dict[str, Any]:
    """Return what is kept with a clock of what is to be done about it."""
    target = target_of(value, promises)
    return {
        "calendar_id": target.calendar_id,
        "warn_at": warning(value, target),
        "next_at": next_step(value, target, steps_done),
    }


def _write(row: Clock, told: Mapping[str, Any]) -> None:
    for name, one in told.items():
        setattr(row, name, one)


def _steps_behind(row: Clock, value: SLAClock, promises: Promises) -> int:
    """Return how many steps of another agreement a clock has behind it: none, but that a breach is told once."""
    if row.breached_at is None or not row.steps_done:
        return 0
    return sum(offset <= NOTHING for offset in target_of(value, promises).steps)


def _is_of(row: Clock, facts: Facts) -> bool:
    return (row.queue_id, row.priority) == (facts.queue_id, facts.priority)
