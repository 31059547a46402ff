"""Fetch a voicemail's recording from Twilio into our own store. Runs after the commit, by the workers, maybe twice."""

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import urljoin, urlsplit

import requests
import structlog
from flask import current_app
from sqlalchemy import select

from channels import twilio_api
from channels.errors import ChannelError, PermanentFailure, TransientFailure
from channels.events import RecordingFetched
from channels.models import Call
from config.settings import TwilioAccount
from ticketing import journal, lifecycle
from ticketing.events import SYSTEM
from ticketing.files import file_store
from ticketing.models import Attachment, Message
from ticketing.store import db
from ticketing.transaction import transaction

log = structlog.get_logger()

MAX_BYTES = 50_000_000
TIME_LIMIT = 40.0  # seconds; a job has 60
MAX_REDIRECTS = 3
GIVE_UP_AFTER = timedelta(hours=24)
TWILIO_HOST = re.compile(r"api(\.[a-z0-9-]+){0,2}\.twilio\.com")  # api.twilio.com, api.dublin.ie1.twilio.com


def fetch(call_id: int, *, now: Callable[[], datetime]) -> None:
    """Attach the recording to the voicemail, once. Raises TransientFailure when Twilio does not have it ready yet.

    What cannot be fetched, ever or within a day, is told to the agent on the voicemail.
    """
    call = db.session().get(Call, call_id, populate_existing=True)
    if call is None or call.recording_url is None or call.voicemail_id is None or _is_attached(call.voicemail_id):
        return
    url, since = call.recording_url, call.started_at
    db.session().rollback()  # ends the read: no transaction is open while we wait for Twilio
    try:
        content = download(_account(), url)
    except TransientFailure:
        if now() - since < GIVE_UP_AFTER:
            raise
        _tell(call_id, "the recording could not be fetched from Twilio within a day")
    except ChannelError as error:
        _tell(call_id, str(error))
    else:
        _attach(call_id, content, now())


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


def _attach(call_id: int, content: bytes, at: datetime) -> None:
    sha256 = file_store().keep(content)
    with transaction("worker") as session:
        call = session.get_one(Call, call_id)
        voicemail = session.get_one(Message, call.voicemail_id)
        ticket = lifecycle.lock_ticket_of(voicemail)
        if _is_attached(voicemail.id):  # somebody else was faster; the ticket's lock decides
            return
        attachment = Attachment(
            message_id=voicemail.id,
            filename="voicemail.wav",
            content_type="audio/wav",
            size=len(content),
            sha256=sha256,
            created_at=at,
        )
        session.add(attachment)
        session.flush()
        journal.append(ticket, RecordingFetched(call.id, attachment.id), by=SYSTEM, at=at)


def _tell(call_id: int, reason: str) -> None:
    log.error("recording not fetched", call_id=call_id, reason=reason)
    with transaction("worker") as session:
        call = session.get_one(Call, call_id)
        voicemail = session.get_one(Message, call.voicemail_id)
        lifecycle.lock_ticket_of(voicemail)
        voicemail.state_reason = reason


def _is_attached(message_id: int) -> bool:
    query = select(Attachment.id).where(Attachment.message_id == message_id)
    return db.session().scalar(query.limit(1)) is not None


def _account() -> TwilioAccount:
    account: TwilioAccount | None = current_app.extensions["comptoir.settings"].twilio
    if account is None:
        raise PermanentFailure("phone and SMS are not set up at this desk any more")
    return account
