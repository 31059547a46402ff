"""Reports: numbers that can be counted by hand, alike on both databases, and the same for ever once a week is over."""

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import select

from sla.agreement import Metric
from sla.models import Clock, Policy
from sla.reports.attainment import Attainment, read_attainment
from sla.reports.question import Dimension, Question, reported_queues
from sla.reports.sunday_map import Cell, SundayMap, read_sunday_map
from sla.reports.waits import Spread, read_waits
from sla.sweep import flag_due
from tests import make
from tests.sla import desk
from ticketing import lifecycle
from ticketing.agents import Caller
from ticketing.envelope import Channel, MessageState
from ticketing.errors import InvalidInput
from ticketing.events import SYSTEM
from ticketing.models import Message, MessageKind, Queue, Role, Ticket
from ticketing.queues import create_queue
from ticketing.store import db
from ticketing.transaction import transaction

MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
NEXT_MONDAY = MONDAY + timedelta(days=7)
LATER = datetime(2026, 12, 1, tzinfo=UTC)
PARIS, KOLKATA = ZoneInfo("Europe/Paris"), ZoneInfo("Asia/Kolkata")
HOUR = timedelta(hours=1)


def at(day: int, hour: int, minute: int = 0, second: float = 0) -> datetime:
    """A moment of the week, Monday being 0."""
    return MONDAY + timedelta(days=day, hours=hour, minutes=minute, seconds=second)


def asking(*by: str, zone: ZoneInfo | None = None, now: datetime = LATER, **values: Any) -> Question:
    """A question about the week."""
    wanted = {"since": MONDAY, "until": NEXT_MONDAY, **values}
    return Question(now=now, zone=zone or ZoneInfo("UTC"), by=tuple(Dimension(one) for one in by), **wanted)


def clock(ticket: Ticket, started: datetime, **values: Any) -> Clock:
    """A clock's row, as the timekeeper leaves it."""
    wanted = {
        "metric": Metric.FIRST_RESPONSE,
        "sequence": clock_number(ticket),
        "allowance_seconds": 3600,
        "started_at": started,
        "running_since": started,
        "due_at": started + HOUR,
        "channel": "email",
        "queue_id": ticket.queue_id,
        "priority": "normal",
        **values,
    }
    row = Clock(ticket_id=ticket.id, **wanted)
    db.session().add(row)
    db.session().flush()
    return row


def clock_number(ticket: Ticket) -> int:
    return len(db.session().scalars(select(Clock).where(Clock.ticket_id == ticket.id)).all()) + 1


def counts(report: Attainment, *names: str) -> list[tuple[Any, ...]]:
    """What a report's rows say: the named parts of their groups, then met, breached, running."""
    return [
        (*(getattr(row.group, name) for name in names), row.count.met, row.count.breached, row.count.running)
        for row in report.rows
    ]


@pytest.fixture
def week(app: Flask) -> Ticket:
    """A small desk's week: three in time, two late (of which one was never flagged), one ended, two still running."""
    with transaction("test"):
        ticket = desk.ticket(at=MONDAY, waiting=False)
        clock(ticket, at(0, 9), met_at=at(0, 9, 10), counted_microseconds=600_000_000)
        clock(ticket, at(0, 23), met_at=at(0, 23, 59, 59.9996), counted_microseconds=1_000_000, channel="sms")
        clock(ticket, at(2, 9), met_at=at(2, 9, 0, 30.5), counted_microseconds=30_500_000, metric=Metric.RESOLUTION)
        flagged = at(3, 10)
        clock(ticket, at(3, 9), breached_at=flagged, met_at=at(3, 12), counted_microseconds=10_800_000_000)
        clock(ticket, at(6, 22, 30))  # due at 23:30 on Sunday: Monday already in Paris
        clock(ticket, at(4, 9), cancelled_at=at(4, 9, 5))
        clock(ticket, LATER - HOUR / 2)
        clock(ticket, at(5, 9), due_at=None, paused_by="pending", metric=Metric.RESOLUTION)
        return ticket


