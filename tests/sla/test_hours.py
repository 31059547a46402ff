"""Working time: tables with named rows. 2 March 2026 is a Monday."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from sla.errors import NeverOpen, OutOfReach
from sla.hours import BusinessHours, due, elapsed, intervals

HOUR = timedelta(hours=1)
WORKDAYS = ("mon", "tue", "wed", "thu", "fri")
ALL_DAYS = (*WORKDAYS, "sat", "sun")


def hours(weekly: dict[str, Any], *, time_zone: str = "UTC", exceptions: dict[str, Any] | None = None) -> BusinessHours:
    return BusinessHours.from_dict({"time_zone": time_zone, "weekly": weekly, "exceptions": exceptions or {}})


def every(days: tuple[str, ...], *spans: list[str]) -> dict[str, Any]:
    return {day: list(spans) for day in days}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


OFFICE = hours(every(WORKDAYS, ["09:00", "12:00"], ["13:00", "17:00"]))
ALWAYS = hours(every(ALL_DAYS, ["00:00", "24:00"]))
NIGHTS = hours(every(ALL_DAYS, ["22:00", "06:00"]))
FRIDAY_NIGHT = hours({"fri": [["22:00", "06:00"]]})
CLOSED_TUESDAY = hours(every(WORKDAYS, ["09:00", "17:00"]), exceptions={"2026-03-03": []})


@pytest.mark.parametrize(
    ("desk", "start", "allowance", "expected"),
    [
        pytest.param(OFFICE, "2026-03-02T10:00Z", HOUR, "2026-03-02T11:00Z", id="within a span"),
        pytest.param(OFFICE, "2026-03-02T07:00Z", HOUR, "2026-03-02T10:00Z", id="before opening"),
        pytest.param(OFFICE, "2026-03-02T12:30Z", HOUR, "2026-03-02T14:00Z", id="during lunch"),
        pytest.param(OFFICE, "2026-03-02T11:30Z", HOUR, "2026-03-02T13:30Z", id="over lunch"),
        pytest.param(OFFICE, "2026-03-02T11:00Z", HOUR, "2026-03-02T12:00Z", id="used up exactly at closing"),
        pytest.param(OFFICE, "2026-03-02T12:00Z", HOUR, "2026-03-02T14:00Z", id="asked exactly at closing"),
        pytest.param(OFFICE, "2026-03-02T13:00Z", HOUR, "2026-03-02T14:00Z", id="asked exactly at opening"),
        pytest.param(OFFICE, "2026-03-06T16:30Z", HOUR, "2026-03-09T09:30Z", id="over the weekend"),
        pytest.param(OFFICE, "2026-03-07T16:30Z", 7 * HOUR, "2026-03-09T17:00Z", id="a whole day from a Saturday"),
        pytest.param(OFFICE, "2026-03-02T16:59:59Z", timedelta(seconds=2), "2026-03-03T09:00:01Z", id="by seconds"),
        pytest.param(
            OFFICE, "2026-03-02T11:59:59.999999Z", timedelta(microseconds=2), "2026-03-02T13:00:00.000001Z", id="finely"
        ),
        pytest.param(OFFICE, "2026-03-02T12:30Z", timedelta(0), "2026-03-02T12:30Z", id="no allowance is due at once"),
        pytest.param(OFFICE, "2026-12-31T16:30Z", HOUR, "2027-01-01T09:30Z", id="over New Year"),
        pytest.param(OFFICE, "2026-12-31T16:00Z", HOUR, "2026-12-31T17:00Z", id="exactly the last hour of the year"),
        pytest.param(OFFICE, "2026-03-02T09:00Z", 7 * 260 * HOUR, "2027-02-26T17:00Z", id="52 weeks"),
        pytest.param(ALWAYS, "2026-12-31T23:00Z", HOUR, "2027-01-01T00:00Z", id="always open, at New Year"),
        pytest.param(ALWAYS, "2026-01-01T00:00Z", 24 * 365 * HOUR, "2027-01-01T00:00Z", id="always open, a year"),
        pytest.param(ALWAYS, "2026-01-01T00:00Z", 24 * 1461 * HOUR, "2030-01-01T00:00Z", id="always open, four years"),
        pytest.param(NIGHTS, "2026-03-02T23:00Z", 8 * HOUR, "2026-03-03T23:00Z", id="over midnight to the next night"),
        pytest.param(NIGHTS, "2026-03-02T01:00Z", 5 * HOUR, "2026-03-02T06:00Z", id="in the night of the day before"),
        pytest.param(FRIDAY_NIGHT, "2026-03-07T05:00Z", 2 * HOUR, "2026-03-13T23:00Z", id="a week to the next night"),
        pytest.param(CLOSED_TUESDAY, "2026-03-02T16:00Z", 2 * HOUR, "2026-03-04T10:00Z", id="over a closed date"),
        pytest.param(CLOSED_TUESDAY, "2026-03-10T16:00Z", 2 * HOUR, "2026-03-11T10:00Z", id="a week later as usual"),
        pytest.param(OFFICE, "2026-03-02T08:00-05:00", HOUR, "2026-03-02T14:00Z", id="asked in another zone"),
        pytest.param(OFFICE, "2027-01-01T03:00+05:00", HOUR, "2027-01-01T10:00Z", id="asked where the year is older"),
    ],
)
def test_an_allowance_falls_due(desk: BusinessHours, start: str, allowance: timedelta, expected: str) -> None:
    result = due(at(start), allowance, desk)

    assert result == at(expected)
    assert result.tzinfo is UTC
    assert elapsed(at(start), result, desk) == allowance


@pytest.mark.parametrize(
    ("desk", "start", "end", "expected"),
    [
        pytest.param(OFFICE, "2026-03-02T09:00Z", "2026-03-02T17:00Z", 7 * HOUR, id="a day without its lunch"),
        pytest.param(OFFICE, "2026-03-02T12:00Z", "2026-03-02T13:00Z", 0 * HOUR, id="lunch itself"),
        pytest.param(OFFICE, "2026-03-06T17:00Z", "2026-03-09T09:00Z", 0 * HOUR, id="from closing to opening"),
        pytest.param(OFFICE, "2026-03-02T00:00Z", "2026-03-09T00:00Z", 35 * HOUR, id="a week"),
        pytest.param(OFFICE, "2026-03-02T10:00Z", "2026-03-02T10:00Z", 0 * HOUR, id="no time at all"),
        pytest.param(OFFICE, "2026-03-02T11:00Z", "2026-03-02T10:00Z", -HOUR, id="backwards"),
        pytest.param(ALWAYS, "2024-02-28T00:00Z", "2024-03-01T00:00Z", 48 * HOUR, id="a leap day"),
        pytest.param(
            ALWAYS, "2023-06-01T00:00Z", "2026-06-01T00:00Z", 24 * 1096 * HOUR, id="three years, one leap year"
        ),
        pytest.param(NIGHTS, "2026-03-02T00:00Z", "2026-03-03T00:00Z", 8 * HOUR, id="two halves of nights"),
        pytest.param(
            CLOSED_TUESDAY, "2026-03-02T00:00Z", "2026-03-09T00:00Z", 32 * HOUR, id="a week and a closed date"
        ),
    ],
)
def test_working_time_passes(desk: BusinessHours, start: str, end: str, expected: timedelta) -> None:
    assert elapsed(at(start), at(end), desk) == expected


# Paris goes to summer time on 29 March 2026 at 01:00Z and back on 25 October at 01:00Z; New York on 8 March at 07:00Z
# and back on 1 November at 06:00Z; all are Sundays. Cairo goes on Friday 24 April at midnight; Lord Howe goes back by
# half an hour on Sunday 5 April. Samoa crossed the date line and had no Friday 30 December 2011.
@pytest.mark.parametrize(
    ("weekly", "zone", "start", "end", "expected"),
    [
        pytest.param({"sat": [["22:00", "06:00"]]}, "Europe/Paris", "2026-03-28", "2026-03-30", 7.0, id="short night"),
        pytest.param({"sat": [["22:00", "06:00"]]}, "Europe/Paris", "2026-10-24", "2026-10-26", 9.0, id="long night"),
        pytest.param({"sun": [["00:00", "24:00"]]}, "Europe/Paris", "2026-03-28", "2026-03-30", 23.0, id="short day"),
        pytest.param({"sun": [["00:00", "24:00"]]}, "Europe/Paris", "2026-10-24", "2026-10-26", 25.0, id="long day"),
        pytest.param(
            {"sun": [["02:30", "05:00"]]}, "America/New_York", "2026-03-08", "2026-03-09", 2.0, id="opens when skipped"
        ),
        pytest.param(
            {"sun": [["00:00", "02:30"]]}, "America/New_York", "2026-03-08", "2026-03-09", 2.0, id="closes when skipped"
        ),
        pytest.param(
            {"sun": [["02:10", "02:50"]]}, "America/New_York", "2026-03-08", "2026-03-09", 0.0, id="skipped altogether"
        ),
        pytest.param(
            {"sun": [["01:30", "03:00"]]}, "America/New_York", "2026-11-01", "2026-11-02", 2.5, id="opens at the first"
        ),
        pytest.param(
            {"sun": [["00:00", "01:30"]]}, "America/New_York", "2026-11-01", "2026-11-02", 1.5, id="closes at the first"
        ),
        pytest.param(
            {"sun": [["00:00", "01:30"], ["01:30", "06:00"]]},
            "America/New_York",
            "2026-11-01",
            "2026-11-02",
            7.0,
            id="two spans that meet in the hour that comes twice",
        ),
        pytest.param({"fri": [["00:00", "12:00"]]}, "Africa/Cairo", "2026-04-23", "2026-04-25", 11.0, id="no midnight"),
        pytest.param(
            {"sun": [["00:00", "06:00"]]}, "Australia/Lord_Howe", "2026-04-04", "2026-04-06", 6.5, id="half an hour"
        ),
        pytest.param(
            {"fri": [["00:00", "24:00"]]}, "Pacific/Apia", "2011-12-28", "2012-01-02", 0.0, id="a date that never was"
        ),
    ],
)
def test_a_change_of_the_clocks_is_reckoned_in_elapsed_time(
    weekly: dict[str, Any], zone: str, start: str, end: str, expected: float
) -> None:
    desk = hours(weekly, time_zone=zone)

    passed = elapsed(at(f"{start}T00:00Z"), at(f"{end}T12:00Z"), desk)

    assert passed == expected * HOUR


# 31 December 2026 is a Thursday.
@pytest.mark.parametrize(
    ("weekly", "zone", "opening", "closing"),
    [
        pytest.param(
            {"thu": [["18:00", "24:00"]]}, "America/Los_Angeles", "2027-01-01T02:00Z", "2027-01-01T08:00Z", id="west"
        ),
        pytest.param(
            {"fri": [["00:00", "09:00"]]}, "Pacific/Kiritimati", "2026-12-31T10:00Z", "2026-12-31T19:00Z", id="far east"
        ),
        pytest.param(
            {"wed": [["23:00", "22:00"]]}, "Etc/GMT+12", "2026-12-31T11:00Z", "2027-01-01T10:00Z", id="a long night"
        ),
    ],
)
def test_the_desk_knows_its_own_new_year(weekly: dict[str, Any], zone: str, opening: str, closing: str) -> None:
    desk = hours(weekly, time_zone=zone)

    found = list(intervals(at("2026-12-31T00:00Z"), at("2027-01-02T00:00Z"), desk))

    assert (at(opening), at(closing), True) in found
    assert due(at("2026-12-31T00:00Z"), at(closing) - at(opening), desk) == at(closing)


def test_a_desk_that_opens_in_the_skipped_hour_opens_at_the_change() -> None:
    desk = hours({"sun": [["02:30", "05:00"]]}, time_zone="America/New_York")

    assert due(at("2026-03-08T00:00Z"), timedelta(minutes=1), desk) == at("2026-03-08T07:01Z")


NIGHT_SHIFTS = every(ALL_DAYS, ["22:00", "06:00"])


@pytest.mark.parametrize(
    ("exceptions", "expected"),
    [
        pytest.param({}, [("22:00", "30:00"), ("46:00", "54:00")], id="no exception"),
        pytest.param({"2026-03-02": []}, [("46:00", "54:00")], id="the first date is closed, so its night is too"),
        pytest.param({"2026-03-03": []}, [("22:00", "24:00")], id="the second date is closed as a whole"),
        pytest.param(
            {"2026-03-03": [["10:00", "12:00"]]},
            [("22:00", "24:00"), ("34:00", "36:00")],
            id="other hours",
        ),
        pytest.param(
            {"2026-03-02": [["20:00", "08:00"]]}, [("20:00", "32:00"), ("46:00", "54:00")], id="a longer night, once"
        ),
        pytest.param(
            {"2026-03-03": [["00:00", "03:00"], ["23:00", "01:00"]]},
            [("22:00", "27:00"), ("47:00", "49:00")],
            id="the second has nights of its own",
        ),
    ],
)
def test_an_exception_replaces_its_date(exceptions: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    desk = hours(NIGHT_SHIFTS, exceptions=exceptions)
    monday = at("2026-03-02T12:00Z")

    found = [(start, end) for start, end, is_open in intervals(monday, monday + 48 * HOUR, desk) if is_open]

    assert [(_from_monday(start), _from_monday(end)) for start, end in found] == expected


def _from_monday(moment: datetime) -> str:
    passed = moment - at("2026-03-02T00:00Z")
    return f"{passed // HOUR}:{passed % HOUR // timedelta(minutes=1):02d}"


def test_intervals_tell_open_from_closed_without_gaps() -> None:
    found = list(intervals(at("2026-03-02T10:00Z"), at("2026-03-03T10:00Z"), OFFICE))

    assert found == [
        (at("2026-03-02T10:00Z"), at("2026-03-02T12:00Z"), True),
        (at("2026-03-02T12:00Z"), at("2026-03-02T13:00Z"), False),
        (at("2026-03-02T13:00Z"), at("2026-03-02T17:00Z"), True),
        (at("2026-03-02T17:00Z"), at("2026-03-03T09:00Z"), False),
        (at("2026-03-03T09:00Z"), at("2026-03-03T10:00Z"), True),
    ]


def test_an_open_interval_goes_on_over_new_year() -> None:
    start, end = at("2024-11-05T00:00Z"), at("2027-02-01T00:00Z")

    assert list(intervals(start, end, ALWAYS)) == [(start, end, True)]


@pytest.mark.parametrize("end", ["2026-03-02T10:00Z", "2026-03-02T09:00Z"])
def test_no_time_has_no_intervals(end: str) -> None:
    assert list(intervals(at("2026-03-02T10:00Z"), at(end), OFFICE)) == []


@pytest.mark.parametrize(
    ("exceptions", "start"),
    [
        pytest.param({}, "2026-03-02T00:00Z", id="never"),
        pytest.param({"2025-05-05": [["09:00", "17:00"]]}, "2026-03-02T00:00Z", id="no more"),
        pytest.param({"2027-05-05": [["09:00", "17:00"]]}, "2026-03-02T00:00Z", id="not within a year"),
        pytest.param({"2026-05-05": [["09:00", "10:00"]]}, "2026-03-02T00:00Z", id="not long enough"),
    ],
)
def test_a_desk_that_does_not_open_within_a_year_never_opens(exceptions: dict[str, Any], start: str) -> None:
    with pytest.raises(NeverOpen, match="within a year"):
        due(at(start), 2 * HOUR, hours({}, exceptions=exceptions))


def test_a_desk_that_opens_on_dates_only_is_awaited_for_a_year_each_time() -> None:
    dates = ("2026-12-31", "2027-06-01", "2028-05-31")
    desk = hours({}, exceptions={date: [["09:00", "17:00"]] for date in dates})

    assert due(at("2026-03-02T00:00Z"), 17 * HOUR, desk) == at("2028-05-31T10:00Z")


def test_a_moment_without_a_zone_is_refused() -> None:
    naive = datetime(2026, 3, 2, 10)  # noqa: DTZ001 - the point

    with pytest.raises(ValueError, match="no time zone"):
        due(naive, HOUR, OFFICE)
    with pytest.raises(ValueError, match="no time zone"):
        elapsed(at("2026-03-02T10:00Z"), naive, OFFICE)


def test_a_negative_allowance_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        due(at("2026-03-02T10:00Z"), -HOUR, OFFICE)


def test_centuries_away_no_calendar_is_reckoned() -> None:
    with pytest.raises(OutOfReach):
        elapsed(datetime.min.replace(tzinfo=UTC), at("2026-03-02T10:00Z"), OFFICE)
    with pytest.raises(OutOfReach):
        due(datetime.max.replace(tzinfo=UTC), HOUR, OFFICE)


def test_a_fixed_offset_is_as_good_as_a_zone() -> None:
    start = datetime(2026, 3, 2, 10, tzinfo=timezone(timedelta(hours=1)))

    assert due(start, HOUR, OFFICE) == at("2026-03-02T10:00Z")


def test_equal_definitions_are_equal_hours_whatever_was_asked_of_them() -> None:
    one, other = hours({"mon": [["09:00", "17:00"]]}), hours({"mon": [["09:00", "17:00"]]})
    due(at("2026-03-02T10:00Z"), HOUR, one)

    assert one == other
    assert hash(one) == hash(other)
