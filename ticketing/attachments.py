"""Files of messages: uploaded, taken by a message, found by those who may see the ticket, and tidied away.

An upload is its uploader's alone until a message takes it. One that nobody takes within a day goes away, unless a draft
of its uploader holds it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO

from sqlalchemy import and_, delete, exists, select, update
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.sql import ColumnElement

from ticketing.agents import Caller
from ticketing.envelope import Channel
from ticketing.errors import AttachmentsNotPossible, Conflict, FileTooLarge, InvalidInput, NotFound
from ticketing.file_types import ENOUGH, clean_name, recognise
from ticketing.files import file_store
from ticketing.models import Attachment, Draft, Message
from ticketing.queries import read_ticket
from ticketing.store import db

MAX_FILES = 20  # of one message
UNUSED_AFTER = timedelta(hours=24)
ON_ITS_WAY = timedelta(minutes=10)  # from keeping a file's bytes to committing the row that names them, at most


@dataclass(frozen=True)
class Load:
    """What a reply may carry: bytes together, how many files, bytes of a picture, and of which types; () is any."""

    bytes: int
    files: int = MAX_FILES
    picture_bytes: int = 0  # 0: no less than the rest
    types: frozenset[str] = frozenset()


# Mail grows by a third in base64, and most servers take 25 MB (as Gmail's do, see
# https://support.google.com/mail/answer/6584). What Twilio takes for a text message and for WhatsApp stands at
# https://www.twilio.com/docs/messaging/guides/accepted-mime-types and
# https://www.twilio.com/docs/whatsapp/guidance-whatsapp-media-messages. A call carries none.
_SOUND = frozenset({"audio/mpeg", "audio/mp4", "audio/m4a", "audio/ogg", "audio/amr", "audio/3gpp", "audio/aac"})
_PICTURES = frozenset({"image/jpeg", "image/png"})
_OFFICE = "application/vnd.openxmlformats-officedocument"
CARRIES: dict[Channel, Load] = {
    Channel.EMAIL: Load(18_000_000),
    Channel.CHAT: Load(100_000_000),
    Channel.SMS: Load(
        5_000_000,
        files=10,
        types=_PICTURES
        | _SOUND
        | {"image/gif", "image/bmp", "image/tiff", "audio/x-wav", "audio/wav", "audio/ac3", "audio/webm"}
        | {"video/mp4", "video/mpeg", "video/quicktime", "video/webm", "video/3gpp"}
        | {"text/vcard", "text/x-vcard", "text/csv", "text/rtf", "text/calendar", "application/pdf"},
    ),
    Channel.WHATSAPP: Load(
        16_000_000,
        files=1,
        picture_bytes=5_000_000,
        # Not sounds, stickers (WebP) and contacts, beside which WhatsApp shows no words.
        types=_PICTURES
        | {"video/mp4", "video/3gpp", "application/pdf"}
        | {"application/msword", f"{_OFFICE}.wordprocessingml.document", f"{_OFFICE}.spreadsheetml.sheet"}
        | {f"{_OFFICE}.presentationml.presentation"},
    ),
}


def keep_upload(file: IO[bytes], filename: str, *, largest: int, at: datetime) -> Attachment:
    """Keep an uploaded file's bytes, outside any transaction, and return its row, which is still to be added.

    Raises FileTooLarge, FileRefused, InvalidInput.
    """
    size = file.seek(0, 2)
    file.seek(0)
    if size > largest:
        raise FileTooLarge(f"the file has {size} bytes; this desk takes {largest}")
    if not size:
        raise InvalidInput("the file is empty")
    name = clean_name(filename)
    content_type = recognise(file.read(ENOUGH), name)
    file.seek(0)
    digest = file_store().keep_file(file)
    return Attachment(filename=name, content_type=content_type, size=size, sha256=digest, created_at=at)


def add_upload(upload: Attachment, caller: Caller) -> Attachment:
    """Make an upload the caller's."""
    upload.uploaded_by_id = caller.agent_id
    db.session().add(upload)
    db.session().flush()
    return upload


def read_attachment(caller: Caller, attachment_id: int) -> Attachment:
    """Return an attachment. Raises NotFound, also for one of a ticket that is not the caller's to see."""
    query = select(Attachment, Message.ticket_id).outerjoin(Message, Message.id == Attachment.message_id)
    found = db.session().execute(query.where(Attachment.id == attachment_id)).first()
    if found is None:
        raise NotFound(f"there is no attachment {attachment_id}")
    attachment, ticket_id = found
    if attachment.message_id is None and attachment.uploaded_by_id == caller.agent_id:
        return attachment
    try:
        read_ticket(caller, ticket_id or 0)
    except NotFound:
        raise NotFound(f"there is no attachment {attachment_id}") from None
    return attachment


