"""The one way in: keep the raw item, then make of it what it is, in one transaction.

A failure keeps the item in quarantine, with the error, replayable, and never blocks the next one. Only a store that
cannot keep the item at all raises, so that the provider tries again.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from sqlalchemy import Select, bindparam, select
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.orm import joinedload
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.exc import StaleDataError

from channels import erasure, receipts
from channels.errors import AboutTheForgotten, ChannelError, MalformedPayload, UnsupportedPayload
from channels.models import InboundItem, ItemState
from channels.protocol import ChannelAdapter, Parsed, RawItem, Receipt
from channels.registry import adapter
from ticketing import intake, opt_outs
from ticketing.envelope import Channel, InboundMessage, IncomingFile
from ticketing.erasure import is_erased
from ticketing.errors import NotFound, SenderBlocked, TicketingError
from ticketing.files import file_store
from ticketing.inserting import fresh, insert_unless_taken, update_now
from ticketing.models import Attachment, Inbox, Message, Queue
from ticketing.participants import without_tag
from ticketing.reading import read, whole
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

    def attempt() -> Received:
        row = _keep(item, reading)
        if row.state is ItemState.PROCESSED or row.state is ItemState.IGNORED:
            return _told(row, duplicate=True, malformed=reading.malformed)
        return _attempt(channel, item, reading, row, at)

    return _process(item, at, attempt, lambda: _keep(item, reading))


def replay(item_id: int, *, at: datetime) -> Received:
    """Process a kept item again, as after a mended bug. A processed one stays as it is. Raises NotFound."""
    row = db.session().get(InboundItem, item_id)
    if row is None:
        raise NotFound(f"there is no inbound item {item_id}")
    item = raw_item(row)
    channel = adapter(item.channel)
    reading = _read(channel, item, at)

    def attempt() -> Received:
        row = _lock(item_id)
        if row.state is ItemState.PROCESSED:
            return _told(row, malformed=reading.malformed)
        if reading.state is ItemState.RECEIVED and not _has_its_key(row, reading.parsed):
            _write_down(row, ItemState.IGNORED, at, reason="it came again meanwhile, and could be read then")
            return _told(row, duplicate=True)
        return _attempt(channel, item, reading, row, at)

    return _process(item, at, attempt, lambda: _lock(item_id))


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
    row = fresh(
        InboundItem,
        channel=item.channel,
        kind=item.kind,
        inbox_address=reading.parsed.inbox_address,
        key=reading.parsed.key,
        body=item.body,
        content_type=item.content_type,
        url=item.url,
        headers=_worth_keeping(item.headers),
        meta=_storable(item.meta),
        state=ItemState.RECEIVED,
        received_at=item.received_at,
    )
    if insert_unless_taken(row):
        return row
    return _lock(db.session().scalars(_same(item.channel, item.kind, reading.parsed)).one())


def _same(channel: Channel, kind: str, parsed: Parsed) -> Select[int]:
    return select(InboundItem.id).where(
        InboundItem.channel == channel,
        InboundItem.kind == kind,
        InboundItem.inbox_address == parsed.inbox_address,
        InboundItem.key == parsed.key,
    )


def _has_its_key(row: InboundItem, parsed: Parsed) -> bool:
    """Give an item that could not be read, and was kept by its digest, the key by which it is known from now on.

    False: it has come again, and another item has that key.
    """
    if (row.inbox_address, row.key) == (parsed.inbox_address, parsed.key):
        return True
    if db.session().scalar(_same(row.channel, row.kind, parsed)) is not None:
        return False
    row.inbox_address, row.key = parsed.inbox_address, parsed.key
    return True


def _worth_keeping(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers without the secrets: what was verified once need not lie in the database."""
    return {name: value for name, value in _storable(headers).items() if name != "authorization"}


def _storable(values: Mapping[str, str]) -> dict[str, str]:
    """Return values that both databases can keep: PostgreSQL refuses a NUL and half a surrogate pair."""
    return {name: storable(value) for name, value in values.items()}


def _lock(item_id: int) -> InboundItem:
    query = select(InboundItem).where(InboundItem.id == item_id).with_for_update(of=InboundItem)
    return db.session().scalars(query.execution_options(populate_existing=True)).one()


def _process(item: RawItem, at: datetime, attempt: Callable[[], Received], find: Callable[[], InboundItem]) -> Received:
    """Make of the item what it is and write down what became of it, in one transaction; so does `attempt`.

    Where that fails nothing of it stays, and the item is kept in a second one, with the reason. Most do not fail: a
    savepoint for each would cost two questions to the database more. `find` writes the item down or finds it, locked.
    """
    try:
        with transaction(item.channel):
            return attempt()
    except STORE_TROUBLE:
        raise  # not the item's: the provider shall try again
    except AboutTheForgotten:
        became = None
    except Exception as error:  # noqa: BLE001 - whatever it is, the item is kept
        became = _judged(error, item)
    with transaction(item.channel):
        row = find()
        if row.state is ItemState.PROCESSED:
            return _told(row, duplicate=True)  # another of the same was luckier meanwhile
        if became is None:
            erasure.forget_items([row.id])
            _write_down(row, row.state, at, reason=row.reason)
        else:
            _write_down(row, became[0], at, reason=became[1])
        return _told(row)


