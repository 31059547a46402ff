"""Twilio's published description of its REST API (twilio_api_v2010), for the operations that we use.

Written down by hand: for each operation its parameters, with what each may hold, and the shape of its answer. What our
code asks in tests is held against it, and so is what the sandbox answers.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from channels.sandbox.rest.answers import Answer


def sid(*prefixes: str) -> str:
    return rf"({'|'.join(prefixes)})[0-9a-fA-F]{{32}}"


def one_of(*words: str) -> str:
    return "|".join(map(re.escape, words))


ANY, BOOL, INT = r"(?s).*", r"true|false", r"-?\d+"
URL, VERB = r"https?://[^\s]+", r"GET|POST"
MOMENT = r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?"
ADDRESS = r"(whatsapp:)?\+?[0-9]{3,15}|client:[^\s]+|sip:[^\s]+"
RFC2822 = r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}"
CALL_EVENT = one_of("initiated", "ringing", "answered", "completed")
ROOM_EVENT = r"(start|end|join|leave|mute|hold|modify|speaker|announcement)( (start|end|join|leave|mute|hold|modify))*"
RECORDING_EVENT = r"(in-progress|completed|absent)( (in-progress|completed|absent))*"
CALL_STATUS = one_of("queued", "ringing", "in-progress", "canceled", "completed", "failed", "busy", "no-answer")
MESSAGE_STATUS = one_of(
    "queued", "sending", "sent", "failed", "delivered", "undelivered", "receiving", "received", "accepted",
    "scheduled", "read", "partially_delivered", "canceled",
)  # fmt: skip
PAGING = {"PageSize": INT, "Page": INT, "PageToken": ANY}

# The fields of a resource: a pattern for text, a type for another kind, "?" before what may be null.
COMMON = {
    "account_sid": sid("AC"),
    "date_created": "?" + RFC2822,
    "date_updated": "?" + RFC2822,
    "uri": r"/2010-04-01/.+",
}
MESSAGE: dict[str, Any] = {
    **COMMON,
    "api_version": "2010-04-01",
    "body": "?" + ANY,
    "date_sent": "?" + RFC2822,
    "direction": one_of("inbound", "outbound-api", "outbound-call", "outbound-reply"),
    "error_code": (int, None),
    "error_message": "?" + ANY,
    "from": "?" + ADDRESS,
    "messaging_service_sid": "?" + sid("MG"),
    "num_media": INT,
    "num_segments": INT,
    "price": "?" + ANY,
    "price_unit": "?[A-Z]{3}",
    "sid": sid("SM", "MM"),
    "status": MESSAGE_STATUS,
    "subresource_uris": dict,
    "to": "?" + ADDRESS,
}
CALL: dict[str, Any] = {
    **COMMON,
    "answered_by": "?" + one_of("human", "machine_start", "machine_end_beep", "fax", "unknown"),
    "api_version": "2010-04-01",
    "caller_name": "?" + ANY,
    "direction": one_of("inbound", "outbound-api", "outbound-dial"),
    "duration": "?" + INT,
    "end_time": "?" + RFC2822,
    "forwarded_from": "?" + ANY,
    "from": ANY,
    "from_formatted": ANY,
    "group_sid": "?" + sid("GP"),
    "parent_call_sid": "?" + sid("CA"),
    "phone_number_sid": "?" + sid("PN"),
    "price": "?" + ANY,
    "price_unit": "?[A-Z]{3}",
    "queue_time": INT,
    "sid": sid("CA"),
    "start_time": "?" + RFC2822,
    "status": CALL_STATUS,
    "subresource_uris": dict,
    "to": ANY,
    "to_formatted": ANY,
    "trunk_sid": "?" + sid("TK"),
}
CONFERENCE: dict[str, Any] = {
    **COMMON,
    "api_version": "2010-04-01",
    "call_sid_ending_conference": "?" + sid("CA"),
    "friendly_name": ANY,
    "reason_conference_ended": "?"
    + one_of(
        "conference-ended-via-api",
        "participant-with-end-conference-on-exit-left",
        "participant-with-end-conference-on-exit-kicked",
        "last-participant-kicked",
        "last-participant-left",
    ),
    "region": ANY,
    "sid": sid("CF"),
    "status": one_of("init", "in-progress", "completed"),
    "subresource_uris": dict,
}
PARTICIPANT: dict[str, Any] = {
    **COMMON,
    "call_sid": sid("CA"),
    "call_sid_to_coach": "?" + sid("CA"),
    "coaching": bool,
    "conference_sid": sid("CF"),
    "end_conference_on_exit": bool,
    "hold": bool,
    "label": "?" + ANY,
    "muted": bool,
    "queue_time": INT,
    "start_conference_on_enter": bool,
    "status": one_of("queued", "connecting", "ringing", "connected", "complete", "failed"),
}
QUEUE: dict[str, Any] = {
    **COMMON,
    "average_wait_time": int,
    "current_size": int,
    "friendly_name": ANY,
    "max_size": int,
    "sid": sid("QU"),
    "subresource_uris": dict,
}
MEMBER: dict[str, Any] = {
    "call_sid": sid("CA"),
    "date_enqueued": RFC2822,
    "position": int,
    "queue_sid": sid("QU"),
    "uri": r"/2010-04-01/.+",
    "wait_time": int,
}
RECORDING: dict[str, Any] = {
    **COMMON,
    "api_version": "2010-04-01",
    "call_sid": "?" + sid("CA"),
    "channels": int,
    "conference_sid": "?" + sid("CF"),
    "duration": INT,
    "encryption_details": (dict, None),
    "error_code": (int, None),
    "media_url": URL,
    "price": "?" + ANY,
    "price_unit": "?[A-Z]{3}",
    "sid": sid("RE"),
    "source": one_of(
        "DialVerb", "Conference", "OutboundAPI", "RecordVerb", "StartCallRecordingAPI", "StartConferenceRecordingAPI"
    ),
    "start_time": RFC2822,
    "status": one_of("in-progress", "paused", "stopped", "processing", "completed", "absent", "deleted"),
    "subresource_uris": dict,
}
MEDIA: dict[str, Any] = {
    **COMMON,
    "content_type": r"[a-z]+/.+",
    "parent_sid": sid("SM", "MM"),
    "sid": sid("ME"),
}
ERROR: dict[str, Any] = {"code": int, "message": ANY, "more_info": URL, "status": int}


@dataclass(frozen=True)
class Operation:
    """One operation: its parameters, those that must be there, and the shape of its answer."""

    parameters: dict[str, str] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    answers: dict[str, Any] | None = None
    items: str = ""  # the name of the list, where the answer is a page of such resources
    status: int = 200


CALL_PARAMETERS = {
    "StatusCallback": URL,
    "StatusCallbackMethod": VERB,
    "StatusCallbackEvent": CALL_EVENT,
    "Timeout": INT,
    "TimeLimit": INT,
    "Record": BOOL,
    "RecordingStatusCallback": URL,
    "RecordingStatusCallbackMethod": VERB,
    "RecordingStatusCallbackEvent": RECORDING_EVENT,
    "MachineDetection": one_of("Enable", "DetectMessageEnd"),
    "MachineDetectionTimeout": INT,
    "CallerId": ANY,
    "CallReason": ANY,
}
OPERATIONS: dict[str, Operation] = {
    "create_message": Operation(
        {
            "To": ADDRESS,
            "From": ADDRESS,
            "MessagingServiceSid": sid("MG"),
            "Body": r"(?s).{0,1600}",
            "MediaUrl": URL,
            "ContentSid": sid("HX"),
            "ContentVariables": r"\{.*\}",
            "StatusCallback": URL,
            "ValidityPeriod": INT,
            "ProvideFeedback": BOOL,
            "SmartEncoded": BOOL,
        },
        frozenset({"To"}),
        MESSAGE,
        status=201,
    ),
    "list_messages": Operation(
        {"To": ADDRESS, "From": ADDRESS, "DateSent": MOMENT, "DateSent<": MOMENT, "DateSent>": MOMENT, **PAGING},
        answers=MESSAGE,
        items="messages",
    ),
    "fetch_message": Operation(answers=MESSAGE),
    "list_media": Operation(PAGING, answers=MEDIA, items="media_list"),
    "create_call": Operation(
        {
            **CALL_PARAMETERS,
            "To": ADDRESS,
            "From": ADDRESS,
            "Url": URL,
            "Method": VERB,
            "FallbackUrl": URL,
            "FallbackMethod": VERB,
            "Twiml": r"(?s).{1,4000}",
            "SendDigits": r"[0-9*#wW]+",
            "AsyncAmd": BOOL,
            "AsyncAmdStatusCallback": URL,
            "AsyncAmdStatusCallbackMethod": VERB,
        },
        frozenset({"To", "From"}),
        CALL,
        status=201,
    ),
    "update_call": Operation(
        {
            "Url": URL,
            "Method": VERB,
            "Status": one_of("canceled", "completed"),
            "FallbackUrl": URL,
            "FallbackMethod": VERB,
            "StatusCallback": URL,
            "StatusCallbackMethod": VERB,
            "Twiml": r"(?s).{1,4000}",
            "TimeLimit": INT,
        },
        answers=CALL,
    ),
    "fetch_call": Operation(answers=CALL),
    "list_calls": Operation(
        {
            "To": ADDRESS,
            "From": ADDRESS,
            "ParentCallSid": sid("CA"),
            "Status": CALL_STATUS,
            **{name + sign: MOMENT for name in ("StartTime", "EndTime") for sign in ("", "<", ">")},
            **PAGING,
        },
        answers=CALL,
        items="calls",
    ),
    "list_conferences": Operation(
        {
            "FriendlyName": ANY,
            "Status": one_of("init", "in-progress", "completed"),
            **{name + sign: MOMENT for name in ("DateCreated", "DateUpdated") for sign in ("", "<", ">")},
            **PAGING,
        },
        answers=CONFERENCE,
        items="conferences",
    ),
    "fetch_conference": Operation(answers=CONFERENCE),
    "update_conference": Operation(
        {"Status": "completed", "AnnounceUrl": URL, "AnnounceMethod": VERB}, answers=CONFERENCE
    ),
    "list_participants": Operation(
        {"Muted": BOOL, "Hold": BOOL, "Coaching": BOOL, **PAGING}, answers=PARTICIPANT, items="participants"
    ),
    "create_participant": Operation(
        {
            **CALL_PARAMETERS,
            "To": ADDRESS,
            "From": ADDRESS,
            "Label": ANY,
            "Muted": BOOL,
            "Beep": one_of("true", "false", "onEnter", "onExit"),
            "StartConferenceOnEnter": BOOL,
            "EndConferenceOnExit": BOOL,
            "WaitUrl": "(https?://[^ ]+)?",
            "WaitMethod": VERB,
            "EarlyMedia": BOOL,
            "MaxParticipants": INT,
            "ConferenceRecord": one_of("true", "false", "record-from-start", "do-not-record"),
            "ConferenceStatusCallback": URL,
            "ConferenceStatusCallbackMethod": VERB,
            "ConferenceStatusCallbackEvent": ROOM_EVENT,
            "ConferenceRecordingStatusCallback": URL,
            "ConferenceRecordingStatusCallbackMethod": VERB,
            "ConferenceRecordingStatusCallbackEvent": RECORDING_EVENT,
            "Coaching": BOOL,
            "CallSidToCoach": sid("CA"),
        },
        frozenset({"To", "From"}),
        PARTICIPANT,
        status=201,
    ),
    "fetch_participant": Operation(answers=PARTICIPANT),
    "update_participant": Operation(
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
            "CallSidToCoach": sid("CA"),
        },
        answers=PARTICIPANT,
    ),
    "delete_participant": Operation(status=204),
    "create_queue": Operation(
        {"FriendlyName": r".{1,64}", "MaxSize": INT}, frozenset({"FriendlyName"}), QUEUE, status=201
    ),
    "list_queues": Operation(PAGING, answers=QUEUE, items="queues"),
    "fetch_queue": Operation(answers=QUEUE),
    "list_members": Operation(PAGING, answers=MEMBER, items="queue_members"),
    "fetch_member": Operation(answers=MEMBER),
    "update_member": Operation({"Url": URL, "Method": VERB}, frozenset({"Url"}), MEMBER),
    "list_recordings": Operation(
        {
            "CallSid": sid("CA"),
            "ConferenceSid": sid("CF"),
            "IncludeSoftDeleted": BOOL,
            **{"DateCreated" + sign: MOMENT for sign in ("", "<", ">")},
            **PAGING,
        },
        answers=RECORDING,
        items="recordings",
    ),
    "delete_recording": Operation(status=204),
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
            self.breaches += [f"{operation}: {one}" for one in asked_against(operation, values)]
        self.breaches += [f"{operation}: {one}" for one in answered_against(operation, answer)]


def asked_against(operation: str, values: Mapping[str, Sequence[str]]) -> list[str]:
    """Return what is wrong with a request."""
    known = OPERATIONS.get(operation)
    if known is None:
        return []
    wrong = [f"{name} is missing" for name in known.required if not values.get(name)]
    for name, given in values.items():
        if name not in known.parameters:
            wrong.append(f"there is no parameter {name}")
        wrong += [
            f"{name} cannot be {value[:60]!r}"
            for value in given
            if name in known.parameters and not re.fullmatch(known.parameters[name], value)
        ]
    return wrong


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
