"""Say in words what a calendar part invites to, for a mail that says nothing else. Pure, bounded. RFC 5545, 5546."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from channels.email.charsets import decode, keepable

MAX_CALENDAR = 100_000  # bytes
MAX_LINES = 5_000

TYPES = {"text/calendar", "application/ics"}

_FOLD = re.compile(r"\r?\n[ \t]")
_PROPERTY = re.compile(r'([A-Za-z-]{1,40})((?:;[^:"\n]{0,300}(?:"[^"\n]{0,300}"[^:"\n]{0,300}){0,9})?):(.*)')
_ZONE = re.compile(r';TZID="?([^;:"]{1,60})', re.IGNORECASE)
_NAME = re.compile(r';CN=(?:"([^"]{1,200})"|([^;:"]{1,200}))', re.IGNORECASE)
_ANSWER = re.compile(r";PARTSTAT=([A-Z-]{1,20})", re.IGNORECASE)
_ESCAPED = re.compile(r"\\([\\;,nN])")

TITLES = {  # the methods of RFC 5546, 1.4
    "ADD": "Invitation",
    "CANCEL": "Cancelled",
    "COUNTER": "Another time proposed",
    "DECLINECOUNTER": "Another time declined",
    "PUBLISH": "Event",
    "REFRESH": "Details asked for",
    "REPLY": "Answer to an invitation",
    "REQUEST": "Invitation",
}
ANSWERS = {"ACCEPTED": "accepts", "DECLINED": "declines", "TENTATIVE": "accepts tentatively"}  # RFC 5545, 3.2.12


@dataclass(frozen=True)
class _Property:
    parameters: str
    value: str

    @property
    def text(self) -> str:
        return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], self.value).strip()

    @property
    def person(self) -> str:
        address = self.value.partition(":")[2] if self.value.lower().startswith("mailto:") else self.value
        named = _NAME.search(self.parameters)
        return f"{(named[1] or named[2]).strip()} <{address}>" if named else address


def in_words(content: bytes) -> str:
    """Return what, when and where the first event of a calendar is; "" when there is none."""
    event = _first_event(decode(content[:MAX_CALENDAR]))
    return keepable("\n".join(_lines(event))) if event.keys() - {"METHOD"} else ""


def _first_event(calendar: str) -> dict[str, _Property]:
    """Return the properties of the first event, each the first time it stands there, and the calendar's METHOD."""
    event = dict[str, _Property]()
    component = ""
    for line in islice(_FOLD.sub("", calendar).splitlines(), MAX_LINES):
        found = _PROPERTY.fullmatch(line)
        if found is None:
            continue
        name, parameters, value = found[1].upper(), found[2], found[3].strip()
        if name == "END" and value.upper() == "VEVENT":
            break
        if name in {"BEGIN", "END"}:
            component = value.upper() if name == "BEGIN" else "VEVENT" if component == "VALARM" else ""
        elif component == "VEVENT" or name == "METHOD":
            event.setdefault(name, _Property(parameters, value))
    return event


def _lines(event: dict[str, _Property]) -> Iterator[str]:
    method = event["METHOD"].value.upper() if "METHOD" in event else ""
    summary = event["SUMMARY"].text if "SUMMARY" in event else "(without a title)"
    yield f"{TITLES.get(method, 'Event')}: {summary}"
    if method == "REPLY" and "ATTENDEE" in event:
        who = event["ATTENDEE"]
        answer = _ANSWER.search(who.parameters)
        yield f"{who.person} {ANSWERS.get(answer[1].upper() if answer else '', 'answers')}"
    if "DTSTART" in event:
        yield f"When: {_span(event['DTSTART'], event.get('DTEND'))}"
    if "LOCATION" in event and event["LOCATION"].text:
        yield f"Where: {event['LOCATION'].text}"
    if "ORGANIZER" in event:
        yield f"Organiser: {event['ORGANIZER'].person}"
    if "DESCRIPTION" in event and event["DESCRIPTION"].text:
        yield f"\n{event['DESCRIPTION'].text}"


def _span(start: _Property, end: _Property | None) -> str:
    """Return when it is, in the zone of whoever wrote it: the reader's is not known here."""
    begins, ends = _moment(start), _moment(end) if end is not None else ""
    day = begins.rpartition(" ")[0]
    until = ends.removeprefix(f"{day} ") if day else ends
    named = _ZONE.search(start.parameters)
    zone = "UTC" if start.value.endswith("Z") else named[1] if named else ""
    return begins + (f" to {until}" if until and "T" in start.value else "") + (f" ({zone})" if zone else "")


def _moment(at: _Property) -> str:
    try:
        if "T" in at.value:
            return datetime.strptime(at.value.rstrip("Z"), "%Y%m%dT%H%M%S").strftime("%a %-d %b %Y %H:%M")  # noqa: DTZ007
        return datetime.strptime(at.value, "%Y%m%d").strftime("%a %-d %b %Y")  # noqa: DTZ007
    except ValueError:
        return at.value[:100]
