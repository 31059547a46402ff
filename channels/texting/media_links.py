"""Addresses under which Twilio fetches the files of a message: signed, for this message's file alone, and for a while.

Twilio reads a file by GET and HEAD from an address that wants no credentials, so the address itself is the credential.
"""

import base64
import hmac
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from sqlalchemy import select

from config.settings import derived_key
from ticketing.envelope import Channel
from ticketing.models import Attachment, Message, MessageKind
from ticketing.store import db

PATH = "/media/"
LASTS = timedelta(hours=36)  # from when it was written: 24 hours of attempts, and 10 in which Twilio may hold it back
CARRYING = (Channel.SMS, Channel.WHATSAPP)
DIGEST_BYTES = 16
LONGEST = 120


def address(public_url: str, secret_key: str, *, message_id: int, attachment_id: int, written_at: datetime) -> str:
    """Return the address of a file for whoever is to fetch it."""
    until = int((written_at + LASTS).timestamp())
    named = f"{message_id}.{attachment_id}.{until}"
    return f"{public_url}{PATH}{named}.{_signature(named, secret_key)}"


def find(token: str, secret_key: str, *, at: datetime) -> Attachment | None:
    """Return the file that an address is for; None: it is forged, its time is over, or the file has gone elsewhere."""
    named, _, signature = token.rpartition(".")
    if len(token) > LONGEST or not token.isascii():
        return None
    if not hmac.compare_digest(signature, _signature(named, secret_key)):
        return None
    message_id, attachment_id, until = map(int, named.split("."))
    if at >= datetime.fromtimestamp(until, UTC):
        return None
    return db.session().scalar(
        select(Attachment)
        .join(Message, Message.id == Attachment.message_id)
        .where(
            Attachment.id == attachment_id,
            Message.id == message_id,
            Message.kind == MessageKind.OUTBOUND,
            Message.channel.in_(CARRYING),
        )
    )


def _signature(named: str, secret_key: str) -> str:
    key = derived_key(secret_key, "media links").encode()
    digest = hmac.new(key, named.encode(), sha256).digest()[:DIGEST_BYTES]
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
