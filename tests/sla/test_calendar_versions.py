"""Versions of calendars, when several people edit and while clocks run."""

import threading
from collections.abc import Callable
from datetime import timedelta

from flask import Flask
from sqlalchemy import select

from sla import calendar_versions, policies
from sla.calendars import hours_of
from sla.hours import due
from sla.models import Calendar, Policy
from tests import make
from tests.conftest import NOON
from ticketing.errors import Conflict, InvalidInput
from ticketing.events import SYSTEM
from ticketing.store import db
from ticketing.transaction import transaction

HOUR = timedelta(hours=1)


def at_once(app: Flask, *acts: Callable[[], object]) -> list[str]:
    """Do all of it at once; return the errors."""
    ready, errors = threading.Barrier(len(acts)), list[str]()

    def run(act: Callable[[], object]) -> None:
        with app.app_context():
            try:
                ready.wait(60)
                with transaction("test"):
                    act()
            except (Conflict, InvalidInput) as error:
                errors.append(str(error))
            finally:
                db.session.remove()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_edits_at_once_make_one_chain_of_versions_and_the_policy_follows_each(app: Flask) -> None:
    calendar = make.calendar()
    origin, words = calendar.origin, calendar_versions.words_of(calendar)
    make.policy(calendar=origin)

    def edit(number: int) -> Callable[[], object]:
        hours = {"mon": [[f"{9 + number:02d}:00", "17:00"]]}
        at = NOON + HOUR - number * timedelta(seconds=1)  # the later one has looked at the clock first
        return lambda: calendar_versions.revise(origin, {**words, "weekly": hours}, by=SYSTEM, at=at)

    errors = at_once(app, *(edit(number) for number in range(1, 4)))

    db.session.remove()
    rows = calendar_versions.versions(origin, after=0, limit=9)
    followed = db.session().scalars(select(Policy).order_by(Policy.version)).all()
    assert errors == []
    assert [row.version for row in rows] == [1, 2, 3, 4]
    assert [row.archived_at for row in rows] == [*(row.created_at for row in rows[1:]), None]
    assert [policy.calendar_id for policy in followed] == [row.id for row in rows]


def test_a_calendar_is_archived_or_used_but_never_both(app: Flask) -> None:
    calendar = make.calendar()
    origin = calendar.origin
    gold = {"name": "Gold", "position": 1, "targets": {"first_response": {"allowance_seconds": 3600}}}

    errors = at_once(
        app,
        lambda: calendar_versions.archive(origin, by=SYSTEM, at=NOON + HOUR),
        lambda: policies.make_policy({**gold, "calendar": origin}, by=SYSTEM, at=NOON + HOUR),
    )

    db.session.remove()
    is_archived = calendar_versions.find_calendar(origin).archived_at is not None
    is_used = db.session().scalar(select(Policy)) is not None
    assert len(errors) == 1
    assert is_archived is not is_used


def test_old_hours_stay_with_their_version(sqlite_app: Flask) -> None:
    calendar = make.calendar()
    old_id, words = calendar.id, calendar_versions.words_of(calendar)
    monday = NOON + timedelta(days=5)  # 07:00 in Toronto

    with transaction("test"):
        change = calendar_versions.revise(calendar.origin, {**words, "time_zone": "UTC"}, by=SYSTEM, at=NOON + HOUR)
        new_id = change.calendar.id

    old, new = (hours_of(db.session().get_one(Calendar, one)) for one in (old_id, new_id))
    assert due(monday, HOUR, old) == monday + 3 * HOUR
    assert due(monday, HOUR, new) == monday + HOUR