def test_verdicts_are_counted_and_a_deadline_counts_whether_or_not_anybody_flagged_it(week: Ticket) -> None:
    report = read_attainment(asking())

    assert (report.total.met, report.total.breached, report.total.running) == (3, 2, None)
    assert (report.total.clocks, report.total.share_kept) == (5, 0.6)
    assert counts(report) == [(3, 2, None)]


def test_what_runs_is_counted_apart_while_the_period_goes_on(week: Ticket) -> None:
    report = read_attainment(asking("metric", "day", until=LATER + HOUR))

    assert report.total.running == 2
    assert counts(report, "metric", "period") == [
        (Metric.FIRST_RESPONSE, date(2026, 11, 16), 2, 0, 0),
        (Metric.FIRST_RESPONSE, date(2026, 11, 19), 0, 1, 0),
        (Metric.FIRST_RESPONSE, date(2026, 11, 22), 0, 1, 0),
        (Metric.FIRST_RESPONSE, None, 0, 0, 1),
        (Metric.RESOLUTION, date(2026, 11, 18), 1, 0, 0),
        (Metric.RESOLUTION, None, 0, 0, 1),
    ]


def test_days_are_those_of_the_zone(week: Ticket) -> None:
    in_paris = counts(read_attainment(asking("day", zone=PARIS)), "period")

    assert in_paris == [
        (date(2026, 11, 16), 1, 0, None),
        (date(2026, 11, 17), 1, 0, None),  # 00:59:59.9996 in Paris
        (date(2026, 11, 18), 1, 0, None),
        (date(2026, 11, 19), 0, 1, None),
        (date(2026, 11, 23), 0, 1, None),
    ]


@pytest.mark.parametrize(
    ("by", "zone", "moments", "expected"),
    [
        ("week", "UTC", ["2026-11-15T23:59:59", "2026-11-16T00:00:00"], ["2026-11-09", "2026-11-16"]),
        ("week", "Asia/Kolkata", ["2026-11-15T18:29:59", "2026-11-15T18:30:00"], ["2026-11-09", "2026-11-16"]),
        ("month", "UTC", ["2026-10-31T23:59:59", "2026-11-01T00:00:00"], ["2026-10-01", "2026-11-01"]),
        ("month", "America/Toronto", ["2026-11-01T03:59:59", "2026-11-01T04:00:00"], ["2026-10-01", "2026-11-01"]),
        # The night when the clock goes back has 25 hours, the one when it goes forward 23.
        ("day", "Europe/Paris", ["2026-10-24T22:00:00", "2026-10-25T22:59:59"], ["2026-10-25"]),
        ("day", "Europe/Paris", ["2026-10-25T23:00:00"], ["2026-10-26"]),
        ("day", "Europe/Paris", ["2026-03-28T23:00:00", "2026-03-29T21:59:59"], ["2026-03-29"]),
        ("day", "Europe/Paris", ["2026-03-29T22:00:00"], ["2026-03-30"]),
    ],
)
def test_a_verdict_belongs_to_the_local_period(
    app: Flask, by: str, zone: str, moments: list[str], expected: list[str]
) -> None:
    with transaction("test"):
        ticket = desk.ticket(at=MONDAY, waiting=False)
        for moment in moments:
            met = datetime.fromisoformat(f"{moment}+00:00")
            clock(ticket, met - HOUR / 2, met_at=met)

    year = {"since": datetime(2026, 1, 1, tzinfo=UTC), "until": datetime(2027, 1, 1, tzinfo=UTC)}
    report = read_attainment(asking(by, zone=ZoneInfo(zone), now=datetime(2027, 2, 1, tzinfo=UTC), **year))

    assert [str(row.group.period) for row in report.rows] == expected


def test_a_period_is_half_open(week: Ticket) -> None:
    def met(since: datetime, until: datetime) -> int:
        return read_attainment(asking(since=since, until=until)).total.met

    assert met(at(0, 9, 10), at(0, 10)) == 1
    assert met(at(0, 9), at(0, 9, 10)) == 0


