"""A reply to a caller is a call that speaks it, and how that call ended is how the reply fared."""

from dataclasses import replace

import pytest

from channels.errors import PermanentFailure, UnsupportedPayload
from channels.phone.adapter import PhoneChannel
from channels.protocol import Outgoing, OutgoingFile, Receipt
from config.settings import Settings
from tests.channels import twilio_forms
from tests.conftest import NOON
from ticketing.envelope import Channel, MessageState

REPLY = Outgoing(
    message_id=7,
    ticket_id=1,
    channel=Channel.PHONE,
    sender=twilio_forms.OURS,
    sender_name="",
    recipient=twilio_forms.THEIRS,
    recipient_name="",
    subject="",
    text="Your kettle is ready.",
    html="",
    automatic=False,
    written_at=NOON,
)


@pytest.fixture
def channel(base_settings: Settings) -> PhoneChannel:
    assert base_settings.twilio is not None
    return PhoneChannel(base_settings, base_settings.twilio)


def hear(channel: PhoneChannel, status: str) -> Receipt:
    url = "/inbound/twilio/voice/reply-status?message=7"
    item = twilio_forms.item(channel.settings, Channel.PHONE, "receipt", url, twilio_forms.status(status))
    content = channel.parse(item).content
    assert isinstance(content, Receipt)
    return content


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [
        ("completed", MessageState.DELIVERED, ""),
        ("busy", MessageState.FAILED, "the line was busy"),
        ("no-answer", MessageState.FAILED, "nobody picked up"),
        ("canceled", MessageState.FAILED, "the call was cancelled before anybody picked up"),
        ("failed", MessageState.FAILED, "the call could not be put through; the number may not exist"),
    ],
)
def test_the_end_of_the_call_is_the_replys(
    channel: PhoneChannel, status: str, state: MessageState, reason: str
) -> None:
    receipt = hear(channel, status)

    assert (receipt.state, receipt.reason, receipt.message_id) == (state, reason, 7)


@pytest.mark.parametrize("status", ["queued", "initiated", "ringing", "in-progress", "levitating"])
def test_a_call_that_goes_on_tells_nothing_of_the_reply_yet(channel: PhoneChannel, status: str) -> None:
    with pytest.raises(UnsupportedPayload):
        hear(channel, status)


def test_a_reply_too_long_to_be_spoken_is_refused_before_anybody_is_called(channel: PhoneChannel) -> None:
    with pytest.raises(PermanentFailure, match="too long"):
        channel.send(replace(REPLY, text="and so on " * 400))


def test_a_file_cannot_be_spoken(channel: PhoneChannel) -> None:
    with pytest.raises(PermanentFailure, match="spoken"):
        channel.send(replace(REPLY, files=(OutgoingFile("a.pdf", "application/pdf", "0" * 64),)))
