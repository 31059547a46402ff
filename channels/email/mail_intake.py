"""What all mail doors do with a mail: find out for whom it is, and hand it to the gateway, once for each inbox."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import structlog
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from channels import gateway
from channels.email.inboxes import inbox_address, spellings
from channels.gateway import Received
from channels.protocol import RawItem
from ticketing.envelope import Channel
from ticketing.moment import utc_now
from ticketing.store import db

log = structlog.get_logger()

KNOWN_SECONDS = 10.0
Door = Literal["smtp", "lmtp", "http", "imap"]


@dataclass(frozen=True)
class Envelope:
    """Who sent a mail, and to whom, as its server said.

    `recipients` are those of ours, by the address of the inbox that each leads to: plus-addresses may lead to the same.
    """

    sender: str | None  # MAIL FROM, "" for the empty one; None: the door was not told
    recipients: Mapping[str, Sequence[str]]


def take_in(
    body: bytes,
    envelope: Envelope,
    inbox: str,
    *,
    door: Door,
    at: datetime,
    received_at: datetime | None = None,
    headers: Mapping[str, str] | None = None,
) -> Received:
    """Keep a mail for one of its inboxes. Raises InvalidSignature, and whatever the store has.

    The customer waits since `received_at`; None: since `at`.
    """
    sender = {} if envelope.sender is None else {"envelope_sender": envelope.sender}
    item = RawItem(
        channel=Channel.EMAIL,
        kind="message",
        body=body,
        received_at=received_at or at,
        content_type="message/rfc822",
        headers=headers or {},
        meta={
            "door": door,
            "recipient": inbox,
            "envelope_recipient": " ".join(envelope.recipients[inbox]),
            "our_inboxes": " ".join(envelope.recipients),
            **sender,
        },
    )
    return gateway.receive(item, at=at)


class Intake:
    """The store, as the doors' threads ask it."""

    def __init__(self, app: Flask, door: Door) -> None:
        self._app = app
        self._door = door
        self._known: dict[str, float] = {}  # addresses of inboxes, and until when nobody need be asked for them

    def known_inbox(self, recipient: str) -> str | None:
        """Return the address of the inbox to which a recipient leads, where that was asked a moment ago."""
        now = time.monotonic()
        return next((one for one in spellings(recipient) if self._known.get(one, now) > now), None)

    def inbox_address(self, recipient: str) -> str | None:
        """Return the address of the inbox to which a recipient leads, None if it is not ours."""
        with self._app.app_context():
            try:
                address = inbox_address(recipient)
            finally:
                db.session.remove()
        if address is not None:
            self._known[address] = time.monotonic() + KNOWN_SECONDS
        return address

    def keep(self, body: bytes, envelope: Envelope) -> list[str]:
        """Keep a mail for each inbox; return the inboxes for which it could not be kept.

        Each is a transaction of its own. A mail that comes again because one of them failed is known to the others.
        """
        return [inbox for inbox in envelope.recipients if not self._keep_for(inbox, body, envelope)]

    def _keep_for(self, inbox: str, body: bytes, envelope: Envelope) -> bool:
        with self._app.app_context():
            try:
                received = take_in(body, envelope, inbox, door=self._door, at=utc_now())
            except SQLAlchemyError as error:
                log.error("mail not kept", door=self._door, error=type(error).__name__)  # noqa: TRY400
                return False
            except Exception:
                # Whatever it is, the mail is not kept: the sender's server has it still, and shall try again.
                log.exception("mail not kept", door=self._door)
                return False
            finally:
                db.session.remove()
        log.info(
            "mail kept",
            door=self._door,
            item_id=received.item_id,
            ticket_id=received.ticket_id,
            state=received.state,
            duplicate=received.duplicate,
        )
        return True
