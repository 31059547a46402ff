"""Who has a ticket open, and who is typing, so that two do not answer the same customer. It ends by itself.

Nothing of it changes the ticket: no journal entry, no new version.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, exists, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import joinedload

from ticketing.agents import Caller
from ticketing.errors import NotFound
from ticketing.filters import sees
from ticketing.models import Onlooker, Ticket
from ticketing.store import db

LASTS = timedelta(seconds=30)  # unless it is said again
KEPT = timedelta(minutes=1)  # after its end: then nobody can show it by mistake, whatever their clock says


def look_on(caller: Caller, ticket_id: int, *, typing: bool, at: datetime) -> None:
    """Note that the caller looks at a ticket for another moment. Raises NotFound."""
    _must_see(caller, ticket_id)
    insert = sqlite.insert if db.engine.dialect.name == "sqlite" else postgresql.insert
    row = {"ticket_id": ticket_id, "agent_id": caller.agent_id, "typing": typing, "until": at + LASTS}
    again = insert(Onlooker).values(row)
    changed = {"typing": again.excluded.typing, "until": again.excluded.until}
    db.session().execute(again.on_conflict_do_update(index_elements=["ticket_id", "agent_id"], set_=changed))


def look_away(caller: Caller, ticket_id: int) -> None:
    """Note that the caller has closed the ticket; nothing happens if they had not it open. Raises NotFound."""
    _must_see(caller, ticket_id)
    mine = (Onlooker.ticket_id == ticket_id, Onlooker.agent_id == caller.agent_id)
    db.session().execute(delete(Onlooker).where(*mine).execution_options(synchronize_session=False))


def types(caller: Caller, ticket_id: int, *, now: datetime) -> bool:
    """Say whether the caller is typing on a ticket at this moment."""
    mine = (Onlooker.ticket_id == ticket_id, Onlooker.agent_id == caller.agent_id)
    return bool(db.session().scalar(select(exists().where(*mine, Onlooker.typing, Onlooker.until > now))))


def onlookers(caller: Caller, ticket_id: int, *, now: datetime) -> Sequence[Onlooker]:
    """Return who looks at the ticket at this moment, the caller included. Raises NotFound."""
    _must_see(caller, ticket_id)
    query = select(Onlooker).where(Onlooker.ticket_id == ticket_id, Onlooker.until > now).order_by(Onlooker.agent_id)
    query = query.options(joinedload(Onlooker.agent)).execution_options(populate_existing=True)
    return db.session().scalars(query).all()


def are_expired(now: datetime) -> bool:
    """Say whether there is anything to forget. Reads only."""
    return bool(db.session().scalar(select(exists().where(Onlooker.until < now - KEPT))))


def forget_expired(now: datetime) -> None:
    """Delete what ended a while ago. Nobody is shown it in the meantime."""
    over = delete(Onlooker).where(Onlooker.until < now - KEPT)
    db.session().execute(over.execution_options(synchronize_session=False))


def _must_see(caller: Caller, ticket_id: int) -> None:
    query = select(Ticket.id).join(Ticket.queue).where(Ticket.id == ticket_id, sees(caller))
    if db.session().scalar(query) is None:
        raise NotFound(f"there is no ticket {ticket_id}")