def own_uploads(agent_id: int, ids: Iterable[int]) -> list[Attachment]:
    """Return uploads of the agent's that no message has taken. Raises InvalidInput, Conflict."""
    wanted = sorted(set(ids))
    if len(wanted) > MAX_FILES:
        raise InvalidInput(f"a message takes at most {MAX_FILES} files")
    query = select(Attachment).where(Attachment.id.in_(wanted), Attachment.uploaded_by_id == agent_id)
    found = db.session().scalars(query.order_by(Attachment.id).execution_options(populate_existing=True)).all()
    missing = set(wanted) - {one.id for one in found}
    if missing:
        raise InvalidInput(f"there is no upload {min(missing)} of yours")
    for one in found:
        _must_be_free(one)
    return list(found)


def must_be_possible(channel: Channel, files: Sequence[Attachment]) -> None:
    """Raise AttachmentsNotPossible where a reply on the channel cannot carry the files."""
    if not files:
        return
    load = CARRIES.get(channel)
    if load is None:
        others = " or ".join(sorted(CARRIES))
        raise AttachmentsNotPossible(f"a reply by {channel} cannot carry files; choose the channel {others}")
    if len(files) > load.files:
        most = "1 file" if load.files == 1 else f"{load.files} files"
        raise AttachmentsNotPossible(f"a reply by {channel} carries {most}, not {len(files)}; write several")
    for file in files:
        _must_be_taken(channel, load, file)
    total = sum(file.size for file in files)
    if total > load.bytes:
        raise AttachmentsNotPossible(
            f"the files have {total} bytes together; a reply by {channel} carries {load.bytes}"
        )


def _must_be_taken(channel: Channel, load: Load, file: Attachment) -> None:
    if load.types and file.content_type not in load.types:
        raise AttachmentsNotPossible(
            f"the file {file.filename} is {file.content_type}, which does not go by {channel}; choose the channel email"
        )
    if load.picture_bytes and file.content_type.startswith("image/") and file.size > load.picture_bytes:
        raise AttachmentsNotPossible(
            f"the file {file.filename} has {file.size} bytes; a picture by {channel} has at most {load.picture_bytes}"
        )


def take(message: Message, files: Sequence[Attachment]) -> None:
    """Give uploads to a message that is flushed. Raises Conflict when another message was faster."""
    session = db.session()
    for file in files:
        free = and_(Attachment.id == file.id, Attachment.message_id.is_(None))
        taken = update(Attachment).where(free).values(message_id=message.id, draft_ticket_id=None)
        if session.execute(taken.returning(Attachment.id)).scalar() is None:
            raise _taken(file)
    set_committed_value(message, "attachments", list(files))


def _must_be_free(file: Attachment) -> None:
    if file.message_id is not None:
        raise _taken(file)


def _taken(file: Attachment) -> Conflict:
    return Conflict(f"another message has attachment {file.id} already; upload the file once more")


def remove_unused(now: datetime, *, limit: int = 100) -> list[str]:
    """Remove the rows of uploads that nobody took; return the digests of their bytes, for `discard` after the commit.

    Locked rows are left alone: a message is taking them.
    """
    session = db.session()
    unused = (
        select(Attachment.id)
        .where(Attachment.message_id.is_(None), Attachment.created_at < now - UNUSED_AFTER, ~_in_a_draft())
        .order_by(Attachment.created_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = session.scalars(unused).all()
    if not ids:
        return []
    gone = (
        delete(Attachment).where(Attachment.id.in_(ids), Attachment.message_id.is_(None)).returning(Attachment.sha256)
    )
    return sorted(set(session.scalars(gone).all()))


def _in_a_draft() -> ColumnElement[bool]:
    held = (Draft.ticket_id == Attachment.draft_ticket_id, Draft.agent_id == Attachment.uploaded_by_id)
    return exists().where(*held)


def discard(digests: Sequence[str], *, now: datetime) -> int:
    """Remove the bytes that no row names any more; return how many files that were. Outside any transaction.

    Bytes that somebody kept in the last minutes stay, for their row may be on its way.
    """
    named = set(db.session().scalars(select(Attachment.sha256).where(Attachment.sha256.in_(digests))))
    return sum(file_store().remove(one, unless_kept_since=now - ON_ITS_WAY) for one in digests if one not in named)
