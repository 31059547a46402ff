"""What a caller hears is well-formed TwiML, in the inbox's language."""

from xml.etree import ElementTree

from channels.phone import twiml

PUBLIC_URL = "https://desk.example/support"


def greeting(**settings: object) -> ElementTree.Element:
    return ElementTree.fromstring(twiml.greeting("+15145550100", settings, public_url=PUBLIC_URL))


def test_the_greeting_leads_to_a_voicemail() -> None:
    response = greeting()

    assert [verb.tag for verb in response] == ["Say", "Record", "Say", "Hangup"]
    assert response[1].attrib == {
        "action": f"{PUBLIC_URL}/inbound/twilio/voice/recorded?inbox=%2B15145550100",
        "finishOnKey": "#",
        "maxLength": "180",
        "method": "POST",
        "playBeep": "true",
        "recordingStatusCallback": f"{PUBLIC_URL}/inbound/twilio/voice/recording?inbox=%2B15145550100",
        "recordingStatusCallbackEvent": "completed absent",
        "recordingStatusCallbackMethod": "POST",
        "timeout": "8",
    }


def test_the_inbox_chooses_the_language() -> None:
    response = greeting(language="fr-CA")

    assert response[0].attrib == {"language": "fr-CA"}
    assert response[0].text is not None
    assert response[0].text.startswith("Bonjour")
    assert twiml.thanks({"language": "fr-FR"}).count("Merci") == 1


def test_a_language_that_we_do_not_speak_is_english() -> None:
    assert greeting(language="tlh")[0].attrib == {"language": "en-US"}


def test_a_greeting_of_ones_own_is_said_as_it_is_written() -> None:
    assert greeting(greeting="Fish & Chips <open>")[0].text == "Fish & Chips <open>"


def test_trouble_and_thanks_end_the_call() -> None:
    for document in (twiml.trouble({}), twiml.thanks({})):
        assert [verb.tag for verb in ElementTree.fromstring(document)] == ["Say", "Hangup"]


def test_a_reply_is_spoken_word_for_word() -> None:
    response = ElementTree.fromstring(twiml.spoken("Your <kettle> & cup: ready."))

    assert [verb.tag for verb in response] == ["Pause", "Say", "Hangup"]
    assert response[1].text == "Your <kettle> & cup: ready."
