"""The one way in: keep the raw item, then make of it what it is, in one transaction.

A failure keeps the item in quarantine, with the error, replayable, and never blocks the next one. Only a store that
cannot keep the item at all raises, so that the provider tries again.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.orm import joinedload
from sqlalchemy.orm.exc import StaleDataError

from channels import erasure, receipts
from channels.errors import AboutTheForgotten, ChannelError, MalformedPayload, UnsupportedPayload
from channels.models import InboundItem, ItemState
from channels.protocol import ChannelAdapter, Parsed, RawItem, Receipt
from channels.registry import adapter
from ticketing import intake, journal
from ticketing.envelope import Channel, InboundMessage, IncomingFile
from ticketing.erasure import is_erased
from ticketing.errors import NotFound, TicketingError
from ticketing.files import file_store
from ticketing.models import Attachment, Inbox, Message
from ticketing.storable import storable
from ticketing.store import db
from ticketing.transaction import transaction

log = structlog.get_logger()

MAX_REASON = 500
MAX_KEY = 200  # bytes; an index has its limits, and a provider's id is longer only when somebody means harm
STORE_TROUBLE = (OperationalError, InterfaceError, NoConnectionFree, StaleDataError)


@dataclass(frozen=True)
class Received:
    """What became of an item. `duplicate`: we had it already; `malformed`: theirs is broken, and kept all the same.

    Ids are None where there is no such thing.
    """

    item_id: int
    state: ItemState
    reason: str | None = None
    duplicate: bool = False
    malformed: bool = False
    message_id: int | None = None
    ticket_id: int | None = None


@dataclass(frozen=True)
class _Reading:
    """What the adapter made of an item: parsed, or the state and reason for which it stays as it is."""

    parsed: Parsed
    files: Sequence[Attachment] = ()
    state: ItemState = ItemState.RECEIVED
    reason: str | None = None
    malformed: bool = False


def receive(item: RawItem, *, at: datetime) -> Received:
    """Verify, keep and process one item. Raises InvalidSignature; everything else is kept and told."""
    channel = adapter(item.channel)
    channel.verify(item)
    reading = _read(channel, item, at)
    with transaction(item.channel):
        row = _keep(item, reading)
        if row.state is ItemState.PROCESSED or row.state is ItemState.IGNORED:
            return _told(row, reading, duplicate=True)
        _process(channel, item, reading, row, at)
        return _told(row, reading)


def replay(item_id: int, *, at: datetime) -> Received:
    """Process a kept item again, as after a mended bug. A processed one stays as it is. Raises NotFound."""
    row = db.session().get(InboundItem, item_id)
    if row is None:
        raise NotFound(f"there is no inbound item {item_id}")
    item = raw_item(row)
    channel = adapter(item.channel)
    reading = _read(channel, item, at)
    with transaction(item.channel):
        row = _lock(item_id)
        if row.state is not ItemState.PROCESSED:
            _process(channel, item, reading, row, at)
        return _told(row, reading)


def raw_item(row: InboundItem) -> RawItem:
    """Return the item as it came in."""
    return RawItem(
        channel=row.channel,
        kind=row.kind,
        body=row.body,
        received_at=row.received_at,
        content_type=row.content_type,
        url=row.url,
        headers=row.headers,
        meta=row.meta,
    )


def _read(channel: ChannelAdapter, item: RawItem, at: datetime) -> _Reading:
    """Parse, and keep the files, before the transaction: both take time, and neither is the database's business."""
    unread = Parsed(key="sha256:" + hashlib.sha256(item.body).hexdigest(), inbox_address="", content=None)
    try:
        parsed = _short(channel.parse(item))
        files = parsed.content.files if isinstance(parsed.content, InboundMessage) else ()
        return _Reading(parsed, [_attachment(file, at) for file in files])
    except MalformedPayload as error:
        return _Reading(unread, state=ItemState.QUARANTINED, reason=str(error), malformed=True)
    except UnsupportedPayload as error:
        return _Reading(unread, state=ItemState.IGNORED, reason=str(error))
    except ChannelError:
        raise
    except Exception as error:
        # A bug of ours must not cost a customer's message: it waits in quarantine for the mended program.
        log.exception("inbound item cannot be read", channel=item.channel, kind=item.kind)
        return _Reading(unread, state=ItemState.QUARANTINED, reason=f"{type(error).__name__}: {error}")


def _short(parsed: Parsed) -> Parsed:
    """Return what was parsed with a key that fits: a longer one by its digest, the same each time."""
    key = parsed.key.encode(errors="replace")
    return parsed if len(key) <= MAX_KEY else replace(parsed, key="sha256:" + hashlib.sha256(key).hexdigest())


