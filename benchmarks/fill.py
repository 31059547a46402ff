"""Fill an empty store with a busy desk's tickets, in bulk: what they say does not matter, how they lie does."""

import itertools
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert

from sla.models import Clock
from ticketing.envelope import Channel, MessageState
from ticketing.models import Customer, JournalEntry, Message, MessageKind, Queue, Ticket, TicketTag
from ticketing.status import Priority, Status

LONG = 200  # the first tickets have conversations of
MESSAGES = 20
QUEUES = ("Billing", "Returns", "Workshop")  # beside Support, the first
AGENTS = 3  # the demonstration's
BATCH = 5000
STATUSES = [Status.NEW] * 8 + [Status.OPEN] * 5 + [Status.PENDING] * 3 + [Status.SOLVED] * 3 + [Status.CLOSED]
TIMES_A_CUSTOMER = 3  # tickets of each

Row = dict[str, Any]


def fill(connection: Connection, tickets: int, *, at: datetime) -> None:
    """Add the tickets, with all that belongs to them; the tables were empty, so ids count from 1."""
    chance = random.Random(2026)
    connection.execute(insert(Queue), [{"name": name, "access": "everyone", "created_at": at} for name in QUEUES])
    _add(connection, Customer, (_customer(n, at) for n in range(1, tickets // TIMES_A_CUSTOMER + 2)))
    rows = [_ticket(n, at, chance) for n in range(1, tickets + 1)]
    _add(connection, Ticket, iter(rows))
    numbered = list(enumerate(rows, 1))
    _add(connection, TicketTag, ({"ticket_id": n, "name": "kettle"} for n, _ in numbered if n % 3 == 0))
    _add(connection, Message, (one for n, row in numbered for one in _messages(n, row)))
    _add(connection, Clock, (_clock(n, row) for n, row in numbered if row["sla_tracked"]))
    _add(connection, JournalEntry, (_opened(n, row) for n, row in numbered))


def _add(connection: Connection, model: Any, rows: Iterator[Row]) -> None:
    while batch := list(itertools.islice(rows, BATCH)):
        connection.execute(insert(model.__table__), batch)


def _customer(number: int, at: datetime) -> Row:
    return {
        "name": f"Customer {number}",
        "language": "",
        "time_zone": "",
        "preferred_channels": [],
        "fields": {},
        "created_at": at,
    }


def _ticket(number: int, at: datetime, chance: random.Random) -> Row:
    status = chance.choice(STATUSES)
    opened = at - timedelta(seconds=chance.uniform(60, 5 * 86_400))
    waits = status in {Status.NEW, Status.OPEN}
    due = opened + timedelta(days=chance.uniform(1, 5)) if waits and number % 10 else None
    return {
        "subject": f"The kettle leaks, case {number}",
        "status": status,
        "priority": chance.choice(list(Priority)),
        "channel": Channel.API,
        "queue_id": 1 + number % (len(QUEUES) + 1),
        "assignee_id": None if status is Status.NEW else 1 + number % AGENTS,
        "customer_id": 1 + number // TIMES_A_CUSTOMER,
        "fields": {"order": number},
        "live": False,
        "waiting_since": opened if waits else None,
        "solved_at": None if status not in {Status.SOLVED, Status.CLOSED} else at,
        "closed_at": at if status is Status.CLOSED else None,
        "created_at": opened,
        "updated_at": opened,
        "version": 1,
        "due_at": due,
        "warn_at": due - timedelta(minutes=30) if due else None,
        "sla_breached": False,
        "sla_tracked": due is not None,
    }


def _messages(number: int, ticket: Row) -> Iterator[Row]:
    for n in range(MESSAGES if number <= LONG else 1):
        from_agent = n % 2 == 1
        yield {
            "ticket_id": number,
            "kind": MessageKind.OUTBOUND if from_agent else MessageKind.INBOUND,
            "channel": Channel.API,
            "author_customer_id": None if from_agent else ticket["customer_id"],
            "author_agent_id": 1 if from_agent else None,
            "body": f"It drips on the floor, and that for the {n}th time. " * 4,
            "html": "",
            "quoted": "",
            "automatic": False,
            "state": MessageState.SENT if from_agent else MessageState.RECEIVED,
            "data": {},
            "attempts": 0,
            "created_at": ticket["created_at"] + timedelta(minutes=n),
        }


def _clock(number: int, ticket: Row) -> Row:
    return {
        "ticket_id": number,
        "metric": "first_response",
        "sequence": 1,
        "policy_id": 1,
        "calendar_id": 1,
        "allowance_seconds": 14_400,
        "started_at": ticket["created_at"],
        "due_at": ticket["due_at"],
        "warn_at": ticket["warn_at"],
    }


def _opened(number: int, ticket: Row) -> Row:
    return {
        "ticket_id": number,
        "kind": "ticket_opened",
        "actor_type": "customer",
        "actor_id": ticket["customer_id"],
        "source": "api",
        "data": {},
        "at": ticket["created_at"],
        "dispatched_at": ticket["created_at"],
    }
