"""A customer's other ways to write: a text message, a mail."""

import smtplib
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr
from html import escape

from channels.sandbox.desk import Desk, DeskTrouble, device_path
from ticketing.moment import utc_now

SMTP_TIMEOUT = 20.0
LOOKS, BETWEEN_LOOKS = 150, 0.2  # seconds


def text(desk: Desk, *, sender: str, recipient: str, body: str) -> str:
    """Send a text message from a telephone to the desk, and wait until it is there; return its SID.

    Raises DeskTrouble.
    """
    path = device_path(sender)
    message = desk.sandbox(f"{path}/messages", {"to": recipient, "body": body})
    sid = str(message["sid"])
    for _ in range(LOOKS):
        if message["state"] == "not taken":
            raise DeskTrouble(f"the desk does not take the message {sid}")
        if message["state"] == "arrived":
            return sid
        desk.let_time_pass(BETWEEN_LOOKS)
        newer = desk.sandbox(f"{path}?after={message['n']}")["messages"]
        message = next((one for one in newer if one["sid"] == sid), message)
    raise DeskTrouble(f"the desk has not taken the message {sid} for a while")


def mail(desk: Desk, *, sender: str, recipient: str, subject: str, body: str, reply_to: str = "") -> str:
    """Send a mail to the desk's SMTP door, as a mail program would; return its Message-ID. Raises DeskTrouble.

    `reply_to` is the Message-ID of the mail that this one answers, "" for none.
    """
    letter = _letter(sender, recipient, subject, body, reply_to)
    host, port = desk.settings.smtp_host, desk.settings.smtp_port
    try:
        with smtplib.SMTP(host, port, timeout=SMTP_TIMEOUT) as server:
            server.send_message(letter)
    except smtplib.SMTPResponseException as error:
        words = error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        raise DeskTrouble(f"the desk's mail server refuses it: {error.smtp_code} {words}") from None
    except smtplib.SMTPRecipientsRefused as error:
        code, why = next(iter(error.recipients.values()))
        raise DeskTrouble(
            f"the desk's mail server refuses {recipient}: {code} {why.decode(errors='replace')}"
        ) from None
    except (OSError, smtplib.SMTPException) as error:
        raise DeskTrouble(
            f"no mail server answers at {host}:{port} ({type(error).__name__}); is `comptoir serve` running?"
        ) from None
    return str(letter["Message-ID"])


def _letter(sender: str, recipient: str, subject: str, body: str, reply_to: str) -> EmailMessage:
    letter = EmailMessage()
    try:
        letter["From"], letter["To"], letter["Subject"] = sender, recipient, subject
        letter["Date"] = format_datetime(utc_now())
        letter["Message-ID"] = make_msgid(domain=parseaddr(sender)[1].partition("@")[2] or "home.example")
        if reply_to:
            letter["In-Reply-To"], letter["References"] = reply_to, reply_to
    except ValueError as error:
        raise DeskTrouble(f"that makes no mail: {error}") from None
    letter.set_content(body)
    letter.add_alternative(f"<p>{escape(body)}</p>", subtype="html")
    return letter
