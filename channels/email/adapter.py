"""The email channel: raw mail in, threaded replies out."""

import hashlib
from contextlib import suppress
from dataclasses import replace

from sqlalchemy import select

from channels.email import smtp_client
from channels.email.bounces import Bounce, read_bounce
from channels.email.charsets import keepable
from channels.email.compose import compose
from channels.email.inboxes import inbox_for_secret
from channels.email.loops import is_automatic
from channels.email.mime import ParsedMail, parse
from channels.email.quoting import split_reply
from channels.email.reply_address import hints, kept_id, new_message_id, signed_ids
from channels.errors import InvalidSignature, MalformedPayload, TransientFailure, UnsupportedPayload
from channels.protocol import Accepted, ChannelAdapter, Outgoing, Parsed, RawItem, Receipt
from config.settings import Settings, derived_key
from ticketing.customers import MAX_NAME
from ticketing.envelope import Channel, HandleKind, InboundMessage, IncomingFile, MessageState, Sender
from ticketing.errors import InvalidHandle
from ticketing.handles import fold
from ticketing.models import Inbox
from ticketing.store import db


class EmailChannel(ChannelAdapter):
    """Mail through our SMTP listener (`meta["door"]` smtp) or `POST /inbound/email` (http), out by SMTP.

    A raw item's body is the mail as it came; `meta["recipient"]` is our inbox's address, found by the door.
    """

    channel = Channel.EMAIL

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._key = derived_key(settings.secret_key, "mail threads")

    def verify(self, item: RawItem) -> None:
        """By SMTP anybody may write; by HTTP only who knows the inbox's secret."""
        if item.meta.get("door") == "smtp":
            return
        inbox = inbox_for_secret(item.headers.get("authorization", ""), self._settings)
        if inbox.address != item.meta.get("recipient"):
            raise InvalidSignature("that secret belongs to another inbox")

    def parse(self, item: RawItem) -> Parsed:
        """Read the mail: a customer's message, or the bounce of a mail of ours."""
        if not item.body.strip():
            raise MalformedPayload("the mail is empty")
        mail = parse(item.body)
        bounce = read_bounce(mail)
        inbox_address = item.meta["recipient"]
        ours = signed_ids(bounce.message_id or "", self._key) if bounce is not None else None
        if bounce is not None and ours is not None:
            return Parsed(_key(mail), inbox_address, _receipt(bounce, message_id=ours[1]))
        return Parsed(_key(mail), inbox_address, self._message(mail, item))

    def _message(self, mail: ParsedMail, item: RawItem) -> InboundMessage:
        address, name = _author(mail, item)
        reply, quoted = split_reply(mail.text)
        return InboundMessage(
            channel=Channel.EMAIL,
            provider_id=kept_id(mail.message_id),
            sender=Sender(HandleKind.EMAIL, keepable(address), keepable(name)),
            subject=keepable(mail.subject),
            text=keepable(reply or mail.text),
            quoted=keepable(quoted if reply else ""),
            html=keepable(mail.html),
            files=tuple(_kept_file(file) for file in mail.files),
            hints=hints(mail, self._key, recipients=[item.meta.get("envelope_recipient", "")]),
            automatic=is_automatic(mail, envelope_sender=item.meta.get("envelope_sender")),
            received_at=item.received_at,
        )

    def enrich(self, item: RawItem, message: InboundMessage) -> InboundMessage:
        """Refuse mail from an address of our own: nobody but us could have written it, and we would answer it."""
        ours = select(Inbox.id).where(
            Inbox.channel == Channel.EMAIL, Inbox.address == message.sender.address.casefold()
        )
        if db.session().scalar(ours) is not None:
            raise UnsupportedPayload("it comes from an inbox of our own: a loop, or a forged sender")
        return message

    def send(self, outgoing: Outgoing) -> Accepted:
        """Send over SMTP. The Message-ID follows from the message, so every attempt carries the same one."""
        if self._settings.smtp_url is None:
            raise TransientFailure("COMPTOIR_SMTP_URL is not set: mail waits until it is")
        domain = outgoing.sender.partition("@")[2]
        message_id = new_message_id(outgoing.ticket_id, outgoing.message_id, domain, self._key)
        mail = compose(outgoing, message_id=message_id, key=self._key)
        smtp_client.send(mail, sender=outgoing.sender, recipient=outgoing.recipient, url=self._settings.smtp_url)
        return Accepted(provider_id=kept_id(message_id))


def _receipt(bounce: Bounce, *, message_id: int) -> Receipt:
    """Return what a bounce says of our message: by our own id, for it may come before the sending is written down."""
    reason = keepable(bounce.reason or bounce.status)
    if bounce.delayed:
        raise UnsupportedPayload(f"a mail server says that it still tries: {reason}")
    return Receipt(Channel.EMAIL, kept_id(bounce.message_id or ""), MessageState.BOUNCED, reason, message_id)


def _kept_file(file: IncomingFile) -> IncomingFile:
    return replace(
        file,
        filename=keepable(file.filename),
        content_type=keepable(file.content_type),
        content_id=keepable(file.content_id),
    )


def _key(mail: ParsedMail) -> str:
    """Return what tells whether we have a mail already.

    The Message-ID alone would lose mail: some scanners and scripts send the same one for ever. With the author and the
    date it still is the same for every copy of one mail.
    """
    marks = "\n".join([mail.headers.first("from"), mail.headers.first("date")])
    return f"{kept_id(mail.message_id)} {hashlib.sha256(marks.encode(errors='replace')).hexdigest()[:16]}"


def _author(mail: ParsedMail, item: RawItem) -> tuple[str, str]:
    """Return the author's address and name. An address that makes no sense is "": a person all the same."""
    given = mail.sender.address if mail.sender is not None else ""
    name = mail.sender.name if mail.sender is not None else ""
    for address in (given, item.meta.get("envelope_sender", "")):
        with suppress(InvalidHandle):
            fold(HandleKind.EMAIL, address)
            return address, name
    return "", name or given[:MAX_NAME]
