"""Replays: what other policies and calendars would have done to past tickets."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, select

from sla import replaying, replays, shadow
from sla.agreement import Metric
from sla.comparison import Counts, Tally, Verdict
from sla.errors import InvalidCalendar, InvalidPolicy
from sla.models import Alert, JobState, Replay, ReplayFlip
from sla.policies import make_policy
from sla.replays import FlipFilter, Span
from tests import make
from tests.conftest import NOON
from tests.sla import desk
from ticketing import lifecycle
from ticketing.errors import Conflict, InvalidInput, NotFound
from ticketing.events import SYSTEM
from ticketing.models import JournalEntry, Role
from ticketing.store import db
from ticketing.transaction import transaction

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ALL_WEEK = Span(NOON - DAY, NOON + 6 * DAY)
LATER = NOON + 7 * DAY
ALWAYS = {
    "time_zone": "UTC",
    "weekly": {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")},
}


def calls(seconds: int, **values: Any) -> dict[str, Any]:
    """A policy for calls, as somebody proposes it."""
    targets = {"first_response": {"allowance_seconds": seconds, "warn_seconds_before": 0}}
    return {"name": "Calls", "position": 1, "calendar": 1, "targets": targets, "conditions": {}, **values}


def ask(wanted: Sequence[Mapping[str, Any]] | None = None, calendars: Sequence[Mapping[str, Any]] | None = None) -> int:
    """The id of a replay of all the tickets."""
    with transaction("test"):
        return replays.ask(wanted=wanted, calendars=calendars, span=ALL_WEEK, by=SYSTEM, at=LATER).id


def work_off(replay_id: int, *, batch: int = 500) -> Replay:
    """The replay when it is over."""
    while replaying.advance(replay_id, now=lambda: LATER, batch=batch, most=timedelta(0)):
        pass
    return replays.find(replay_id)


def counted(row: Replay, metric: str = "first_response") -> Counts:
    """What it counted of one metric."""
    return dict(Tally.unpack(row.tally).counts("metric"))[(metric,)]


def flipped(replay_id: int) -> list[tuple[int, str, str]]:
    """The tickets whose verdict flips, as an admin sees them."""
    caller = make.calling(make.agent(Role.ADMIN))
    found = replays.flips(caller, replay_id, FlipFilter(), after=0, limit=200)
    return [(one.ticket_id, one.before.value, one.after.value) for one in found]


@pytest.fixture
def answered(calls: None) -> list[int]:
    """Five calls, answered after 10, 30, 59 and 90 minutes, and never."""
    ids = [desk.opened(at=NOON + minutes * timedelta(minutes=1)).id for minutes in range(5)]
    with transaction("test"):
        for number, minutes in enumerate((10, 30, 59, 90)):
            after = timedelta(minutes=minutes + number)
            desk.reply(lifecycle.lock_ticket(ids[number]), after=after)
    return ids


def test_what_is_in_force_today_flips_nothing(answered: list[int]) -> None:
    same = {**desk.HOURS, "name": "Desk"}

    row = work_off(ask(calendars=[same]))

    assert (row.state, row.done, row.total, row.finished_at) == (JobState.DONE, 5, 5, LATER)
    assert counted(row) == Counts(5, 5, 5, 2, 2, 0, 0)
    assert flipped(row.id) == []


def test_a_stricter_target_flips_those_that_it_would_have_missed_and_no_other(answered: list[int]) -> None:
    row = work_off(ask([calls(30 * 60)]))

    assert counted(row) == Counts(5, 5, 5, 2, 4, 2, 0)
    assert flipped(row.id) == [(answered[1], "met", "breached"), (answered[2], "met", "breached")]


def test_other_hours_and_no_promise_at_all_flip_the_other_way(answered: list[int]) -> None:
    mornings = {"id": 1, "time_zone": "UTC", "weekly": {"wed": [["09:00", "12:00"]]}}
    later = work_off(ask(calendars=[mornings]))
    nothing = work_off(ask([]))

    assert counted(later) == Counts(5, 5, 5, 2, 1, 0, 1)  # due a week later at 10:00, when it is noon by now
    assert flipped(later.id) == [(answered[3], "breached", "met")]
    assert counted(nothing) == Counts(5, 5, 0, 2, 0, 0, 2)
    assert [after for _, _, after in flipped(nothing.id)] == ["none", "none"]


def test_it_is_told_by_metric_place_queue_and_hour_of_the_week(answered: list[int]) -> None:
    resolution = {"resolution": {"allowance_seconds": 7200}}
    row = work_off(ask([calls(3600), calls(60, name="Solve", targets=resolution, position=0)]))
    tally = Tally.unpack(row.tally)

    noon_on_wednesday = 2 * 24 + 12
    assert dict(tally.counts("metric")) == {
        ("first_response",): Counts(5, 5, 0, 2, 0, 0, 2),
        ("resolution",): Counts(5, 0, 5, 0, 5, 5, 0),
    }
    for kind, key in (("place", ("phone", "normal")), ("queue", (1,)), ("hour", (noon_on_wednesday,))):
        assert [found for found, _ in tally.counts(kind)] == [("first_response", *key), ("resolution", *key)]
    assert [tally.percentile("first_response", "now", share) for share in (0.25, 0.5, 1.0)] == pytest.approx(
        [600, 1800, 5400], rel=0.011
    )
    assert tally.percentile("first_response", "proposed", 0.5) is None


def test_a_worker_that_was_killed_counts_nothing_twice(answered: list[int]) -> None:
    replay_id = ask([calls(60)])
    assert replaying.advance(replay_id, now=lambda: LATER, batch=2, most=timedelta(0))
    first = replaying._Work(replays.find(replay_id))
    second = replaying._Work(replays.find(replay_id))  # two workers at the same place

    went_on = [one.do_batch(2, lambda: LATER) for one in (first, second)]
    halfway = replays.find(replay_id)

    assert (went_on, halfway.done, halfway.after_id) == ([True, False], 4, answered[3])
    with transaction("test"):
        before, after = LATER - timedelta(seconds=1), LATER + timedelta(seconds=1)
        assert replaying.left_alone(since=before, at=after) is None
        assert replaying.left_alone(since=LATER, at=after) == replay_id
        assert replaying.left_alone(since=LATER, at=after) is None  # somebody is woken for it already
    assert counted(work_off(replay_id, batch=2)) == Counts(5, 5, 5, 2, 5, 3, 0)
    assert len(flipped(replay_id)) == 3


def test_one_that_is_given_up_stops_and_then_goes(answered: list[int]) -> None:
    running, waiting = ask([calls(60)]), ask([calls(60)])
    assert replaying.advance(running, now=lambda: LATER, batch=2, most=timedelta(0))
    assert not replaying.advance(waiting, now=lambda: LATER), "one at a time"

    with transaction("test"):
        replays.give_up(running, at=LATER)
    assert not replaying.advance(running, now=lambda: LATER)
    assert replays.find(running).state is JobState.CANCELLED
    with transaction("test"):
        replays.give_up(running, at=LATER)

    with pytest.raises(NotFound):
        replays.find(running)
    assert db.session().scalars(select(ReplayFlip.id)).all() == []
    assert work_off(waiting).state is JobState.DONE


def test_a_journal_that_makes_no_sense_fails_this_replay_and_no_other(answered: list[int]) -> None:
    broken = ask([calls(60)])
    with transaction("test") as session:
        entry = session.scalars(select(JournalEntry).where(JournalEntry.ticket_id == answered[2])).first()
        assert entry is not None
        entry.data = {**entry.data, "waiting_since": "yesterday"}

    row = work_off(broken)

    assert (row.state, row.error) == (JobState.FAILED, f"ticket {answered[2]}: ValueError in its journal")
    with transaction("test") as session:
        session.execute(delete(JournalEntry).where(JournalEntry.ticket_id == answered[2]))
    assert counted(work_off(ask([calls(60)]))).clocks_proposed == 4


REFUSED: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("nothing", {}, InvalidInput, "propose policies, calendars or both"),
    ("too long", {"wanted": [calls(10**9)]}, InvalidPolicy, r"policies, number 1 \('Calls'\): first_response: all"),
    ("too many", {"wanted": [calls(60)] * 1000}, InvalidPolicy, "at most 500 can be proposed at once, not 1000"),
    (
        "nameless",
        {"wanted": [calls(60), {"calendar": 1}]},
        InvalidPolicy,
        r"number 2 \(without a name\): a policy needs",
    ),
    ("shadow", {"wanted": [calls(60, shadow=True)]}, InvalidPolicy, "a shadow is never chosen"),
    ("calendar", {"wanted": [calls(60, calendar="Moon")]}, InvalidPolicy, "policies, number 1: `calendar` is the id"),
    ("no id", {"wanted": [calls(60, calendar=True)]}, InvalidPolicy, "not 'True'"),
    ("unknown", {"calendars": [{**ALWAYS, "id": 9}]}, InvalidCalendar, "calendars, number 1: there is no calendar 9"),
    ("unnamed", {"calendars": [ALWAYS]}, InvalidCalendar, "calendars, number 1: a calendar needs a name"),
    ("twice", {"calendars": [{**ALWAYS, "name": "A"}] * 2}, InvalidCalendar, "calendars, number 2: there is another"),
    (
        "zone",
        {"calendars": [{**ALWAYS, "name": "A", "time_zone": "Moon"}]},
        InvalidCalendar,
        "number 1: 'Moon' is no IANA",
    ),
    ("closed", {"calendars": [{"name": "Desk", "time_zone": "UTC"}]}, InvalidPolicy, "'Calls'.*does not open within"),
]


def test_a_proposal_that_makes_no_sense_is_refused_and_told_where(answered: list[int]) -> None:
    for name, proposal, error, words in REFUSED:
        with transaction("test"), pytest.raises(error) as refused:
            replays.ask(**{"wanted": None, "calendars": None, **proposal}, span=ALL_WEEK, by=SYSTEM, at=LATER)

        assert re.search(words, str(refused.value)), name


def test_neither_a_span_of_nothing_nor_one_more_than_may_wait_is_taken(answered: list[int]) -> None:
    with transaction("test"), pytest.raises(InvalidInput, match="from must come before to"):
        replays.ask(wanted=[], calendars=None, span=Span(NOON, NOON), by=SYSTEM, at=LATER)
    for _ in range(replays.MOST_WAITING):
        ask([])

    with pytest.raises(Conflict, match="20 replays wait already"):
        ask([])


def test_a_shadow_is_compared_after_a_week_and_supervisors_are_told(answered: list[int]) -> None:
    supervisor, agent = make.agent(Role.SUPERVISOR), make.agent()
    with transaction("test"):
        strict = make_policy(calls(20 * 60, name="Strict", position=0, shadow=True), by=SYSTEM, at=NOON)
    with transaction("test"):
        assert shadow.watched(NOON + timedelta(days=6)) == []
        (origin,) = shadow.watched(LATER)
        replay_id = shadow.compare(origin, by=None, at=LATER).id
        assert shadow.watched(LATER) == []

    row = work_off(replay_id)

    assert origin == strict.origin
    assert shadow.comparison_of(origin).id == replay_id
    assert [one["name"] for one in row.proposal["policies"]] == ["Strict", "Calls"]
    assert counted(row) == Counts(5, 5, 5, 2, 4, 2, 0)
    alerts = db.session().scalars(select(Alert)).all()
    assert [(one.agent_id, one.kind, one.data) for one in alerts] == [
        (supervisor.id, "shadow_compared", {"policy": origin, "replay": replay_id})
    ]
    assert agent.id != supervisor.id


def test_only_shadows_are_compared(answered: list[int]) -> None:
    with transaction("test"), pytest.raises(Conflict, match="policy 1 is no shadow"):
        shadow.compare(1, by=None, at=LATER)
    with pytest.raises(NotFound, match="has not been compared yet"):
        shadow.comparison_of(1)


def test_whoever_does_not_work_the_queue_does_not_see_the_ticket(app: Flask, answered: list[int]) -> None:
    secret = make.queue("Secret", members=[make.agent()])
    with transaction("test"):
        lifecycle.move(lifecycle.lock_ticket(answered[1]), secret, by=SYSTEM, at=LATER)
    replay_id = work_off(ask([calls(30 * 60)])).id
    caller = make.calling(make.agent(Role.SUPERVISOR))

    seen = replays.flips(caller, replay_id, FlipFilter(), after=0, limit=200)
    breached = replays.flips(caller, replay_id, FlipFilter(Metric.FIRST_RESPONSE, after=Verdict.MET), after=0, limit=9)

    assert [one.ticket_id for one in seen] == [answered[2]]
    assert breached == []
