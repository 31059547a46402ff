"""What happens to a ticket as a whole: opened, assigned, resolved, reopened, changed."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import bindparam

from ticketing import closing, journal, lines, on_call, snoozing
from ticketing.envelope import Channel
from ticketing.errors import AlreadyAssigned, InvalidInput, InvalidTransition, NotFound
from ticketing.events import (
    Actor,
    FieldsChanged,
    PriorityChanged,
    StatusChanged,
    SubjectChanged,
    TagsChanged,
    TicketAssigned,
    TicketMoved,
    TicketOpened,
    TicketReleased,
    TicketReopened,
    TicketResolved,
)
from ticketing.fields import checked, must_be_solvable
from ticketing.folding import fold_tag
from ticketing.inserting import fresh, insert_now, update_now
from ticketing.models import (
    Agent,
    Customer,
    FieldSubject,
    Inbox,
    Queue,
    Ticket,
    TicketSkill,
    TicketTag,
)
from ticketing.moment import rfc3339
from ticketing.passing_over import Choosing, passed_over
from ticketing.reading import read_one, whole
from ticketing.skills import clean_skills
from ticketing.status import Priority, Status, may_go
from ticketing.store import db

MAX_SUBJECT = 300
MAX_TAGS = 50
MAX_TAG = 60


def open_ticket(
    *,
    subject: str,
    customer: Customer,
    queue: Queue,
    channel: Channel,
    by: Actor,
    at: datetime,
    inbox: Inbox | None = None,
    priority: Priority = Priority.NORMAL,
    live: bool = False,
    waiting: bool = True,
    waiting_since: datetime | None = None,
    tags: Iterable[str] = (),
    skills: Iterable[str] = (),
    fields: Mapping[str, Any] | None = None,
    follows: Ticket | None = None,
    suggested: Ticket | None = None,
) -> Ticket:
    """Open a ticket in a queue; `waiting` says that the customer waits for an answer, from now on unless
    `waiting_since` names an earlier moment.
    """
    since = (waiting_since or at) if waiting else None
    ticket = fresh(
        Ticket,
        subject=_subject(subject),
        status=Status.NEW,
        priority=priority,
        channel=channel,
        queue=queue,
        assignee=None,
        customer=customer,
        inbox_id=inbox.id if inbox else None,
        follows_id=follows.id if follows else None,
        suggested_id=suggested.id if suggested else None,
        fields=dict(fields or {}),
        live=live,
        waiting_since=since,
        tag_rows=[],
        skill_rows=[],
        created_at=at,
        updated_at=at,
    )
    insert_now(ticket)
    if tags or skills:
        ticket.tag_rows += [TicketTag(name=name) for name in clean_tags(tags)]
        ticket.skill_rows += [TicketSkill(name=name) for name in clean_skills(skills)]
    opened = TicketOpened(
        channel=channel,
        queue_id=queue.id,
        priority=priority,
        customer_id=customer.id,
        waiting_since=rfc3339(since) if since else None,
        follows=follows.id if follows else None,
        language=customer.language,
        tags=ticket.tags,
        fields=ticket.fields,
        customer_fields=customer.fields,
    )
    journal.append(ticket, opened, by=by, at=at)
    if live:
        lines.open_wait(ticket, channel, since=since or at)
    update_now(ticket)
    return ticket


def lock_ticket(ticket_id: int) -> Ticket:
    """Return the ticket in its newest state, locked until the transaction ends. Raises NotFound."""
    session = db.session()
    session.flush()  # what this transaction has changed already must not be read over
    ticket: Ticket | None = read_one(_LOCKED, Ticket, {"ticket": ticket_id})
    if ticket is None:
        raise NotFound(f"there is no ticket {ticket_id}")
    return ticket


def lock_unless_merged(ticket_id: int) -> Ticket | None:
    """Lock a ticket like `lock_ticket`; return None, and lock nothing, where there is none or it was merged away."""
    db.session().flush()
    found: Ticket | None = read_one(_LOCKED_UNLESS_MERGED, Ticket, {"ticket": ticket_id})
    return found


_LOCKED = (
    whole(Ticket)
    .where(Ticket.id == bindparam("ticket", type_=Ticket.id.type))
    .with_for_update(of=Ticket, key_share=True)
)
_LOCKED_UNLESS_MERGED = _LOCKED.where(Ticket.merged_into_id.is_(None))


class OnTicket(Protocol):
    """A row of a ticket's: a message, a call, a callback."""

    @property
    def ticket_id(self) -> int: ...


