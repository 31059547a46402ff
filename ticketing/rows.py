"""Tickets and messages in plain columns, as they are read all day: what an entity costs is for those that change it.

A row has its table's columns under their names, and what is shown of its neighbours under the names that the entity's
relations have, so that the same schema serialises both.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import ARRAY, JSON, Column, ColumnElement, FromClause, Select, Table, Text, func, select

from ticketing.fetching import fetch
from ticketing.models import Agent, Attachment, Customer, Message, Queue, Ticket, TicketSkill, TicketTag

Values = Mapping[str, Any]


class Named(NamedTuple):
    """A neighbour, as far as it is shown."""

    id: int
    name: str


class File(NamedTuple):
    """An attachment, as far as it is shown."""

    id: int
    filename: str
    content_type: str
    size: int
    content_id: str


def _table(model: Any) -> Table:
    found: Table = model.__table__
    return found


TICKET, MESSAGE, QUEUE, CUSTOMER, AGENT = map(_table, (Ticket, Message, Queue, Customer, Agent))
TICKETS = TICKET.join(QUEUE, QUEUE.c.id == TICKET.c.queue_id)  # as permission is asked of them
COMPUTED = {"due_order", "waiting_order"}  # only to sort by

_ticket_columns = [column for column in TICKET.c if column.name not in COMPUTED]
_message_columns = list(MESSAGE.c)


def _row(name: str, shown: Sequence[str], columns: Sequence[Column[Any]]) -> Any:
    return namedtuple(name, [*shown, *(one.name for one in columns)])


_TicketRow = _row("TicketRow", ["queue", "customer", "assignee", "tags", "skills"], _ticket_columns)
_MessageRow = _row("MessageRow", ["author_agent", "author_customer", "attachments"], _message_columns)
TicketRow: TypeAlias = Any  # a _TicketRow, whose fields are the table's
MessageRow: TypeAlias = Any  # a _MessageRow


@cache
def tickets_from(source: FromClause, dialect: str) -> Select[Any]:
    """Return the statement that reads tickets with all that is shown of them; `source` joins TICKETS."""
    shown = (QUEUE.c.id, QUEUE.c.name, CUSTOMER.c.id, CUSTOMER.c.name, AGENT.c.id, AGENT.c.name)
    sets = (_names_of(_table(model), dialect) for model in (TicketTag, TicketSkill))
    return select(*_unlike(*shown, *sets, *_ticket_columns)).select_from(
        source.join(CUSTOMER, CUSTOMER.c.id == TICKET.c.customer_id).outerjoin(
            AGENT, AGENT.c.id == TICKET.c.assignee_id
        )
    )


@cache
def messages(dialect: str) -> Select[Any]:
    """Return the statement that reads messages with their authors and attachments."""
    shown = (AGENT.c.id, AGENT.c.name, CUSTOMER.c.id, CUSTOMER.c.name, _files(dialect))
    return select(*_unlike(*shown, *_message_columns)).select_from(
        MESSAGE.outerjoin(AGENT, AGENT.c.id == MESSAGE.c.author_agent_id).outerjoin(
            CUSTOMER, CUSTOMER.c.id == MESSAGE.c.author_customer_id
        )
    )


def fetch_tickets(statement: Select[Any], values: Values) -> list[Any]:
    """Run a statement that came from `tickets_from`."""
    return [_ticket(*row) for row in fetch(statement, values)]


def fetch_messages(statement: Select[Any], values: Values) -> list[Any]:
    """Run a statement that came from `messages`."""
    return [_message(*row) for row in fetch(statement, values)]


def _ticket(
    queue: int,
    queue_name: str,
    customer: int,
    customer_name: str,
    assignee: int | None,
    assignee_name: str,
    *rest: Any,
) -> Any:
    return _TicketRow(
        Named(queue, queue_name),
        Named(customer, customer_name),
        None if assignee is None else Named(assignee, assignee_name),
        *rest,
    )


def _message(
    agent: int | None,
    agent_name: str,
    customer: int | None,
    customer_name: str,
    files: Sequence[Sequence[Any]] | None,
    *rest: Any,
) -> Any:
    return _MessageRow(
        None if agent is None else Named(agent, agent_name),
        None if customer is None else Named(customer, customer_name),
        [File(*one) for one in files or ()],
        *rest,
    )


def _unlike(*columns: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    """Give every column a name of its own: rows are read by position."""
    return [column.label(f"c{number}") for number, column in enumerate(columns)]


def _names_of(table: Table, dialect: str) -> ColumnElement[Any]:
    """Return a ticket's tags or skills as one value, in order."""
    names = select(table.c.name).where(table.c.ticket_id == TICKET.c.id).order_by(table.c.name).correlate(TICKET)
    if dialect == "postgresql":
        return func.array(names.scalar_subquery(), type_=ARRAY(Text))
    return select(func.json_group_array(names.subquery().c.name, type_=JSON)).correlate(TICKET).scalar_subquery()


def _files(dialect: str) -> ColumnElement[Any]:
    """Return a message's attachments as one value, in order; None if it has none."""
    one = _table(Attachment).c
    mine = select(*(one[name] for name in ("id", *File._fields[1:])))
    found = mine.where(one.message_id == MESSAGE.c.id).order_by(one.id).correlate(MESSAGE).subquery()
    array: Callable[..., Any] = func.json_build_array if dialect == "postgresql" else func.json_array
    collect: Callable[..., Any] = func.json_agg if dialect == "postgresql" else func.json_group_array
    return select(collect(array(*found.c), type_=JSON)).correlate(MESSAGE).scalar_subquery()
