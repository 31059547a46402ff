"""A call with all that a step of it wants to know, read in one statement."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, bindparam, exists, select
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
    return None if call_id is None else _read(_FOUND, {"call": call_id})


def find_by(provider_id: str) -> OnTheLine | None:
    """Return a caller's call by the provider's id; None: there is none."""
    return _read(_FOUND_BY, {"provider": provider_id})


def _read(statement: Select[Any], which: dict[str, Any]) -> OnTheLine | None:
    row = db.session().execute(statement, which).one_or_none()
    if row is None:
        return None
    call, ticket, inbox, settings, texts = row
    return OnTheLine(call, ticket, inbox, QueueSettings.of(settings), texts)


_TEXTS = aliased(Inbox)
_ANY = (
    select(Call, Ticket, Inbox, Queue.settings, exists().where(_TEXTS.channel == Channel.SMS))
    .join(Ticket, Ticket.id == Call.ticket_id)
    .join(Queue, Queue.id == Ticket.queue_id)
    .join(Inbox, Inbox.id == Call.inbox_id)
    .execution_options(populate_existing=True)
)
_FOUND = _ANY.where(Call.id == bindparam("call", type_=Call.id.type))
_FOUND_BY = _ANY.where(Call.provider_id == bindparam("provider"), Call.outbound.is_(False))
