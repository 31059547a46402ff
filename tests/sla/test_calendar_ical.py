"""iCalendar files: which times of a desk they close, and what hostile ones cost."""

import time
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from sla.errors import InvalidCalendar
from sla.ical import MOST_BYTES, MOST_EVENTS, WHOLE_DAY, Closings, read_closings

TORONTO = ZoneInfo("America/Toronto")
SINCE, UNTIL = date(2026, 1, 1), date(2027, 12, 31)
HOUR = 3600


def file(*events: str, head: str = "") -> bytes:
    blocks = "".join(f"BEGIN:VEVENT\n{event.strip()}\nEND:VEVENT\n" for event in events)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\n{head}{blocks}END:VCALENDAR\n".encode()


def read(*events: str, head: str = "") -> Closings:
    return read_closings(file(*events, head=head), TORONTO, since=SINCE, until=UNTIL)


def closed(*events: str) -> dict[str, str]:
    """The closed hours by date, "all" where it is the whole date."""
    return {
        str(day): " ".join(
            "all" if part == WHOLE_DAY else f"{part[0] / HOUR:g}-{part[1] / HOUR:g}" for part in one.parts
        )
        for day, one in sorted(read(*events).days.items())
    }


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        pytest.param("DTSTART;VALUE=DATE:20261225", {"2026-12-25": "all"}, id="a day"),
        pytest.param("DTSTART:20261225", {"2026-12-25": "all"}, id="a day that does not say that it is one"),
        pytest.param(
            "DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261226",
            {"2026-12-24": "all", "2026-12-25": "all"},
            id="two days, the end left out",
        ),
        pytest.param(
            "DTSTART;VALUE=DATE:20261224\nDURATION:P2D", {"2026-12-24": "all", "2026-12-25": "all"}, id="by duration"
        ),
        pytest.param(
            "DTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261225", {"2026-12-25": "all"}, id="an empty day"
        ),
        pytest.param(
            "DTSTART;TZID=America/Toronto:20261225T140000\nDTEND;TZID=America/Toronto:20261225T160000",
            {"2026-12-25": "14-16"},
            id="some hours",
        ),
        pytest.param("DTSTART:20261225T190000Z\nDURATION:PT90M", {"2026-12-25": "14-15.5"}, id="in UTC"),
        pytest.param("DTSTART:20261225T140000\nDURATION:PT2H", {"2026-12-25": "14-16"}, id="in no zone: the desk's"),
        pytest.param(
            "DTSTART;TZID=Ours:20261225T140000\nDURATION:PT2H", {"2026-12-25": "14-16"}, id="in a zone of its own"
        ),
        pytest.param(
            "DTSTART;TZID=Eastern Standard Time:20261225T140000\nDURATION:PT2H",
            {"2026-12-25": "14-16"},
            id="in a zone as Windows calls it",
        ),
        pytest.param(
            "DTSTART;TZID=Europe/Paris:20261225T020000\nDURATION:PT2H",
            {"2026-12-24": "20-22"},
            id="on the day before at the desk",
        ),
        pytest.param(
            "DTSTART:20261225T220000\nDURATION:PT28H",
            {"2026-12-25": "22-24", "2026-12-26": "all", "2026-12-27": "0-2"},
            id="over two midnights",
        ),
        pytest.param("DTSTART:20261225T140000", {}, id="a moment closes nothing"),
        pytest.param("DTSTART:20261225T140000\nDTEND:20261225T130000", {}, id="an end before its beginning"),
        pytest.param("DTSTART;VALUE=DATE:20261225\nSTATUS:CANCELLED", {}, id="cancelled"),
        pytest.param("SUMMARY:No time", {}, id="no time at all"),
        pytest.param("DTSTART;VALUE=DATE:20240101", {}, id="long ago"),
        pytest.param(
            "DTSTART;VALUE=DATE:00010101\nDTEND;VALUE=DATE:99991231\nRRULE:FREQ=YEARLY;COUNT=1",
            {str(SINCE + timedelta(days=passed)): "all" for passed in range(730)},
            id="always",
        ),
        pytest.param(
            "DTSTART;VALUE=DATE:20251225\nRRULE:FREQ=YEARLY",
            {"2026-12-25": "all", "2027-12-25": "all"},
            id="every year",
        ),
        pytest.param(
            "DTSTART;VALUE=DATE:20250101\nRRULE:FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO;UNTIL=20261231",
            {"2026-05-25": "all"},
            id="the last Monday of May, until a date",
        ),
        pytest.param(
            "DTSTART;VALUE=DATE:20261201\nRRULE:FREQ=DAILY;COUNT=4\nEXDATE;VALUE=DATE:20261202,20261203\n"
            "RDATE;VALUE=DATE:20261210",
            {"2026-12-01": "all", "2026-12-04": "all", "2026-12-10": "all"},
            id="but for some days, and on one more",
        ),
        pytest.param(
            "DTSTART;TZID=America/Toronto:20261027T090000\nDURATION:PT1H\n"
            "RRULE:FREQ=WEEKLY;UNTIL=20261110T140000Z\nEXDATE:20261027T130000Z",
            {"2026-11-03": "9-10", "2026-11-10": "9-10"},
            id="over the change of the clocks, until a moment",
        ),
        pytest.param(
            "DTSTART;TZID=America/Toronto:20261201T200000\nDURATION:PT1H\nRRULE:FREQ=DAILY;UNTIL=20261203T005959Z",
            {"2026-12-01": "20-21"},
            id="until a moment before the next one",
        ),
    ],
)
def test_an_event_closes_its_time(event: str, expected: dict[str, str]) -> None:
    assert closed(event) == expected


