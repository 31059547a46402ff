"""A customer's other ways to write: a text message, a mail, a chat."""

import smtplib
import uuid
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr
from html import escape
from typing import Any

from channels.sandbox.desk import Desk, DeskTrouble
from channels.sandbox.provider import new_sid
from ticketing.moment import utc_now

SMTP_TIMEOUT = 20.0


def text(desk: Desk, *, sender: str, recipient: str, body: str) -> str:
    """Send a text message to the desk; return its SID. Raises DeskTrouble."""
    sid = new_sid("SM")
    form = {
        "AccountSid": desk.account.account_sid,
        "ApiVersion": "2010-04-01",
        "Body": body,
        "From": sender,
        "MessageSid": sid,
        "NumMedia": "0",
        "NumSegments": "1",
        "SmsMessageSid": sid,
        "SmsSid": sid,
        "SmsStatus": "received",
        "To": recipient,
    }
    desk.webhook("/inbound/twilio/sms", form)
    return sid


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


def chat(desk: Desk, *, name: str, widget: str, body: str) -> dict[str, Any]:
    """Open a chat and write into it; return the session with its `visitor_token`. Raises DeskTrouble."""
    wanted = {"name": name, "widget": widget}
    session = desk.json("/chat/sessions", {key: value for key, value in wanted.items() if value})
    desk.json("/chat/messages", {"body": body, "client_id": uuid.uuid4().hex}, token=session["visitor_token"])
    return session


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
