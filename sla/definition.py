"""Read a calendar's definition, as people and the API write it, into spans of seconds. Pure.

    {"time_zone": "Europe/Paris",
     "weekly": {"mon": [["09:00", "12:00"], ["22:00", "06:00"]], "sun": [["00:00", "24:00"]]},
     "exceptions": {"2026-12-25": [], "2026-12-24": [["09:00", "12:00"]]}}

A weekday left out is closed; an exception replaces its date. Seconds may be given: "09:00:30".
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from sla.errors import InvalidCalendar

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MIDNIGHT = 24 * 3600
MOST_SPANS_A_DAY = 48
MOST_EXCEPTIONS = 5000

Span = tuple[int, int]  # opening, closing: seconds since the date's midnight; over midnight when closing > MIDNIGHT
Spans = tuple[Span, ...]  # in order, not overlapping

_KEYS = {"time_zone", "weekly", "exceptions"}
_TIME = re.compile(r"(\d{2}):(\d{2})(?::(\d{2}))?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def read_zone(definition: Mapping[str, Any]) -> ZoneInfo:
    """Return the calendar's time zone. Raises InvalidCalendar, also for keys that no calendar has."""
    unknown = set(definition) - _KEYS
    if unknown:
        raise InvalidCalendar(f"a calendar has no {_listed(unknown)}; it has {_listed(_KEYS)}")
    name = definition.get("time_zone")
    if not isinstance(name, str) or not name:
        raise InvalidCalendar("a calendar needs a time_zone, such as Europe/Paris")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # OSError: the name of a folder, such as "Europe"
        raise InvalidCalendar(f"{name!r} is no IANA time zone; write one such as Europe/Paris") from None


def read_weekly(definition: Mapping[str, Any]) -> tuple[Spans, ...]:
    """Return the spans of the seven days, Monday first; a day left out is closed. Raises InvalidCalendar."""
    weekly = _mapping(definition, "weekly")
    unknown = set(weekly) - set(DAYS)
    if unknown:
        raise InvalidCalendar(f"weekly has no day {_listed(unknown)}; the days are {', '.join(DAYS)}")
    days = tuple(_read_day(day, weekly.get(day, [])) for day in DAYS)
    for number, spans in enumerate(days):
        _refuse_overlap_with_next_day(number, spans, days[(number + 1) % 7])
    return days


def read_exceptions(definition: Mapping[str, Any]) -> dict[date, Spans]:
    """Return the spans of the dates that differ from their weekday. Raises InvalidCalendar."""
    exceptions = _mapping(definition, "exceptions")
    if len(exceptions) > MOST_EXCEPTIONS:
        raise InvalidCalendar(f"exceptions may name at most {MOST_EXCEPTIONS} dates, not {len(exceptions)}")
    return {_read_date(day): _read_day(day, spans) for day, spans in exceptions.items()}


def _mapping(definition: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = definition.get(key, {})
    if not isinstance(value, Mapping):
        raise InvalidCalendar(f"{key} must be an object, not {value!r}")
    return value


def _read_date(text: Any) -> date:
    try:
        if isinstance(text, str) and _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise InvalidCalendar(f"exceptions: {text!r} is no date; write one such as 2026-12-25")


def _read_day(day: str, spans: Any) -> Spans:
    if not isinstance(spans, (list, tuple)):
        raise InvalidCalendar(f'{day}: write a list of spans such as [["09:00", "17:00"]], not {spans!r}')
    if len(spans) > MOST_SPANS_A_DAY:
        raise InvalidCalendar(f"{day}: at most {MOST_SPANS_A_DAY} spans, not {len(spans)}")
    read = sorted(_read_span(day, span) for span in spans)
    for (_, closing), (opening, _) in pairwise(read):
        if opening < closing:
            raise InvalidCalendar(f"{day}: spans overlap from {_written(opening)} until {_written(closing)}")
    return tuple(read)


def _read_span(day: str, span: Any) -> Span:
    if not isinstance(span, (list, tuple)) or len(span) != 2:
        raise InvalidCalendar(f'{day}: {span!r} is no span; write one such as ["09:00", "17:00"]')
    opening, closing = (_read_time(day, text) for text in span)
    if opening == MIDNIGHT:
        raise InvalidCalendar(f"{day}: a span cannot open at 24:00; open the next day at 00:00")
    if opening == closing:
        raise InvalidCalendar(f"{day}: the span from {span[0]} to {span[1]} is empty; a whole day is 00:00 to 24:00")
    return (opening, closing) if opening < closing else (opening, closing + MIDNIGHT)


def _read_time(day: str, text: Any) -> int:
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if found:
        hours, minutes, seconds = (int(part or 0) for part in found.groups())
        total = hours * 3600 + minutes * 60 + seconds
        if minutes < 60 and seconds < 60 and total <= MIDNIGHT:
            return total
    raise InvalidCalendar(f"{day}: {text!r} is no time of day; write one from 00:00 to 24:00")


def _refuse_overlap_with_next_day(number: int, spans: Spans, tomorrow: Spans) -> None:
    if spans and tomorrow and spans[-1][1] - MIDNIGHT > tomorrow[0][0]:
        today, next_day = DAYS[number], DAYS[(number + 1) % 7]
        raise InvalidCalendar(
            f"{today}: the span from {_written(spans[-1][0])} runs over midnight into {next_day}'s span "
            f"from {_written(tomorrow[0][0])}"
        )


def _written(seconds: int) -> str:
    """Return a time of day as people write it, whether or not it is past midnight."""
    seconds = seconds if seconds == MIDNIGHT else seconds % MIDNIGHT
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}"
    return f"{text}:{seconds % 60:02d}" if seconds % 60 else text


def _listed(names: Iterable[Any]) -> str:
    return ", ".join(sorted(map(str, names)))
