"""What a caller hears is well-formed TwiML, in their language, and leads to addresses of ours."""

from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest
from twilio.twiml.voice_response import VoiceResponse

from channels.phone import twiml
from channels.phone.offers import Offers, Out
from channels.phone.opening import Opening
from channels.phone.speaking import Speaker

PUBLIC_URL = "https://desk.example/support"
VOICE = f"{PUBLIC_URL}/inbound/twilio/voice"
NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
EVERYTHING = Offers(callback=True, voicemail=True, text=True)


def speaker() -> Speaker:
    return Speaker.to({}, public_url=PUBLIC_URL)


def read(document: str | VoiceResponse) -> ElementTree.Element:
    return ElementTree.fromstring(str(document))


def test_a_voicemail_is_taken_and_both_of_its_callbacks_name_the_inbox() -> None:
    response = read(twiml.voicemail(speaker(), inbox="+15145550100", call=7))

    assert [verb.tag for verb in response] == ["Say", "Record", "Say", "Hangup"]
    assert response[1].attrib == {
        "action": f"{VOICE}/recorded?inbox=%2B15145550100&call=7",
        "finishOnKey": "#",
        "maxLength": "180",
        "method": "POST",
        "playBeep": "true",
        "recordingStatusCallback": f"{VOICE}/recording?inbox=%2B15145550100",
        "recordingStatusCallbackEvent": "completed absent",
        "recordingStatusCallbackMethod": "POST",
        "timeout": "8",
    }


def test_a_voicemail_that_twilio_writes_down_is_as_long_as_it_writes_down() -> None:
    transcription = {"transcribe": True, "transcribe_callback": f"{VOICE}/transcript"}

    record = read(twiml.voicemail(speaker(), inbox="+15145550100", call=7, transcription=transcription))[1]

    assert (record.attrib["transcribe"], record.attrib["maxLength"]) == ("true", "119")


@pytest.mark.parametrize(
    ("settings", "language", "said", "attributes"),
    [
        ({}, "", "Hello, and thank you for calling.", {"language": "en-US"}),
        ({"language": "fr-CA"}, "", "Bonjour, et merci de votre appel.", {"language": "fr-CA"}),
        ({"language": "tlh"}, "", "Hello, and thank you for calling.", {"language": "en-US"}),
        ({"greeting": "Fish & Chips <open>"}, "", "Fish & Chips <open>", {"language": "en-US"}),
        ({"greeting": "Kettle."}, "fr", "Kettle.", {"language": "en-US"}),  # the desk's words are the desk's language
        ({"greeting": {"fr": "Allô."}}, "fr-CA", "Allô.", {"language": "fr-CA"}),
        ({"greeting": {"fr": "Allô."}}, "en", "Hello, and thank you for calling.", {"language": "en-US"}),
        (
            {"language": "en-GB", "voice": "Polly.Amy"},
            "en",
            "Hello, and thank you for calling.",
            {"language": "en-GB", "voice": "Polly.Amy"},
        ),
        ({"language": "en-GB", "voice": "Polly.Amy"}, "fr", "Bonjour, et merci de votre appel.", {"language": "fr-FR"}),
    ],
)
def test_a_greeting_is_in_the_callers_language_or_the_desks_own_words(
    settings: dict[str, object], language: str, said: str, attributes: dict[str, str]
) -> None:
    to = Speaker.to(settings, public_url=PUBLIC_URL, language=language)

    (greeting,) = read(twiml.greeting_open(to, settings.get("greeting")))  # type: ignore[arg-type]

    assert (greeting.tag, greeting.text, greeting.attrib) == ("Say", said, attributes)


def test_a_greeting_may_be_an_audio_file() -> None:
    (greeting,) = read(twiml.greeting_open(speaker(), "https://cdn.example/hello.mp3"))

    assert (greeting.tag, greeting.text) == ("Play", "https://cdn.example/hello.mp3")


def test_the_closed_greeting_stands_for_the_usual_one() -> None:
    closed = Opening(is_open=False, opens_at=NOON.replace(hour=15), time_zone="UTC")

    own = read(twiml.closed_words(speaker(), {"greeting": "Kettle.", "closed_greeting": "We sleep."}, closed, NOON))
    usual = read(twiml.closed_words(speaker(), {"greeting": "Kettle."}, closed, NOON))
    unknown = read(twiml.closed_words(speaker(), {}, Opening(is_open=False), NOON))

    noted = "Your call is noted, and somebody will get back to you."
    assert [one.text for one in own] == ["We sleep.", f"We are open again today at 15:00. {noted}"]
    assert [one.text for one in usual][:2] == ["Kettle.", "We are closed at the moment."]
    assert unknown[-1].text == noted


def test_every_turn_in_the_line_listens_for_keys_and_comes_back() -> None:
    response = read(twiml.waiting(speaker(), "You are next.", call=7, music="", offers=EVERYTHING))

    gather, redirect = response
    assert gather.attrib == {
        "action": f"{VOICE}/keys?call=7",
        "finishOnKey": "",
        "input": "dtmf",
        "method": "POST",
        "numDigits": "1",
        "timeout": "1",
    }
    assert [verb.tag for verb in gather] == ["Say", "Say", "Play"]
    assert (redirect.text, redirect.attrib) == (f"{VOICE}/wait?call=7", {"method": "POST"})


@pytest.mark.parametrize(
    ("offers", "verbs"),
    [
        (EVERYTHING, ["Gather", "Redirect"]),
        (Offers(voicemail=True), ["Redirect"]),  # nothing to choose from
        (Offers(), ["Say", "Hangup"]),
    ],
)
def test_who_is_not_in_the_line_is_offered_what_there_is(offers: Offers, verbs: list[str]) -> None:
    response = VoiceResponse()

    twiml.add_offers(response, speaker(), offers, call=7, out=Out.CLOSED)

    assert [verb.tag for verb in read(response)] == verbs


def test_trouble_and_thanks_end_the_call() -> None:
    documents = (twiml.trouble({}), twiml.thanks({}), twiml.trouble({"language": "fr"}))

    for document in documents:
        assert [verb.tag for verb in read(document)] == ["Say", "Hangup"]
    assert "Nous sommes désolés" in documents[2]
    assert [one.attrib for one in read(twiml.trouble_in_every_language())][:2] == [
        {"language": "en-US"},
        {"language": "fr-FR"},
    ]


def test_a_reply_is_spoken_word_for_word() -> None:
    response = read(twiml.spoken("Your <kettle> & cup: ready."))

    assert [verb.tag for verb in response] == ["Pause", "Say", "Hangup"]
    assert response[1].text == "Your <kettle> & cup: ready."


def test_while_our_store_is_away_the_caller_waits() -> None:
    pause, redirect = read(twiml.patience(f"{VOICE}/wait?call=7&again=1"))

    assert pause.attrib == {"length": "5"}
    assert redirect.text == f"{VOICE}/wait?call=7&again=1"


def test_what_twilio_does_not_take_in_a_lines_document_is_not_there() -> None:
    allowed = {"Response", "Say", "Play", "Pause", "Gather", "Redirect", "Leave", "Hangup"}
    documents = [
        twiml.waiting(speaker(), "You are next.", call=7, music="", offers=EVERYTHING),
        twiml.back_in_line(speaker(), "No.", call=7),
        twiml.leave(),
        twiml.patience(VOICE),
    ]

    assert {verb.tag for document in documents for verb in read(document).iter()} <= allowed
