"""A caller, as Twilio plays one: signed webhooks, and the documents that they are led by."""

from typing import Any
from uuid import uuid4
from xml.etree import ElementTree

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from config.settings import Settings
from tests.channels import twilio_forms

VOICE = "/inbound/twilio/voice"


class CallerPhone:
    """One call to our number. `heard` is the document that they were answered last."""

    def __init__(self, app: Flask, number: int = 1, **form: str) -> None:
        self.client: FlaskClient = app.test_client()
        self.settings: Settings = app.extensions["comptoir.settings"]
        self.form = twilio_forms.call(number, **form)
        self.heard = ElementTree.Element("Response")
        self.answer: TestResponse | None = None

    def ring(self) -> "CallerPhone":
        return self.post(VOICE)

    def post(self, url: str, **form: str) -> "CallerPhone":
        """Post what Twilio would, to a path or one of our addresses."""
        path = url.removeprefix(self.settings.public_url)
        sent = self.form | form
        headers = {
            "X-Twilio-Signature": twilio_forms.sign(self.settings, path, sent),
            "I-Twilio-Idempotency-Token": str(uuid4()),  # another for every request but a retry
        }
        self.answer = self.client.post(path, data=sent, headers=headers)
        assert self.answer.status_code == 200, self.answer.text
        self.heard = ElementTree.fromstring(self.answer.text)
        return self

    def wait(self) -> "CallerPhone":
        """Hear what is played in the line, for one turn."""
        return self.post(self.one("Enqueue").attrib["waitUrl"])

    def press(self, key: str) -> "CallerPhone":
        """Press a key while a <Gather> listens."""
        return self.post(self.one("Gather").attrib["action"], Digits=key)

    def wait_on(self) -> "CallerPhone":
        """Press nothing, and go where the document leads."""
        return self.post(str(self.one("Redirect").text))

    def hang_up(self, **form: str) -> None:
        path = f"{VOICE}/status"
        sent = self.form | {"CallStatus": "completed", "CallDuration": "42"} | form
        headers = {"X-Twilio-Signature": twilio_forms.sign(self.settings, path, sent)}
        assert self.client.post(path, data=sent, headers=headers).status_code == 204

    def one(self, verb: str) -> ElementTree.Element:
        found = self.heard.find(verb)
        assert found is not None, f"no <{verb}> in {ElementTree.tostring(self.heard)!r}"
        return found

    @property
    def verbs(self) -> list[str]:
        return [one.tag for one in self.heard]

    @property
    def words(self) -> str:
        return " ".join(str(one.text) for one in self.heard.iter("Say"))

    @property
    def played(self) -> list[Any]:
        return [one.text for one in self.heard.iter("Play")]
