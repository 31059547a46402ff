"""Who writes down what is said in recordings: Twilio, or whoever COMPTOIR_TRANSCRIPTION names.

A transcriber is one function (`Transcriber`). This file finds it by its dotted path and has the one that asks Twilio's
Conversational Intelligence; `api.transcribing` adds the one that posts to an address, and says when they are asked.
https://www.twilio.com/docs/conversational-intelligence/api/transcript-resource (read in November 2026).
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import requests
from twilio.base.exceptions import TwilioRestException, TwilioServiceException
from twilio.rest import Client

from channels import twilio_api
from channels.errors import PermanentFailure, TransientFailure
from config.settings import TwilioAccount

MOST_SENTENCES = 5_000
SERVICE = "GA"  # what the id of a Conversational Intelligence service begins with
FAILED = frozenset({"failed", "canceled", "error"})


@dataclass(frozen=True)
class Sound:
    """A recording, for whoever listens to it. `content` reads the bytes, a WAV file."""

    recording_id: int
    provider_id: str
    kind: str  # voicemail, talk
    seconds: int
    language: str  # an IETF tag, "" when nobody said
    content: Callable[[], bytes]


class Transcriber(Protocol):
    """Writes down what is said in a recording, outside any transaction, within 50 seconds, perhaps asked twice."""

    def __call__(self, sound: Sound) -> str | None:
        """Return the words; None when they come later, by `PUT /api/v1/recordings/{id}/transcript`.

        Raises TransientFailure to be asked again, PermanentFailure when there will be none.
        """
        ...


def named(path: str) -> Transcriber:
    """Return the transcriber of a dotted path, `package.module:function`. Raises PermanentFailure."""
    module, _, name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise PermanentFailure(f"there is no transcriber {path} ({type(error).__name__})") from None
    if not callable(found):
        raise PermanentFailure(f"{path} is no function")
    transcriber: Transcriber = found
    return transcriber


def by_intelligence(account: TwilioAccount, service: str) -> Transcriber:
    """Return the transcriber that asks a service of Twilio's Conversational Intelligence.

    It is asked until it has listened: TransientFailure means "not done yet".
    """

    def transcribe(sound: Sound) -> str | None:
        client = twilio_api.connect(account)
        try:
            return _heard(client, service, sound.provider_id)
        except (TwilioRestException, TwilioServiceException) as error:
            if error.status >= 500:
                raise TransientFailure(f"Twilio has trouble of its own (HTTP {error.status})") from None
            raise PermanentFailure(f"Twilio does not transcribe it (HTTP {error.status})") from None
        except requests.RequestException as error:
            raise TransientFailure(f"Twilio cannot be asked now ({type(error).__name__})") from None

    return transcribe


def _heard(client: Client, service: str, recording_id: str) -> str:
    transcripts = client.intelligence.v2.transcripts
    known = transcripts.list(source_sid=recording_id, limit=1)
    if not known:
        transcripts.create(service_sid=service, channel={"media_properties": {"source_sid": recording_id}})
        raise TransientFailure("Twilio has begun to listen")
    status = str(known[0].status)
    if status in FAILED:
        raise PermanentFailure("Twilio could not make out what is said")
    if status != "completed":
        raise TransientFailure("Twilio still listens")
    sentences = transcripts(known[0].sid).sentences.list(limit=MOST_SENTENCES)
    return "\n".join(str(sentence.transcript) for sentence in sentences)