def _attachment(file: IncomingFile, at: datetime) -> Attachment:
    return Attachment(
        filename=file.filename,
        content_type=file.content_type,
        size=len(file.content),
        sha256=file_store().keep(file.content),
        content_id=file.content_id,
        created_at=at,
    )


def _keep(item: RawItem, reading: _Reading) -> InboundItem:
    """Write the raw item down; where it is known already, return the known one, locked. The unique key decides."""
    session = db.session()
    row = InboundItem(
        **asdict(item) | {"headers": _worth_keeping(item.headers), "meta": _storable(item.meta)},
        inbox_address=reading.parsed.inbox_address,
        key=reading.parsed.key,
        state=ItemState.RECEIVED,
    )
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()
    except IntegrityError:
        same = select(InboundItem.id).where(
            InboundItem.channel == item.channel,
            InboundItem.kind == item.kind,
            InboundItem.inbox_address == reading.parsed.inbox_address,
            InboundItem.key == reading.parsed.key,
        )
        return _lock(session.scalars(same).one())
    return row


def _worth_keeping(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers without the secrets: what was verified once need not lie in the database."""
    return {name: value for name, value in _storable(headers).items() if name != "authorization"}


def _storable(values: Mapping[str, str]) -> dict[str, str]:
    """Return values that both databases can keep: PostgreSQL refuses a NUL and half a surrogate pair."""
    return {name: storable(value) for name, value in values.items()}


def _lock(item_id: int) -> InboundItem:
    query = select(InboundItem).where(InboundItem.id == item_id).with_for_update(of=InboundItem)
    return db.session().scalars(query.execution_options(populate_existing=True)).one()


def _process(channel: ChannelAdapter, item: RawItem, reading: _Reading, row: InboundItem, at: datetime) -> None:
    if reading.state is not ItemState.RECEIVED:
        row.state, row.reason, row.processed_at = reading.state, reading.reason, at
        return
    session = db.session()
    mark = journal.mark(session)
    try:
        with session.begin_nested():
            made = _make_of_it(channel, item, reading, at)
        row.state, row.reason, row.message_id = ItemState.PROCESSED, None, made
        if isinstance(reading.parsed.content, Receipt) and is_erased(session.get_one(Message, made)):
            erasure.forget_items([row.id])  # what is told of somebody who is forgotten names them again
    except STORE_TROUBLE:
        raise  # not the item's: the provider shall try again
    except AboutTheForgotten:
        erasure.forget_items([row.id])
    except UnsupportedPayload as error:
        row.state, row.reason = ItemState.IGNORED, str(error)
    except (TicketingError, ChannelError) as error:
        row.state, row.reason = ItemState.QUARANTINED, f"{error.code}: {error}"[:MAX_REASON]
    except Exception as error:
        log.exception("inbound item failed", item_id=row.id, channel=item.channel, kind=item.kind)
        row.state, row.reason = ItemState.QUARANTINED, f"{type(error).__name__}: {error}"[:MAX_REASON]
    row.processed_at = at
    if row.state is not ItemState.PROCESSED:
        journal.forget(session, since=mark)


def _make_of_it(channel: ChannelAdapter, item: RawItem, reading: _Reading, at: datetime) -> int | None:
    content = reading.parsed.content
    if isinstance(content, InboundMessage):
        message = channel.enrich(item, content)
        inbox = _inbox(item.channel, reading.parsed.inbox_address)
        taken = intake.take_in(message, inbox, files=reading.files, at=at)
        channel.taken_in(item, taken, at=at)
        return taken.message.id
    if isinstance(content, Receipt):
        return receipts.record(content, at=at)
    channel.observe(item, reading.parsed, at=at)
    return None


def _inbox(channel: Channel, address: str) -> Inbox:
    query = select(Inbox).where(Inbox.channel == channel, Inbox.address == address)
    inbox = db.session().scalar(query.options(joinedload(Inbox.queue)))
    if inbox is None:
        raise NotFound(f"no {channel} inbox has the address that this was sent to; make one, then replay")
    return inbox


def _told(row: InboundItem, reading: _Reading, *, duplicate: bool = False) -> Received:
    message = db.session().get(Message, row.message_id) if row.message_id else None
    return Received(
        item_id=row.id,
        state=row.state,
        reason=row.reason,
        duplicate=duplicate,
        malformed=reading.malformed,
        message_id=row.message_id,
        ticket_id=message.ticket_id if message else None,
    )