def lock_ticket_of(row: OnTicket) -> Ticket:
    """Return the row's ticket, locked, and the row in its newest state: a merge or a split may have moved it while we
    waited.
    """
    while True:
        ticket = lock_ticket(row.ticket_id)
        db.session().refresh(row)
        if row.ticket_id == ticket.id:
            return ticket


def assign(
    ticket: Ticket,
    agent: Agent,
    *,
    by: Actor,
    at: datetime,
    steal: bool = False,
    automatic: bool = False,
    reason: str = "",
    how: Choosing | None = None,
) -> None:
    """Give the ticket to an agent. Raises AlreadyAssigned when somebody else has it and `steal` is false.

    An agent who does not work the queue may have it: a guest. `automatic` says that the queue handed it out by itself.
    `how` is how it was chosen; None: somebody wanted this very ticket.
    Raises OnThePhone where a phone would have to ring for an agent who cannot take a call now.
    """
    _must_be_active(ticket)
    if ticket.assignee_id == agent.id:
        return
    if ticket.assignee_id is not None and not steal:
        raise AlreadyAssigned(f"ticket {ticket.id} is assigned to agent {ticket.assignee_id}; steal it to take it over")
    if not agent.is_active:
        raise InvalidInput(f"agent {agent.id} has left the desk")
    rings = on_call.has_to_ring(ticket)
    if rings:
        on_call.take(agent, at=at)
    before = ticket.assignee_id
    others = passed_over(ticket, agent, how) if ticket.live and before is None else []
    ticket.assignee, ticket.assignee_id = agent, agent.id
    assigned = TicketAssigned(
        before,
        agent.id,
        stolen=before is not None,
        automatic=automatic,
        reason=reason,
        rings=rings,
        awaits=ticket.live and ticket.waiting_since is not None and not rings,
        passed_over=others,
    )
    journal.append(ticket, assigned, by=by, at=at)
    if ticket.status is Status.NEW:
        change_status(ticket, Status.OPEN, by=by, at=at)


def release(ticket: Ticket, *, by: Actor, at: datetime, reason: str = "") -> None:
    """Give the ticket back to its queue; nothing happens if nobody has it."""
    if ticket.assignee_id is None:
        return
    before = ticket.assignee_id
    ticket.assignee, ticket.assignee_id = None, None
    journal.append(ticket, TicketReleased(before, reason), by=by, at=at)


def resolve(ticket: Ticket, *, by: Actor, at: datetime, answer_needed: bool = True) -> None:
    """Mark the ticket solved; nothing happens if it is. Raises InvalidTransition for a closed one, FieldsMissing.

    `answer_needed` is false when what the customer wrote last, such as mere thanks, calls for nothing.
    """
    if ticket.status is Status.SOLVED:
        return
    must_be_solvable(ticket)
    before = _go(ticket, Status.SOLVED)
    ticket.solved_at = at
    ticket.waiting_since = None
    journal.append(ticket, TicketResolved(before, answer_needed), by=by, at=at)
    snoozing.wake(ticket, why="resolved", by=by, at=at)
    lines.end(ticket, by=by, at=at)


def reopen(ticket: Ticket, *, by: Actor, at: datetime, by_message_id: int | None = None) -> None:
    """Open a solved ticket again; nothing happens if it is active. Raises InvalidTransition for a closed one."""
    if ticket.is_active:
        return
    must_not_be_over(ticket, at)
    before = _go(ticket, Status.OPEN)
    ticket.solved_at = None
    journal.append(ticket, TicketReopened(before, by_message_id), by=by, at=at)


def change_status(ticket: Ticket, status: Status, *, by: Actor, at: datetime) -> None:
    """Move the ticket to another status, by resolving or reopening where that is what it means."""
    if status is ticket.status:
        return
    if status is Status.SOLVED:
        resolve(ticket, by=by, at=at)
    elif ticket.status is Status.SOLVED and status is Status.OPEN:
        reopen(ticket, by=by, at=at)
    elif status is Status.CLOSED:
        raise InvalidTransition("a ticket closes by itself when its grace period after solving is over")
    else:
        before = _go(ticket, status)
        journal.append(ticket, StatusChanged(before, status), by=by, at=at)


