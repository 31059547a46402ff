"""The web-chat channel's adapter: reads what visitors write. Real time comes from the journal, not from here."""

from dataclasses import replace
from datetime import datetime

from channels.errors import InvalidSignature
from channels.models import ChatSession
from channels.protocol import Accepted, ChannelAdapter, Outgoing, Parsed, RawItem
from channels.webchat.files import take
from channels.webchat.sessions import find_session, hold_unwritten
from channels.webchat.tokens import VisitorTokens
from channels.webchat.visitors import settle
from channels.webchat.words import words
from config.settings import Settings
from ticketing.envelope import Channel, HandleKind, InboundMessage, Sender, ThreadHints
from ticketing.intake import Taken


class WebChatChannel(ChannelAdapter):
    """A raw item's body is JSON `{body, client_id, attachments}`; `headers["authorization"]` has the token."""

    channel = Channel.CHAT

    def __init__(self, settings: Settings) -> None:
        self.tokens = VisitorTokens(settings)

    def token(self, session: ChatSession) -> str:
        """Return the visitor's token for their session."""
        return self.tokens.make(session.visitor)

    def visitor(self, authorization: str) -> str:
        """Return whose token the header `Authorization: Bearer …` carries. Raises InvalidSignature."""
        return self.tokens.visitor(authorization)

    def verify(self, item: RawItem) -> None:
        """Only who holds the session's token speaks for it."""
        if self.visitor(item.headers.get("authorization", "")) != item.meta.get("visitor"):
            raise InvalidSignature("that token belongs to another session")

    def parse(self, item: RawItem) -> Parsed:
        """Read `{body, client_id, attachments}`."""
        said, visitor = words(item.body), item.meta["visitor"]
        message = InboundMessage(
            channel=Channel.CHAT,
            provider_id=said.client_id,
            sender=Sender(HandleKind.VISITOR, visitor),
            text=said.body,
            received_at=item.received_at,
            live=item.meta.get("line") != "closed",  # then they leave a message, and wait for no turn
        )
        return Parsed(key=f"{visitor} {said.client_id}", inbox_address=item.meta["widget"], content=message)

    def enrich(self, item: RawItem, message: InboundMessage) -> InboundMessage:
        """Put the message on the session's ticket; two first messages open one."""
        session = hold_unwritten(item.meta["visitor"])
        hints = ThreadHints(ticket_ids=(session.ticket_id,) if session.ticket_id else ())
        sender = replace(message.sender, name=session.name)
        return replace(message, hints=hints, sender=sender, language=session.language)

    def taken_in(self, item: RawItem, taken: Taken, *, at: datetime) -> None:
        """Remember the session's ticket, give the message its files, and the customer what the visitor typed.

        Whoever writes is there, not done, and goes on here.
        """
        session = find_session(item.meta["visitor"])
        take(taken.message, session.visitor, words(item.body).files)
        if session.ticket_id is None and taken.message.author_customer is not None:
            settle(session, taken.message.author_customer, at=at)
        session.ticket_id, session.seen_at = taken.ticket.id, at
        session.ended_at, session.moved_to = None, ""

    def send(self, outgoing: Outgoing) -> Accepted:
        """Nothing has to travel: the visitor's widget finds the message here. It is delivered when they fetch it."""
        return Accepted(provider_id=f"chat-{outgoing.message_id}")
