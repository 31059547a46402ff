"""The sandbox reads TwiML as a telephone would."""

import pytest

from channels.sandbox.twiml_reader import UnreadableTwiML, Verb, read, words


def test_verbs_come_in_order_with_words_and_attributes() -> None:
    document = "<Response><Say language='fr-CA'> Bonjour,\n <emphasis>vous</emphasis> </Say><Hangup/></Response>"

    assert read(document) == [Verb("Say", "Bonjour, vous", {"language": "fr-CA"}), Verb("Hangup")]


def test_only_what_is_said_is_heard() -> None:
    assert words("<Response><Say>One</Say><Pause/><Redirect>/x</Redirect><Say>two</Say></Response>") == "One two"


@pytest.mark.parametrize(
    "document",
    ["", "Hello", "<Response>", "<html/>", "<!DOCTYPE x [<!ENTITY a 'b'>]><Response/>", "<Response/>" + " " * 64_000],
)
def test_what_is_no_twiml_is_refused(document: str) -> None:
    with pytest.raises(UnreadableTwiML):
        read(document)
