"""What every channel has to show in test_channel_contract.py, and what it brings along to show it.

A new channel: subclass ChannelCase, add it to CASES.
"""

from abc import ABC, abstractmethod
from dataclasses import replace

from channels import webchat
from channels.email.reply_address import new_message_id
from channels.models import ItemState
from channels.protocol import RawItem
from channels.webchat import WebChatChannel
from config.settings import Settings, derived_key
from tests.channels import letters, reports, twilio_forms
from tests.conftest import NOON
from ticketing.envelope import Channel
from ticketing.models import Message
from ticketing.transaction import transaction


class ChannelCase(ABC):
    """One channel's items. All are genuine (signed, from a session, …) unless their name says otherwise."""

    channel: Channel
    inbox_address: str
    has_receipts = True  # False: acceptance is arrival, nobody tells anything later
    strangers_receipt = ItemState.IGNORED  # what becomes of a receipt for a message that is not ours

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def prepare(self) -> None:  # noqa: B027 - most channels need nothing
        """Make what must be there besides the inbox, in the store; called once, inside the application."""

    @abstractmethod
    def message(self, number: int = 1) -> RawItem:
        """Return a customer's message; another number is another message of the same customer."""

    @abstractmethod
    def malformed(self) -> RawItem:
        """Return an item that its sender broke."""

    def unsupported(self) -> RawItem | None:
        """Return a well-formed item that means nothing to us; None if this channel has no such thing."""
        return None

    def receipt(self, message: Message) -> RawItem | None:
        """Return the provider's word that our message arrived; None without receipts."""
        return None

    def unsigned(self) -> RawItem | None:
        """Return the message without its proof; None where anybody may write (a mail by SMTP)."""
        return replace(self.message(), headers={})

    def changed_on_the_way(self) -> RawItem | None:
        """Return the message with other words under the old proof; None if the proof does not cover the words."""
        return None


class SMSCase(ChannelCase):
    """Text messages by Twilio."""

    channel = Channel.SMS
    inbox_address = twilio_forms.OURS

    def message(self, number: int = 1) -> RawItem:
        return self._item("message", "/inbound/twilio/sms", twilio_forms.text(number))

    def malformed(self) -> RawItem:
        return self._item("message", "/inbound/twilio/sms", {"Body": "from nobody"})

    def unsupported(self) -> RawItem:
        form = {"MessageSid": twilio_forms.sid("SM"), "MessageStatus": "sending", "From": twilio_forms.OURS}
        return self._item("receipt", "/inbound/twilio/message-status?message=1", form)

    def receipt(self, message: Message) -> RawItem:
        form = {"MessageSid": str(message.provider_id), "MessageStatus": "delivered", "From": twilio_forms.OURS}
        return self._item("receipt", f"/inbound/twilio/message-status?message={message.id}", form)

    def changed_on_the_way(self) -> RawItem:
        return replace(self.message(), body=self.message(2).body)

    def _item(self, kind: str, url: str, form: dict[str, str]) -> RawItem:
        return twilio_forms.item(self.settings, self.channel, kind, url, form)


class WhatsAppCase(SMSCase):
    """WhatsApp by Twilio, through the same doors."""

    channel = Channel.WHATSAPP

    def message(self, number: int = 1) -> RawItem:
        return self._item("message", "/inbound/twilio/sms", twilio_forms.whatsapp(number))


class PhoneCase(ChannelCase):
    """Calls by Twilio."""

    channel = Channel.PHONE
    inbox_address = twilio_forms.OURS

    def message(self, number: int = 1) -> RawItem:
        return self._item("call", "/inbound/twilio/voice", twilio_forms.call(number))

    def malformed(self) -> RawItem:
        return self._item("call", "/inbound/twilio/voice", {"From": twilio_forms.THEIRS})

    def unsupported(self) -> RawItem:
        return self._item("call-status", "/inbound/twilio/voice/status", twilio_forms.status("levitating"))

    def receipt(self, message: Message) -> RawItem:
        form = {"CallSid": str(message.provider_id), "CallStatus": "completed", "From": twilio_forms.OURS}
        return self._item("receipt", f"/inbound/twilio/voice/reply-status?message={message.id}", form)

    def changed_on_the_way(self) -> RawItem:
        return replace(self.message(), body=self.message(2).body)

    def _item(self, kind: str, url: str, form: dict[str, str]) -> RawItem:
        return twilio_forms.item(self.settings, self.channel, kind, url, form)


class EmailCase(ChannelCase):
    """Mail by SMTP, where anybody may write, and by HTTP, where the inbox's secret is asked for."""

    channel = Channel.EMAIL
    inbox_address = "support@desk.example"
    strangers_receipt = ItemState.PROCESSED  # somebody's bounce sent to us: a machine's mail, for a person to see

    def message(self, number: int = 1) -> RawItem:
        return self._item(letters.mail(f"<{number}@home.example>", "My kettle leaks", "It drips."))

    def malformed(self) -> RawItem:
        return self._item(b"  \r\n")

    def unsupported(self) -> RawItem:
        key = derived_key(self.settings.secret_key, "mail threads")
        our_id = new_message_id(1, 1, "desk.example", key)
        return self._item(reports.delivery(our_id, "Action: relayed\nStatus: 2.0.0\n"))

    def receipt(self, message: Message) -> RawItem:
        return self._item(letters.bounce(str(message.provider_id)))

    def unsigned(self) -> RawItem:
        return replace(self.message(), meta={"door": "http", "recipient": self.inbox_address})

    def _item(self, raw: bytes) -> RawItem:
        meta = {"door": "smtp", "recipient": self.inbox_address}
        return RawItem(channel=self.channel, kind="message", body=raw, received_at=NOON, meta=meta)


class ChatCase(ChannelCase):
    """Web chat: a visitor's token speaks for its session."""

    channel = Channel.CHAT
    inbox_address = "website"
    has_receipts = False  # the visitor's widget fetches a message, and that is its arrival

    def prepare(self) -> None:
        with transaction("test"):
            session = webchat.open_session("website", name="Karim", at=NOON)
        self.visitor = session.visitor
        self.token = WebChatChannel(self.settings).token(session)

    def message(self, number: int = 1) -> RawItem:
        return self._item(b'{"body": "Anybody there?", "client_id": "c%d"}' % number)

    def malformed(self) -> RawItem:
        return self._item(b'{"body": "no client_id"}')

    def unsupported(self) -> RawItem:
        return self._item(b'{"body": "  ", "client_id": "c1"}')

    def _item(self, raw: bytes) -> RawItem:
        return RawItem(
            channel=self.channel,
            kind="message",
            body=raw,
            received_at=NOON,
            headers={"authorization": f"Bearer {self.token}"},
            meta={"visitor": self.visitor, "widget": self.inbox_address},
        )


CASES: dict[str, type[ChannelCase]] = {
    "sms": SMSCase,
    "whatsapp": WhatsAppCase,
    "phone": PhoneCase,
    "email": EmailCase,
    "chat": ChatCase,
}
