"""Text messages and WhatsApp by Twilio: in by its webhook, out by its REST API, and its word on what became of ours."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import orjson

from channels import twilio_api, twilio_webhook
from channels.errors import OutcomeUnknown, UnsupportedPayload
from channels.events import MediaAnnounced
from channels.protocol import Accepted, ChannelAdapter, Outgoing, Parsed, RawItem
from channels.texting import forms, media_links
from channels.texting.segments import as_sent
from config.settings import Settings, TwilioAccount
from ticketing import journal
from ticketing.envelope import Channel, HandleKind
from ticketing.events import SYSTEM
from ticketing.handles import fold
from ticketing.intake import Taken

STATUS_PATH = "/inbound/twilio/message-status"


@dataclass(frozen=True)
class TextChannel(ChannelAdapter):
    """Messages of one Twilio account on one channel. Kinds: `message` and `receipt`."""

    settings: Settings
    account: TwilioAccount

    def verify(self, item: RawItem) -> None:
        twilio_webhook.verify(item, self.settings, self.account.auth_token)

    def parse(self, item: RawItem) -> Parsed:
        form = twilio_webhook.read_form(item)
        if item.kind == "message":
            message, ours = forms.read_message(item, form, self.channel)
            service = form.get("MessagingServiceSid", "").strip()[: twilio_webhook.MAX_ID]
            return Parsed(key=message.provider_id, inbox_address=ours, content=message, pool=service)
        if item.kind == "receipt":
            receipt, status = forms.read_receipt(item, form, self.channel)
            ours = form.get("From", "").removeprefix(forms.PREFIXES[self.channel])
            return Parsed(key=f"{receipt.provider_id}:{status}", inbox_address=ours, content=receipt)
        raise UnsupportedPayload(f"messages have no {item.kind}")

    def taken_in(self, item: RawItem, taken: Taken, *, at: datetime) -> None:
        """Note to which of our numbers it came, and its files, which are fetched afterwards."""
        form, message = twilio_webhook.read_form(item), taken.message
        ours = form["To"].strip().removeprefix(forms.PREFIXES[self.channel])
        if message.inbox is not None and ours != message.inbox.address:
            message.data = {**message.data, "written_to": ours}
        files = forms.read_media(form)
        if files:
            message.data = {**message.data, "media": [asdict(one) for one in files]}
            journal.append(taken.ticket, MediaAnnounced(message.id, len(files)), by=SYSTEM, at=at)

    def send(self, outgoing: Outgoing) -> Accepted:
        prefix = forms.PREFIXES[self.channel]
        given: dict[str, Any] = {
            "to": prefix + fold(HandleKind.PHONE, outgoing.recipient),  # as Twilio wants it, however it is written
            "status_callback": f"{self.settings.public_url}{STATUS_PATH}?message={outgoing.message_id}",
            **self._from(outgoing, prefix),
        }
        if outgoing.template is not None:
            given["content_sid"] = outgoing.template.content_id
            if outgoing.template.variables:
                given["content_variables"] = orjson.dumps(dict(outgoing.template.variables)).decode()
        else:
            given["body"] = as_sent(outgoing.text)
        if outgoing.files:
            given["media_url"] = self._media(outgoing)
        with twilio_api.handing_over():
            message = twilio_api.connect(self.account).messages.create(**given)
        if not message.sid:
            raise OutcomeUnknown("Twilio's answer names no message")
        return Accepted(message.sid)

    def _from(self, outgoing: Outgoing, prefix: str) -> dict[str, str]:
        """Return who sends: our number, or a messaging service, by the number to which the customer wrote if any."""
        if not outgoing.pool:
            return {"from_": prefix + outgoing.sender}
        ours = {"from_": prefix + outgoing.written_to} if outgoing.written_to else {}
        return {"messaging_service_sid": outgoing.pool, **ours}

    def _media(self, outgoing: Outgoing) -> Sequence[str]:
        return [
            media_links.address(
                self.settings.public_url,
                self.settings.secret_key,
                message_id=outgoing.message_id,
                attachment_id=file.attachment_id,
                written_at=outgoing.written_at,
            )
            for file in outgoing.files
        ]


@dataclass(frozen=True)
class SMSChannel(TextChannel):
    """Text messages, with pictures where the operators carry them."""

    channel = Channel.SMS


@dataclass(frozen=True)
class WhatsAppChannel(TextChannel):
    """WhatsApp, through the same doors."""

    channel = Channel.WHATSAPP
