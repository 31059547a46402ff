"""What Twilio takes in a document, of the verbs that we use, and who holds every document that we answer to it.

An allow-list, kept by hand from https://www.twilio.com/docs/voice/twiml and the page of each verb and noun, as they
were in November 2026. What those pages call obsolete is not on it: `<Sms>`, `<Sim>`, the voices `man`, `woman` and
`alice`, `eventCallbackUrl`. Nothing stands behind a verb after which Twilio reads no further.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from xml.etree import ElementTree

from flask import Flask, Response, request

from tests.channels.twilio_shapes import BOOL, ROOM_EVENT, URL, VERB, one_of, sid, some_of

Kind = str | range

MAX_DOCUMENT = 64_000  # bytes: Twilio's error 12100 beyond
SECONDS = range(1, 14_401)
WRITTEN_DOWN = range(2, 120)  # seconds of a recording of which Twilio makes a transcript: its warning 13617
WORDS, NOTHING = r"(?s).*\S.*", r"\s*"
KEYS = r"[0-9*#]*"
PROMPTS = frozenset({"Say", "Play", "Pause"})
LAST = frozenset({"Redirect", "Hangup", "Leave", "Reject"})


@dataclass(frozen=True)
class Verb:
    """A verb or a noun: what stands in it, its attributes with what each may hold, and what may be inside."""

    text: str = NOTHING
    attributes: Mapping[str, Kind] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    children: frozenset[str] = frozenset()


RECORDED: dict[str, Kind] = {
    "recordingStatusCallback": URL,
    "recordingStatusCallbackMethod": VERB,
    "recordingStatusCallbackEvent": some_of("in-progress", "completed", "absent"),
}
VERBS: dict[str, Verb] = {
    "Say": Verb(WORDS, {"voice": r"(Polly|Google)\.[\w-]+", "language": r"[a-z]{2,3}-[A-Z0-9]{2,3}"}, ("language",)),
    "Play": Verb(URL, {"loop": range(1001)}),
    "Pause": Verb(attributes={"length": SECONDS}),
    "Gather": Verb(
        attributes={
            "input": "dtmf",
            "action": URL,
            "method": VERB,
            "timeout": SECONDS,
            "numDigits": range(1, 100),
            "finishOnKey": r"[0-9*#]?",
        },
        required=("action", "timeout"),
        children=PROMPTS,
    ),
    "Redirect": Verb(URL, {"method": VERB}),
    "Hangup": Verb(),
    "Leave": Verb(),
    "Reject": Verb(attributes={"reason": one_of("busy", "rejected")}),
    "Enqueue": Verb(
        r"[\w-]{1,64}",
        {"action": URL, "method": VERB, "waitUrl": URL, "waitUrlMethod": VERB},
        ("action", "waitUrl"),
    ),
    "Record": Verb(
        attributes={
            "action": URL,
            "method": VERB,
            "timeout": SECONDS,
            "finishOnKey": KEYS,
            "maxLength": SECONDS,
            "playBeep": BOOL,
            "trim": one_of("trim-silence", "do-not-trim"),
            "transcribe": BOOL,
            "transcribeCallback": URL,
            **RECORDED,
        },
        required=("action",),  # else Twilio asks for the same document again, on and on
    ),
    "Dial": Verb(attributes={"action": URL, "method": VERB}, children=frozenset({"Conference"})),
    "Conference": Verb(
        r"call-\d+",  # no name or number of a person: Twilio asks for that
        {
            "muted": BOOL,
            "beep": one_of("true", "false", "onEnter", "onExit"),
            "startConferenceOnEnter": BOOL,
            "endConferenceOnExit": BOOL,
            "participantLabel": r"[\w-]{1,128}",
            "coach": sid("CA"),
            "waitUrl": rf"{URL}|",
            "waitMethod": VERB,
            "maxParticipants": range(2, 251),
            "record": one_of("record-from-start", "do-not-record"),
            "trim": one_of("trim-silence", "do-not-trim"),
            "statusCallback": URL,
            "statusCallbackMethod": VERB,
            "statusCallbackEvent": ROOM_EVENT,
            **RECORDED,
        },
    ),
}
ANYWHERE = frozenset(VERBS) - {"Conference"}
IN_LINE = PROMPTS | {"Gather", "Redirect", "Leave", "Hangup"}  # what an <Enqueue>'s waitUrl leads to
ON_HOLD = PROMPTS | {"Redirect"}  # what a participant's holdUrl leads to
VOICE = "/inbound/twilio/voice"
TEXT = "/inbound/twilio/sms"


class TwiMLWatch:
    """Watches an application; `breaches` say what Twilio would not take, `heard` which doors answered TwiML."""

    def __init__(self, app: Flask) -> None:
        self.breaches: list[str] = []
        self.heard: set[str] = set()
        app.extensions["tests.twiml"] = self
        app.after_request(self._look)

    def _look(self, response: Response) -> Response:
        if request.path.startswith("/inbound/twilio/") and response.mimetype == "text/xml":
            self.heard.add(str(request.url_rule))
            wrong = wrong_with(response.get_data(as_text=True), allowed=allowed_at(request.full_path))
            self.breaches += [f"{request.path}: {one}" for one in wrong]
        return response

    def taken(self) -> list[str]:
        """The breaches since the last time."""
        breaches, self.breaches = self.breaches, []
        return breaches


def allowed_at(address: str) -> frozenset[str]:
    """Which verbs Twilio takes from one of our addresses."""
    parts = urlsplit(address)
    if parts.path == TEXT:
        return frozenset()  # a text is never answered at once
    if parts.path == f"{VOICE}/room/hold":
        return ON_HOLD
    in_line = parts.path == f"{VOICE}/wait" or (parts.path == f"{VOICE}/keys" and "out=" not in parts.query)
    return IN_LINE if in_line else ANYWHERE


def wrong_with(document: str, *, allowed: frozenset[str] = ANYWHERE) -> list[str]:
    """Return what Twilio would not take of a document."""
    if len(document.encode()) > MAX_DOCUMENT:
        return ["it is too long"]
    try:
        root = ElementTree.fromstring(document)
    except ElementTree.ParseError as error:
        return [f"it is not well-formed: {error}"]
    if root.tag != "Response" or root.attrib or (root.text or "").strip():
        return ["it is no <Response>"]
    return list(_wrong_inside(root, allowed))


def _wrong_inside(parent: ElementTree.Element, allowed: frozenset[str]) -> Iterator[str]:
    for place, one in enumerate(parent):
        if one.tag not in allowed:
            yield f"<{one.tag}> has no place in <{parent.tag}>"
            continue
        known = VERBS[one.tag]
        yield from _wrong_with_itself(one, known)
        yield from _wrong_inside(one, known.children)
        if one.tag in LAST and place + 1 < len(parent):
            yield f"nobody comes to what stands behind <{one.tag}>"
        if one.tag == "Reject" and place:
            yield "<Reject> comes too late"
        if one.get("transcribe") == "true" and int(one.get("maxLength", "3600")) not in WRITTEN_DOWN:
            yield f"a recording of {one.get('maxLength')} seconds is not transcribed"


def _wrong_with_itself(one: ElementTree.Element, known: Verb) -> Iterator[str]:
    if not re.fullmatch(known.text, one.text or ""):
        yield f"<{one.tag}> cannot hold {(one.text or '')[:60]!r}"
    yield from (f"<{one.tag}> lacks {name}" for name in known.required if name not in one.attrib)
    for name, value in one.attrib.items():
        kind = known.attributes.get(name)
        if kind is None:
            yield f"<{one.tag}> has no attribute {name}"
        elif not (value.isdecimal() and int(value) in kind if isinstance(kind, range) else re.fullmatch(kind, value)):
            yield f"<{one.tag}>'s {name} cannot be {value[:60]!r}"
