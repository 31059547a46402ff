"""Send a reply: compose the mail, sign it, find the server by which its inbox's mail goes out, hand it over."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime

from channels.email import smtp_client
from channels.email.compose import ascii_domain, compose
from channels.email.mailboxes.outgoing import outgoing_server
from channels.email.reply_address import kept_id, new_message_id, return_path
from channels.email.signing import Signer, Signers
from channels.email.smtp_client import HandedOver, NotLetIn, Server
from channels.errors import TransientFailure
from channels.protocol import Accepted, Outgoing
from config.settings import Settings
from ticketing.store import db

LONGEST = 28.0  # seconds for a sending, with fetching a token; a job's time is planned with 30
LONGEST_HANDING_OVER = 20.0  # seconds
SHORTEST_HANDING_OVER = 5.0  # seconds, however long what is before it took


class Postman:
    """Sends mail, one after the other or in several threads. `key` signs what threads: see `reply_address`."""

    def __init__(self, settings: Settings, *, key: str, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._key = key
        self._now = now
        self._signers = Signers(settings.secret_key)

    def send(self, outgoing: Outgoing) -> Accepted:
        """Send to all who do not have it yet. Raises TransientFailure, PermanentFailure, OutcomeUnknown.

        The Message-ID follows from the message, so every attempt carries the same one.
        """
        give_up_at = time.monotonic() + LONGEST
        server, signer = self._server(outgoing), self._signer(outgoing)
        ticket_id, domain = outgoing.sent_as or outgoing.ticket_id, _domain(outgoing)
        message_id = new_message_id(ticket_id, outgoing.message_id, domain, self._key)
        mail = compose(outgoing, message_id=message_id, key=self._key)
        content = smtp_client.as_bytes(mail, addresses=[outgoing.sender, outgoing.recipient])
        if signer is not None:
            content = signer.sign(content)
        to, copies = _left(outgoing)
        sender = outgoing.sender if server.username else self._return_path(outgoing, ticket_id)
        try:
            taken = _hand_over(content, sender, to, copies, server, give_up_at)
        except NotLetIn:
            if not server.token:
                raise
            # A token can end before its time; a fresh one tells whether it was that.
            server = self._server(outgoing, refused=server.token)
            taken = _hand_over(content, sender, to, copies, server, give_up_at)
        return Accepted(
            provider_id=kept_id(message_id),
            reached=tuple(one for one in (to, *copies) if one and one not in taken.refused),
            refused=taken.for_good(),
            postponed=taken.for_now(),
        )

    def _return_path(self, outgoing: Outgoing, ticket_id: int) -> str:
        """Return an address of the message's own, so that what comes back there is known without its copy.

        Only for servers that need no login: who logs in may often write from the login's own address only.
        """
        return return_path(outgoing.sender, ticket_id, outgoing.message_id, self._key)

    def _server(self, outgoing: Outgoing, *, refused: str = "") -> Server:
        server = outgoing_server(outgoing.inbox_id, now=self._now, refused=refused)
        if server is not None:
            return server
        if self._settings.smtp_url is None:
            raise TransientFailure("COMPTOIR_SMTP_URL is not set: mail waits until it is")
        return Server.from_url(self._settings.smtp_url)

    def _signer(self, outgoing: Outgoing) -> Signer | None:
        try:
            return self._signers.signer_for(_domain(outgoing))
        finally:
            db.session().rollback()  # what follows takes long: no connection is held meanwhile


def _hand_over(
    content: bytes, sender: str, to: str, copies: Sequence[str], server: Server, give_up_at: float
) -> HandedOver:
    left = max(SHORTEST_HANDING_OVER, min(LONGEST_HANDING_OVER, give_up_at - time.monotonic()))
    return smtp_client.send(content, sender=sender, to=to, copies=copies, server=server, timeout=left)


def _domain(outgoing: Outgoing) -> str:
    return ascii_domain(outgoing.sender.rpartition("@")[2])


def _left(outgoing: Outgoing) -> tuple[str, list[str]]:
    """Return whom the mail is for, and who gets a copy, without those who have it, or never will."""
    copies = [one.address for one in outgoing.copies if one.address not in outgoing.settled]
    return "" if outgoing.recipient in outgoing.settled else outgoing.recipient, copies
