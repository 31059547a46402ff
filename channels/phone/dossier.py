"""What the phone's tables hold of a person, for the person (GDPR, article 15): as plain values, in pieces."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Select, select

from channels.models import Call
from channels.phone.models import Callback, CallLeg, Recording
from ticketing.models import Agent, Ticket
from ticketing.store import db

PIECE = 200  # rows in memory at once

CALL = ("id", "ticket_id", "outbound", "state", "number", "language", "waiting_since", "answered_at", "started_at")
CALLBACK = ("id", "ticket_id", "number", "reason", "state", "waiting_since", "not_before", "not_after", "attempts")
RECORDING = ("id", "call_id", "message_id", "kind", "seconds", "state", "transcript", "delete_after", "created_at")


def calls_with(persons: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Return their calls, oldest first, each with who of us spoke in it and what was recorded."""
    columns = [Call.__table__.c[name] for name in (*CALL, "ended_at", "duration_seconds")]
    for rows in _pieces(_theirs(select(*columns), Call, persons), Call.id):
        ids = [row["id"] for row in rows]
        spoke = select(CallLeg.call_id, CallLeg.role, Agent.name, CallLeg.joined_at, CallLeg.ended_at)
        spoke = spoke.outerjoin(Agent, Agent.id == CallLeg.agent_id).where(CallLeg.call_id.in_(ids))
        legs = _by_call(spoke.where(CallLeg.joined_at.is_not(None)).order_by(CallLeg.id))
        kept = select(*(Recording.__table__.c[name] for name in RECORDING)).where(Recording.call_id.in_(ids))
        recordings = _by_call(kept.order_by(Recording.id))
        for row in rows:
            yield {**row, "spoke": legs.get(row["id"], []), "recordings": recordings.get(row["id"], [])}


def callbacks_to(persons: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Return the calls that we owe them or have made up for, oldest first."""
    columns = [Callback.__table__.c[name] for name in (*CALLBACK, "outcome", "created_at", "finished_at")]
    for rows in _pieces(_theirs(select(*columns), Callback, persons), Callback.id):
        yield from rows


def _theirs(query: Select[Any], table: type[Call | Callback], persons: Sequence[int]) -> Select[Any]:
    return query.join(Ticket, Ticket.id == table.ticket_id).where(Ticket.customer_id.in_(persons))


def _by_call(query: Select[*tuple[Any, ...]]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for row in db.session().execute(query).mappings():
        plain = dict(row)
        found.setdefault(plain.pop("call_id"), []).append(plain)
    return found


def _pieces(query: Select[Any], row_id: Any) -> Iterator[list[dict[str, Any]]]:
    """Return the rows in the order of their ids, some at a time; nothing stays open in between."""
    after = 0
    while True:
        page = query.where(row_id > after).order_by(row_id).limit(PIECE)
        rows = [dict(row) for row in db.session().execute(page).mappings()]
        if not rows:
            return
        after = rows[-1]["id"]
        db.session().rollback()  # ends the read: writing the piece down takes as long as it takes
        yield rows
