"""The sound of recordings: fetched from Twilio into our own store, and deleted there. Runs after the commit, by the
workers, maybe twice; nothing here is inside a transaction but the last word.
"""

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import requests
import structlog
from flask import current_app
from sqlalchemy import select
from twilio.base.exceptions import TwilioRestException, TwilioServiceException

from channels import twilio_api
from channels.errors import ChannelError, PermanentFailure, TransientFailure
from channels.events import RecordingDeleted
from channels.phone import recordings
from channels.phone.models import Recording, RecordingState
from channels.twilio_files import TIME_LIMIT, download
from config.settings import TwilioAccount
from ticketing import journal, lifecycle
from ticketing.events import SYSTEM
from ticketing.files import file_store
from ticketing.models import Message, Ticket
from ticketing.store import db
from ticketing.transaction import transaction

log = structlog.get_logger()

MAX_BYTES = 50_000_000
GIVE_UP_AFTER = timedelta(hours=24)


def fetch(recording_id: int, *, now: Callable[[], datetime]) -> None:
    """Attach the sound to the message that shows the recording, once. Raises TransientFailure when it is not ready.

    What cannot be fetched, ever or within a day, is told to the agent on the message.
    """
    recording = db.session().get(Recording, recording_id, populate_existing=True)
    if recording is None or recording.state is not RecordingState.ANNOUNCED:
        return
    url, since = recording.url, recording.created_at
    db.session().rollback()  # ends the read: no transaction is open while we wait for Twilio
    try:
        content = _download(url)
    except TransientFailure:
        if now() - since < GIVE_UP_AFTER:
            raise
        _tell(recording_id, "the recording could not be fetched from Twilio within a day")
    except ChannelError as error:
        _tell(recording_id, f"the recording was not fetched: {error}")
    else:
        _keep(recording_id, content, now())


def delete_at_twilio(provider_id: str) -> None:
    """Ask Twilio to delete its copy, once or more often. Raises TransientFailure while it cannot be asked."""
    account: TwilioAccount | None = current_app.extensions["comptoir.settings"].twilio
    if account is None:
        log.warning("recording not deleted at Twilio, which is not set up here any more", recording=provider_id)
        return
    try:
        twilio_api.connect(account).recordings(provider_id).delete()
    except (TwilioRestException, TwilioServiceException) as error:
        if error.status == 404:
            return  # gone already
        raise TransientFailure(f"Twilio does not delete a recording now (HTTP {error.status})") from None
    except requests.RequestException as error:
        raise TransientFailure(f"Twilio cannot be asked to delete a recording ({type(error).__name__})") from None


def _download(url: str) -> bytes:
    """Return the sound as WAV. Raises TransientFailure, PermanentFailure."""
    url = url if re.search(r"\.(wav|mp3)$", url) else url + ".wav"
    return download(_account(), url, most=MAX_BYTES, ends_at=time.monotonic() + TIME_LIMIT).content


def _keep(recording_id: int, content: bytes, at: datetime) -> None:
    sha256 = file_store().keep(content)
    with transaction("worker"):
        ticket, recording = lock(recording_id)
        if recording.state is RecordingState.ANNOUNCED:  # else somebody else was faster; the ticket's lock decides
            recordings.keep(ticket, recording, sha256=sha256, size=len(content), at=at)
        elif recording.state is RecordingState.DELETED:  # while it was fetched: these bytes go too
            journal.append(ticket, RecordingDeleted(recording.call_id, recording.id, [sha256]), by=SYSTEM, at=at)


def _tell(recording_id: int, reason: str) -> None:
    log.error("recording not fetched", recording_id=recording_id, reason=reason)
    with transaction("worker"):
        _, recording = lock(recording_id)
        if recording.state is RecordingState.ANNOUNCED:
            recordings.give_up(recording, reason)


def lock(recording_id: int) -> tuple[Ticket, Recording]:
    """Return the ticket that shows a recording, locked, and the recording in its newest state."""
    session = db.session()
    shown = session.scalars(
        select(Message).join(Recording, Recording.message_id == Message.id).where(Recording.id == recording_id)
    ).one()
    ticket = lifecycle.lock_ticket_of(shown)
    return ticket, session.get_one(Recording, recording_id, populate_existing=True)


def _account() -> TwilioAccount:
    account: TwilioAccount | None = current_app.extensions["comptoir.settings"].twilio
    if account is None:
        raise PermanentFailure("phone and SMS are not set up at this desk any more")
    return account
