"""Text messages: what Twilio's words become."""

import pytest

from channels.errors import MalformedPayload, UnsupportedPayload
from channels.protocol import Parsed, Receipt
from channels.texting.adapter import SMSChannel
from config.settings import Settings
from tests.channels import twilio_forms
from ticketing.envelope import Channel, InboundMessage, MessageState, Opting


@pytest.fixture
def channel(base_settings: Settings) -> SMSChannel:
    assert base_settings.twilio is not None
    return SMSChannel(base_settings, base_settings.twilio)


def read(channel: SMSChannel, **fields: str) -> Parsed:
    form = twilio_forms.text(**fields)
    return channel.parse(twilio_forms.item(channel.settings, Channel.SMS, "message", "/inbound/twilio/sms", form))


def words(channel: SMSChannel, **fields: str) -> str:
    content = read(channel, **fields).content
    assert isinstance(content, InboundMessage)
    return content.text


def hear(channel: SMSChannel, status: str, *, query: str = "?message=7", **fields: str) -> Parsed:
    form = {"MessageSid": twilio_forms.sid("SM"), "MessageStatus": status, "From": twilio_forms.OURS} | fields
    url = f"/inbound/twilio/message-status{query}"
    return channel.parse(twilio_forms.item(channel.settings, Channel.SMS, "receipt", url, form))


def test_fields_that_we_do_not_know_are_ignored(channel: SMSChannel) -> None:
    assert read(channel, FromCity="TORONTO", TomorrowsField="?").content == read(channel).content


def test_a_message_without_words_is_a_message(channel: SMSChannel) -> None:
    assert words(channel, Body="") == ""


@pytest.mark.parametrize("count", ["1000000000", "-1", "two", "²"])
def test_an_absurd_number_of_pictures_is_malformed(channel: SMSChannel, count: str) -> None:
    with pytest.raises(MalformedPayload):
        read(channel, NumMedia=count)


@pytest.mark.parametrize("missing", ["MessageSid", "From", "To"])
def test_what_must_be_there_is_named(channel: SMSChannel, missing: str) -> None:
    with pytest.raises(MalformedPayload, match=missing):
        read(channel, **{missing: " "})


@pytest.mark.parametrize("sender", ["messenger:12345", "rcs:desk_agent", "whatsapp:+14165550177"])
def test_a_channel_that_is_not_set_up_is_kept_for_later(channel: SMSChannel, sender: str) -> None:
    with pytest.raises(UnsupportedPayload, match=sender.partition(":")[0]):
        read(channel, From=sender)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("STOP", Opting.OUT),
        (" stop. ", Opting.OUT),
        ("Stop all", Opting.OUT),
        ("Arrêt", Opting.OUT),
        ("Arrête !", Opting.OUT),
        ("CANCEL", Opting.OUT),
        ("unstop", Opting.IN),
        ("Yes!", Opting.IN_IF_OUT),
        ("STOP please", None),
        ("help", None),
        ("", None),
        ("stop" + " " * 50, None),  # longer than anybody's thumb makes it
    ],
)
def test_a_word_on_further_messages_is_known_alone(channel: SMSChannel, body: str, said: Opting | None) -> None:
    content = read(channel, Body=body).content

    assert isinstance(content, InboundMessage)
    assert content.opting is said


def test_what_twilio_took_a_message_for_counts_whatever_the_word(channel: SMSChannel) -> None:
    told = [read(channel, Body=body, OptOutType=kind).content for body, kind in (("BASTA", "STOP"), ("END", "HELP"))]

    assert [one.opting for one in told if isinstance(one, InboundMessage)] == [Opting.OUT, None]


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("sent", MessageState.SENT),
        ("delivered", MessageState.DELIVERED),
        ("read", MessageState.DELIVERED),
        ("undelivered", MessageState.FAILED),
        ("failed", MessageState.FAILED),
        ("canceled", MessageState.FAILED),
    ],
)
def test_a_status_moves_the_message(channel: SMSChannel, status: str, state: MessageState) -> None:
    parsed = hear(channel, status)

    assert isinstance(parsed.content, Receipt)
    assert parsed.content.state is state
    assert parsed.content.message_id == 7
    assert parsed.key == f"{twilio_forms.sid('SM')}:{status}"


@pytest.mark.parametrize(
    "status", ["accepted", "scheduled", "queued", "sending", "receiving", "received", "levitating"]
)
def test_a_status_that_tells_nothing_new_is_ignored(channel: SMSChannel, status: str) -> None:
    with pytest.raises(UnsupportedPayload):
        hear(channel, status)


def test_a_failure_is_told_in_plain_words(channel: SMSChannel) -> None:
    known = hear(channel, "undelivered", ErrorCode="30003").content
    unknown = hear(channel, "failed", ErrorCode="39999", ErrorMessage="Strange thing").content
    silent = hear(channel, "failed").content

    assert isinstance(known, Receipt)
    assert known.reason == "the phone is switched off or out of reach (Twilio's error 30003)"
    assert isinstance(unknown, Receipt)
    assert unknown.reason == "Strange thing (Twilio's error 39999)"
    assert isinstance(silent, Receipt)
    assert silent.reason == "it did not arrive"


def test_a_receipt_without_our_id_goes_by_the_providers(channel: SMSChannel) -> None:
    parsed = hear(channel, "delivered", query="")

    assert isinstance(parsed.content, Receipt)
    assert parsed.content.message_id is None
    assert parsed.content.provider_id == twilio_forms.sid("SM")


@pytest.mark.parametrize(
    ("code", "dead", "out", "again"),
    [
        ("30005", True, False, False),
        ("21610", False, True, False),
        ("30001", False, False, True),
        ("30003",) + (False,) * 3,
    ],
)
def test_an_error_code_says_what_follows(channel: SMSChannel, code: str, dead: bool, out: bool, again: bool) -> None:
    receipt = hear(channel, "failed", ErrorCode=code).content

    assert isinstance(receipt, Receipt)
    assert (any(one.dead for one in receipt.undelivered), receipt.opted_out, receipt.may_go_again) == (dead, out, again)
