"""Calendars by the API: versions, what follows them, what they import, and how they are drawn."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from sla import calendar_versions
from sla.models import Calendar, Policy
from tests import make
from tests.api.desk import Desk, admin
from ticketing.events import SYSTEM
from ticketing.models import AuditEntry, Role
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri")
NINE_TO_FIVE = {day: [["09:00", "17:00"]] for day in WEEKDAYS}
DESK = {"name": "Desk", "time_zone": "America/Toronto", "weekly": NINE_TO_FIVE}
QUEBEC = {**DESK, "holidays": {"country": "CA", "subdivision": "QC", "language": "fr"}}
POLICY = {
    "name": "Mail",
    "position": 1,
    "targets": {"first_response": {"allowance_seconds": 3600}},
}
WORKS = """BEGIN:VCALENDAR
X-WR-CALNAME:Works
BEGIN:VEVENT
UID:1
DTSTART;VALUE=DATE:20261130
DTEND;VALUE=DATE:20261202
SUMMARY:The lift is replaced
END:VEVENT
BEGIN:VEVENT
UID:2
DTSTART;TZID=America/Toronto:20261204T140000
DTEND;TZID=America/Toronto:20261204T160000
SUMMARY:Fire drill
END:VEVENT
END:VCALENDAR
"""
ICALENDAR = {"headers": {"Content-Type": "text/calendar"}}


@pytest.fixture
def desk(app: Flask) -> Desk:
    return admin(app.test_client())


@pytest.fixture
def quick(sqlite_app: Flask) -> Desk:
    """The same where the database makes no difference."""
    return admin(sqlite_app.test_client())


def made(desk: Desk, words: dict[str, Any] = DESK) -> dict[str, Any]:
    answer = desk.post("/sla/calendars", words)
    assert answer.status_code == 201, answer.json
    found: dict[str, Any] = answer.json
    return found


def rows(origin: int) -> list[Calendar]:
    return list(calendar_versions.versions(origin, after=0, limit=100))


def test_a_calendar_is_made_and_listed(quick: Desk) -> None:
    calendar = made(
        quick, {**DESK, "yearly": {"12-25": []}, "exceptions": {"2026-07-03": {"spans": [], "name": "Off"}}}
    )

    listed = quick.get("/sla/calendars").json
    read = quick.get(f"/sla/calendars/{calendar['id']}").json
    entry = db.session().scalars(select(AuditEntry).where(AuditEntry.kind == "calendar_made")).one()

    assert (calendar["version"], calendar["name"], calendar["holidays"]) == (1, "Desk", None)
    assert [one["id"] for one in listed["items"]] == [calendar["id"]]
    assert "imported" not in listed["items"][0]
    assert read == calendar
    assert (entry.subject_id, entry.data["after"]["yearly"]) == (calendar["id"], {"12-25": []})


def test_a_new_version_takes_its_policies_along_and_leaves_the_old_ones_as_they_were(desk: Desk) -> None:
    calendar = made(desk)
    policy = desk.post("/sla/policies", {**POLICY, "calendar": calendar["id"]}).json

    changed = desk.put(
        f"/sla/calendars/{calendar['id']}", {**DESK, "name": "Longer", "weekly": {"mon": [["08:00", "20:00"]]}}
    )
    old, new = db.session().scalars(select(Policy).order_by(Policy.version)).all()

    assert changed.status_code == 200, changed.json
    assert (changed.json["id"], changed.json["version"], changed.json["policies"]) == (
        calendar["id"],
        2,
        [policy["id"]],
    )
    assert changed.json["rearming"] is None
    assert (old.calendar.version, new.calendar.version, new.version) == (1, 2, 2)
    assert old.archived_at == new.created_at == old.calendar.archived_at == new.calendar.created_at
    assert old.calendar.definition["weekly"] == NINE_TO_FIVE
    versions = desk.get(f"/sla/calendars/{calendar['id']}/versions").json["items"]
    assert [(one["version"], one["name"]) for one in versions] == [(1, "Desk"), (2, "Longer")]


def test_an_edit_may_count_for_open_tickets_too(quick: Desk) -> None:
    calendar = made(quick)
    policy = quick.post("/sla/policies", {**POLICY, "calendar": calendar["id"]}).json

    changed = quick.put(
        f"/sla/calendars/{calendar['id']}", {**DESK, "weekly": {}, "exceptions": {}, "time_zone": "UTC"}
    )
    again = quick.put(
        f"/sla/calendars/{calendar['id']}", {**DESK, "weekly": {"mon": [["08:00", "20:00"]]}, "applies_to": "open"}
    )

    assert (changed.status_code, changed.json["code"]) == (422, "never_open")  # the policy could not be kept
    rearming = quick.get(f"/sla/rearmings/{again.json['rearming']}").json
    assert rearming["policies"] == [policy["id"]]


def test_the_same_words_make_no_new_version(quick: Desk) -> None:
    calendar = made(quick, QUEBEC)

    again = quick.put(f"/sla/calendars/{calendar['id']}", {**QUEBEC, "name": " Desk "})

    assert (again.json["version"], again.json["policies"]) == (1, [])
    assert len(rows(calendar["id"])) == 1


def test_a_calendar_that_a_policy_uses_cannot_be_archived(quick: Desk) -> None:
    calendar = made(quick)
    policy = quick.post("/sla/policies", {**POLICY, "calendar": calendar["id"]}).json

    refused = quick.delete(f"/sla/calendars/{calendar['id']}")
    quick.delete(f"/sla/policies/{policy['id']}")
    archived = quick.delete(f"/sla/calendars/{calendar['id']}")

    assert (refused.status_code, "'Mail' uses" in refused.json["detail"]) == (409, True)
    assert archived.status_code == 204
    assert quick.get("/sla/calendars").json["items"] == []
    assert [one["id"] for one in quick.get("/sla/calendars?archived=true").json["items"]] == [calendar["id"]]
    assert quick.put(f"/sla/calendars/{calendar['id']}", DESK).status_code == 409
    assert quick.post(f"/sla/calendars/{calendar['id']}/feeds", {"url": "https://example.com/"}).status_code == 409


def test_a_name_stays_with_its_calendar(quick: Desk) -> None:
    calendar = made(quick)
    quick.put(f"/sla/calendars/{calendar['id']}", {**DESK, "name": "Other"})

    taken = quick.post("/sla/calendars", DESK)
    back = quick.put(f"/sla/calendars/{calendar['id']}", DESK)

    assert (taken.status_code, "or was; take another name" in taken.json["detail"]) == (409, True)
    assert (back.status_code, back.json["version"]) == (200, 3)


def test_holidays_are_written_into_the_version(quick: Desk) -> None:
    year = utc_now().year

    calendar = made(quick, QUEBEC)

    assert calendar["imported"][f"{year}-06-24"] == {
        "spans": [],
        "name": "Fête nationale du Québec",
        "source": "holidays:CA-QC",
    }
    assert {day[:4] for day in calendar["imported"]} == {str(one) for one in range(year - 10, year + 6)}
    assert calendar["holidays_through"] == year + 5
    assert calendar["holidays"] == QUEBEC["holidays"]


def test_holidays_that_come_to_an_end_are_renewed(quick: Desk) -> None:
    calendar = made(quick, QUEBEC)
    later = utc_now() + timedelta(days=4 * 366)

    soon = calendar_versions.running_out(at=utc_now() + timedelta(days=3 * 366 - 40))
    origins = calendar_versions.running_out(at=later)
    with transaction("test"):
        calendar_versions.renew_holidays(calendar["id"], by=SYSTEM, at=later)

    assert (soon, origins) == ([], [calendar["id"]])
    assert quick.get(f"/sla/calendars/{calendar['id']}").json["holidays_through"] == later.year + 5
    assert calendar_versions.running_out(at=later) == []


def test_the_holidays_of_a_region_can_be_looked_at(quick: Desk) -> None:
    every = quick.get("/sla/holidays").json
    quebec = quick.get("/sla/holidays?country=CA&subdivision=QC&language=fr&year=2026").json

    assert every["countries"]["CA"] == "Canada"
    assert quebec["subdivisions"]["QC"] == ["Quebec", "Québec"]
    assert {"date": "2026-06-24", "name": "Fête nationale du Québec"} in quebec["items"]
    for odd in ("country=XX", "country=ca", "subdivision=QC", "country=CA&subdivision=75", "country=CA&year=9"):
        assert quick.get(f"/sla/holidays?{odd}").status_code == 422, odd


def test_a_file_closes_its_days_until_another_takes_its_place(desk: Desk) -> None:
    calendar = made(desk)
    path = f"/sla/calendars/{calendar['id']}/import"

    closed = desk.post(path, data=WORKS, **ICALENDAR)
    same = desk.post(f"{path}?name=Works", data=WORKS.replace("CALNAME:Works", "CALNAME:x"), **ICALENDAR)
    kept = desk.put(f"/sla/calendars/{calendar['id']}", {**DESK, "weekly": {"fri": [["15:00", "20:00"]]}})
    gone = desk.delete(f"{path}?name=Works")

    assert closed.status_code == 200, closed.json
    assert closed.json["imported"] == {
        "2026-11-30": {"spans": [], "name": "The lift is replaced", "source": "ical:Works"},
        "2026-12-01": {"spans": [], "name": "The lift is replaced", "source": "ical:Works"},
        "2026-12-04": {
            "spans": [["09:00", "14:00"], ["16:00", "17:00"]],
            "name": "Fire drill",
            "source": "ical:Works",
        },
    }
    assert (closed.json["version"], closed.json["sources"]) == (2, {"ical:Works": 3})
    assert same.json["version"] == 2
    assert kept.json["imported"]["2026-12-04"]["spans"] == [["16:00", "20:00"]]  # of the new hours
    assert (gone.json["version"], gone.json["imported"]) == (4, {})


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        ("", ICALENDAR, 422),
        ("hello", ICALENDAR, 422),
        (b"BEGIN:VCALENDAR\r\n\xff", ICALENDAR, 422),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:never\nEND:VEVENT", ICALENDAR, 422),
        (b"BEGIN:VCALENDAR\n" + b"x" * 1_000_001, ICALENDAR, 422),
        (WORKS, {}, 415),
        (WORKS, {"headers": {"Content-Type": "application/json"}}, 415),
    ],
    ids=["nothing", "no calendar", "no text", "no date", "too much", "no type", "another type"],
)
def test_a_file_that_makes_no_sense_is_refused(quick: Desk, content: Any, headers: Any, status: int) -> None:
    calendar = made(quick)

    answer = quick.post(f"/sla/calendars/{calendar['id']}/import", data=content, **headers)

    assert answer.status_code == status, answer.json
    assert len(rows(calendar["id"])) == 1


def test_a_calendar_is_drawn(quick: Desk) -> None:
    calendar = made(
        quick, {**DESK, "exceptions": {"2026-12-24": {"spans": [["09:00", "12:00"]], "name": "Christmas Eve"}}}
    )
    path = f"/sla/calendars/{calendar['id']}/preview"

    drawn = quick.get(f"{path}?from=2026-12-23T00:00:00Z&to=2026-12-26T00:00:00Z").json

    assert drawn == {
        "time_zone": "America/Toronto",
        "open_seconds": 19 * 3600,
        "open": [
            {"from": "2026-12-23T14:00:00Z", "to": "2026-12-23T22:00:00Z"},
            {"from": "2026-12-24T14:00:00Z", "to": "2026-12-24T17:00:00Z"},
            {"from": "2026-12-25T14:00:00Z", "to": "2026-12-25T22:00:00Z"},
        ],
        "special": [{"date": "2026-12-24", "name": "Christmas Eve", "is_open": True}],
    }
    for odd in (
        "",
        "?from=2026-12-23T00:00:00Z",
        "?from=2026-12-23&to=2026-12-24",
        "?from=2026-12-23T00:00:00Z&to=2026-12-23T00:00:00Z",
        "?from=2026-12-23T00:00:00Z&to=2027-12-23T00:00:00Z",
        "?from=1026-12-23T00:00:00Z&to=1026-12-24T00:00:00Z",
        "?from=9999-12-30T00:00:00Z&to=9999-12-31T23:59:59Z",
    ):
        assert quick.get(path + odd).status_code == 422, odd


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"name": "Desk"}, "time_zone"),
        ({**DESK, "colour": "red"}, "colour"),
        ({**DESK, "time_zone": "Mars/Olympus"}, "IANA"),
        ({**DESK, "name": " "}, "blank"),
        ({**DESK, "name": "x" * 201}, "name"),
        ({**DESK, "weekly": []}, "weekly"),
        ({**DESK, "weekly": {"mon": [["9", "17"]]}}, "time of day"),
        ({**DESK, "yearly": {"02-30": []}}, "day of the year"),
        ({**DESK, "imported": {}}, "imported"),
        ({**DESK, "sources": {}}, "sources"),
        ({**DESK, "holidays": {"country": "ZZ"}}, "holidays are known"),
        ({**DESK, "holidays": {"country": "CA", "through": 2099}}, "chosen as"),
        ({**DESK, "applies_to": "open"}, "applies_to"),
        ([], "object"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_words_that_make_no_sense_are_refused(quick: Desk, words: Any, told: str) -> None:
    answer = quick.post("/sla/calendars", words)

    assert answer.status_code == 422
    assert told in str(answer.json)
    assert quick.get("/sla/calendars").json["items"] == []


def test_agents_read_calendars_and_supervisors_write_them(sqlite_app: Flask) -> None:
    client = sqlite_app.test_client()
    calendar = made(admin(client))
    agent, supervisor = Desk(client), Desk(client, make.agent(Role.SUPERVISOR, name="Sue"))
    path = f"/sla/calendars/{calendar['id']}"

    assert agent.get(path).status_code == 200
    assert agent.put(path, DESK).status_code == 403
    assert agent.get(f"{path}/feeds").status_code == 403
    assert supervisor.put(path, DESK).status_code == 200
    assert supervisor.get(f"{path}/feeds").status_code == 200
    assert agent.get("/sla/calendars/999").status_code == 404
