"""Fetch the files that came with messages from Twilio into our own store. Runs after the commit, by the workers, maybe
twice; each file is attached by itself, so that what is there stays there.
"""

import mimetypes
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from flask import current_app

from channels.errors import ChannelError, PermanentFailure, TransientFailure
from channels.events import MediaFetched
from channels.twilio_files import TIME_LIMIT, Fetched, NotThere, download
from config.settings import Settings, TwilioAccount
from ticketing import file_types, journal, lifecycle
from ticketing.errors import FileRefused
from ticketing.events import SYSTEM
from ticketing.files import file_store
from ticketing.models import Attachment, Message
from ticketing.store import db
from ticketing.transaction import transaction

log = structlog.get_logger()

GIVE_UP_AFTER = timedelta(hours=24)
NOT_THERE_YET = timedelta(minutes=10)  # Twilio may tell of a file a moment before it has it; later, it is gone
SUFFIXES = {"audio/ogg": ".ogg", "audio/amr": ".amr", "audio/mpeg": ".mp3", "text/vcard": ".vcf", "image/webp": ".webp"}
DONE = "done"  # an attachment's id, or None where it could not be had; absent while it is still to be fetched


def fetch(message_id: int, *, now: Callable[[], datetime]) -> None:
    """Attach what came with a message, each file once. Raises TransientFailure when some of it is to be tried again.

    What cannot be had, ever or within a day, is told to the agent on the message.
    """
    message = db.session().get(Message, message_id, populate_existing=True)
    waiting = _waiting(message)
    if message is None or not waiting:
        return
    since = message.created_at
    db.session().rollback()  # ends the read: no transaction is open while we wait for Twilio
    ends_at, later = time.monotonic() + TIME_LIMIT, None
    for number, url in waiting.items():
        try:
            file = download(_account(), url, most=_largest(), ends_at=ends_at)
            _attach(message_id, number, file, now())
        except TransientFailure as error:
            is_gone = isinstance(error, NotThere)
            if now() - since < (NOT_THERE_YET if is_gone else GIVE_UP_AFTER):
                later = error
            else:
                why = "Twilio does not have it any more" if is_gone else "it could not be fetched from Twilio in a day"
                _tell(message_id, number, why)
        except (ChannelError, FileRefused) as error:
            _tell(message_id, number, str(error))
    if later is not None:
        raise later


def _waiting(message: Message | None) -> dict[int, str]:
    """Return the addresses of the files that are still to be fetched, by their place."""
    media = message.data.get("media", ()) if message is not None else ()
    return {number: one["url"] for number, one in enumerate(media) if DONE not in one}


def _attach(message_id: int, number: int, file: Fetched, at: datetime) -> None:
    """Keep a file's bytes, then its row. Raises FileRefused."""
    name = file_types.clean_name(file.filename) if file.filename else ""
    content_type = file_types.recognise(file.content[: file_types.ENOUGH], name or "file")
    sha256 = file_store().keep(file.content)
    with transaction("worker") as session:
        message = _locked(message_id)
        if number not in _waiting(message):  # somebody else was faster; the ticket's lock decides
            return
        attachment = Attachment(
            message_id=message_id,
            filename=name or f"file-{number + 1}{_suffix(content_type)}",
            content_type=content_type,
            size=len(file.content),
            sha256=sha256,
            created_at=at,
        )
        session.add(attachment)
        session.flush()
        _note(message, number, attachment.id)
        ticket = lifecycle.lock_ticket_of(message)
        journal.append(ticket, MediaFetched(message_id, [attachment.id]), by=SYSTEM, at=at)


def _tell(message_id: int, number: int, reason: str) -> None:
    log.error("media not fetched", message_id=message_id, number=number, reason=reason)
    with transaction("worker"):
        message = _locked(message_id)
        if number in _waiting(message):
            _note(message, number, None)
            told = [message.state_reason, f"file {number + 1} is missing: {reason}"]
            message.state_reason = "; ".join(filter(None, told))


def _locked(message_id: int) -> Message:
    """Return the message, its ticket locked, in its newest state."""
    message = db.session().get_one(Message, message_id)
    lifecycle.lock_ticket_of(message)
    return db.session().get_one(Message, message_id, populate_existing=True)


def _note(message: Message, number: int, attachment_id: int | None) -> None:
    media: list[dict[str, Any]] = [dict(one) for one in message.data["media"]]
    media[number][DONE] = attachment_id
    message.data = {**message.data, "media": media}


def _suffix(content_type: str) -> str:
    return SUFFIXES.get(content_type) or mimetypes.guess_extension(content_type) or ""


def _settings() -> Settings:
    settings: Settings = current_app.extensions["comptoir.settings"]
    return settings


def _largest() -> int:
    return _settings().attachment_max_bytes


def _account() -> TwilioAccount:
    account = _settings().twilio
    if account is None:
        raise PermanentFailure("phone and SMS are not set up at this desk any more")
    return account