def test_only_the_clocks_that_are_asked_for(week: Ticket) -> None:
    elsewhere = asking(queues=[week.queue_id + 1])

    assert read_attainment(elsewhere).rows == []
    assert read_attainment(elsewhere).total.share_kept is None
    assert read_attainment(asking(channel=Channel.SMS)).total.met == 1
    assert read_attainment(asking(metric=Metric.RESOLUTION)).total.clocks == 1


def test_waits_are_ranked_exactly(app: Flask) -> None:
    with transaction("test"):
        ticket = desk.ticket(at=MONDAY, waiting=False)
        for number in range(1, 22):  # 1 to 21 seconds of working time, and an hour more on the wall
            wall = HOUR + timedelta(seconds=number, microseconds=999_999)
            clock(ticket, at(0, 9), met_at=at(0, 9) + wall, counted_microseconds=number * 1_000_000 + 999_999)
        clock(ticket, at(0, 9), met_at=at(0, 9, 0, 5), counted_microseconds=5_000_000, channel="sms")
        clock(ticket, at(0, 9))  # nobody knows how long it will be
        clock(ticket, at(0, 9), cancelled_at=at(0, 9, 1), counted_microseconds=60_000_000)

    email, sms = read_waits(asking("channel")).rows

    # Half of 21 is 10.5, so the 11th; 80 % is 16.8, 90 % is 18.9, 95 % is 19.95, 99 % is 20.79.
    assert (email.group.metric, email.group.channel, email.answered) == (Metric.FIRST_RESPONSE, "email", 21)
    assert asdict(email.counted) == {"p50": 11, "p80": 17, "p90": 19, "p95": 20, "p99": 21, "max": 21, "mean": 11}
    assert email.wall == Spread(**{name: value + 3600 for name, value in asdict(email.counted).items()})
    assert (sms.group.channel, sms.answered, set(asdict(sms.counted).values())) == ("sms", 1, {5})


def test_waits_of_a_year_can_be_added_up(app: Flask) -> None:
    with transaction("test"):
        ticket = desk.ticket(at=MONDAY, waiting=False)
        long = 10**18  # microseconds: of ten such waits SQLite could not count the sum
        for _ in range(10):
            clock(ticket, at(0, 9), met_at=at(0, 10), counted_microseconds=long)

    (row,) = read_waits(asking()).rows

    assert row.counted.mean == row.counted.p50 == long // 1_000_000


def report_of(*by: str) -> tuple[str, str]:
    return repr(read_attainment(asking(*by))), repr(read_waits(asking(*by)))


@pytest.mark.parametrize("flagged", [True, False])
def test_last_weeks_report_stays_though_rules_are_edited_and_tickets_move(app: Flask, flagged: bool) -> None:
    with transaction("test"):
        policy = desk.policy("Calls", {"channel": ["phone"]}, allowance_seconds=3600)
        create_queue("Support", at=MONDAY)
        elsewhere = create_queue("Elsewhere", at=MONDAY).id
    ada = make.agent(name="Ada")
    in_time, late, unanswered = (desk.opened(at=at(2, 9)) for _ in range(3))
    with transaction("test"):
        desk.reply(db.session().merge(in_time), after=at(2, 9, 20) - desk.NOON)
    if flagged:
        with transaction("ticker"):
            flag_due(at(2, 10, 0, 1))
    with transaction("test"):
        desk.reply(db.session().merge(late), after=at(2, 11) - desk.NOON)
    every = ("policy", "queue", "priority"), ("agent", "channel", "day")
    before = [report_of(*by) for by in every]

    with transaction("test"):
        session = db.session()
        policy = session.get_one(Policy, policy.id)
        policy.archived_at = NEXT_MONDAY
        session.add(
            Policy(
                name="Calls",
                version=2,
                origin_id=policy.id,
                position=1,
                conditions={},
                targets={"first_response": {"allowance_seconds": 60}},
                calendar_id=policy.calendar_id,
                created_at=NEXT_MONDAY,
            )
        )
    for one in (in_time, late, unanswered):
        with transaction("test"):
            ticket = lifecycle.lock_ticket(one.id)
            lifecycle.move(ticket, db.session().get_one(Queue, elsewhere), by=SYSTEM, at=NEXT_MONDAY)
            lifecycle.assign(ticket, db.session().merge(ada), by=SYSTEM, at=NEXT_MONDAY)

    assert counts(read_attainment(asking())) == [(1, 2, None)]
    assert [report_of(*by) for by in every] == before


