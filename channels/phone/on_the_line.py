"""A call with all that a step of it wants to know, read in one statement."""

from dataclasses import dataclass

from sqlalchemy import bindparam, exists, select
from sqlalchemy.orm import aliased

from channels.models import Call
from channels.phone.offers import Offers
from channels.phone.speaking import Speaker
from ticketing.envelope import Channel
from ticketing.models import Inbox, Queue, Ticket
from ticketing.queue_settings import QueueSettings
from ticketing.store import db


@dataclass(frozen=True)
class OnTheLine:
    """A call, its ticket, and how its queue and our number treat callers."""

    call: Call
    ticket: Ticket
    inbox: Inbox
    queue: QueueSettings
    texts: bool  # whether this desk has a number for text messages

    def speaker(self, public_url: str) -> Speaker:
        return Speaker.to(self.inbox.settings, public_url=public_url, language=self.call.language)

    @property
    def offers(self) -> Offers:
        """Return what the caller may have instead of waiting."""
        text = self.queue.text_instead and self.texts and bool(self.call.number)
        return Offers(callback=self.queue.callback.enabled, voicemail=self.queue.voicemail, text=text)


def find(call_id: int | None) -> OnTheLine | None:
    """Return a call by our id; None: there is none."""
    row = None if call_id is None else db.session().execute(_FOUND, {"call": call_id}).one_or_none()
    if row is None:
        return None
    call, ticket, inbox, settings, texts = row
    return OnTheLine(call, ticket, inbox, QueueSettings.of(settings), texts)


_TEXTS = aliased(Inbox)
_FOUND = (
    select(Call, Ticket, Inbox, Queue.settings, exists().where(_TEXTS.channel == Channel.SMS))
    .join(Ticket, Ticket.id == Call.ticket_id)
    .join(Queue, Queue.id == Ticket.queue_id)
    .join(Inbox, Inbox.id == Call.inbox_id)
    .where(Call.id == bindparam("call", type_=Call.id.type))
    .execution_options(populate_existing=True)
)
