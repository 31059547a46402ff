"""Our SMTP listener: mail for our inboxes only, 250 after the commit.

Sessions live on one event loop; the database is asked in a few threads, so a burst waits in line instead of taking
the machine.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar, cast
from urllib.parse import urlsplit

import structlog
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from channels import gateway
from channels.email.inboxes import inbox_for_recipient
from channels.protocol import RawItem
from channels.sandbox.mailbox import SandboxMailHandler
from config.settings import SANDBOX_MAILBOX, Settings
from ticketing.envelope import Channel
from ticketing.moment import utc_now
from ticketing.store import db

log = structlog.get_logger()

THREADS = 4
MAX_RECIPIENTS = 100
IDLE_SECONDS = 60
LONGEST_LINE = 1_000_000  # far beyond RFC 5321's 1,000: real mail has them, and refusing it would lose it
T = TypeVar("T")
R = TypeVar("R")


class Door(Protocol):
    """A listener that runs until it is stopped."""

    def stop(self) -> None: ...


def start_doors(app: Flask, settings: Settings) -> list[Door]:
    """Start listening: for customers' mail, and in the sandbox for the mail that we send."""
    doors = [_listen(CustomerMail(app), settings.smtp_host, settings.smtp_port, settings)]
    sandbox = urlsplit(settings.smtp_url or "")
    if settings.sandbox and sandbox.path == SANDBOX_MAILBOX and sandbox.hostname and sandbox.port:
        doors.append(_listen(SandboxMailHandler(settings), sandbox.hostname, sandbox.port, settings))
    return doors


class _Server(SMTP):
    line_length_limit = LONGEST_LINE


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _Server(self.handler, **self.SMTP_kwargs)


def _listen(handler: object, host: str, port: int, settings: Settings) -> Door:
    controller = _Controller(
        handler,
        hostname=host,
        port=port,
        server_hostname="comptoir",
        ident="Comptoir",
        data_size_limit=settings.smtp_max_bytes,
        enable_SMTPUTF8=True,
        timeout=IDLE_SECONDS,
        ready_timeout=20,
    )
    controller.start()
    return cast(Door, controller)


class CustomerMail:
    """Takes in mail for our inboxes."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="smtp")

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        """Accept a recipient that is one of our inboxes."""
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return "452 4.5.3 Too many recipients: send the rest in another mail"
        if not address.isprintable():
            return "553 5.1.3 That is no address"
        try:
            ours = await self._in_thread(self._inbox_address, address)
        except SQLAlchemyError:
            log.exception("recipient not looked up")
            return "451 4.3.0 Our store is away for a moment, please try again"
        if ours is None:
            return "550 5.1.1 There is no such inbox here"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(rcpt_options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep the mail for each of its inboxes, then say so."""
        try:
            await self._in_thread(self._take_in, envelope)
        except Exception:
            # Whatever it is, the mail is not kept: the sender's server has it still, and shall try again.
            log.exception("mail not kept")
            return "451 4.3.0 We could not keep this mail, please try again"
        return "250 2.0.0 Kept"

    async def _in_thread(self, function: Callable[[T], R], argument: T) -> R:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, function, argument)

    def _inbox_address(self, address: str) -> str | None:
        with self._app.app_context():
            try:
                inbox = inbox_for_recipient(address)
                return inbox.address if inbox else None
            finally:
                db.session.remove()

    def _take_in(self, envelope: Envelope) -> None:
        with self._app.app_context():
            try:
                inboxes = {one.address: to for to in envelope.rcpt_tos if (one := inbox_for_recipient(to)) is not None}
                for address, recipient in inboxes.items():
                    self._receive(envelope, address, recipient)
            finally:
                db.session.remove()

    def _receive(self, envelope: Envelope, address: str, recipient: str) -> None:
        now = utc_now()
        item = RawItem(
            channel=Channel.EMAIL,
            kind="message",
            body=cast(bytes, envelope.original_content),
            received_at=now,
            content_type="message/rfc822",
            meta={
                "door": "smtp",
                "recipient": address,
                "envelope_recipient": recipient,
                "envelope_sender": envelope.mail_from or "",
            },
        )
        received = gateway.receive(item, at=now)
        log.info("mail kept", item_id=received.item_id, ticket_id=received.ticket_id, state=received.state)
