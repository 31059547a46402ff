"""Calendar parts: always a file, and the text where there is no other."""

import pytest

from channels.email.mime import parse
from tests.channels.email.raw_mails import PLAIN, mail, multipart, part

EVENT = """\
BEGIN:VCALENDAR
METHOD:REQUEST
BEGIN:VTIMEZONE
DTSTART:19700101T000000
END:VTIMEZONE
BEGIN:VEVENT
SUMMARY:The printer\\, again
DTSTART;TZID=Europe/Paris:20261103T120000
DTEND;TZID=Europe/Paris:20261103T133000
LOCATION:Room 3\\; first
  floor
ORGANIZER;CN="Ann Lee":mailto:ann@home.example
BEGIN:VALARM
DESCRIPTION:Reminder
END:VALARM
DESCRIPTION:Bring paper.\\nAnd ink.
END:VEVENT
BEGIN:VEVENT
SUMMARY:Another
END:VEVENT
END:VCALENDAR
"""


def invitation(event: str) -> bytes:
    return mail(event.replace("\n", "\r\n").encode(), content_type="text/calendar; charset=utf-8; method=REQUEST")


def test_an_invitation_without_words_is_told_in_words():
    read = parse(invitation(EVENT))

    assert read.text.split("\n") == [
        "Invitation: The printer, again",
        "When: Tue 3 Nov 2026 12:00 to 13:30 (Europe/Paris)",
        "Where: Room 3; first floor",
        "Organiser: Ann Lee <ann@home.example>",
        "",
        "Bring paper.",
        "And ink.",
    ]
    assert [(file.filename, file.content_type) for file in read.files] == [("invitation.ics", "text/calendar")]


def test_an_invitation_with_words_is_a_file():
    read = parse(multipart("alternative", PLAIN, part("text/calendar", EVENT.encode())))

    assert (read.text, [file.filename for file in read.files]) == ("Hello there", ["invitation.ics"])


def event(*lines: str, method: str = "REQUEST") -> str:
    return "\n".join([f"METHOD:{method}", "BEGIN:VEVENT", *lines, "END:VEVENT"])


EVENTS = {
    "cancelled": (event("SUMMARY:Lunch", method="CANCEL"), "Cancelled: Lunch"),
    "in UTC": (event("DTSTART:20261103T120000Z"), "Invitation: (without a title)\nWhen: Tue 3 Nov 2026 12:00 (UTC)"),
    "all day": (
        event("SUMMARY:Fair", "DTSTART;VALUE=DATE:20261103", "DTEND;VALUE=DATE:20261105"),
        "Invitation: Fair\nWhen: Tue 3 Nov 2026",
    ),
    "over midnight": (
        event("SUMMARY:Ball", "DTSTART:20261103T220000", "DTEND:20261104T030000"),
        "Invitation: Ball\nWhen: Tue 3 Nov 2026 22:00 to Wed 4 Nov 2026 03:00",
    ),
    "an answer": (
        event("SUMMARY:Lunch", "ATTENDEE;PARTSTAT=DECLINED;CN=Bob:MAILTO:bob@home.example", method="REPLY"),
        "Answer to an invitation: Lunch\nBob <bob@home.example> declines",
    ),
    "a time that is none": (event("SUMMARY:Lunch", "DTSTART:noon"), "Invitation: Lunch\nWhen: noon"),
    "no event": ("BEGIN:VCALENDAR\nBEGIN:VTODO\nSUMMARY:Buy ink\nEND:VTODO", ""),
    "nothing at all": ("", ""),
}


@pytest.mark.parametrize(("calendar", "text"), EVENTS.values(), ids=EVENTS.keys())
def test_what_it_says_is_told(calendar, text):
    assert parse(invitation(calendar)).text == text
