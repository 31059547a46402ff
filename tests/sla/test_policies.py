"""Policies are edited by versions, and nothing that was in force is ever another."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from sla import policies, rules
from sla.errors import InvalidPolicy, NeverOpen
from sla.facts import Facts
from sla.models import Calendar, Policy
from tests import make
from tests.conftest import NOON
from ticketing.errors import Conflict, InvalidInput, NotFound
from ticketing.events import SYSTEM
from ticketing.models import AuditEntry
from ticketing.store import db
from ticketing.transaction import transaction

HOUR = timedelta(hours=1)
ANSWER = {"first_response": {"allowance_seconds": 3600}}
FACTS = Facts(channel="email", queue_id=1, priority="normal", opened_at=NOON, waiting_since=NOON)


def revise(policy_id: int, *, at: datetime = NOON + HOUR, **changes: Any) -> Policy:
    with transaction("test"):
        words = policies.words_of(policies.find_policy(policy_id))
        return policies.revise(policy_id, {**words, **changes}, by=SYSTEM, at=at)


def archive(policy_id: int, *, at: datetime = NOON + HOUR) -> None:
    with transaction("test"):
        policies.archive(policy_id, by=SYSTEM, at=at)


def calendar(name: str, weekly: dict[str, Any]) -> int:
    with transaction("test") as session:
        row = Calendar(name=name, version=1, definition={"time_zone": "UTC", "weekly": weekly}, created_at=NOON)
        session.add(row)
        session.flush()
        return row.id


def in_order() -> list[str]:
    db.session.remove()
    known = {row.id: row.name for row in db.session().scalars(select(Policy))}
    return [known[one.id] for one in rules.in_force().agreements]


def told() -> list[tuple[str, int | None]]:
    entries = select(AuditEntry.kind, AuditEntry.subject_id).where(AuditEntry.subject_type == "policy")
    return [(kind, subject) for kind, subject in db.session().execute(entries.order_by(AuditEntry.id))]


def test_an_edit_makes_a_version_that_takes_over_at_one_moment(app: Flask) -> None:
    first = make.policy(on_reopen="keep", automatic_answers_count=True)

    second = revise(first.id, name="Golden", targets=ANSWER)
    third = revise(first.id, at=NOON + 2 * HOUR, position=7)

    rows = policies.versions(first.id, after=0, limit=9)
    assert [(row.id, row.version, row.name, row.origin) for row in rows] == [
        (first.id, 1, "Gold", first.id),
        (second.id, 2, "Golden", first.id),
        (third.id, 3, "Golden", first.id),
    ]
    assert [(row.created_at, row.archived_at) for row in rows] == [
        (NOON, NOON + HOUR),
        (NOON + HOUR, NOON + 2 * HOUR),
        (NOON + 2 * HOUR, None),
    ]
    assert rows[0].targets == {"first_response": {"allowance_seconds": 14_400}}
    assert third.rules == {"on_reopen": "keep", "automatic_answers_count": True}
    assert told() == [("policy_made", first.id), ("policy_changed", first.id), ("policy_changed", first.id)]
    for moment, expected in ((NOON, first), (NOON + HOUR, second), (NOON + 3 * HOUR, third)):
        chosen = rules.history().agreement_for(FACTS, moment)
        assert chosen is not None
        assert chosen.id == expected.id


def test_an_edit_that_changes_nothing_makes_no_version(sqlite_app: Flask) -> None:
    policy = make.policy()

    assert revise(policy.id).version == 1
    assert told() == [("policy_made", policy.id)]


def test_an_archived_policy_is_for_nobody_and_is_not_edited(sqlite_app: Flask) -> None:
    policy = make.policy()

    archive(policy.id)
    archive(policy.id, at=NOON + 2 * HOUR)

    assert in_order() == []
    assert policies.find_policy(policy.id).archived_at == NOON + HOUR
    assert told() == [("policy_made", policy.id), ("policy_archived", policy.id)]
    with pytest.raises(Conflict, match="is archived; make a new one"):
        revise(policy.id, position=2)
    with pytest.raises(NotFound, match="no policy 99"):
        archive(99)


def test_a_version_is_not_the_name_of_a_policy(sqlite_app: Flask) -> None:
    second = revise(make.policy().id, position=2)

    with pytest.raises(NotFound):
        policies.find_policy(second.id)


def test_a_name_stays_with_the_policy_that_had_it_first(sqlite_app: Flask) -> None:
    renamed, gone = make.policy("Gold"), make.policy("Silver")
    revise(renamed.id, name="Golden")
    archive(gone.id)

    for name, sentence in (
        ("Golden", "there is a policy 'Golden' already"),
        ("Gold", "now 'Golden', was called 'Gold' before"),
        ("Silver", "an archived policy, 2, was called 'Silver'"),
    ):
        with pytest.raises(Conflict, match=sentence):
            make.policy(name)
    assert revise(renamed.id, name="Gold").version == 3


def test_policies_at_one_position_keep_their_order_when_edited(app: Flask) -> None:
    first, last, early = make.policy("First"), make.policy("Last"), make.policy("Early", position=-1)

    revise(first.id, targets=ANSWER)

    assert in_order() == ["Early", "First", "Last"]
    page = policies.page(archived=False, after=(-1, early.id), limit=1)
    assert [row.name for row in page] == ["First"]
    page = policies.page(archived=False, after=(1, first.id), limit=9)
    assert [row.id for row in page] == [last.id]


def test_archived_policies_are_listed_as_they_were_in_the_end(app: Flask) -> None:
    gone, _ = make.policy("Gone"), make.policy("Here")
    revise(gone.id, name="Long gone")
    archive(gone.id, at=NOON + 2 * HOUR)

    assert [row.name for row in policies.page(archived=True, after=None, limit=9)] == ["Long gone"]


def test_a_shadow_is_for_nobody_until_it_is_let_loose(sqlite_app: Flask) -> None:
    shadow = make.policy(shadow=True)
    before = rules.in_force().agreements

    revise(shadow.id, shadow=False)

    assert before == []
    assert in_order() == ["Gold"]
    assert rules.history().agreement_for(FACTS, NOON) is None


@pytest.mark.parametrize(
    ("words", "error", "sentence"),
    [
        pytest.param({"calendar": 99}, InvalidPolicy, "a calendar in force, by its id, not 99", id="no calendar"),
        pytest.param({"calendar": "Always"}, InvalidPolicy, "by its id, not 'Always'", id="a calendar's name"),
        pytest.param({"conditions": {"queue": [99]}}, InvalidPolicy, "there is no queue 99", id="no queue"),
        pytest.param(
            {"targets": {"promise": {"steps": [{"offset_seconds": 0, "actions": [{"kind": "move", "queue": 98}]}]}}},
            InvalidPolicy,
            "there is no queue 98",
            id="no queue to move to",
        ),
        pytest.param(
            {"targets": {"promise": {"steps": [{"offset_seconds": 0, "actions": [{"kind": "assign", "agent": 1}]}]}}},
            InvalidPolicy,
            "no agent 1 at the desk",
            id="an agent who has left",
        ),
        pytest.param({"moon": "full"}, InvalidPolicy, "a policy has no moon", id="an unknown word"),
    ],
)
def test_what_is_not_there_is_in_no_policy(
    sqlite_app: Flask, words: dict[str, Any], error: type[InvalidInput], sentence: str
) -> None:
    make.agent(is_active=False)

    with pytest.raises(error, match=sentence):
        make.policy(**words)


def test_what_nobody_could_keep_is_no_policy(sqlite_app: Flask) -> None:
    closed = calendar("Closed", {})

    with pytest.raises(NeverOpen, match="policy 'Gold', first_response: the desk does not open"):
        make.policy(calendar=closed)
    make.policy(calendar=closed, targets={"resolution": {"allowance_seconds": 60, "wall_clock": True}, "promise": {}})


def test_policies_follow_their_calendar(app: Flask) -> None:
    one, other, gone = make.policy("One"), make.policy("Other", shadow=True), make.policy("Gone")
    archive(gone.id, at=NOON)
    elsewhere = make.policy("Elsewhere", calendar=calendar("Mondays", {"mon": [["09:00", "17:00"]]}))
    newer = calendar("Newer", {"tue": [["09:00", "17:00"]]})

    with transaction("test"):
        made = policies.follow_calendar(one.calendar_id, newer, by=SYSTEM, at=NOON + HOUR)

    assert [(row.origin, row.version, row.calendar_id, row.shadow) for row in made] == [
        (one.id, 2, newer, False),
        (other.id, 2, newer, True),
    ]
    assert policies.find_policy(gone.id).version == policies.find_policy(elsewhere.id).version == 1
    with transaction("test"), pytest.raises(NeverOpen, match="policy 'One', first_response"):
        policies.follow_calendar(newer, calendar_of_nothing(), by=SYSTEM, at=NOON + HOUR)


def calendar_of_nothing() -> int:
    row = Calendar(name="Nothing", version=1, definition={"time_zone": "UTC", "weekly": {}}, created_at=NOON)
    db.session().add(row)
    db.session().flush()
    return row.id


def at_once(app: Flask, *acts: Callable[[], object]) -> list[str]:
    """Do all of it at once; return the errors."""
    ready, errors = threading.Barrier(len(acts)), list[str]()

    def run(act: Callable[[], object]) -> None:
        with app.app_context():
            try:
                ready.wait(60)
                with transaction("test"):
                    act()
            except Conflict as error:
                errors.append(str(error))
            finally:
                db.session.remove()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_edits_at_once_come_one_after_the_other(app: Flask) -> None:
    policy_id = make.policy().id
    words = policies.words_of(policies.find_policy(policy_id))

    def edit(number: int) -> Callable[[], object]:
        # The later one has looked at the clock first.
        at = NOON + HOUR - number * timedelta(seconds=1)
        return lambda: policies.revise(policy_id, {**words, "position": 10 + number}, by=SYSTEM, at=at)

    errors = at_once(app, *(edit(number) for number in range(4)))

    db.session.remove()
    rows = policies.versions(policy_id, after=0, limit=9)
    assert errors == []
    assert [row.version for row in rows] == [1, 2, 3, 4, 5]
    assert [row.archived_at for row in rows] == [*(row.created_at for row in rows[1:]), None]
    assert all(row.archived_at is None or row.created_at <= row.archived_at for row in rows)


def test_one_of_two_gets_the_name(app: Flask) -> None:
    first = make.policy()
    words = {**policies.words_of(first), "name": "Silver"}

    def make_it() -> object:
        return policies.make_policy(words, by=SYSTEM, at=NOON)

    def rename() -> object:
        return policies.revise(1, words, by=SYSTEM, at=NOON)

    errors = at_once(app, make_it, make_it, rename)

    assert len(errors) == 2
    assert all("'Silver'" in error for error in errors)