def _attempt(channel: ChannelAdapter, item: RawItem, reading: _Reading, row: InboundItem, at: datetime) -> Received:
    if reading.state is ItemState.RECEIVED:
        _write_down(row, ItemState.PROCESSED, at, made=_make_of_it(channel, item, reading, at))
        _forget_again(reading, row)
    else:
        _write_down(row, reading.state, at, reason=reading.reason)
    return _told(row, malformed=reading.malformed)


def _judged(trouble: Exception, item: RawItem) -> tuple[ItemState, str]:
    """Return what becomes of an item of which nothing could be made, and why."""
    if isinstance(trouble, UnsupportedPayload | SenderBlocked):
        return ItemState.IGNORED, str(trouble)
    if isinstance(trouble, TicketingError | ChannelError):
        return ItemState.QUARANTINED, f"{trouble.code}: {trouble}"
    log.error("inbound item failed", channel=item.channel, kind=item.kind, exc_info=trouble)
    return ItemState.QUARANTINED, f"{type(trouble).__name__}: {trouble}"


def _write_down(
    row: InboundItem, state: ItemState, at: datetime, *, reason: str | None = None, made: int | None = None
) -> None:
    row.state, row.reason, row.message_id, row.processed_at = state, reason and reason[:MAX_REASON], made, at
    update_now(row)


def _forget_again(reading: _Reading, row: InboundItem) -> None:
    """Keep nothing that is told of somebody who is forgotten: it names them again."""
    if isinstance(reading.parsed.content, Receipt) and is_erased(db.session().get_one(Message, row.message_id)):
        erasure.forget_items([row.id])


def _make_of_it(channel: ChannelAdapter, item: RawItem, reading: _Reading, at: datetime) -> int | None:
    content = reading.parsed.content
    if isinstance(content, InboundMessage):
        message = channel.enrich(item, content)
        inbox = _inbox(message, reading.parsed)
        if message.opting is not None and (heard := opt_outs.hear(message, inbox, at=at)) is not None:
            return heard.message.id if heard.message is not None else None
        taken = intake.take_in(message, inbox, files=reading.files, at=at)
        channel.taken_in(item, taken, at=at)
        return taken.message.id
    if isinstance(content, Receipt):
        return receipts.record(content, at=at)
    channel.observe(item, reading.parsed, at=at)
    return None


def _inbox(message: InboundMessage, parsed: Parsed) -> Inbox:
    """Return the inbox that a message is for. Raises NotFound, and UnsupportedPayload for mail from an inbox of ours.

    Nobody but us could have written that, and we would answer it.
    """
    address = parsed.inbox_address
    author = message.sender.address.strip().casefold() if message.channel is Channel.EMAIL else ""
    values = {"on": message.channel, "address": address, "author": author, "untagged": without_tag(author)}
    found: dict[str, Inbox] = {}
    for inbox, queue in read(_INBOXES, [Inbox, Queue], values):
        set_committed_value(inbox, "queue", queue)
        found[inbox.address] = inbox
    if found.keys() & {author, without_tag(author)}:
        raise UnsupportedPayload("it comes from an inbox of our own: a loop, or a forged sender")
    ours = found.get(address)
    if ours is None and parsed.pool:
        ours = db.session().scalar(_IN_POOL, {"on": message.channel, "pool": parsed.pool})
    if ours is None:
        raise NotFound(f"no {message.channel} inbox has the address that this was sent to; make one, then replay")
    return ours


_INBOXES = (
    whole(Inbox, Queue)
    .join(Queue, Queue.id == Inbox.queue_id)
    .where(Inbox.channel == bindparam("on", type_=Inbox.channel.type))
    .where(Inbox.address.in_([bindparam("address"), bindparam("author"), bindparam("untagged")]))
)
_IN_POOL = (
    select(Inbox)
    .where(Inbox.channel == bindparam("on", type_=Inbox.channel.type))
    .where(Inbox.settings[opt_outs.SERVICE].as_string() == bindparam("pool"))
    .order_by(Inbox.id)
    .limit(1)
    .options(joinedload(Inbox.queue))
)


def _told(row: InboundItem, *, duplicate: bool = False, malformed: bool = False) -> Received:
    message = db.session().get(Message, row.message_id) if row.message_id else None
    return Received(
        item_id=row.id,
        state=row.state,
        reason=row.reason,
        duplicate=duplicate,
        malformed=malformed,
        message_id=row.message_id,
        ticket_id=message.ticket_id if message else None,
    )
