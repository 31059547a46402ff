"""Phone calls by Twilio: arrivals, voicemail and ends in by its webhooks, spoken replies out by its REST API.

Fields: https://www.twilio.com/docs/voice/twiml#request-parameters, https://www.twilio.com/docs/voice/twiml/record and
https://www.twilio.com/docs/voice/api/call-resource#statuscallback.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select

from channels import twilio_api, twilio_webhook
from channels.errors import MalformedPayload, OutcomeUnknown, PermanentFailure, UnsupportedPayload
from channels.phone import arrival, calls, recording_news, recordings, room_news, twiml
from channels.phone.callers import caller, is_withheld
from channels.phone.opening import Opening
from channels.phone.states import FINAL, STATES, CallState
from channels.protocol import RECONCILED, Accepted, ChannelAdapter, Outgoing, Parsed, RawItem, Receipt
from config.settings import Settings, TwilioAccount
from ticketing.envelope import Channel, HandleKind, InboundMessage, MessageState, Sender, ThreadHints
from ticketing.handles import fold
from ticketing.inserting import update_now
from ticketing.intake import Taken
from ticketing.models import Handle, Inbox, Message
from ticketing.store import db

REPLY_STATUS_PATH = "/inbound/twilio/voice/reply-status"
MAX_TWIML = 4000  # of the call resource's Twiml parameter
MAX_URL = 2000

RECEIPTS = {  # how the call that speaks a reply ended -> ours, and words for the agent
    CallState.ENDED: (MessageState.DELIVERED, ""),
    CallState.BUSY: (MessageState.FAILED, "the line was busy"),
    CallState.UNANSWERED: (MessageState.FAILED, "nobody picked up"),
    CallState.CANCELLED: (MessageState.FAILED, "the call was cancelled before anybody picked up"),
    CallState.FAILED: (MessageState.FAILED, "the call could not be put through; the number may not exist"),
}


@dataclass(frozen=True)
class PhoneChannel(ChannelAdapter):
    """Calls of one Twilio account. Kinds: `call`, `recording`, `talk`, `transcript`, `call-status` and `receipt`."""

    settings: Settings
    account: TwilioAccount
    channel = Channel.PHONE

    def verify(self, item: RawItem) -> None:
        twilio_webhook.verify(item, self.settings, self.account.auth_token)

    def parse(self, item: RawItem) -> Parsed:
        reader = _READERS.get(item.kind)
        if reader is None:
            raise UnsupportedPayload(f"phone calls have no {item.kind}")
        return reader(item, twilio_webhook.read_form(item))

    def enrich(self, item: RawItem, message: InboundMessage) -> InboundMessage:
        """Put a voicemail on its call's ticket, from the call's caller: Twilio tells neither."""
        if item.kind != "recording":
            return message
        call = calls.find_call(_call_id(item))
        arrival = db.session().get(Message, call.message_id) if call.message_id else None
        handle = arrival.handle if arrival is not None else None
        return replace(message, sender=_sender(handle), hints=ThreadHints(ticket_ids=(call.ticket_id,)))

    def taken_in(self, item: RawItem, taken: Taken, *, at: datetime) -> None:
        if item.kind == "call":
            call = calls.arrive(taken, _call_id(item), at=at)
            arrival.come_in(taken.ticket, call, taken.message, Opening.from_meta(item.meta), at=at)
            if item.meta.get("door") == RECONCILED and call.waiting_since is None:
                call.waiting_since = call.started_at  # whom nobody heard has waited
            for changed in (call, taken.ticket):
                update_now(changed)
            calls.catch_up(taken.ticket, call, _final_keys(_call_id(item)), at=at)
        elif item.kind == "recording":
            recording_id, url, seconds = _recording(twilio_webhook.read_form(item))
            call = calls.find_call(_call_id(item))
            calls.leave_voicemail(call, taken, recording_id=recording_id, url=url, seconds=seconds, at=at)

    def observe(self, item: RawItem, parsed: Parsed, *, at: datetime) -> None:
        """Move a call on, or take in what is told of its recordings."""
        if item.kind in _OBSERVED:
            _OBSERVED[item.kind](item, at=at)
            return
        form = twilio_webhook.read_form(item)
        calls.move(_call_id(item), _state(form), seconds=_seconds(form, "CallDuration"), at=at)

    def send(self, outgoing: Outgoing) -> Accepted:
        """Call the customer and speak the reply."""
        if outgoing.files:
            raise PermanentFailure("a file cannot be spoken; send it by mail")
        spoken = twiml.spoken(outgoing.text, outgoing.language)
        if len(spoken) > MAX_TWIML:
            raise PermanentFailure(f"the reply is too long to be spoken: Twilio takes {MAX_TWIML} characters")
        # What a program says, it says to nobody in particular: a mailbox hears it once its own words are over.
        # https://www.twilio.com/docs/voice/answering-machine-detection
        detection = {"machine_detection": "DetectMessageEnd"} if outgoing.automatic else {}
        with twilio_api.handing_over():
            call = twilio_api.connect(self.account).calls.create(
                **detection,
                to=fold(HandleKind.PHONE, outgoing.recipient),  # as Twilio wants it, however it is written
                from_=outgoing.sender,
                twiml=spoken,
                status_callback=f"{self.settings.public_url}{REPLY_STATUS_PATH}?message={outgoing.message_id}",
                status_callback_event=["completed"],  # comes for every end, a busy line included
            )
        if not call.sid:
            raise OutcomeUnknown("Twilio's answer names no call")
        return Accepted(call.sid)


def inbox_settings(address: str) -> Mapping[str, object]:
    """Return the settings of one of our numbers; none for a number that is not ours."""
    query = select(Inbox.settings).where(Inbox.channel == Channel.PHONE, Inbox.address == address)
    return db.session().scalar(query) or {}


def _read_call(item: RawItem, form: dict[str, str]) -> Parsed:
    call_id, ours = twilio_webhook.required(form, "CallSid", "To")
    sender = caller(form)
    message = InboundMessage(
        channel=Channel.PHONE,
        provider_id=call_id,
        sender=sender,
        text="Called with the number withheld." if is_withheld(form.get("From", "").strip()) else "Called.",
        subject="Phone call",
        received_at=item.received_at,
    )
    return Parsed(key=call_id, inbox_address=ours, content=message)


def _read_recording(item: RawItem, form: dict[str, str]) -> Parsed:
    status = form.get("RecordingStatus", "completed")  # the answer to <Record>'s action has none
    if status != "completed":
        raise UnsupportedPayload(f"a recording that is {status[:20]} is no voicemail")
    twilio_webhook.required(form, "CallSid", "RecordingSid")
    recording_id, _, seconds = _recording(form)
    message = InboundMessage(
        channel=Channel.PHONE,
        provider_id=recording_id,
        sender=Sender(HandleKind.PHONE, ""),  # see enrich
        text=recordings.voicemail_told(seconds),
        received_at=item.received_at,
    )
    ours = twilio_webhook.in_address(item, "inbox") or form.get("To", "").strip()
    return Parsed(key=recording_id, inbox_address=ours, content=message)


def _read_status(item: RawItem, form: dict[str, str]) -> Parsed:
    call_id, status = twilio_webhook.required(form, "CallSid", "CallStatus")
    _state(form)
    return Parsed(key=f"{call_id}:{status}", inbox_address="", content=None)


def _read_receipt(item: RawItem, form: dict[str, str]) -> Parsed:
    call_id, status = twilio_webhook.required(form, "CallSid", "CallStatus")
    if _state(form) not in RECEIPTS:
        raise UnsupportedPayload(f"the status {status} tells nothing new")
    state, reason = RECEIPTS[_state(form)]
    ours = twilio_webhook.message_in_address(item)
    receipt = Receipt(Channel.PHONE, call_id, state, reason=reason, message_id=ours)
    return Parsed(key=f"{call_id}:{status}", inbox_address=form.get("From", ""), content=receipt)


_READERS = {
    "call": _read_call,
    "recording": _read_recording,
    "call-status": _read_status,
    "receipt": _read_receipt,
    "talk": recording_news.read_talk,
    "transcript": recording_news.read_transcript,
    "leg-status": room_news.read_status,
    "room-status": room_news.read_status,
    "room-machine": room_news.read_machine,
    "conference": room_news.read_conference,
}
_OBSERVED = {
    "talk": recording_news.observe_talk,
    "transcript": recording_news.observe_transcript,
    "leg-status": room_news.observe_leg,
    "room-status": room_news.observe_call,
    "room-machine": room_news.observe_machine,
    "conference": room_news.observe_conference,
}


def _call_id(item: RawItem) -> str:
    return twilio_webhook.required(twilio_webhook.read_form(item), "CallSid")[0]


def _final_keys(call_id: str) -> list[tuple[str, CallState]]:
    return [(f"{call_id}:{status}", state) for status, state in STATES.items() if state in FINAL]


def _state(form: dict[str, str]) -> CallState:
    status = form.get("CallStatus", "").strip()
    if status not in STATES:
        raise UnsupportedPayload(f"nobody here knows a call that is {status[:20]}")
    return STATES[status]


def _recording(form: dict[str, str]) -> tuple[str, str, int]:
    url = form.get("RecordingUrl", "").strip()
    if not url or len(url) > MAX_URL:
        raise MalformedPayload("the form lacks a usable RecordingUrl")
    return form["RecordingSid"].strip(), url, _seconds(form, "RecordingDuration") or 0


def _seconds(form: dict[str, str], name: str) -> int | None:
    """Return a span; None where Twilio leaves it out or sends -1."""
    value = form.get(name, "").strip()
    return int(value) if value.isascii() and value.isdecimal() and len(value) <= 6 else None


def _sender(handle: Handle | None) -> Sender:
    return Sender(HandleKind.PHONE, handle.shown if handle is not None else "")
