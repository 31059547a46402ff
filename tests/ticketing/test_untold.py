"""What no process has told of is told by the ticker, each entry once, whatever order the numbers come in."""

from collections.abc import Iterator

import pytest
from flask import Flask
from redis import Redis

from tests import make, servers
from tests.api.listening import with_valkey
from tests.conftest import NOON
from ticketing import journal, realtime, untold
from ticketing.events import SYSTEM, MacroApplied
from ticketing.models import JournalEntry
from ticketing.realtime import News
from ticketing.store import db
from ticketing.transaction import transaction


@pytest.fixture
def stream(sqlite_app: Flask) -> Iterator["Redis[bytes]"]:
    with servers.valkey() as url, with_valkey(sqlite_app, url), Redis.from_url(url) as redis:
        yield redis


def told(stream: "Redis[bytes]") -> list[int]:
    return [int(fields[b"e"]) for _, fields in stream.xrange(realtime.STREAM) if b"e" in fields]


def write(ticket_id: int, *numbers: int) -> None:
    """Put entries into the journal as another process would that has not told of them."""
    said = {"kind": "macro_applied", "actor_type": SYSTEM.type, "actor_id": None, "source": "test", "data": {}}
    with transaction("test") as session:
        session.add_all(
            JournalEntry(id=number, ticket_id=ticket_id, at=NOON, dispatched_at=NOON, **said) for number in numbers
        )


def test_an_entry_whose_transaction_was_slow_is_told_when_it_appears(stream: "Redis[bytes]") -> None:
    ticket_id = make.ticket().id
    untold.tell_what_was_left()
    before = told(stream)
    rounds = [(100, 101, 104), (103, 110), (102,), (105, 109), ()]
    for numbers in rounds:
        write(ticket_id, *numbers)
        untold.tell_what_was_left()

    assert told(stream) == before + [number for numbers in rounds for number in numbers]


def test_the_next_ticker_goes_on_where_the_last_one_was(stream: "Redis[bytes]", sqlite_app: Flask) -> None:
    ticket_id = make.ticket().id
    untold.tell_what_was_left()
    write(ticket_id, 100, 102)
    untold.tell_what_was_left()
    before = told(stream)

    sqlite_app.extensions.pop("comptoir.swept")
    write(ticket_id, 101, 103)
    untold.tell_what_was_left()

    assert told(stream) == [*before, 101, 103]


def test_what_valkey_forgot_in_a_crash_is_told_again(stream: "Redis[bytes]") -> None:
    ticket_id = make.ticket().id
    untold.tell_what_was_left()
    kept = {
        key: stream.dump(key)
        for key in (realtime.STREAM, realtime.PUBLISHED, realtime.EPOCH, untold.SWEPT, untold.LOOKS)
    }
    write(ticket_id, 100, 101)
    untold.tell_what_was_left()
    for key, value in kept.items():
        stream.restore(key, 0, value, replace=True)

    untold.tell_what_was_left()

    assert told(stream)[-2:] == [100, 101]


def test_many_entries_of_one_transaction_are_told_too(stream: "Redis[bytes]") -> None:
    ticket_id = make.ticket().id
    untold.tell_what_was_left()
    before = len(told(stream))
    with transaction("test"):
        journal.append_many(((ticket_id, MacroApplied(number), NOON) for number in range(journal.MANY)), by=SYSTEM)
    assert len(told(stream)) == before

    untold.tell_what_was_left()

    assert len(told(stream)) == before + journal.MANY


def test_too_much_to_tell_makes_everybody_ask_again(stream: "Redis[bytes]") -> None:
    ticket_id = make.ticket().id
    untold.tell_what_was_left()
    epoch = stream.get(realtime.EPOCH)
    write(ticket_id, untold.TOO_MANY * 2)
    untold.tell_what_was_left()

    assert stream.get(realtime.EPOCH) != epoch
    assert told(stream) == []


def test_without_valkey_news_costs_nobody_anything(sqlite_app: Flask) -> None:
    make.ticket()

    realtime.publish([News(1, 1, "macro_applied")])
    realtime.signal("onlookers", ticket_id=1)

    assert untold.tell_what_was_left() == 0
    assert db.session().query(JournalEntry).count() > 0
