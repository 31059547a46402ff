"""What an agent has begun to write on a ticket, kept on the server and shown to nobody else."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Select, delete, select, update
from sqlalchemy.exc import IntegrityError

from ticketing.attachments import own_uploads
from ticketing.envelope import Channel
from ticketing.errors import NotFound
from ticketing.models import Attachment, Draft, MessageKind, Ticket
from ticketing.store import db


class Intent(StrEnum):
    """What shall become of a draft."""

    REPLY = "reply"
    NOTE = "note"


KINDS = {Intent.REPLY: MessageKind.OUTBOUND, Intent.NOTE: MessageKind.NOTE}
INTENTS = {kind: intent for intent, kind in KINDS.items()}


@dataclass(frozen=True)
class Kept:
    """A draft with the files that it holds."""

    ticket_id: int
    kind: Intent
    channel: Channel | None
    body: str
    html: str
    attachments: Sequence[Attachment]
    updated_at: datetime


def read_draft(ticket: Ticket, agent_id: int) -> Kept:
    """Return an agent's draft on a ticket. Raises NotFound."""
    row = db.session().scalar(_mine(ticket.id, agent_id).execution_options(populate_existing=True))
    if row is None:
        raise NotFound(f"you have no draft on ticket {ticket.id}")
    held = _held(ticket.id, agent_id)
    return Kept(ticket.id, INTENTS[row.kind], row.channel, row.body, row.html, held, row.updated_at)


def keep_draft(
    ticket: Ticket,
    agent_id: int,
    *,
    kind: Intent,
    channel: Channel | None,
    body: str,
    html: str,
    uploads: Sequence[int],
    at: datetime,
) -> Kept | None:
    """Replace an agent's draft on a ticket; one without words and files is none, and None is returned.

    The files are held for it, however long it takes; a file that another draft had goes over to this one.
    """
    if not body.strip() and not uploads:
        drop_draft(ticket.id, agent_id)
        return None
    files = own_uploads(agent_id, uploads)
    _write(ticket.id, agent_id, {"kind": KINDS[kind], "channel": channel, "body": body, "html": html, "updated_at": at})
    _let_go(ticket.id, agent_id)
    ids = [one.id for one in files]
    db.session().execute(update(Attachment).where(Attachment.id.in_(ids)).values(draft_ticket_id=ticket.id))
    return Kept(ticket.id, kind, channel, body, html, files, at)


def drop_draft(ticket_id: int, agent_id: int, *, kind: Intent | None = None) -> None:
    """Forget a draft, if there is one; with `kind`, only if it is of that kind: it has been sent."""
    gone = delete(Draft).where(Draft.ticket_id == ticket_id, Draft.agent_id == agent_id)
    if kind is not None:
        gone = gone.where(Draft.kind == KINDS[kind])
    if db.session().execute(gone.returning(Draft.ticket_id)).first() is not None:
        _let_go(ticket_id, agent_id)


def _write(ticket_id: int, agent_id: int, values: dict[str, object]) -> None:
    """Write over the draft, or begin one; when two windows begin it at once, the later one's words stay."""
    session = db.session()
    written = update(Draft).where(Draft.ticket_id == ticket_id, Draft.agent_id == agent_id).values(**values)
    if session.execute(written.returning(Draft.ticket_id)).first() is not None:
        return
    try:
        with session.begin_nested():
            session.add(Draft(ticket_id=ticket_id, agent_id=agent_id, **values))
            session.flush()
    except IntegrityError:
        session.execute(written)


def _mine(ticket_id: int, agent_id: int) -> Select[Draft]:
    return select(Draft).where(Draft.ticket_id == ticket_id, Draft.agent_id == agent_id)


def _held(ticket_id: int, agent_id: int) -> Sequence[Attachment]:
    held = select(Attachment).where(
        Attachment.message_id.is_(None),
        Attachment.uploaded_by_id == agent_id,
        Attachment.draft_ticket_id == ticket_id,
    )
    return db.session().scalars(held.order_by(Attachment.id)).all()


def _let_go(ticket_id: int, agent_id: int) -> None:
    held = (Attachment.uploaded_by_id == agent_id, Attachment.draft_ticket_id == ticket_id)
    db.session().execute(update(Attachment).where(Attachment.message_id.is_(None), *held).values(draft_ticket_id=None))