def test_a_breach_is_whose_ticket_it_was_at_the_deadline(app: Flask) -> None:
    with transaction("test"):
        desk.policy("Calls", {"channel": ["phone"]}, allowance_seconds=3600)
    ada, grace = make.agent(name="Ada"), make.agent(name="Grace")
    ticket = desk.opened(at=at(2, 9))
    for who, moment in ((ada, at(2, 9, 30)), (grace, at(2, 11))):
        with transaction("test"):
            agent = db.session().merge(who)
            lifecycle.assign(lifecycle.lock_ticket(ticket.id), agent, steal=True, by=SYSTEM, at=moment)
        with transaction("ticker"):
            flag_due(at(2, 10, 0, 1))
    with transaction("test"):
        desk.reply(db.session().merge(ticket), after=at(2, 12) - desk.NOON)

    assert [(who.name, breached) for who, _, breached, _ in counts(read_attainment(asking("agent")), "agent")] == [
        ("Ada", 1)
    ]


def message(ticket: Ticket, moment: datetime, **values: Any) -> None:
    """A customer's message, as the intake leaves it."""
    wanted = {"kind": MessageKind.INBOUND, "channel": Channel.EMAIL, "body": "?", "state": MessageState.RECEIVED}
    db.session().add(Message(ticket_id=ticket.id, created_at=moment, **{**wanted, **values}))


def opening(zone: str, **weekly: list[list[str]]) -> None:
    """Policies for mail: one asks for more than a channel, the next is for all mail and keeps these hours."""
    always = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
    for position, name, hours, conditions in (
        (1, "Gold", always, {"channel": ["email"], "tag": ["gold"]}),
        (2, "Mail", weekly, {"channel": ["email"]}),
        (3, "All else", always, {}),
    ):
        kept = desk.calendar(name, {"time_zone": zone, "weekly": hours})
        desk.policy(name, conditions, position=position, calendar_id=kept.id, allowance_seconds=3600)


def cell(found: SundayMap, weekday: str, hour: int) -> Cell:
    return next(one for one in found.cells if (one.weekday, one.hour) == (weekday, hour))


def test_the_sunday_map_holds_demand_against_the_hours_of_the_policy_that_is_for_it(app: Flask) -> None:
    with transaction("test"):
        opening("UTC", mon=[["09:00", "12:30"]])
        ticket = desk.ticket(at=at(0, 12, 10), channel=Channel.EMAIL, waiting=False)
        for moment in (at(0, 12, 10), at(0, 12, 29, 59.9), at(0, 12, 30), at(6, 14), at(6, 14, 59), at(6, 15)):
            message(ticket, moment)
        message(ticket, at(6, 14, 5), channel=Channel.SMS)  # for which the desk is always open
        message(ticket, at(6, 14, 6), automatic=True)
        message(ticket, at(6, 14, 7), kind=MessageKind.OUTBOUND)
        message(ticket, NEXT_MONDAY)

    found = read_sunday_map(asking(channel=Channel.EMAIL))
    all_ways = read_sunday_map(asking())

    assert cell(found, "mon", 12) == Cell("mon", 12, contacts=3, outside=1, opened=1, open_share=0.5)
    assert cell(found, "sun", 14) == Cell("sun", 14, contacts=2, outside=2, opened=0, open_share=0.0)
    assert (found.contacts, found.outside, found.outside_share, found.opened) == (6, 4, 0.6667, 1)
    assert [(one.weekday, one.hour, one.outside) for one in found.worst] == [
        ("sun", 14, 2),
        ("mon", 12, 1),
        ("sun", 15, 1),
    ]
    assert found.calendars == ["Mail"]
    assert (all_ways.contacts, all_ways.outside, all_ways.calendars) == (7, 4, ["All else", "Mail"])
    assert cell(all_ways, "sun", 14).open_share == 1.0
    assert read_sunday_map(asking(queues=[ticket.queue_id + 1])).contacts == 0


