"""Read a calendar's definition, as people and the API write it, into spans of seconds. Pure.

    {"time_zone": "Europe/Paris",
     "weekly": {"mon": [["09:00", "12:00"], ["22:00", "06:00"]], "sun": [["00:00", "24:00"]]},
     "exceptions": {"2026-12-24": [["09:00", "12:00"]], "2026-07-03": {"spans": [], "name": "Stocktaking"}},
     "yearly": {"01-01": [], "02-29": [["10:00", "12:00"]]},
     "imported": {"2026-12-25": {"spans": [], "name": "Christmas Day", "source": "holidays:CA-QC"}}}

A weekday left out is closed. Each of the others replaces its date: an exception beats what is imported, that beats what
comes back every year, that beats the weekday. Any of their days may be given a name. Seconds may be given: "09:00:30".

A calendar in the store keeps two more things, which say where `imported` comes from and mean nothing here: `holidays`
(see sla.public_holidays) and `sources` (see sla.imports).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from sla.errors import InvalidCalendar

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MIDNIGHT = 24 * 3600
MOST_SPANS_A_DAY = 48
MOST_EXCEPTIONS = 5000
LONGEST_NAME = 200

Span = tuple[int, int]  # opening, closing: seconds since the date's midnight; over midnight when closing > MIDNIGHT
Spans = tuple[Span, ...]  # in order, not overlapping

DayOfYear = tuple[int, int]  # month, day

_KEYS = {"time_zone", "weekly", "exceptions", "yearly"}
_KEPT = {"imported", "holidays", "sources"}  # what people do not write themselves
_TIME = re.compile(r"(\d{2}):(\d{2})(?::(\d{2}))?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_LEAP_YEAR = 2000


@dataclass(frozen=True)
class SpecialDay:
    """What a date has instead of its weekday's spans, and what it is called; "": nothing."""

    spans: Spans
    name: str = ""


def read_zone(definition: Mapping[str, Any]) -> ZoneInfo:
    """Return the calendar's time zone. Raises InvalidCalendar, also for keys that no calendar has."""
    unknown = set(definition) - _KEYS - _KEPT
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


def read_dates(definition: Mapping[str, Any]) -> dict[date, SpecialDay]:
    """Return the dates that differ, by exception or because they were imported. Raises InvalidCalendar."""
    imported = _few(definition, "imported")
    exceptions = _few(definition, "exceptions")
    read = {_read_date("imported", day): _read_special(day, words) for day, words in imported.items()}
    for text, words in exceptions.items():
        day, special = _read_date("exceptions", text), _read_special(text, words)
        # Hours of one's own on Christmas Day are still Christmas Day's.
        called = special.name or (read[day].name if day in read else "")
        read[day] = SpecialDay(special.spans, called)
    return read


def read_yearly(definition: Mapping[str, Any]) -> dict[DayOfYear, SpecialDay]:
    """Return the days that differ every year, those of 29 February in leap years. Raises InvalidCalendar."""
    yearly = _few(definition, "yearly")
    return {_read_day_of_year(day): _read_special(day, words) for day, words in yearly.items()}


def _mapping(definition: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = definition.get(key, {})
    if not isinstance(value, Mapping):
        raise InvalidCalendar(f"{key} must be an object, not {value!r}")
    return value


def _few(definition: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    days = _mapping(definition, key)
    if len(days) > MOST_EXCEPTIONS:
        raise InvalidCalendar(f"{key} may name at most {MOST_EXCEPTIONS} dates, not {len(days)}")
    return days


def _read_date(key: str, text: Any) -> date:
    found = _date(text)
    if found is None:
        raise InvalidCalendar(f"{key}: {text!r} is no date; write one such as 2026-12-25")
    return found


def _read_day_of_year(text: Any) -> DayOfYear:
    found = _date(f"{_LEAP_YEAR}-{text}")
    if found is None:
        raise InvalidCalendar(f"yearly: {text!r} is no day of the year; write one such as 12-25")
    return found.month, found.day


def _date(text: Any) -> date | None:
    try:
        return date.fromisoformat(text) if isinstance(text, str) and _DATE.fullmatch(text) else None
    except ValueError:
        return None


def _read_special(day: str, words: Any) -> SpecialDay:
    if not isinstance(words, Mapping):
        return SpecialDay(_read_day(day, words))
    unknown = set(words) - {"spans", "name", "source"}
    if unknown or "spans" not in words:
        raise InvalidCalendar(f"{day}: write a list of spans, or an object with spans and a name, not {words!r}")
    for key in ("name", "source"):
        text = words.get(key, "")
        if not isinstance(text, str) or len(text) > LONGEST_NAME:
            raise InvalidCalendar(f"{day}: the {key} is a text of at most {LONGEST_NAME} characters")
    return SpecialDay(_read_day(day, words["spans"]), words.get("name", "").strip())


def _read_day(day: str, spans: Any) -> Spans:
    if not isinstance(spans, (list, tuple)):
        raise InvalidCalendar(f'{day}: write a list of spans such as [["09:00", "17:00"]], not {spans!r}')
    if len(spans) > MOST_SPANS_A_DAY:
        raise InvalidCalendar(f"{day}: at most {MOST_SPANS_A_DAY} spans, not {len(spans)}")
    read = sorted(read_span(day, span) for span in spans)
    for (_, closing), (opening, _) in pairwise(read):
        if opening < closing:
            raise InvalidCalendar(f"{day}: spans overlap from {written(opening)} until {written(closing)}")
    return tuple(read)


def read_span(day: str, span: Any) -> Span:
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
            f"{today}: the span from {written(spans[-1][0])} runs over midnight into {next_day}'s span "
            f"from {written(tomorrow[0][0])}"
        )


def written(seconds: int) -> str:
    """Return a time of day as people write it, whether or not it is past midnight."""
    seconds = seconds if seconds == MIDNIGHT else seconds % MIDNIGHT
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}"
    return f"{text}:{seconds % 60:02d}" if seconds % 60 else text


def _listed(names: Iterable[Any]) -> str:
    return ", ".join(sorted(map(str, names)))
