"""Find the files of messages, for those who may see the ticket."""

from sqlalchemy import select

from ticketing.agents import Caller
from ticketing.errors import NotFound
from ticketing.models import Attachment, Message
from ticketing.queries import read_ticket
from ticketing.store import db


def read_attachment(caller: Caller, attachment_id: int) -> Attachment:
    """Return an attachment. Raises NotFound, also for one of a ticket that is not the caller's to see."""
    query = select(Attachment, Message.ticket_id).join(Message, Message.id == Attachment.message_id)
    found = db.session().execute(query.where(Attachment.id == attachment_id)).first()
    if found is None:
        raise NotFound(f"there is no attachment {attachment_id}")
    attachment, ticket_id = found
    try:
        read_ticket(caller, ticket_id)
    except NotFound:
        raise NotFound(f"there is no attachment {attachment_id}") from None
    return attachment
