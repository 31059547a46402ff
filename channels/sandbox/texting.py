"""Text messages: ours to devices, with what becomes of them, and theirs to us. SMS, MMS and WhatsApp.

Opt-out as Twilio does it by itself for a number: https://help.twilio.com/articles/223134027. The magic recipients that
Twilio refuses at once are those of its test credentials; `+150055` and one of Twilio's error codes, such as
`+15005530003`, is a number that is accepted and fails later with that error.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from channels.sandbox.courier import Request, Response
from channels.sandbox.devices import Text
from channels.sandbox.store import Arrived
from ticketing.envelope import Channel

if TYPE_CHECKING:
    from channels.sandbox.exchange import Exchange

SMS = "/inbound/twilio/sms"
SENT_AFTER, DELIVERED_AFTER, READ_AFTER = 0.3, 1.5, 4.0  # seconds
KEPT = 10_000
MAX_MEDIA = 10
WINDOW = timedelta(hours=24)  # in which WhatsApp lets a business write what it likes
WHATSAPP = "whatsapp:"
STOP = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "REVOKE"})
START = frozenset({"START", "YES", "UNSTOP"})
HELP = frozenset({"HELP", "INFO"})
REPLIES = {
    "stop": "You have successfully been unsubscribed. You will not receive any more messages from this number. "
    "Reply START to resubscribe.",
    "start": "You have successfully been re-subscribed to messages from this number. Reply HELP for help. "
    "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
    "help": "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
}
DELAYED_ERRORS = frozenset(
    {30001, 30002, 30003, 30004, 30005, 30006, 30007, 30008, 30010, 30019, 30034, 30036, 63003, 63016, 63024}
)
NOT_SENT = frozenset({30001, 30002, 30010, 30019, 30036, 63003, 63016, 63024})  # these fail before they are sent
MAGIC_PREFIX = "+150055"


@dataclass
class Medium:
    """A picture or a file of a message; its bytes are in the store."""

    sid: str
    content_type: str
    made_at: datetime


@dataclass
class Message:
    """One message as Twilio keeps it."""

    sid: str
    direction: str
    sender: str
    recipient: str
    body: str
    status: str
    made_at: datetime
    updated_at: datetime
    sent_at: datetime | None = None
    service_sid: str | None = None
    error_code: int | None = None
    callback_url: str = ""
    media: list[Medium] = field(default_factory=list)


class Texting:
    """All messages of the account, and who has opted out of them."""

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange
        self.messages: OrderedDict[str, Message] = OrderedDict()
        self.opted_out: set[tuple[str, str]] = set()  # (their number, ours)
        self._wrote_at: dict[tuple[str, str], datetime] = {}

    def send(self, message: Message, media_urls: list[str]) -> None:
        """Take a message of the desk's, and let it go its way."""
        self._keep(message)
        first = "accepted" if message.service_sid else "queued"
        message.status = first
        if not media_urls and self._error_of(message) is None:
            self._arrive(message)  # whoever looks into the outbox when we have taken it finds it there
        self._exchange.after(SENT_AFTER, lambda: self._fetch(message, media_urls))

    def receive(self, sender: str, recipient: str, body: str, media: list[tuple[str, bytes]]) -> str:
        """Bring a device's message to the desk, and answer STOP, START and HELP as Twilio does; return its SID."""
        exchange = self._exchange
        now = exchange.now()
        if recipient.startswith(WHATSAPP):  # what one writes to there leaves from there
            sender = WHATSAPP + sender.removeprefix(WHATSAPP)
        sid = exchange.new_sid("MM" if media else "SM")
        message = Message(sid, "inbound", sender, recipient, body, "receiving", now, now)
        message.media = [self._medium(kind, content) for kind, content in media[:MAX_MEDIA]]
        self._keep(message)
        self._wrote_at[(sender, recipient)] = now
        self._show(message, "out", "sending")
        self._keyword(message)
        exchange.tell(
            Request(exchange.settings.public_url + SMS, self._form(message)),
            lane=f"from {sender}",
            done=lambda answer: self._taken(message, answer),
        )
        return sid

    def has_opted_out(self, recipient: str, sender: str) -> bool:
        return (recipient, sender) in self.opted_out

    def _keep(self, message: Message) -> None:
        self.messages[message.sid] = message
        if len(self.messages) > KEPT:
            self.messages.popitem(last=False)

    def _fetch(self, message: Message, media_urls: list[str]) -> None:
        """Fetch what the message brings along, then send it."""
        if not media_urls:
            self._send(message)
            return

        def fetched(answer: Response) -> None:
            if answer.content is None:
                self._fail(message, 11200)
                return
            message.media.append(self._medium(answer.content_type, answer.content))
            self._fetch(message, media_urls[1:])

        self._exchange.engine.send(Request(media_urls[0], {}, "FILE"), fetched, lane=f"media {message.sid}")

    def _send(self, message: Message) -> None:
        code = self._error_of(message)
        if code in NOT_SENT:
            self._fail(message, code)
            return
        message.sent_at = self._exchange.now()
        self._move(message, "sent")
        if code is not None:
            self._exchange.after(DELIVERED_AFTER, lambda: self._fail(message, code, "undelivered"))
            return
        self._exchange.after(DELIVERED_AFTER, lambda: self._deliver(message))

    def _error_of(self, message: Message) -> int | None:
        """Return the error that befalls a message on its way."""
        if message.recipient.startswith(MAGIC_PREFIX):
            rest = message.recipient.removeprefix(MAGIC_PREFIX)
            if rest.isdecimal() and int(rest) in DELAYED_ERRORS:
                return int(rest)
        if message.recipient.startswith(WHATSAPP) and not message.body.startswith("[template "):
            wrote_at = self._wrote_at.get((message.recipient, message.sender))
            if wrote_at is None or self._exchange.now() - wrote_at > WINDOW:
                return 63016
        return None

    def _arrive(self, message: Message) -> None:
        """Show a message in the outbox."""
        shown = [one.content_type for one in message.media]
        body = message.body + "".join(f"\n[{kind}]" for kind in shown)
        self._exchange.store.keep(
            Arrived(_channel(message), message.sender, message.recipient, body, message.sid, self._exchange.now())
        )

    def _deliver(self, message: Message) -> None:
        if message.media:
            self._arrive(message)
        self._show(message, "in", "arrived")
        self._move(message, "delivered")
        if message.recipient.startswith(WHATSAPP):
            self._exchange.after(READ_AFTER, lambda: self._move(message, "read"))

    def _fail(self, message: Message, code: int, status: str = "failed") -> None:
        message.error_code = code
        self._move(message, status)

    def _move(self, message: Message, status: str) -> None:
        exchange = self._exchange
        message.status, message.updated_at = status, exchange.now()
        exchange.engine.changed()
        if not message.callback_url:
            return
        form = {
            "AccountSid": exchange.account_sid,
            "ApiVersion": "2010-04-01",
            "From": message.sender,
            "MessageSid": message.sid,
            "MessageStatus": status,
            "SmsSid": message.sid,
            "SmsStatus": status,
            "To": message.recipient,
        }
        if message.service_sid:
            form["MessagingServiceSid"] = message.service_sid
        if message.error_code is not None:
            form["ErrorCode"] = str(message.error_code)
        exchange.tell(Request(message.callback_url, form), lane=f"message {message.sid}")

    def _medium(self, content_type: str, content: bytes) -> Medium:
        sid = self._exchange.new_sid("ME")
        kind = content_type.partition(";")[0].strip().lower() or "application/octet-stream"
        self._exchange.store.keep_medium(sid, content, kind)
        return Medium(sid, kind, self._exchange.now())

    def _form(self, message: Message) -> dict[str, str]:
        """Return what Twilio posts: https://www.twilio.com/docs/messaging/guides/webhook-request."""
        form = {
            "AccountSid": self._exchange.account_sid,
            "ApiVersion": "2010-04-01",
            "Body": message.body,
            "From": message.sender,
            "MessageSid": message.sid,
            "NumMedia": str(len(message.media)),
            "NumSegments": "1",
            "SmsMessageSid": message.sid,
            "SmsSid": message.sid,
            "SmsStatus": "received",
            "To": message.recipient,
        }
        for number, medium in enumerate(message.media):
            form[f"MediaUrl{number}"] = self.media_url(message, medium)
            form[f"MediaContentType{number}"] = medium.content_type
        if message.sender.startswith(WHATSAPP):
            form |= {"ProfileName": "Camille", "WaId": message.sender.removeprefix(f"{WHATSAPP}+")}
        return form

    def media_url(self, message: Message, medium: Medium) -> str:
        account = self._exchange.account
        uri = f"/2010-04-01/Accounts/{account.account_sid}/Messages/{message.sid}/Media/{medium.sid}"
        return account.api_base + uri

    def _keyword(self, message: Message) -> None:
        """Note an opt-out, and answer for the desk; WhatsApp has no such words."""
        word = message.body.strip().upper()
        pair = (message.sender, message.recipient)
        if message.sender.startswith(WHATSAPP):
            return
        if word in STOP:
            self.opted_out.add(pair)
            self._answer(message, REPLIES["stop"])
        elif word in START and (pair in self.opted_out or word != "YES"):
            self.opted_out.discard(pair)
            self._answer(message, REPLIES["start"])
        elif word in HELP:
            self._answer(message, REPLIES["help"])

    def _answer(self, message: Message, body: str) -> None:
        """Have a message come back, that the desk did not write by the REST API."""
        now = self._exchange.now()
        sid = self._exchange.new_sid("SM")
        reply = Message(sid, "outbound-reply", message.recipient, message.sender, body, "queued", now, now)
        self._keep(reply)
        self._exchange.after(SENT_AFTER, lambda: self._send(reply))

    def _taken(self, message: Message, answer: Response) -> None:
        """Do what the desk answers: <Message> is a reply."""
        message.status = "received"
        self._show(message, "out", "arrived" if answer.is_good else "not taken")
        if not answer.is_good:
            self._exchange.errors.append(f"{message.sid} 11200: HTTP {answer.status or answer.text}")
            return
        if answer.text.strip() and "xml" in answer.content_type:
            try:
                root = ElementTree.fromstring(answer.text)  # noqa: S314 - the desk's own
            except ElementTree.ParseError:
                self._exchange.errors.append(f"{message.sid} 12100: that is no XML")
                return
            for one in root.iter("Message"):
                body = one.find("Body")  # beside a picture, which is not sent on
                said = one if body is None else body
                self._answer(message, " ".join("".join(said.itertext()).split()))

    def _show(self, message: Message, direction: str, state: str) -> None:
        """Show the message on its device, newest state last."""
        address = message.recipient if direction == "in" else message.sender
        device = self._exchange.device(address.removeprefix(WHATSAPP))  # the same phone has both
        media = [{"content_type": one.content_type, "url": f"/sandbox/media/{one.sid}"} for one in message.media]
        for old in device.texts:
            if old.sid == message.sid:
                old.n, old.state = device.next_number(), state
                self._exchange.engine.changed()
                return
        device.texts.append(
            Text(
                device.next_number(),
                self._exchange.now(),
                message.sid,
                direction,
                message.sender,
                message.recipient,
                message.body,
                state,
                media,
            )
        )
        self._exchange.engine.changed()


def template(form: Mapping[str, str]) -> str:
    """Return how a content template looks here, where nobody knows its words."""
    return f"[template {form['ContentSid']} {form.get('ContentVariables', '')}".rstrip() + "]"


def _channel(message: Message) -> str:
    return Channel.WHATSAPP if message.recipient.startswith(WHATSAPP) else Channel.SMS
