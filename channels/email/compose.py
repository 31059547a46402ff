"""Build the mail that carries a reply to the customer. No socket, no clock: who calls says the time and every id.

What was written goes out as it is and as HTML, then the inbox's signature, then what it answers (see `letter`).
"""

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from channels.email.letter import letter
from channels.email.reply_address import plus_address
from channels.errors import PermanentFailure
from channels.protocol import Outgoing, OutgoingFile

MAX_REFERENCES = 20  # long chains break mail servers; the first and the last ones thread (RFC 5322, 3.6.4)
MAX_SUBJECT = 500
MAX_ADDRESS = 254  # RFC 5321, 4.5.3.1

POLICY = SMTP.clone(max_line_length=78)

_PREFIX = re.compile(r"\s*(?:re|aw|antw|sv|vs|odp|rif|ref|res|回复|回覆|答复)\s*(?:\[\d+\])?\s*[:：]", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
_ID = re.compile(r"<[^<>\s@]+@[^<>\s@]+>")
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+")


def compose(outgoing: Outgoing, *, message_id: str, key: str) -> EmailMessage:
    """Return the mail; `message_id` has its angle brackets, `key` signs the address that answers shall go to.

    The same message gives the same headers at every attempt. Raises PermanentFailure when an address or id of it
    cannot stand in a header.
    """
    answers_to = plus_address(outgoing.sender, outgoing.ticket_id, key)
    message = EmailMessage(policy=POLICY)
    message["From"] = _address(outgoing.sender_name, outgoing.sender)
    message["To"] = _address(outgoing.recipient_name, outgoing.recipient)
    if outgoing.copies:
        message["Cc"] = [_address(one.name, one.address) for one in outgoing.copies]
    message["Reply-To"] = _address(outgoing.sender_name, answers_to)
    message["Subject"] = reply_subject(outgoing.subject) if outgoing.in_reply_to else _one_line(outgoing.subject)
    message["Message-ID"] = _id(message_id)
    message["Date"] = format_datetime(outgoing.written_at)
    _thread(message, outgoing)
    if outgoing.automatic:
        message["Auto-Submitted"] = "auto-replied"
        message["X-Auto-Response-Suppress"] = "All"
    written = letter(outgoing)
    message.set_content(written.text, cte="quoted-printable" if _needs_wrapping(written.text) else None)
    message.add_alternative(written.html, subtype="html", cte="quoted-printable")
    for file in outgoing.files:
        _attach(message, file)
    return message


def reply_subject(subject: str) -> str:
    """Return `Re: subject` on one line, whatever prefixes of whatever language had piled up."""
    rest = _one_line(subject)
    while found := _PREFIX.match(rest):
        rest = rest[found.end() :]
    return f"Re: {rest.strip()}".rstrip()


def _one_line(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", text).split())[:MAX_SUBJECT]


def _address(name: str, address: str) -> Address:
    """Return a header's address; the domain of an IDN goes out in ASCII, the local part as it is (RFC 6531)."""
    local, at, domain = address.strip().rpartition("@")
    if (
        not at
        or not local
        or not domain
        or len(address) > MAX_ADDRESS
        or re.search(r"[\s\x00-\x1f\x7f<>()\",;:\\@\[\]]", local + domain)
    ):
        raise PermanentFailure("that is no address to which mail could be sent")
    return Address(display_name=_one_line(name), username=local, domain=ascii_domain(domain))


def ascii_domain(domain: str) -> str:
    """Return a domain as DNS knows it. Raises PermanentFailure when it has no such form."""
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        raise PermanentFailure("the address's domain is none that exists") from None


def _id(message_id: str) -> str:
    if not _ID.fullmatch(message_id):
        raise PermanentFailure("the mail's Message-ID is not of the form <left@right>")
    return message_id


def _thread(message: EmailMessage, outgoing: Outgoing) -> None:
    """Refer to what is answered; ids that are broken are left out, for theirs is the fault."""
    known = [one for one in dict.fromkeys([*outgoing.references, outgoing.in_reply_to]) if _ID.fullmatch(one)]
    if _ID.fullmatch(outgoing.in_reply_to):
        message["In-Reply-To"] = outgoing.in_reply_to
    if len(known) > MAX_REFERENCES:
        known = [known[0], *known[1 - MAX_REFERENCES :]]
    if known:
        message["References"] = " ".join(known)


def _needs_wrapping(text: str) -> bool:
    # RFC 5322, 2.1.1; and non-ASCII goes as quoted-printable, which every server passes on.
    return not text.isascii() or any(len(line) > 900 for line in text.splitlines())


def _attach(message: EmailMessage, file: OutgoingFile) -> None:
    content_type = file.content_type.lower()
    if not _TYPE.fullmatch(content_type) or content_type.startswith(("multipart/", "message/")):
        content_type = "application/octet-stream"
    maintype, _, subtype = content_type.partition("/")
    message.add_attachment(
        file.content(), maintype=maintype, subtype=subtype, filename=_one_line(file.filename) or "file", cte="base64"
    )
