"""Text messages by Twilio: in by its webhook, out by its REST API, and its word on what became of ours.

Fields: https://www.twilio.com/docs/messaging/guides/webhook-request and
https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks.
"""

from dataclasses import dataclass

from channels import twilio_api, twilio_webhook
from channels.errors import MalformedPayload, OutcomeUnknown, PermanentFailure, UnsupportedPayload
from channels.protocol import Accepted, ChannelAdapter, Outgoing, Parsed, RawItem, Receipt
from config.settings import Settings, TwilioAccount
from ticketing.envelope import Channel, HandleKind, InboundMessage, MessageState, Sender
from ticketing.handles import fold

STATUS_PATH = "/inbound/twilio/message-status"
MAX_MEDIA = 10  # Twilio's own limit for one message

STATES = {  # Twilio's MessageStatus -> ours; what is not here tells nothing new (accepted, queued, sending, …)
    "sent": MessageState.SENT,
    "delivered": MessageState.DELIVERED,
    "read": MessageState.DELIVERED,
    "undelivered": MessageState.FAILED,  # handed over, never arrived
    "failed": MessageState.FAILED,
    "canceled": MessageState.FAILED,
}

REASONS = {  # Twilio's ErrorCode -> words for the agent; https://www.twilio.com/docs/api/errors/30003 and its sisters
    "21610": "the customer has opted out by writing STOP",
    "30003": "the phone is switched off or out of reach",
    "30004": "the customer or their operator blocks our messages",
    "30005": "nobody has that number, or its phone cannot be found",
    "30006": "that number is a landline, or its operator takes no text messages",
    "30007": "an operator on the way took it for spam",
    "30008": "it was lost on the way, nobody says why",
}


@dataclass(frozen=True)
class SMSChannel(ChannelAdapter):
    """Text messages of one Twilio account. Kinds: `message` and `receipt`."""

    settings: Settings
    account: TwilioAccount
    channel = Channel.SMS

    def verify(self, item: RawItem) -> None:
        twilio_webhook.verify(item, self.settings, self.account.auth_token)

    def parse(self, item: RawItem) -> Parsed:
        form = twilio_webhook.read_form(item)
        if item.kind == "message":
            return _message(item, form)
        if item.kind == "receipt":
            return _receipt(item, form)
        raise UnsupportedPayload(f"text messages have no {item.kind}")

    def send(self, outgoing: Outgoing) -> Accepted:
        if outgoing.files:
            raise PermanentFailure("this desk cannot send files by text message yet")
        with twilio_api.handing_over():
            message = twilio_api.connect(self.account).messages.create(
                to=fold(HandleKind.PHONE, outgoing.recipient),  # as Twilio wants it, however it is written
                from_=outgoing.sender,
                body=outgoing.text,
                status_callback=f"{self.settings.public_url}{STATUS_PATH}?message={outgoing.message_id}",
            )
        if not message.sid:
            raise OutcomeUnknown("Twilio's answer names no message")
        return Accepted(message.sid)


def _message(item: RawItem, form: dict[str, str]) -> Parsed:
    sid, sender, recipient = twilio_webhook.required(form, "MessageSid", "From", "To")
    if ":" in sender:  # whatsapp:+1…, messenger:…, rcs:…
        raise UnsupportedPayload(f"{sender.partition(':')[0]} is not set up at this desk")
    message = InboundMessage(
        channel=Channel.SMS,
        provider_id=sid,
        sender=Sender(HandleKind.PHONE, sender),
        text="\n".join(filter(None, [form.get("Body", ""), *_media(form)])),
        received_at=item.received_at,
    )
    return Parsed(key=sid, inbox_address=recipient, content=message)


def _media(form: dict[str, str]) -> list[str]:
    """Return a line for each picture or file. Its address wants Twilio's credentials, so it is a trace, not a link."""
    count = form.get("NumMedia", "") or "0"
    if not (count.isascii() and count.isdecimal() and len(count) < 4):
        raise MalformedPayload("NumMedia is no number")
    kinds = [form.get(f"MediaContentType{n}", "file") for n in range(min(int(count), MAX_MEDIA))]
    return [f"[{kind}: {form.get(f'MediaUrl{n}', 'no address given')}]" for n, kind in enumerate(kinds)]


def _receipt(item: RawItem, form: dict[str, str]) -> Parsed:
    sid, status = twilio_webhook.required(form, "MessageSid", "MessageStatus")
    if status not in STATES:
        raise UnsupportedPayload(f"the status {status} tells nothing new")
    receipt = Receipt(
        channel=Channel.SMS,
        provider_id=sid,
        state=STATES[status],
        reason=_reason(form) if STATES[status] is MessageState.FAILED else "",
        message_id=twilio_webhook.message_in_address(item),
    )
    return Parsed(key=f"{sid}:{status}", inbox_address=form.get("From", ""), content=receipt)


def _reason(form: dict[str, str]) -> str:
    code = form.get("ErrorCode", "")
    words = REASONS.get(code) or form.get("ErrorMessage") or "it did not arrive"
    return f"{words[:200]} (Twilio's error {code[:10]})" if code else words[:200]