def test_without_a_policy_nobody_knows_when_the_desk_is_open(app: Flask) -> None:
    with transaction("test"):
        message(desk.ticket(at=MONDAY, waiting=False), at(6, 14))

    found = read_sunday_map(asking())

    assert (found.contacts, found.outside, found.without_hours, found.outside_share) == (1, 0, 1, None)
    assert {one.open_share for one in found.cells} == {None}


@pytest.mark.parametrize(
    ("zone", "since", "moments", "expected"),
    [
        # 02:30 comes twice on the last Sunday of October, and never on that of March.
        ("Europe/Paris", "2026-10-19", ["2026-10-25T00:30:00", "2026-10-25T01:30:00"], {("sun", 2): (2, 0.6667)}),
        (
            "Europe/Paris",
            "2026-03-23",
            ["2026-03-29T00:59:59", "2026-03-29T01:00:00"],
            {("sun", 1): (1, 0.0), ("sun", 3): (1, 1.0)},
        ),
        (
            "Asia/Kolkata",
            "2026-11-16",
            ["2026-11-22T08:29:59", "2026-11-22T08:30:00"],
            {("sun", 13): (1, 0.0), ("sun", 14): (1, 0.0)},
        ),
    ],
)
def test_the_hours_of_the_map_are_those_on_the_wall(
    app: Flask, zone: str, since: str, moments: list[str], expected: dict[tuple[str, int], tuple[int, float]]
) -> None:
    with transaction("test"):
        opening(zone, sun=[["02:40", "05:00"]])
        ticket = desk.ticket(at=MONDAY, channel=Channel.EMAIL, waiting=False)
        for moment in moments:
            message(ticket, datetime.fromisoformat(f"{moment}+00:00"))
    begins = datetime.fromisoformat(since).replace(tzinfo=ZoneInfo(zone))

    question = asking(zone=ZoneInfo(zone), since=begins, until=begins + timedelta(days=7), channel=Channel.EMAIL)
    found = read_sunday_map(question)

    come = {(one.weekday, one.hour): (one.contacts, one.open_share) for one in found.cells if one.contacts}
    assert come == expected


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"until": MONDAY}, "before to"),
        ({"since": datetime(1960, 1, 1, tzinfo=UTC)}, "1971"),
        ({"until": MONDAY + timedelta(days=401)}, "400 days"),
        ({"by": ("day", "week")}, "only one of"),
        ({"by": ("queue", "queue")}, "different"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(values: dict[str, Any], reason: str) -> None:
    by = values.pop("by", ())

    with pytest.raises(InvalidInput, match=reason):
        asking(*by, **values)


def test_supervisors_have_reports_on_the_queues_that_they_work(sqlite_app: Flask) -> None:
    grace = make.agent(Role.SUPERVISOR, name="Grace")
    own, others = make.queue("Own", members=[grace]), make.queue("Others", members=[make.agent()])

    def who(role: Role) -> Caller:
        return Caller(grace.id, grace.name, role, frozenset())

    assert reported_queues(who(Role.SUPERVISOR), "") == [own.id]
    assert reported_queues(who(Role.SUPERVISOR), "Own") == [own.id]
    assert reported_queues(who(Role.ADMIN), "") is None
    assert reported_queues(who(Role.ADMIN), str(others.id)) == [others.id]
    for name in ("Others", "Nowhere"):
        with pytest.raises(InvalidInput, match="there is no queue"):
            reported_queues(who(Role.SUPERVISOR), name)
