"""Write to the people at the desk themselves: a mail from the desk's own address, a text message from its number.

Nothing here is a message of a ticket. The mail says that a machine wrote it (RFC 3834, 5) and has no return path, so
that neither an absence notice nor a bounce comes back and makes a ticket.
"""

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from sqlalchemy import select

from channels import twilio_api
from channels.email import smtp_client
from channels.email.compose import ascii_domain
from channels.email.smtp_client import Server
from channels.errors import ChannelNotSetUp, OutcomeUnknown
from config.settings import Settings
from ticketing.envelope import Channel
from ticketing.models import Inbox
from ticketing.store import db


def mail(
    address: str, subject: str, text: str, *, mark: str, at: datetime, settings: Settings, timeout: float = 15
) -> None:
    """Send a mail to an agent's own address; `mark` makes its Message-ID, the same at every attempt.

    Raises TransientFailure, PermanentFailure, OutcomeUnknown.
    """
    if settings.smtp_url is None:
        raise ChannelNotSetUp("COMPTOIR_SMTP_URL is not set, so that no mail can go out")
    sender = settings.alerts_from or _our(Channel.EMAIL)
    local, _, domain = sender.rpartition("@")
    message = EmailMessage(policy=SMTP)
    message["From"] = Address("Comptoir", local, ascii_domain(domain))
    message["To"] = address
    message["Subject"] = subject
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{mark}@{ascii_domain(domain)}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(text)
    server, content = Server.from_url(settings.smtp_url), smtp_client.as_bytes(message, addresses=[address])
    smtp_client.send(content, sender="", to=address, server=server, timeout=timeout)


def text_message(number: str, text: str, *, settings: Settings) -> None:
    """Send a text message to an agent's own number. Raises TransientFailure, PermanentFailure, OutcomeUnknown."""
    if settings.twilio is None:
        raise ChannelNotSetUp("there is no account with Twilio, so that no text message can go out")
    sender = _our(Channel.SMS)
    with twilio_api.handing_over():
        message = twilio_api.connect(settings.twilio).messages.create(to=number, from_=sender, body=text)
    if not message.sid:
        raise OutcomeUnknown("Twilio's answer names no message")


def _our(channel: Channel) -> str:
    """Return the address of the desk's oldest inbox on a channel."""
    address = db.session().scalar(select(Inbox.address).where(Inbox.channel == channel).order_by(Inbox.id).limit(1))
    db.session().rollback()  # what follows takes long: no connection is held meanwhile
    if address is None:
        raise ChannelNotSetUp(f"the desk has no inbox on the channel {channel} to write from")
    return address
