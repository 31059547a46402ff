"""Files that visitors send: uploaded first, the visitor's alone until a message of theirs takes them."""

from collections.abc import Sequence
from datetime import datetime
from typing import IO

from sqlalchemy import func, select, update
from sqlalchemy.orm.attributes import set_committed_value

from channels.models import ChatSession
from channels.webchat.widgets import FileRules
from ticketing.attachments import keep_upload
from ticketing.errors import Conflict, FileRefused, InvalidInput
from ticketing.models import Attachment, Message
from ticketing.store import db

MOST_UNSENT = 20  # uploads of one visitor; what is not sent within a day goes away


def keep_file(file: IO[bytes], filename: str, rules: FileRules, *, at: datetime) -> Attachment:
    """Keep an uploaded file's bytes, outside any transaction; its row is still to be added.

    Raises FileTooLarge, FileRefused, InvalidInput.
    """
    if not rules.most:
        raise FileRefused("this chat takes no files")
    upload = keep_upload(file, filename, largest=rules.max_bytes, at=at)
    if not rules.takes(upload.content_type):
        raise FileRefused(f"{upload.filename} is {upload.content_type}, which this chat does not take")
    return upload


def add_upload(session: ChatSession, upload: Attachment) -> Attachment:
    """Make an upload the visitor's. Raises Conflict when they have uploaded much and sent nothing of it."""
    unsent = select(func.count()).select_from(Attachment).where(Attachment.visitor == session.visitor)
    if (db.session().scalar(unsent) or 0) >= MOST_UNSENT:
        raise Conflict(f"you have {MOST_UNSENT} files that are not sent yet; send some first")
    upload.visitor = session.visitor
    db.session().add(upload)
    db.session().flush()
    return upload


def must_be_theirs(session: ChatSession, ids: Sequence[int], *, most: int) -> None:
    """Raise InvalidInput unless these are uploads of the visitor's that no message has taken."""
    if len(ids) > most:
        raise InvalidInput(f"a message in this chat takes at most {most} files" if most else "this chat takes no files")
    theirs = select(Attachment.id).where(Attachment.id.in_(ids), Attachment.visitor == session.visitor)
    missing = set(ids) - set(db.session().scalars(theirs))
    if missing:
        raise InvalidInput(f"there is no upload {min(missing)} of yours that is not sent yet")


def take(message: Message, visitor: str, ids: Sequence[int]) -> None:
    """Give a message the visitor's uploads, of those that no other has taken meanwhile."""
    if not ids:
        return
    session = db.session()
    free = (Attachment.id.in_(ids), Attachment.visitor == visitor, Attachment.message_id.is_(None))
    session.execute(
        update(Attachment)
        .where(*free)
        .values(message_id=message.id, visitor="")
        .execution_options(synchronize_session=False)
    )
    query = select(Attachment).where(Attachment.message_id == message.id).order_by(Attachment.id)
    mine = session.scalars(query.execution_options(populate_existing=True)).all()
    set_committed_value(message, "attachments", list(mine))
