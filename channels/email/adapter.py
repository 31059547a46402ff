"""The email channel: raw mail in, threaded replies out."""

import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import islice

from channels.email.addresses import Address
from channels.email.backscatter import ReturnedMail, placed
from channels.email.charsets import keepable
from channels.email.forwards import read_forward
from channels.email.inboxes import inbox_for_secret
from channels.email.lists import author_of
from channels.email.loops import forbids_automatic_answer, is_automatic
from channels.email.mime import ParsedMail, parse
from channels.email.new_words import new_words
from channels.email.news import news_of
from channels.email.reply_address import hints, kept_id, ticket_of_address
from channels.email.sending import Postman
from channels.errors import InvalidSignature, MalformedPayload
from channels.protocol import Accepted, ChannelAdapter, Outgoing, Parsed, RawItem, Receipt
from config.settings import Settings, derived_key
from ticketing.customers import MAX_NAME
from ticketing.envelope import Channel, HandleKind, InboundMessage, IncomingFile, Sender
from ticketing.errors import InvalidHandle, InvalidInput
from ticketing.handles import fold
from ticketing.languages import language_tag
from ticketing.moment import utc_now
from ticketing.participants import MOST_NAMED, without_tag


class EmailChannel(ChannelAdapter):
    """Mail through our listeners (`meta["door"]` smtp or lmtp), mailboxes (imap) or `POST /inbound/email` (http).

    A raw item's body is the mail as it came; `meta["recipient"]` is our inbox's address, found by the door. Where the
    door was told the envelope, `envelope_sender` is MAIL FROM, `envelope_recipient` the recipients that led to this
    inbox, and `our_inboxes` all inboxes of ours that the mail was for, each with blanks between.
    """

    channel = Channel.EMAIL

    def __init__(self, settings: Settings, *, now: Callable[[], datetime] = utc_now) -> None:
        self._settings = settings
        self._key = derived_key(settings.secret_key, "mail threads")
        self._postman = Postman(settings, key=self._key, now=now)

    def verify(self, item: RawItem) -> None:
        """By SMTP and LMTP whoever reaches us may write, a mailbox we read ourselves; by HTTP the secret says it."""
        if item.meta.get("door") in {"smtp", "lmtp", "imap"}:
            return
        inbox = inbox_for_secret(item.headers.get("authorization", ""), self._settings)
        if inbox.address != item.meta.get("recipient"):
            raise InvalidSignature("that secret belongs to another inbox")

    def parse(self, item: RawItem) -> Parsed:
        """Read the mail: somebody's message, or what a program proves to know of a message of ours."""
        if not item.body.strip():
            raise MalformedPayload("the mail is empty")
        mail, inbox_address = parse(item.body), item.meta["recipient"]
        sender, recipients = item.meta.get("envelope_sender"), item.meta.get("envelope_recipient", "").split()
        news = news_of(mail, self._key, envelope_sender=sender, recipients=recipients)
        if isinstance(news, Receipt):
            return Parsed(_key(mail), inbox_address, news)
        message = self._message(mail, item)
        if news is not None:
            message = ReturnedMail(**vars(message), recipient=news.recipient, is_standard=news.is_standard)
        return Parsed(_key(mail), inbox_address, message)

    def enrich(self, item: RawItem, message: InboundMessage) -> InboundMessage:
        """Find out where a returned mail may belong that proves nothing."""
        return placed(message) if isinstance(message, ReturnedMail) else message

    def _message(self, mail: ParsedMail, item: RawItem) -> InboundMessage:
        address, name = _author(mail, item)
        new = new_words(mail)
        return InboundMessage(
            channel=Channel.EMAIL,
            provider_id=kept_id(mail.message_id),
            sender=Sender(HandleKind.EMAIL, keepable(address), keepable(name)),
            subject=keepable(mail.subject),
            text=keepable(new.text),
            quoted=keepable(new.quoted),
            html=keepable(new.html),
            quoted_html=keepable(new.quoted_html),
            files=tuple(_kept_file(file) for file in mail.files),
            hints=hints(mail, self._key, recipients=item.meta.get("envelope_recipient", "").split()),
            automatic=is_automatic(mail, envelope_sender=item.meta.get("envelope_sender")),
            answerable=not forbids_automatic_answer(mail, envelope_sender=item.meta.get("envelope_sender")),
            received_at=item.received_at,
            language=_language(mail),
            to=self._people(mail.to),
            cc=self._people(mail.cc),
            sent_at=mail.date,
            forwarded=read_forward(mail),
        )

    def _people(self, people: Iterable[Address]) -> tuple[Sender, ...]:
        """Return whom the author addressed; what we signed into an address of ours is left out of it."""
        return tuple(
            Sender(
                HandleKind.EMAIL,
                keepable(without_tag(one.address) if ticket_of_address(one.address, self._key) else one.address),
                keepable(one.name),
            )
            for one in islice(people, MOST_NAMED)
        )

    def send(self, outgoing: Outgoing) -> Accepted:
        """Send over SMTP; see `sending`."""
        return self._postman.send(outgoing)


def _language(mail: ParsedMail) -> str:
    """Return the language in which the author's program writes, "" if it does not say. RFC 3282, 2."""
    with suppress(InvalidInput):
        return language_tag(mail.headers.first("content-language").partition(",")[0])
    return ""


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
    author = author_of(mail, our_address=item.meta["recipient"])
    given, name = (author.address, author.name) if author is not None else ("", "")
    for address in (given, item.meta.get("envelope_sender", "")):
        with suppress(InvalidHandle):
            fold(HandleKind.EMAIL, address)
            return address, name
    return "", name or given[:MAX_NAME]
