"""Forget what channels hold of a person besides the ticket: raw items, deliveries, chats, calls.

`forget` follows from the journal, ticket by ticket. `forget_addresses` is for what never reached a ticket.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, quote_plus

import orjson
from sqlalchemy import func, or_, select, update
from sqlalchemy.sql import ColumnElement

from channels.models import Call, ChatSession, Delivery, InboundItem, ItemState
from channels.phone.models import Callback, CallbackState, CallLeg, LegRole, Recording, RecordingState
from ticketing.envelope import HandleKind
from ticketing.events import Entry, TicketErased
from ticketing.models import Attachment, Handle, Ticket
from ticketing.store import db

CHUNK = 500
PIECE = 100  # raw items in memory at once
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
DIGEST = "sha256:"
WHY = "erased"


def forget(ticket: Ticket, entry: Entry) -> None:
    """Forget what came and went with the messages that were erased, in their transaction."""
    if not isinstance(entry.event, TicketErased):
        return
    session = db.session()
    messages = entry.event.messages
    for start in range(0, len(messages), CHUNK):
        some = messages[start : start + CHUNK]
        items = select(InboundItem.id).where(InboundItem.message_id.in_(some))
        forget_items(session.scalars(items).all())
        said = Delivery.message_id.in_(some)
        session.execute(update(Delivery).where(said).values(error=None, provider_id=None))
        recorded = select(Recording.call_id).where(Recording.message_id.in_(some))
        theirs = or_(Call.message_id.in_(some), Call.id.in_(recorded))
        _forget_callbacks(Callback.asked_by_call_id.in_(select(Call.id).where(theirs)), at=entry.at)
        _forget_calls(theirs)
        _forget_recordings(some)
    # What a merge brought here by no message of theirs is known by the number: nobody has it any more.
    _forget_calls((Call.ticket_id == ticket.id) & Call.message_id.is_(None) & _is_nobodys(Call.number))
    unasked = (Callback.ticket_id == ticket.id) & Callback.asked_by_call_id.is_(None)
    _forget_callbacks(unasked & _is_nobodys(Callback.number), at=entry.at)
    if ticket.customer.erased_at is not None:
        _forget_calls(Call.ticket_id == ticket.id)
        _forget_callbacks(Callback.ticket_id == ticket.id, at=entry.at)
        _forget_chats(select(ChatSession.id).where(ChatSession.ticket_id == ticket.id))


def items_with(addresses: Sequence[str]) -> list[int]:
    """Return the raw items that became no message and show one of these addresses: ignored, quarantined, calls' news.

    Reads all of them, so it is done before the transaction.
    """
    spellings = [one.encode() for one in _spellings(addresses)]
    columns = (InboundItem.id, InboundItem.body, InboundItem.url, InboundItem.headers, InboundItem.meta)
    query = select(*columns).where(InboundItem.message_id.is_(None)).order_by(InboundItem.id).limit(PIECE)
    found, after = [], 0
    while spellings and (rows := db.session().execute(query.where(InboundItem.id > after)).all()):
        for item_id, body, url, headers, meta in rows:
            shown = b"\n".join([body, url.encode(), orjson.dumps(headers), orjson.dumps(meta)]).lower()
            if any(spelling in shown for spelling in spellings):
                found.append(item_id)
        after = rows[-1].id
    return found


def hold_unwritten_chats(addresses: Sequence[str]) -> None:
    """Lock the chats of these addresses in which nothing was written: first words lock them before persons."""
    columns = (ChatSession.visitor, func.lower(ChatSession.email), func.lower(ChatSession.phone))
    named = or_(*(column.in_(addresses) for column in columns))
    query = select(ChatSession.id).where(ChatSession.ticket_id.is_(None), named).order_by(ChatSession.id)
    db.session().execute(query.with_for_update())


def forget_addresses(addresses: Sequence[str], items: Sequence[int]) -> None:
    """Forget the raw items that `items_with` found, and the chats of these visitors."""
    forget_items(items)
    _forget_chats(select(ChatSession.id).where(ChatSession.visitor.in_(addresses)))
    session = db.session()
    for column in (ChatSession.email, ChatSession.phone):  # others have typed them, as their own
        session.execute(update(ChatSession).where(func.lower(column).in_(addresses)).values({column.key: ""}))


def forget_items(items: Sequence[int]) -> None:
    """Empty raw items. One that was not processed is never replayed, for there is nothing left in it."""
    session = db.session()
    for item in session.scalars(select(InboundItem).where(InboundItem.id.in_(items)).with_for_update(of=InboundItem)):
        item.body, item.url, item.headers, item.meta = b"", "", {}, {}
        # A provider's id leads to the person, at the provider; a mail's Message-ID often has their domain in it.
        item.key = digest_of(item.key)
        item.reason = None
        if item.state is not ItemState.PROCESSED:
            item.state, item.reason = ItemState.IGNORED, WHY
    session.flush()


def digest_of(key: str) -> str:
    """Return what is kept of a provider's id: enough to know it again when it is named, too little to ask for it."""
    return key if key.startswith(DIGEST) else DIGEST + hashlib.sha256(key.encode()).hexdigest()


