"""What docs/calendars.md says, reckoned."""

import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sla import imports
from sla.calendar_versions import MOST_SOURCES, definition_of
from sla.definition import written
from sla.feeds import MOST as MOST_FEEDS
from sla.hours import BusinessHours
from sla.ical import MOST_BYTES, MOST_EVENTS, read_closings
from sla.public_holidays import YEARS_AHEAD, YEARS_BACK

PAGE = (Path(__file__).parent.parent.parent / "docs" / "calendars.md").read_text(encoding="utf-8")
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def words() -> dict[str, Any]:
    found = re.search(r"^POST /api/v1/sla/calendars\n(\{.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    read: dict[str, Any] = json.loads(found[1])
    return read


def spans(hours: BusinessHours, day: date) -> list[list[str]]:
    return [[written(opening), written(closing)] for opening, closing in hours.spans_of(day)]


def test_the_calendar_is_open_as_the_page_says() -> None:
    hours = BusinessHours.from_dict(definition_of(words(), at=NOW))

    feast, stocktaking, boxing_day = date(2026, 6, 24), date(2026, 7, 3), date(2026, 12, 26)
    assert (spans(hours, feast), hours.name_of(feast)) == ([["10:00", "14:00"]], "Fête nationale du Québec")
    assert f'"{hours.name_of(feast)}"' in PAGE
    assert (spans(hours, stocktaking), hours.name_of(stocktaking)) == ([], "Stocktaking")
    assert (spans(hours, boxing_day), hours.name_of(boxing_day)) == ([], "Boxing Day")
    assert spans(hours, date(2026, 12, 25)) == []


def test_the_file_closes_what_the_page_says() -> None:
    found = re.search(r"^BEGIN:VCALENDAR\n.*?^END:VCALENDAR\n", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    hours = BusinessHours.from_dict(definition_of(words(), at=NOW))

    said = read_closings(found[0].encode(), hours.time_zone, since=date(2026, 1, 1), until=date(2026, 12, 31))
    days = imports.imported({"ical:Works": said.days}, hours)

    assert days["2026-11-30"] == {"spans": [], "name": "The lift is replaced", "source": "ical:Works"}
    assert f"`{json.dumps(days['2026-12-03']['spans'])}` is left" in PAGE


def test_the_page_gives_the_limits_of_the_code() -> None:
    assert (YEARS_BACK, YEARS_AHEAD) == (10, 5)
    assert f"at most {MOST_BYTES // 1_000_000} MB and {MOST_EVENTS:,} events" in PAGE
    assert f"a calendar {MOST_SOURCES} files and feeds, ten of them feeds" in PAGE
    assert MOST_FEEDS == 10
