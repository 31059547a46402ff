"""Reports over HTTP: as JSON, as CSV, as a picture, and whose they are."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from sla.agreement import Metric
from sla.models import Clock
from tests import make
from tests.api.desk import Desk
from tests.sla import desk as clocks
from ticketing.envelope import Channel
from ticketing.models import Agent, Role
from ticketing.store import db
from ticketing.transaction import transaction

SUNDAY = datetime(2025, 11, 23, 13, 30, tzinfo=UTC)  # half past two in Paris
MINUTE = timedelta(minutes=1)
WEEK = {"from": "2025-11-17", "to": "2025-11-24", "time_zone": "Europe/Paris"}
SVG = "{http://www.w3.org/2000/svg}"
FORMULA = '=HYPERLINK("http://evil.example")'
REPORTS = ("sla", "waits", "sunday-map")


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    return sqlite_app.test_client()


@pytest.fixture
def grace(client: FlaskClient) -> Desk:
    """A supervisor of one queue, which has a name that a spreadsheet would run; there is another queue."""
    owner = make.agent(Role.SUPERVISOR, name="Grace")
    own = make.queue(FORMULA, members=[owner])
    others = make.queue("Others", members=[make.agent()])
    with transaction("test"):
        office = clocks.calendar("Office", {"time_zone": "Europe/Paris", "weekly": {"mon": [["09:00", "17:00"]]}})
        policy = clocks.policy("Mail <&>", {"channel": ["email"]}, calendar_id=office.id, allowance_seconds=60)
    for number, queue in enumerate((own, own, own, others)):
        ticket = make.ticket(queue=queue, at=SUNDAY, channel=Channel.EMAIL)
        with transaction("test") as session:
            # As the timekeeper would leave it, had the desk been open: answered after 30, 60 and 90 seconds.
            for row in session.scalars(select(Clock).where(Clock.ticket_id == ticket.id)):
                session.delete(row)
            session.flush()
            met, due = SUNDAY + MINUTE * (number + 1) / 2, SUNDAY + MINUTE
            session.add(
                Clock(
                    ticket_id=ticket.id,
                    metric=Metric.FIRST_RESPONSE,
                    sequence=1,
                    policy_id=policy.id,
                    calendar_id=office.id,
                    allowance_seconds=60,
                    started_at=SUNDAY,
                    running_since=SUNDAY,
                    counted_microseconds=30_000_000 * (number + 1),
                    due_at=due,
                    met_at=met,
                    breached_at=due if met >= due else None,
                    channel="email",
                    queue_id=queue.id,
                    priority="normal",
                    agent_id=owner.id,
                )
            )
    return Desk(client, owner)


def test_promises_kept(grace: Desk) -> None:
    answer = grace.get("/reports/sla", query_string={**WEEK, "by": ["policy", "queue", "day"]})

    assert answer.json == {
        "from": "2025-11-16T23:00:00Z",
        "to": "2025-11-23T23:00:00Z",
        "time_zone": "Europe/Paris",
        "by": ["policy", "queue", "day"],
        "total": {
            "clocks": 3,
            "met": 1,
            "breached": 2,
            "running": None,
            "share_kept": 0.3333,
        },
        "items": [
            {
                **dict.fromkeys(("metric", "channel", "agent", "priority")),
                "policy": {"id": 1, "name": "Mail <&>", "version": 1},
                "queue": {"id": 1, "name": FORMULA},
                "period": "2025-11-23",
                "clocks": 3,
                "met": 1,
                "breached": 2,
                "running": None,
                "share_kept": 0.3333,
            }
        ],
    }


def test_waits(grace: Desk) -> None:
    (row,) = grace.get("/reports/waits", query_string={**WEEK, "by": "agent"}).json["items"]

    assert (row["metric"], row["agent"]["name"], row["answered"]) == ("first_response", "Grace", 3)
    expected = {"p50": 60, "p80": 90, "p90": 90, "p95": 90, "p99": 90, "max": 90, "mean": 60}
    assert row["counted_seconds"] == row["wall_clock_seconds"] == expected


WORST = {
    "en": "Sunday 14–15: 3 contacts, closed",
    "fr": "Dimanche 14\u00a0h\u00a0–\u00a015\u00a0h\u00a0: 3 contacts, fermé",
}


def test_the_sunday_map(grace: Desk) -> None:
    for language, words in WORST.items():
        found = grace.get("/reports/sunday-map", query_string={**WEEK, "language": language}).json

        assert (found["contacts"], found["outside"], found["outside_share"], found["opened"]) == (3, 3, 1.0, 3)
        assert (found["calendars"], len(found["cells"])) == (["Office"], 168)
        worst, others = found["worst"][0], found["worst"][1:]
        assert worst == {**found["cells"][6 * 24 + 14], "words": words}
        assert (worst["weekday"], worst["hour"], worst["contacts"], worst["outside"]) == ("sun", 14, 3, 3)
        assert (worst["open_share"], others) == (0.0, [])


def test_a_spreadsheet_runs_nothing(grace: Desk) -> None:
    answer = grace.get("/reports/sla.csv", query_string={**WEEK, "by": ["queue", "policy"]})

    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    header, row, *others = answer.text.removeprefix("\ufeff").split("\r\n")
    assert header == "queue,policy,policy_version,clocks,met,breached,running,share_kept"
    assert row.startswith('"\'=HYPERLINK(""http://evil.example"")",Mail <&>,1,3,1,2,')
    assert others == [""]


TABLES = {
    "waits": (2, "first_response,3,60,90,90,90,90,90,60,60,90,90,90,90,90,60"),
    "sunday-map": (169, "sun,23,0,0,0,0.0"),
}


def test_every_report_is_a_table(grace: Desk) -> None:
    for path, (lines, last) in TABLES.items():
        rows = grace.get(f"/reports/{path}.csv", query_string=WEEK).text.strip().split("\r\n")

        assert (len(rows), rows[-1]) == (lines, last)


def picture(who: Desk, path: str, **query: Any) -> ElementTree.Element:
    answer = who.get(f"/reports/{path}.svg", query_string=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "image/svg+xml; charset=utf-8"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    return ElementTree.fromstring(answer.data)


def said(drawn: ElementTree.Element) -> str:
    return "\n".join(one.text or "" for one in drawn.iter() if one.tag != f"{SVG}style")


PICTURES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("sla", {}, ["Promises kept", "17 Nov 2025 to 23 Nov 2025, Europe/Paris", "23 Nov 2025: 1 of 3 kept (33.3%)"]),
    (
        "sla",
        {"language": "fr", "by": "month"},
        ["Promesses tenues", "1er nov. 2025\u00a0: 1 sur 3 tenues (33,3\u00a0%)"],
    ),
    ("waits", {"by": ["policy", "queue"]}, [f"First response · Mail <&> 1 · {FORMULA}", "50 %: 1\u00a0min"]),
    (
        "waits",
        {"language": "fr", "by": "agent"},
        ["Première réponse · Grace", "3 attentes, 95 % en 1\u00a0min 30\u00a0s"],
    ),
    (
        "sunday-map",
        {},
        ["3 contacts, 3 (100%) outside opening hours", "Sunday 14–15: 3 contacts, closed", "Monday 9–10"],
    ),
    ("sunday-map", {"language": "fr"}, ["Les heures qui manquent le plus", "Lundi"]),
]


def test_every_report_is_a_picture_that_speaks(grace: Desk) -> None:
    for path, query, words in PICTURES:
        drawn = picture(grace, path, **WEEK, **query)

        ids = {one.get("id") for one in drawn}
        assert drawn.get("role") == "img"
        assert set(str(drawn.get("aria-labelledby")).split()) <= ids
        assert not {one.tag for one in drawn.iter()} & {f"{SVG}script", f"{SVG}image", f"{SVG}a", f"{SVG}foreignObject"}
        for one in words:
            assert one in said(drawn)


def test_a_picture_of_nothing_says_so(grace: Desk) -> None:
    nothing = {"from": "2020-01-01", "to": "2020-02-01"}
    for path in REPORTS:
        assert "No tickets in this time" in said(picture(grace, path, **nothing))
        assert "Aucun ticket dans cette période" in said(picture(grace, path, language="fr", **nothing))


def test_a_supervisor_has_no_report_on_others_queues(client: FlaskClient, grace: Desk) -> None:
    admin = Desk(client, make.agent(Role.ADMIN))
    counts: dict[str, Callable[[Any], int]] = {
        "sla": lambda found: found["total"]["clocks"],
        "waits": lambda found: sum(row["answered"] for row in found["items"]),
        "sunday-map": lambda found: found["contacts"],
    }
    for path in REPORTS:
        asked = {"query_string": WEEK}
        assert counts[path](grace.get(f"/reports/{path}", **asked).json) == 3
        assert counts[path](admin.get(f"/reports/{path}", **asked).json) == 4
        for form in ("", ".csv", ".svg"):
            refused = grace.get(f"/reports/{path}{form}", query_string={**WEEK, "queue": "Others"})
            assert (refused.status_code, refused.json["detail"]) == (422, "There is no queue 'Others'.")


def test_agents_have_no_reports(client: FlaskClient) -> None:
    agent: Agent = make.agent()

    assert {Desk(client, agent).get(f"/reports/{path}").status_code for path in REPORTS} == {403}


ODD: list[tuple[dict[str, Any], str]] = [
    ({"from": "yesterday"}, "from: Must be a date, or a moment with its time zone"),
    ({"to": "0001-01-01"}, "to: Must be of 1971 to 2197."),
    ({"to": "2025-11-17"}, "From must come before to"),
    ({"from": "2023-11-16"}, "A report covers at most 400 days"),
    ({"time_zone": "Europe"}, "time_zone: Must be an IANA time zone"),
    ({"queue": "999"}, "There is no queue '999'."),
    ({"by": ["day", "week"]}, "By names only one of day, week and month."),
    ({"by": ["queue", "queue"]}, "By names at most 3 different things."),
    ({"by": "customer"}, "by.0: Must be one of"),
]


def test_what_makes_no_sense_is_refused_with_a_reason(grace: Desk) -> None:
    for query, reason in ODD:
        answer = grace.get("/reports/sla", query_string={**WEEK, **query})

        assert answer.status_code == 422
        assert answer.json["detail"].startswith(reason)


def test_without_a_time_it_is_the_last_four_weeks(grace: Desk) -> None:
    found = grace.get("/reports/waits").json

    begins, ends = (datetime.fromisoformat(found[name]) for name in ("from", "to"))
    assert ends - begins == timedelta(days=28)
    assert db.session().scalar(select(Clock.id).limit(1))
