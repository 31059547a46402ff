"""Twilio's published description of its REST API, for the operations that we use, and who holds us to it.

Written down by hand, as facts: for each operation its address, its parameters with what each may hold, and the shape
of its answer. What our code asks in tests is held against it, and so is what the sandbox answers.

Held against Twilio's own: the repository twilio/twilio-oai, `spec/json/twilio_api_v2010.json`, read in November 2026
in release 2.1.13 (2025-02-20, commit 00c8d368), and what makes calls, messages and participants again in release 2.6.8
(2026-05-06, commit bb6288e9); of the other operations the list of changes names none between the two. What it says in
words alone, such as a range or a most, is kept here as well. Its examples hold fields that its schemas do not: those
that we never read (`annotation`, `tags`) are left out, `subresource_uris` of a queue is kept.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from channels.sandbox.rest.answers import Answer
from tests.channels.twilio_shapes import (
    ANY,
    BOOL,
    CALL,
    CALL_EVENT,
    CALL_STATUS,
    CALLER,
    CONFERENCE,
    DAY,
    ENDPOINT,
    ERROR,
    MAILBOX,
    MEDIA,
    MEMBER,
    MESSAGE,
    MOMENT,
    PARTICIPANT,
    QUEUE,
    RECORDING,
    ROOM_EVENT,
    URL,
    VERB,
    one_of,
    sid,
    some_of,
)
from tests.channels.twiml_contract import wrong_with

Kind = str | range  # a pattern, or the whole numbers that will do

CALL_SID, CONFERENCE_SID, MESSAGE_SID, QUEUE_SID = sid("CA"), sid("CF"), sid("SM", "MM"), sid("QU")
NAME = r"[^/]+"  # a SID, or what somebody has named it
COUNT = range(10**9)
PAGING: dict[str, Kind] = {"PageSize": range(1, 1001), "Page": COUNT, "PageToken": ANY}


@dataclass(frozen=True)
class Operation:
    """One operation: its address behind the account, its parameters, and the shape of its answer.

    `required` must be there, and of each group of `one_of_these` one. `most`: how often a parameter may be given.
    """

    method: str
    path: str
    parameters: Mapping[str, Kind] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    one_of_these: tuple[tuple[str, ...], ...] = ()
    most: Mapping[str, int] = field(default_factory=dict)
    answers: dict[str, Any] | None = None
    items: str = ""  # the name of the list, where the answer is a page of such resources
    status: int = 200


def since(name: str, kind: Kind) -> dict[str, Kind]:
    """A moment by which a list may be asked: on, before, after."""
    return {name + sign: kind for sign in ("", "<", ">")}


RINGING: dict[str, Kind] = {  # of whatever makes a phone ring
    "To": ENDPOINT,
    "StatusCallback": URL,
    "StatusCallbackMethod": VERB,
    "StatusCallbackEvent": CALL_EVENT,
    "TimeLimit": COUNT,
    "Record": BOOL,
    "RecordingChannels": one_of("mono", "dual"),
    "RecordingTrack": one_of("inbound", "outbound", "both"),
    "RecordingStatusCallback": URL,
    "RecordingStatusCallbackMethod": VERB,
    "RecordingConfigurationId": ANY,
    "Trim": one_of("trim-silence", "do-not-trim"),
    "SipAuthUsername": ANY,
    "SipAuthPassword": ANY,
    "MachineDetection": one_of("Enable", "DetectMessageEnd"),
    "MachineDetectionTimeout": COUNT,
    "MachineDetectionSpeechThreshold": range(1000, 6001),
    "MachineDetectionSpeechEndThreshold": range(500, 5001),
    "MachineDetectionSilenceTimeout": range(2000, 10001),
    "Byoc": sid("BY"),
    "CallerId": CALLER,
    "CallReason": ANY,
    "CallToken": ANY,
    "ClientNotificationUrl": URL,
}
OPERATIONS: dict[str, Operation] = {
    "create_message": Operation(
        "POST",
        r"Messages\.json",
        {
            "To": MAILBOX,
            "From": MAILBOX,
            "MessagingServiceSid": sid("MG"),
            "FallbackFrom": MAILBOX,
            "Body": r"(?s).{0,1600}",
            "MediaUrl": URL,
            "ContentSid": sid("HX"),
            "ContentVariables": r"(?s)\{.*\}",
            "StatusCallback": URL,
            "ApplicationSid": sid("AP"),
            "ProvideFeedback": BOOL,
            "Attempt": COUNT,
            "ValidityPeriod": range(1, 36_001),
            "ForceDelivery": BOOL,
            "ContentRetention": one_of("retain", "discard"),
            "AddressRetention": one_of("retain", "obfuscate"),
            "SmartEncoded": BOOL,
            "PersistentAction": ANY,
            "TrafficType": "free",
            "ShortenUrls": BOOL,
            "ScheduleType": "fixed",
            "SendAt": MOMENT,
            "SendAsMms": BOOL,
            "RiskCheck": one_of("enable", "disable"),
        },
        ("To",),
        (("From", "MessagingServiceSid"), ("Body", "MediaUrl", "ContentSid")),
        {"MediaUrl": 10},
        MESSAGE,
        status=201,
    ),
    "list_messages": Operation(
        "GET",
        r"Messages\.json",
        {"To": MAILBOX, "From": MAILBOX, **since("DateSent", MOMENT), **PAGING},
        answers=MESSAGE,
        items="messages",
    ),
    "fetch_message": Operation("GET", rf"Messages/{MESSAGE_SID}\.json", answers=MESSAGE),
    "list_media": Operation(
        "GET",
        rf"Messages/{MESSAGE_SID}/Media\.json",
        {**since("DateCreated", MOMENT), **PAGING},
        answers=MEDIA,
        items="media_list",
    ),
    "create_call": Operation(
        "POST",
        r"Calls\.json",
        {
            **RINGING,
            "From": ENDPOINT,
            "Url": URL,
            "Method": VERB,
            "Twiml": r"(?s).{1,4000}",
            "ApplicationSid": sid("AP"),
            "FallbackUrl": URL,
            "FallbackMethod": VERB,
            "SendDigits": r"[0-9#*w]{1,32}",
            "Timeout": range(601),
            "RecordingStatusCallbackEvent": some_of("in-progress", "completed", "absent"),
            "AsyncAmd": BOOL,
            "AsyncAmdStatusCallback": URL,
            "AsyncAmdStatusCallbackMethod": VERB,
        },
        ("To", "From"),
        (("Url", "Twiml", "ApplicationSid"),),
        answers=CALL,
        status=201,
    ),
    "update_call": Operation(
        "POST",
        rf"Calls/{CALL_SID}\.json",
        {
            "Url": URL,
            "Method": VERB,
            "Status": one_of("canceled", "completed"),
            "FallbackUrl": URL,
            "FallbackMethod": VERB,
            "StatusCallback": URL,
            "StatusCallbackMethod": VERB,
            "Twiml": r"(?s).{1,4000}",
            "TimeLimit": COUNT,
        },
        answers=CALL,
    ),
    "fetch_call": Operation("GET", rf"Calls/{CALL_SID}\.json", answers=CALL),
    "list_calls": Operation(
        "GET",
        r"Calls\.json",
        {
            "To": ENDPOINT,
            "From": ENDPOINT,
            "ParentCallSid": CALL_SID,
            "Status": CALL_STATUS,
            **since("StartTime", MOMENT),
            **since("EndTime", MOMENT),
            **PAGING,
        },
        answers=CALL,
        items="calls",
    ),
    "list_conferences": Operation(
        "GET",
        r"Conferences\.json",
        {
            "FriendlyName": ANY,
            "Status": one_of("init", "in-progress", "completed"),
            **since("DateCreated", DAY),
            **since("DateUpdated", DAY),
            **PAGING,
        },
        answers=CONFERENCE,
        items="conferences",
    ),
    "fetch_conference": Operation("GET", rf"Conferences/{CONFERENCE_SID}\.json", answers=CONFERENCE),
    "update_conference": Operation(
        "POST",
        rf"Conferences/{NAME}\.json",
        {"Status": "completed", "AnnounceUrl": URL, "AnnounceMethod": VERB},
        answers=CONFERENCE,
    ),
    "list_participants": Operation(
        "GET",
        rf"Conferences/{CONFERENCE_SID}/Participants\.json",
        {"Muted": BOOL, "Hold": BOOL, "Coaching": BOOL, **PAGING},
        answers=PARTICIPANT,
        items="participants",
    ),
    "create_participant": Operation(
        "POST",
        rf"Conferences/{NAME}/Participants\.json",
        {
            **RINGING,
            "From": CALLER,
            "Label": ANY,
            "Timeout": range(5, 601),
            "Muted": BOOL,
            "Beep": one_of("true", "false", "onEnter", "onExit"),
            "StartConferenceOnEnter": BOOL,
            "EndConferenceOnExit": BOOL,
            "WaitUrl": "(https?://[^ ]+)?",
            "WaitMethod": VERB,
            "EarlyMedia": BOOL,
            "MaxParticipants": range(2, 251),
            "ConferenceRecord": one_of("true", "false", "record-from-start", "do-not-record"),
            "ConferenceTrim": one_of("trim-silence", "do-not-trim"),
            "ConferenceStatusCallback": URL,
            "ConferenceStatusCallbackMethod": VERB,
            "ConferenceStatusCallbackEvent": ROOM_EVENT,
            "ConferenceRecordingStatusCallback": URL,
            "ConferenceRecordingStatusCallbackMethod": VERB,
            "ConferenceRecordingStatusCallbackEvent": some_of("in-progress", "completed", "failed", "absent"),
            "RecordingStatusCallbackEvent": some_of(
                "started", "in-progress", "paused", "resumed", "stopped", "completed", "failed", "absent"
            ),
            "Region": one_of("us1", "ie1", "de1", "sg1", "br1", "au1", "jp1"),
            "JitterBufferSize": one_of("off", "small", "medium", "large"),
            "Coaching": BOOL,
            "CallSidToCoach": CALL_SID,
            "AmdStatusCallback": URL,
            "AmdStatusCallbackMethod": VERB,
            "CallerDisplayName": r".{2,255}",
        },
        ("To", "From"),
        answers=PARTICIPANT,
        status=201,
    ),
    "fetch_participant": Operation(
        "GET", rf"Conferences/{CONFERENCE_SID}/Participants/{NAME}\.json", answers=PARTICIPANT
    ),
    "update_participant": Operation(
        "POST",
        rf"Conferences/{CONFERENCE_SID}/Participants/{NAME}\.json",
        {
            "Muted": BOOL,
            "Hold": BOOL,
            "HoldUrl": URL,
            "HoldMethod": VERB,
            "AnnounceUrl": URL,
            "AnnounceMethod": VERB,
            "WaitUrl": URL,
            "WaitMethod": VERB,
            "BeepOnExit": BOOL,
            "EndConferenceOnExit": BOOL,
            "Coaching": BOOL,
            "CallSidToCoach": CALL_SID,
        },
        answers=PARTICIPANT,
    ),
    "delete_participant": Operation("DELETE", rf"Conferences/{CONFERENCE_SID}/Participants/{NAME}\.json", status=204),
    "create_queue": Operation(
        "POST",
        r"Queues\.json",
        {"FriendlyName": r".{1,64}", "MaxSize": range(5001)},
        ("FriendlyName",),
        answers=QUEUE,
        status=201,
    ),
    "list_queues": Operation("GET", r"Queues\.json", PAGING, answers=QUEUE, items="queues"),
    "fetch_queue": Operation("GET", rf"Queues/{QUEUE_SID}\.json", answers=QUEUE),
    "list_members": Operation(
        "GET", rf"Queues/{QUEUE_SID}/Members\.json", PAGING, answers=MEMBER, items="queue_members"
    ),
    "fetch_member": Operation("GET", rf"Queues/{QUEUE_SID}/Members/{NAME}\.json", answers=MEMBER),
    "update_member": Operation(
        "POST",
        rf"Queues/{QUEUE_SID}/Members/{NAME}\.json",
        {"Url": URL, "Method": VERB},
        ("Url",),
        answers=MEMBER,
    ),
    "list_recordings": Operation(
        "GET",
        r"Recordings\.json",
        {
            "CallSid": CALL_SID,
            "ConferenceSid": CONFERENCE_SID,
            "IncludeSoftDeleted": BOOL,
            **since("DateCreated", MOMENT),
            **PAGING,
        },
        answers=RECORDING,
        items="recordings",
    ),
    "delete_recording": Operation("DELETE", rf"Recordings/{sid('RE')}\.json", status=204),
}
PAGE = {
    "end": int,
    "first_page_uri": r"/2010-04-01/.+",
    "next_page_uri": r"?/2010-04-01/.+",
    "page": int,
    "page_size": int,
    "previous_page_uri": r"?/2010-04-01/.+",
    "start": int,
    "uri": r"/2010-04-01/.+",
}


class ContractWatch:
    """Watches an exchange; `breaches` are sentences on what was asked or answered against the description."""

    def __init__(self) -> None:
        self.breaches: list[str] = []
        self.seen: set[str] = set()

    def __call__(
        self, operation: str, method: str, path: str, values: Mapping[str, Sequence[str]], answer: Answer
    ) -> None:
        self.seen.add(operation)
        if answer.status < 400:  # what is refused is noticed without us
            self.breaches += [f"{operation}: {one}" for one in _addressed_against(operation, method, path)]
            self.breaches += [f"{operation}: {one}" for one in asked_against(operation, values)]
        self.breaches += [f"{operation}: {one}" for one in answered_against(operation, answer)]


def operation_of(method: str, path: str) -> str | None:
    """Return which operation a request is; `path` is what follows the account. None: Twilio has none of ours there."""
    for name, known in OPERATIONS.items():
        if known.method == method and re.fullmatch(known.path, path):
            return name
    return None


def asked_against(operation: str, values: Mapping[str, Sequence[str]]) -> list[str]:
    """Return what is wrong with the parameters of a request."""
    known = OPERATIONS.get(operation)
    if known is None:
        return []
    wrong = [f"{name} is missing" for name in known.required if not values.get(name)]
    wrong += [
        f"one of {', '.join(names)} is missing"
        for names in known.one_of_these
        if not any(values.get(name) for name in names)
    ]
    for name, given in values.items():
        if name not in known.parameters:
            wrong.append(f"there is no parameter {name}")
            continue
        if len(given) > known.most.get(name, len(given)):
            wrong.append(f"{name} cannot be given {len(given)} times")
        wrong += [f"{name} cannot be {value[:60]!r}" for value in given if not _may_be(value, known.parameters[name])]
        if name == "Twiml":
            wrong += [one for document in given for one in wrong_with(document)]
    return wrong


def _addressed_against(operation: str, method: str, path: str) -> list[str]:
    known = OPERATIONS.get(operation)
    if known is None or (known.method == method and re.fullmatch(known.path, path)):
        return []
    return [f"its address cannot be {method} {path}"]


def _may_be(value: str, kind: Kind) -> bool:
    if isinstance(kind, range):
        return value.isdecimal() and int(value) in kind
    return re.fullmatch(kind, value) is not None


def answered_against(operation: str, answer: Answer) -> list[str]:
    """Return what is wrong with an answer."""
    known = OPERATIONS.get(operation)
    if known is None:
        return []
    if answer.status >= 400:
        return _against(answer.body or {}, ERROR)
    if answer.status != known.status:
        return [f"answers {answer.status}, not {known.status}"]
    if known.answers is None:
        return []
    body = dict(answer.body or {})
    if not known.items:
        return _against(body, known.answers)
    items = body.pop(known.items, [])
    return _against(body, PAGE) + [wrong for item in items for wrong in _against(item, known.answers)]


def _against(body: Mapping[str, Any], shape: Mapping[str, Any]) -> list[str]:
    wrong = [f"the answer lacks {name}" for name in shape if name not in body]
    wrong += [f"the answer has {name}, which is unknown" for name in body if name not in shape]
    return wrong + [
        f"the answer's {name} cannot be {body[name]!r}"
        for name in shape
        if name in body and not _fits(body[name], shape[name])
    ]


def _fits(value: Any, kind: Any) -> bool:
    if isinstance(kind, tuple):
        return value is None or isinstance(value, kind[0])
    if isinstance(kind, type):
        return isinstance(value, kind)
    if kind.startswith("?") and value is None:
        return True
    return isinstance(value, str) and re.fullmatch(kind.removeprefix("?"), value) is not None
