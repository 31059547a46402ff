"""What Twilio's published description says of the resources that we use: their fields, and what each may hold.

The patterns are for parameters too. Whose description, and which edition: see `tests.channels.twilio_contract`.
"""

import re
from typing import Any


def sid(*prefixes: str) -> str:
    return rf"({'|'.join(prefixes)})[0-9a-fA-F]{{32}}"


def one_of(*words: str) -> str:
    return "|".join(map(re.escape, words))


def some_of(*words: str) -> str:
    """Several of these words in one value, with blanks between."""
    return rf"({one_of(*words)})( ({one_of(*words)}))*"


ANY, BOOL, INT = r"(?s).*", r"true|false", r"\d+"
URL, VERB = r"https?://[^\s]+", r"GET|POST"
DAY = r"\d{4}-\d\d-\d\d"
MOMENT = DAY + r"(T\d\d:\d\d:\d\dZ)?"
NUMBER = r"\+?[0-9]{3,15}"
MAILBOX = rf"(whatsapp:)?{NUMBER}"  # who writes, or is written to
ENDPOINT = rf"{NUMBER}|client:[^\s]+|sip:[^\s]+"  # who is called, or calls
CALLER = rf"{ENDPOINT}|[A-Za-z0-9._-]+"  # to a SIP address calls a name
RFC2822 = r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}"
CALL_EVENT = one_of("initiated", "ringing", "answered", "completed")
ROOM_EVENT = some_of("start", "end", "join", "leave", "mute", "hold", "modify", "speaker", "announcement")
CALL_STATUS = one_of("queued", "ringing", "in-progress", "canceled", "completed", "failed", "busy", "no-answer")
MESSAGE_STATUS = one_of(
    "queued", "sending", "sent", "failed", "delivered", "undelivered", "receiving", "received", "accepted",
    "scheduled", "read", "partially_delivered", "canceled",
)  # fmt: skip

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
    "from": "?" + MAILBOX,
    "messaging_service_sid": "?" + sid("MG"),
    "num_media": INT,
    "num_segments": INT,
    "price": "?" + ANY,
    "price_unit": "?[A-Z]{3}",
    "sid": sid("SM", "MM"),
    "status": MESSAGE_STATUS,
    "subresource_uris": dict,
    "to": "?" + MAILBOX,
}
CALL: dict[str, Any] = {
    **COMMON,
    "answered_by": "?"
    + one_of(
        "human", "machine_start", "machine_end_beep", "machine_end_silence", "machine_end_other", "fax", "unknown"
    ),
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
    "queue_time": "?" + INT,  # in the answer to its making alone
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
        "DialVerb",
        "Conference",
        "OutboundAPI",
        "Trunking",
        "RecordVerb",
        "StartCallRecordingAPI",
        "StartConferenceRecordingAPI",
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
