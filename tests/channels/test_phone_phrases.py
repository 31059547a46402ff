"""What callers are told of time, and in which language."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from channels import phone
from channels.phone import answering, ending
from channels.phone.phrases import PHRASES, in_language, reason_told, spoken_language, wait_told, when_told
from ticketing.pace import Estimate

SAID_BY = re.compile(r"\b(?:end_leg|end_call)\([^\"]*?\"([a-z][^\"]+)\"", re.DOTALL)
NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)  # a Wednesday; 13:00 in Paris

WAITS = [  # low, high, in English, in French
    (0, None, "We cannot tell yet how long it will take.", "Nous ne savons pas encore combien de temps il faudra."),
    (600, None, "It will take more than 10 minutes.", "Il faudra plus de 10 minutes."),
    (7200, None, "It will take more than 2 hours.", "Il faudra plus de 2 heures."),
    (0, 60, "It will take less than one minute.", "Il faudra moins d'une minute."),
    (0, 240, "It will take less than 4 minutes.", "Il faudra moins de 4 minutes."),
    (60, 60, "It will take about one minute.", "Il faudra environ une minute."),
    (300, 300, "It will take about 5 minutes.", "Il faudra environ 5 minutes."),
    (120, 420, "It will take between 2 and 7 minutes.", "Il faudra entre 2 et 7 minutes."),
    (3000, 7200, "It will take between 50 minutes and 2 hours.", "Il faudra entre 50 minutes et 2 heures."),
    (3600, 9000, "It will take between 1 and 3 hours.", "Il faudra entre 1 et 3 heures."),
    (7200, 7200, "It will take about 2 hours.", "Il faudra environ 2 heures."),
]


@pytest.mark.parametrize(("low", "high", "english", "french"), WAITS)
def test_a_wait_is_told_as_far_as_it_is_known(low: int, high: int | None, english: str, french: str) -> None:
    estimate = Estimate(low, high)

    assert wait_told(estimate, PHRASES["en"]) == english
    assert wait_told(estimate, PHRASES["fr"]) == french


@pytest.mark.parametrize(
    ("ahead", "english", "french"),
    [
        (timedelta(hours=2), "today at 15:00", "aujourd'hui à 15 heures"),
        (timedelta(hours=20, minutes=30), "tomorrow at 9:30", "demain à 9 heures 30"),
        (timedelta(days=4, hours=-4), "on Sunday at 9:00", "dimanche à 9 heures"),
        (timedelta(days=7), "on Wednesday, 25 November, at 13:00", "le mercredi 25 novembre à 13 heures"),
    ],
)
def test_a_moment_is_told_as_people_say_it(ahead: timedelta, english: str, french: str) -> None:
    told = [when_told(NOON + ahead, now=NOON, zone="Europe/Paris", phrases=PHRASES[one]) for one in ("en", "fr")]

    assert told == [english, french]


@pytest.mark.parametrize(
    ("customer", "inbox", "spoken"),
    [
        ("", "", "en-US"),
        ("", "fr-CA", "fr-CA"),
        ("fr", "fr-CA", "fr-CA"),  # as the desk speaks it
        ("fr", "en-GB", "fr-FR"),
        ("fr-CA", "fr-FR", "fr-CA"),
        ("EN-gb", "fr", "en-GB"),
        ("fr-CH", "en-US", "fr-FR"),
        ("tlh", "fr", "fr-FR"),
        ("tlh", "", "en-US"),
    ],
)
def test_a_caller_hears_their_own_language_if_we_speak_it(customer: str, inbox: str, spoken: str) -> None:
    assert spoken_language(customer, inbox) == spoken


def test_an_unknown_language_is_answered_in_english() -> None:
    assert in_language("tlh") is PHRASES["en"]


def test_whatever_ends_a_call_is_said_in_every_language() -> None:
    files = Path(phone.__file__).parent.glob("*.py")
    written = {words for file in files for words in SAID_BY.findall(file.read_text())}
    reasons = written | {ending.HUNG_UP, answering.A_MACHINE, *ending.UNREACHED.values()}

    assert len(written) > 5
    assert reasons - {""} <= set(PHRASES["fr"].reasons)
    assert reason_told("the customer hung up", PHRASES["en"]) == "The customer hung up."
    assert reason_told("the customer hung up", PHRASES["fr"]) == "Le client a raccroché."
    assert reason_told("Twilio's error 13224", PHRASES["fr"]) == "L'appel est terminé."
    assert reason_told("", PHRASES["fr"]) == ""
