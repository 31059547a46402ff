"""A transaction is all or nothing, and what follows is handed over only after the commit."""

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests import make
from tests.conftest import NOON
from ticketing import journal, lifecycle
from ticketing.envelope import Channel
from ticketing.events import SYSTEM
from ticketing.models import JournalEntry, Message, Ticket
from ticketing.status import Priority
from ticketing.store import db
from ticketing.transaction import in_transaction, transaction


def test_raising_rolls_everything_back(app: Flask) -> None:
    ticket = make.ticket()
    entries = db.session().scalar(select(func.count()).select_from(JournalEntry))

    def change_and_fail() -> None:
        with transaction("test"):
            lifecycle.change_priority(lifecycle.lock_ticket(ticket.id), Priority.URGENT, by=SYSTEM, at=NOON)
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        change_and_fail()

    assert db.session().get_one(Ticket, ticket.id, populate_existing=True).priority is Priority.NORMAL
    assert db.session().scalar(select(func.count()).select_from(JournalEntry)) == entries
    assert not in_transaction()


def test_transactions_do_not_nest(app: Flask) -> None:
    with transaction("test"), pytest.raises(RuntimeError, match="already open"), transaction("test"):
        pass


def test_the_journal_is_written_inside_a_transaction_only(app: Flask) -> None:
    ticket = make.ticket()

    with pytest.raises(RuntimeError, match="inside transaction"):
        lifecycle.change_priority(ticket, Priority.URGENT, by=SYSTEM, at=NOON)


def test_a_reply_waits_in_the_outbox_until_it_is_carried_out(app: Flask) -> None:
    make.inbox(Channel.EMAIL)
    ticket = make.ticket()

    make.reply(ticket, make.agent())

    waiting = select(JournalEntry).where(JournalEntry.dispatched_at.is_(None))
    assert [row.kind for row in db.session().scalars(waiting)] == ["reply_written"]
    assert db.session().scalar(select(func.count()).select_from(Message).where(Message.state == "queued")) == 1


def test_the_sweep_claims_what_was_left_behind_once_in_a_while(app: Flask) -> None:
    make.inbox(Channel.EMAIL)
    make.reply(make.ticket(), make.agent())

    def sweep(seconds: int) -> int:
        with transaction("ticker"):
            return len(journal.undispatched(NOON + make.seconds(seconds)))

    assert [sweep(4), sweep(6), sweep(7), sweep(40)] == [0, 1, 0, 1]