def change_subject(ticket: Ticket, subject: str, *, by: Actor, at: datetime) -> None:
    must_not_be_merged(ticket)
    before, after = ticket.subject, _subject(subject)
    if before != after:
        ticket.subject = after
        journal.append(ticket, SubjectChanged(before, after), by=by, at=at)


def change_priority(ticket: Ticket, priority: Priority, *, by: Actor, at: datetime) -> None:
    must_not_be_merged(ticket)
    before = ticket.priority
    if before is not priority:
        ticket.priority = priority
        journal.append(ticket, PriorityChanged(before, priority), by=by, at=at)


def move(ticket: Ticket, queue: Queue, *, by: Actor, at: datetime) -> None:
    """Move the ticket to another queue; whoever has it keeps it."""
    must_not_be_merged(ticket)
    before = ticket.queue_id
    if before != queue.id:
        ticket.queue, ticket.queue_id = queue, queue.id
        journal.append(ticket, TicketMoved(before, queue.id), by=by, at=at)
        lines.follow_move(ticket, at=at)


def change_tags(ticket: Ticket, tags: Iterable[str], *, by: Actor, at: datetime) -> None:
    """Replace the ticket's tags. Raises InvalidInput."""
    must_not_be_merged(ticket)
    wanted, had = clean_tags(tags), set(ticket.tags)
    added, removed = [t for t in wanted if t not in had], sorted(had - set(wanted))
    if added or removed:
        kept = [row for row in ticket.tag_rows if row.name not in removed]
        ticket.tag_rows = kept + [TicketTag(name=name) for name in added]
        journal.append(ticket, TagsChanged(added, removed), by=by, at=at)


def change_fields(ticket: Ticket, fields: Mapping[str, Any], *, by: Actor, at: datetime) -> None:
    """Set custom fields; a value of None removes one, fields that are not named stay. Raises InvalidInput."""
    must_not_be_merged(ticket)
    before = dict(ticket.fields)
    wanted = {**before, **checked(FieldSubject.TICKET, fields)}
    after = {name: value for name, value in wanted.items() if value is not None}
    if before != after:
        ticket.fields = after
        journal.append(ticket, FieldsChanged(before, after), by=by, at=at)


def clean_tags(tags: Iterable[str]) -> list[str]:
    """Return tags as they are kept: folded, in order, each once. Raises InvalidInput."""
    cleaned = list(dict.fromkeys(fold_tag(tag) for tag in tags))
    if len(cleaned) > MAX_TAGS or any(not 0 < len(tag) <= MAX_TAG for tag in cleaned):
        raise InvalidInput(f"a ticket takes at most {MAX_TAGS} tags of 1 to {MAX_TAG} characters")
    return sorted(cleaned)


def must_not_be_merged(ticket: Ticket) -> None:
    """Raise InvalidTransition if the ticket is part of another now: what is done to it there nobody would see."""
    if ticket.merged_into_id is not None:
        raise InvalidTransition(f"ticket {ticket.id} is merged into {ticket.merged_into_id}; work on that one")


def must_not_be_over(ticket: Ticket, at: datetime) -> None:
    """Raise InvalidTransition if nothing can be added to the ticket any more."""
    must_not_be_merged(ticket)
    if closing.is_over(ticket, at):
        raise InvalidTransition(f"ticket {ticket.id} is closed; open a new one that follows it")


def _go(ticket: Ticket, status: Status) -> Status:
    before = ticket.status
    if ticket.merged_into_id is not None:
        raise InvalidTransition(f"ticket {ticket.id} is merged into {ticket.merged_into_id}; work on that one")
    if not may_go(before, status):
        raise InvalidTransition(f"ticket {ticket.id} is {before} and cannot become {status}")
    ticket.status = status
    return before


def _must_be_active(ticket: Ticket) -> None:
    if ticket.status is Status.CLOSED:
        raise InvalidTransition(f"ticket {ticket.id} is closed; nobody works on it any more")
    if not ticket.is_active:
        raise InvalidTransition(f"ticket {ticket.id} is {ticket.status}; reopen it first")


def _subject(text: str) -> str:
    return " ".join(text.splitlines())[:MAX_SUBJECT]
