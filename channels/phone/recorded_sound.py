"""The sound of recordings: fetched from Twilio into our own store, and deleted there. Runs after the commit, by the
workers, maybe twice; nothing here is inside a transaction but the last word.
"""

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import urljoin, urlsplit

import requests
import structlog
from flask import current_app
from sqlalchemy import select
from twilio.base.exceptions import TwilioRestException, TwilioServiceException

from channels import twilio_api
from channels.errors import ChannelError, PermanentFailure, TransientFailure
from channels.phone import recordings
from channels.phone.models import Recording, RecordingState
from config.settings import TwilioAccount
from ticketing import lifecycle
from ticketing.files import file_store
from ticketing.models import Message, Ticket
from ticketing.store import db
from ticketing.transaction import transaction

log = structlog.get_logger()

MAX_BYTES = 50_000_000
TIME_LIMIT = 40.0  # seconds; a job has 60
MAX_REDIRECTS = 3
GIVE_UP_AFTER = timedelta(hours=24)
TWILIO_HOST = re.compile(r"api(\.[a-z0-9-]+){0,2}\.twilio\.com")  # api.twilio.com, api.dublin.ie1.twilio.com


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
        content = download(_account(), url)
    except TransientFailure:
        if now() - since < GIVE_UP_AFTER:
            raise
        _tell(recording_id, "the recording could not be fetched from Twilio within a day")
    except ChannelError as error:
        _tell(recording_id, str(error))
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


def download(account: TwilioAccount, url: str) -> bytes:
    """Return the recording as WAV. Raises TransientFailure, PermanentFailure.

    Our credentials go to Twilio's own hosts only; where Twilio sends us on, we go without them.
    """
    url = _rebased(account, url if re.search(r"\.(wav|mp3)$", url) else url + ".wav")
    ends_at = time.monotonic() + TIME_LIMIT
    auth: tuple[str, str] | None = (account.account_sid, account.auth_token)
    try:
        with twilio_api.new_session(account.api_base) as session:
            for _ in range(MAX_REDIRECTS + 1):
                with session.get(
                    url, auth=auth, timeout=twilio_api.TIMEOUT, stream=True, allow_redirects=False
                ) as answer:
                    if not answer.is_redirect:
                        return _content(answer, ends_at)
                    url, auth = _onward(url, answer.headers["Location"]), None
    except requests.RequestException as error:
        raise TransientFailure(f"the recording cannot be fetched now ({type(error).__name__})") from None
    raise PermanentFailure("Twilio sends us round in circles for the recording")


def _content(answer: requests.Response, ends_at: float) -> bytes:
    if answer.status_code in {404, 429} or answer.status_code >= 500:
        raise TransientFailure(f"the recording is not ready (HTTP {answer.status_code})")
    if answer.status_code != 200:
        raise PermanentFailure(f"Twilio does not give us the recording (HTTP {answer.status_code})")
    content = bytearray()
    for chunk in answer.iter_content(65_536):
        content += chunk
        if len(content) > MAX_BYTES:
            raise PermanentFailure(f"the recording is larger than {MAX_BYTES // 1_000_000} MB")
        if time.monotonic() > ends_at:
            raise TransientFailure(f"the recording did not arrive within {TIME_LIMIT:.0f} s")
    return bytes(content)


def _rebased(account: TwilioAccount, url: str) -> str:
    """Return the address if it may have our credentials. Raises PermanentFailure."""
    if url.startswith(account.api_base + "/"):
        return url
    parts = urlsplit(url)
    if parts.scheme != "https" or parts.port is not None or not TWILIO_HOST.fullmatch(parts.netloc):
        raise PermanentFailure("the recording's address is not Twilio's, so it was not fetched")
    return url if account.api_base == twilio_api.TWILIO else f"{account.api_base}{parts.path}"


def _onward(url: str, location: str) -> str:
    onward = urljoin(url, location)
    if not onward.startswith("https://"):
        raise PermanentFailure("Twilio sends us to an unsafe address for the recording")
    return onward


def _keep(recording_id: int, content: bytes, at: datetime) -> None:
    sha256 = file_store().keep(content)
    with transaction("worker"):
        ticket, recording = lock(recording_id)
        if recording.state is RecordingState.ANNOUNCED:  # else somebody else was faster; the ticket's lock decides
            recordings.keep(ticket, recording, sha256=sha256, size=len(content), at=at)


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
