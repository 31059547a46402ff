"""Read Twilio's forms about messages: what came in, and what became of ours.

Fields: https://www.twilio.com/docs/messaging/guides/webhook-request and
https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from channels import twilio_troubles, twilio_webhook
from channels.errors import MalformedPayload, UnsupportedPayload
from channels.protocol import News, RawItem, Receipt, Undelivered
from channels.texting.keywords import opting
from channels.twilio_troubles import Upshot
from ticketing.envelope import Channel, HandleKind, InboundMessage, MessageState, Sender, ThreadHints

PREFIXES = {Channel.SMS: "", Channel.WHATSAPP: "whatsapp:"}  # of addresses, at Twilio alone
MAX_MEDIA = 10  # Twilio's own limit for one message
MAX_URL = 2000

STATES = {  # Twilio's MessageStatus -> ours; what is not here tells nothing new (accepted, queued, sending, …)
    "sent": MessageState.SENT,
    "delivered": MessageState.DELIVERED,
    "read": MessageState.DELIVERED,  # by WhatsApp, where the customer lets it tell
    "undelivered": MessageState.FAILED,  # handed over, never arrived
    "failed": MessageState.FAILED,
    "canceled": MessageState.FAILED,
}


@dataclass(frozen=True)
class Media:
    """A file that came with a message: where Twilio has it, and what it says that it is."""

    url: str
    content_type: str


def channel_of(form: Mapping[str, str]) -> Channel:
    """Return on which channel a message came or went, by how Twilio writes the addresses."""
    prefix = PREFIXES[Channel.WHATSAPP]
    is_whatsapp = any(form.get(name, "").startswith(prefix) for name in ("From", "To"))
    return Channel.WHATSAPP if is_whatsapp else Channel.SMS


def read_message(item: RawItem, form: Mapping[str, str], channel: Channel) -> tuple[InboundMessage, str]:
    """Return what a customer wrote, and to which number of ours. Raises MalformedPayload, UnsupportedPayload."""
    sid, sender, recipient = twilio_webhook.required(dict(form), "MessageSid", "From", "To")
    repeated = form.get("OriginalRepliedMessageSid", "").strip()[: twilio_webhook.MAX_ID]
    message = InboundMessage(
        channel=channel,
        provider_id=sid,
        sender=Sender(HandleKind.PHONE, _plain(sender, channel), form.get("ProfileName", "").strip()),
        text=_text(form),
        received_at=item.received_at,
        hints=ThreadHints(message_ids=(repeated,) if repeated else ()),
        opting=opting(channel, form),
    )
    read_media(form)  # while whoever sent it is there to hear that it makes no sense
    return message, _plain(recipient, channel)


def read_media(form: Mapping[str, str]) -> list[Media]:
    """Return the files of a message, by where they are. Raises MalformedPayload."""
    count = form.get("NumMedia", "") or "0"
    if not (count.isascii() and count.isdecimal() and len(count) < 4):
        raise MalformedPayload("NumMedia is no number")
    found = [
        Media(form.get(f"MediaUrl{n}", "").strip(), form.get(f"MediaContentType{n}", "").strip()[:100])
        for n in range(min(int(count), MAX_MEDIA))
    ]
    return [one for one in found if len(one.url) <= MAX_URL]


def read_receipt(item: RawItem, form: Mapping[str, str], channel: Channel) -> tuple[Receipt, str]:
    """Return what became of a message of ours, and Twilio's own word. Raises MalformedPayload, UnsupportedPayload."""
    sid, status = twilio_webhook.required(dict(form), "MessageSid", "MessageStatus")
    if status not in STATES:
        raise UnsupportedPayload(f"the status {status} tells nothing new")
    failed = STATES[status] is MessageState.FAILED
    code = form.get("ErrorCode", "") if failed else ""
    reason = twilio_troubles.told(code, form.get("ErrorMessage", "")) if failed else ""
    trouble = twilio_troubles.of_code(code)
    upshot = trouble.upshot if trouble is not None else Upshot.FINAL
    receipt = Receipt(
        channel=channel,
        provider_id=sid,
        state=STATES[status],
        reason=reason,
        message_id=twilio_webhook.message_in_address(item),
        news=News.READ if status == "read" else News.MOVED,
        undelivered=(Undelivered("", reason, dead=True),) if upshot is Upshot.DEAD and channel is Channel.SMS else (),
        opted_out=upshot is Upshot.OPTED_OUT,
        may_go_again=upshot is Upshot.AGAIN,
    )
    return receipt, status


def _plain(address: str, channel: Channel) -> str:
    """Return a number without Twilio's prefix. Raises UnsupportedPayload for an address of another sort."""
    plain = address.removeprefix(PREFIXES[channel])
    if ":" in plain:  # messenger:…, rcs:…
        raise UnsupportedPayload(f"{plain.partition(':')[0][:20]} is not set up at this desk")
    return plain


def _text(form: Mapping[str, str]) -> str:
    """Return the words: written, picked from a list or a button, or where the customer is."""
    said = form.get("Body", "") or form.get("ButtonText", "") or form.get("ListTitle", "")
    return "\n".join(filter(None, [said, _place(form)]))


def _place(form: Mapping[str, str]) -> str:
    """Return where the customer says that they are, for WhatsApp's locations."""
    latitude, longitude = form.get("Latitude", "").strip()[:20], form.get("Longitude", "").strip()[:20]
    if not (latitude and longitude):
        return ""
    named = ", ".join(filter(None, (form.get(name, "").strip()[:200] for name in ("Label", "Address"))))
    return f"Location: {named} ({latitude}, {longitude})" if named else f"Location: {latitude}, {longitude}"
