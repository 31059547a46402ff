"""The world's mailboxes, as a handler for aiosmtpd: takes every mail that we send, and delivers it to nobody."""

import asyncio
import sqlite3
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import structlog

from channels.sandbox.store import Arrived, SandboxStore
from config.settings import Settings
from ticketing.envelope import Channel
from ticketing.moment import utc_now

log = structlog.get_logger()

MAX_HEADERS = 100
MAX_HTML = 200_000  # characters


class SandboxMailHandler:
    """Keeps each mail once per recipient; 250 is answered when it is safe on the disk."""

    def __init__(self, settings: Settings) -> None:
        self._store = SandboxStore(settings)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        try:
            await asyncio.to_thread(self._keep, envelope.mail_from, envelope.rcpt_tos, envelope.content)
        except (OSError, sqlite3.Error) as error:
            log.warning("sandbox mail not kept", error=type(error).__name__)
            return "451 4.3.0 the sandbox cannot keep it now"
        return "250 2.0.0 the sandbox has it"

    def _keep(self, mail_from: str, recipients: list[str], content: bytes) -> None:
        self._store.keep(*(read_mail(content, mail_from, recipient) for recipient in recipients))


def read_mail(content: bytes, mail_from: str, recipient: str) -> Arrived:
    """Return a mail as its recipient has it. The mails are our own, so the standard library reads them well."""
    mail = message_from_bytes(content, policy=policy.default)
    headers = {name: str(value) for name, value in mail.items()[:MAX_HEADERS]}
    folded = {name.lower(): value for name, value in headers.items()}
    message_id = folded.get("message-id", "")
    return Arrived(
        channel=Channel.EMAIL,
        sender=folded.get("from", mail_from),
        recipient=recipient,
        subject=folded.get("subject", ""),
        body=_text(mail, "plain", "html"),
        html=_text(mail, "html")[:MAX_HTML],
        attachments=tuple(part.get_filename() or "a file" for part in mail.iter_attachments())[:MAX_HEADERS],
        message_id=message_id,
        provider_id=message_id,
        headers=headers,
        at=utc_now(),
    )


def _text(mail: EmailMessage, *kinds: str) -> str:
    part = mail.get_body(kinds)
    if part is None:
        return ""
    try:
        return str(part.get_content()).replace("\r\n", "\n")
    except (LookupError, UnicodeError):  # a charset that Python does not know
        payload = part.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
