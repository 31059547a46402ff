"""Find the inbox that a mail is for: by the recipient's address, or by the secret of the HTTP door."""

import hmac

from sqlalchemy import bindparam, select

from channels.errors import InvalidSignature
from config.settings import Settings
from ticketing.envelope import Channel
from ticketing.fetching import fetch
from ticketing.handles import MAX_LENGTH
from ticketing.models import Inbox
from ticketing.secrets import decrypt
from ticketing.store import db


def inbox_address(recipient: str) -> str | None:
    """Return the address of the inbox to which a recipient leads; None if it is not ours."""
    whole, bare = spellings(recipient)
    found = {row.address for row in fetch(_OURS, {"whole": whole, "bare": bare})} if whole else ()
    return next((one for one in (whole, bare) if one in found), None)


def spellings(recipient: str) -> tuple[str, str]:
    """Return the inboxes that a recipient may mean: the whole address, and that without what stands behind a plus sign.

    Both are "" for what is nobody's address, which PostgreSQL would not even take as a question.
    """
    if len(recipient) > MAX_LENGTH or not recipient.isprintable():
        return "", ""
    whole = recipient.casefold()
    local, _, domain = whole.rpartition("@")
    return whole, f"{local.partition('+')[0]}@{domain}"


_OURS = select(Inbox.address).where(
    Inbox.channel == Channel.EMAIL,
    Inbox.address.in_([bindparam("whole", type_=Inbox.address.type), bindparam("bare", type_=Inbox.address.type)]),
)


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
