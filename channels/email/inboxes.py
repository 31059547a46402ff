"""Find the inbox that a mail is for: by the recipient's address, or by the secret of the HTTP door."""

import hmac

from sqlalchemy import select

from channels.errors import InvalidSignature
from config.settings import Settings
from ticketing.envelope import Channel
from ticketing.handles import MAX_LENGTH
from ticketing.models import Inbox
from ticketing.secrets import decrypt
from ticketing.store import db


def inbox_for_recipient(address: str) -> Inbox | None:
    """Return the inbox with this address, whatever stands behind a plus sign; None if it is not ours."""
    if len(address) > MAX_LENGTH or not address.isprintable():
        return None  # nobody's address, and PostgreSQL would not even take the question
    folded = address.casefold()
    local, _, domain = folded.rpartition("@")
    spellings = {folded, f"{local.partition('+')[0]}@{domain}"}
    query = select(Inbox).where(Inbox.channel == Channel.EMAIL, Inbox.address.in_(spellings))
    return db.session().scalar(query.order_by((Inbox.address == folded).desc()).limit(1))


def inbox_for_secret(authorization: str, settings: Settings) -> Inbox:
    """Return the inbox whose secret the header `Authorization: Bearer …` names. Raises InvalidSignature."""
    scheme, _, secret = authorization.partition(" ")
    if scheme.casefold() != "bearer" or not secret.strip():
        raise InvalidSignature("this needs the inbox's secret: Authorization: Bearer …")
    given = secret.strip().encode(errors="replace")
    found = None
    query = select(Inbox).where(Inbox.channel == Channel.EMAIL, Inbox.secret.is_not(None))
    for inbox in db.session().scalars(query.order_by(Inbox.id)):
        if hmac.compare_digest(decrypt(inbox.secret or "", settings.secret_key).encode(), given):
            found = inbox  # and on to the end: the time taken tells nothing
    if found is None:
        raise InvalidSignature("no inbox has that secret")
    return found