def test_names_are_those_of_people() -> None:
    found = read(
        "DTSTART;VALUE=DATE:20261225\nSUMMARY:Noël\\, and\n  more\\nof it",
        "DTSTART:20261226T100000\nDURATION:PT1H\nSUMMARY:" + "x" * 500,
        head="X-WR-CALNAME: The works \n",
    )

    assert found.name == "The works"
    assert found.days[date(2026, 12, 25)].name == "Noël, and more of it"
    assert len(found.days[date(2026, 12, 26)].name) == 200


def test_events_of_one_day_close_it_together() -> None:
    meetings = [
        f"DTSTART:20261201T{hour:02d}0000\nDURATION:PT{span}H\nSUMMARY:At {hour}"
        for hour, span in ((9, 2), (10, 3), (15, 1))
    ]

    assert closed(*meetings) == {"2026-12-01": "9-13 15-16"}
    assert closed(*meetings, "DTSTART;VALUE=DATE:20261201") == {"2026-12-01": "all"}
    assert read(*meetings, "DTSTART;VALUE=DATE:20261201\nSUMMARY:Off").days[date(2026, 12, 1)].name == "Off"


def test_one_of_many_can_be_moved_or_cancelled() -> None:
    weekly = "UID:1\nDTSTART:20261201T090000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;COUNT=3"
    moved = "UID:1\nRECURRENCE-ID:20261208T090000\nDTSTART:20261209T100000\nDURATION:PT1H"
    cancelled = "UID:1\nRECURRENCE-ID:20261215T140000Z\nDTSTART:20261215T090000\nDURATION:PT1H\nSTATUS:CANCELLED"
    another = "UID:2\nDTSTART;VALUE=DATE:20261208"

    assert closed(weekly, moved, cancelled, another) == {
        "2026-12-01": "9-10",
        "2026-12-08": "all",
        "2026-12-09": "10-11",
    }


def test_alarms_tasks_and_zones_of_a_files_own_are_not_read() -> None:
    head = (
        "BEGIN:VTIMEZONE\nTZID:Ours\nBEGIN:STANDARD\nDTSTART:19700101T000000\nRRULE:FREQ=SECONDLY\n"
        "TZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nEND:STANDARD\nEND:VTIMEZONE\n"
        "BEGIN:VTODO\nDTSTART;VALUE=DATE:20261201\nEND:VTODO\n"
    )
    event = (
        "DTSTART;VALUE=DATE:20261225\nBEGIN:VALARM\nTRIGGER:-PT5M\nDURATION:PT1M\nSUMMARY:Now\nEND:VALARM\nSUMMARY:Off"
    )

    found = read(event, head=head)

    assert {day: one.name for day, one in found.days.items()} == {date(2026, 12, 25): "Off"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no iCalendar file"),
        (b"<html>Log in</html>", "no iCalendar file"),
        (b"BEGIN:VCALENDAR\n\xff\xfe", "UTF-8"),
        (b"x" * (MOST_BYTES + 1), "at most"),
        (file(*["DTSTART;VALUE=DATE:20261225"] * (MOST_EVENTS + 1)), "2000 events"),
        (b"BEGIN:VCALENDAR\n" + b"BEGIN:X\n" * 100_000, "nested"),
        (file("DTSTART;VALUE=DATE:20261225\nEXDATE:" + "20261225," * 3000), "20000 characters"),
        (file("DTSTART;VALUE=DATE:20260230"), "cannot be read"),
        (file("DTSTART:tomorrow"), "cannot be read"),
        (file("DTSTART:140000"), "a date or a moment"),
        (file("DTSTART;VALUE=DATE:20261225\nDTEND:20261226T000000"), "the other way round"),
        (file("DTSTART;VALUE=DATE:20261225\nDURATION:P1Y"), "cannot be read"),
        (file("DTSTART;VALUE=DATE:20261225\nRRULE:FREQ=SECONDLY"), "SECONDLY"),
        (file("DTSTART;VALUE=DATE:20261225\nRRULE:FREQ=DAILY;INTERVAL=0"), "above 0"),
        (file("DTSTART;VALUE=DATE:20261225\nRRULE:nonsense"), "a rule by nothing"),
        (file(*["DTSTART;VALUE=DATE:20200101\nRRULE:FREQ=DAILY"] * 40), "too often"),
        (file("DTSTART;VALUE=DATE:00010101\nRRULE:FREQ=DAILY;COUNT=2000000000"), "too often"),
        (file("DTSTART:00010101T000000\nDTEND:99991231T235959\nRRULE:FREQ=DAILY"), "out of range"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_cannot_be_read_or_would_take_too_long_is_refused(content: bytes, told: str) -> None:
    started = time.process_time()

    with pytest.raises(InvalidCalendar, match=told):
        read_closings(content, TORONTO, since=date(2016, 1, 1), until=date(2031, 12, 31))
    assert time.process_time() - started < 10  # most take milliseconds