def _forget_calls(which: ColumnElement[bool]) -> None:
    session = db.session()
    calls = session.scalars(select(Call).where(which)).all()
    for call in calls:
        call.provider_id = call.provider_id and digest_of(call.provider_id)
        call.number = ""
    for start in range(0, len(calls), CHUNK):
        some = [call.id for call in calls[start : start + CHUNK]]
        for leg in session.scalars(select(CallLeg).where(CallLeg.call_id.in_(some))):
            leg.provider_id = leg.provider_id and digest_of(leg.provider_id)
            if leg.role is LegRole.OUTSIDE:
                leg.device = ""
    session.flush()


def _is_nobodys(number: Any) -> ColumnElement[bool]:
    return ~select(Handle.id).where(Handle.kind == HandleKind.PHONE, Handle.address == number).exists()


def _forget_callbacks(which: ColumnElement[bool], *, at: datetime) -> None:
    """Forget the numbers; nobody calls back who is forgotten."""
    for callback in db.session().scalars(select(Callback).where(which)):
        callback.number = callback.outcome = ""
        if callback.finished_at is None:
            callback.state, callback.next_at, callback.finished_at = CallbackState.CANCELLED, None, at
    db.session().flush()


def _forget_recordings(messages: Sequence[int]) -> None:
    """Forget what was said. The provider's id stays until its copy is deleted: `recordings_to_forget`."""
    for recording in db.session().scalars(select(Recording).where(Recording.message_id.in_(messages))):
        recording.url = recording.error = recording.transcript = recording.transcript_state = ""
        recording.state, recording.attachment_id, recording.delete_after = RecordingState.DELETED, None, None
    db.session().flush()


def recordings_to_forget(messages: Sequence[int]) -> list[tuple[int, str]]:
    """Return erased recordings, by our id and the provider's, of which the provider may still have its copy."""
    found = list[tuple[int, str]]()
    for start in range(0, len(messages), CHUNK):
        query = select(Recording.id, Recording.provider_id).where(
            Recording.message_id.in_(messages[start : start + CHUNK]), ~Recording.provider_id.startswith(DIGEST)
        )
        found += [(row.id, row.provider_id) for row in db.session().execute(query)]
    return found


def forget_recording(recording_id: int) -> None:
    """Forget the provider's id of a recording, of which the provider has no copy any more."""
    recording = db.session().get_one(Recording, recording_id)
    recording.provider_id = digest_of(recording.provider_id)


def _forget_chats(which: object) -> None:
    """Forget who the visitors were and what they said of themselves; how a chat went stays, for the statistics."""
    session = db.session()
    for chat in session.scalars(select(ChatSession).where(ChatSession.id.in_(which))):  # type: ignore[arg-type]  # a select of ids
        uploads = update(Attachment).where(Attachment.visitor == chat.visitor)
        session.execute(
            uploads.values(visitor="", filename="file", created_at=LONG_AGO)
        )  # so that they are tidied away
        for name in ("name", "identity", "email", "phone", "page", "rating_comment"):
            setattr(chat, name, "")
        chat.fields, chat.customer_id = {}, None
        chat.visitor = f"erased-{chat.id}"  # so that the visitor's token opens nothing any more
    session.flush()


def _spellings(addresses: Iterable[str]) -> set[str]:
    """Return how addresses stand in payloads, in lower case: as they are, and as forms and addresses quote them."""
    ways = (str, quote, quote_plus, lambda one: quote(one, safe="@"))
    return {way(one.lower()).lower() for one in addresses if one for way in ways}
