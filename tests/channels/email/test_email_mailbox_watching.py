"""A thread watches each mailbox: it heals by itself, follows what an administrator changes, and ends at once."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from channels.email.mailboxes import store
from channels.email.mailboxes import watching as mailbox_watching
from channels.email.mailboxes.connecting import Server, Wanted, connect_mailbox, disconnect_mailbox
from channels.email.mailboxes.credentials import Password
from channels.email.mailboxes.watching import MailboxWatch, Pace
from channels.email.models import Mailbox, MailboxState, MailSecurity
from tests import make
from tests.channels import letters
from tests.channels.email.fake_imap import LOOPBACK, PASSWORD, USER, FakeIMAP, fake_imap
from tests.conftest import SECRET_KEY
from ticketing.envelope import Channel
from ticketing.events import SYSTEM
from ticketing.models import Inbox, Ticket
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

QUICK = Pace(oversee=0.1, look=5, poll=0.2, count=60, pauses=(0.1, 0.2), refused=(0.1, 0.2))


class Watched:
    """A desk whose mailbox is on a server."""

    def __init__(self, app: Flask, server: FakeIMAP) -> None:
        self.app, self.server = app, server
        self.inbox_id = make.inbox(Channel.EMAIL, address=letters.US).id

    def connect(self, password: str = PASSWORD) -> None:
        imap = Server(LOOPBACK, self.server.port, MailSecurity.NONE)
        wanted = Wanted(imap=imap, username=USER, credentials=Password(password))
        with transaction("test") as session:
            inbox = session.get_one(Inbox, self.inbox_id)
            connect_mailbox(inbox, wanted, secret_key=SECRET_KEY, by=SYSTEM, at=utc_now())

    def mail(self, uid: int) -> None:
        self.server.add(uid, letters.mail(f"<{uid}@home.example>", f"Kettle {uid}", "It drips."), at=utc_now())

    @property
    def row(self) -> Mailbox:
        db.session.rollback()
        db.session().expire_all()
        return db.session().scalars(select(Mailbox)).one()

    @property
    def subjects(self) -> list[str]:
        db.session.rollback()
        return list(db.session().scalars(select(Ticket.subject).order_by(Ticket.id)))


@pytest.fixture
def watched(sqlite_app: Flask) -> Iterator[Watched]:
    with fake_imap() as server:
        yield Watched(sqlite_app, server)


@contextmanager
def watching(watched: Watched, pace: Pace = QUICK) -> Iterator[MailboxWatch]:
    watch = MailboxWatch(watched.app, pace=pace).start()
    try:
        yield watch
    finally:
        watch.stop()


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "still waiting"
        time.sleep(0.02)


def test_new_mail_is_here_at_once_and_the_end_takes_no_time(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox_watching, "STOP_SECONDS", 60.0)  # who does not hear the end is waited for so long
    watched.connect()
    with watching(watched, replace(QUICK, look=600, count=600)) as watch:
        wait_for(lambda: watched.server.idling)
        watched.mail(5)
        wait_for(lambda: watched.subjects == ["Kettle 5"])
        began_at = time.monotonic()
        watch.stop()

        assert time.monotonic() - began_at < 30
    assert watched.row.held_by is None  # another may watch at once
    assert (watched.row.state, watched.row.error) == (MailboxState.WATCHED, "")


def test_without_idle_it_is_asked_every_while(watched: Watched) -> None:
    watched.server.capabilities = "IMAP4rev1 AUTH=PLAIN"
    watched.connect()
    with watching(watched):
        wait_for(lambda: watched.row.state is MailboxState.WATCHED)
        watched.mail(5)

        wait_for(lambda: watched.subjects == ["Kettle 5"])


def test_a_wrong_password_is_told_tried_again_and_healed_by_the_right_one(watched: Watched) -> None:
    watched.server.password = "another"
    watched.connect()
    with watching(watched):
        wait_for(lambda: watched.row.failures >= 3)
        assert watched.row.state is MailboxState.TROUBLED
        assert "does not accept user name and password" in watched.row.error
        assert watched.row.next_at is not None
        assert PASSWORD not in watched.row.error
        watched.server.password = PASSWORD
        wait_for(lambda: watched.row.state is MailboxState.WATCHED)

    assert (watched.row.failures, watched.row.error, watched.row.next_at) == (0, "", None)


def test_a_pause_outlives_the_process_and_a_new_password_ends_it(watched: Watched) -> None:
    watched.connect("wrong")
    with watching(watched, Pace(oversee=0.1, refused=(3600,))):
        wait_for(lambda: watched.row.failures == 1)
    with watching(watched, Pace(oversee=0.1, refused=(3600,))):
        wait_for(lambda: watched.row.held_by)
        time.sleep(0.3)
        assert watched.server.connections == 1
        watched.connect()

        wait_for(lambda: watched.row.state is MailboxState.WATCHED)


def test_a_server_that_hangs_up_in_the_middle_is_asked_again(watched: Watched) -> None:
    watched.connect()
    cuts = iter(range(3))

    def cut(command: str) -> bytes | None:
        return b"* 1 FETCH (UID 5 BODY[] {900}\r\nhalfclose" if "BODY.PEEK" in command and next(cuts, 9) < 1 else None

    watched.server.odd = cut
    with watching(watched):
        wait_for(lambda: watched.server.idling)
        watched.mail(5)
        watched.mail(6)

        wait_for(lambda: sorted(watched.subjects) == ["Kettle 5", "Kettle 6"])


def test_what_is_disconnected_or_switched_off_is_watched_no_more(watched: Watched) -> None:
    watched.connect()
    with watching(watched):
        wait_for(lambda: watched.server.idling)
        with transaction("test") as session:
            session.scalars(select(Mailbox)).one().enabled = False
        wait_for(lambda: not watched.server.idling)
        with transaction("test") as session:
            session.scalars(select(Mailbox)).one().enabled = True
        wait_for(lambda: watched.server.idling)
        with transaction("test") as session:
            disconnect_mailbox(session.get_one(Inbox, watched.inbox_id), by=SYSTEM, at=utc_now())

        wait_for(lambda: not watched.server.idling)


def test_of_two_processes_one_watches_and_the_other_takes_over(watched: Watched) -> None:
    watched.connect()
    with watching(watched) as first, watching(watched):
        wait_for(lambda: watched.server.idling)
        time.sleep(0.3)
        assert watched.server.connections == 1
        holder = watched.row.held_by
        first.stop()

        wait_for(lambda: watched.row.held_by not in (None, holder) or watched.server.connections == 1)
        wait_for(lambda: watched.row.held_by)
        watched.mail(5)
        wait_for(lambda: watched.subjects == ["Kettle 5"])


def test_a_store_that_is_away_costs_no_mail(watched: Watched) -> None:
    watched.connect()
    with watching(watched):
        wait_for(lambda: watched.server.idling)
        with db.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE inbound_item RENAME TO elsewhere")
        watched.mail(5)
        wait_for(lambda: any("BODY.PEEK" in one for one in watched.server.asked))
        with db.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO inbound_item")

        wait_for(lambda: watched.subjects == ["Kettle 5"])


def test_who_watches_goes_on_watching(watched: Watched) -> None:
    watched.connect()
    at = utc_now()
    (account,) = store.claim_free("me", at=at)

    store.renew("me", at=at + store.LEASE / 2)

    assert store.claim_free("another", at=at + store.LEASE + timedelta(seconds=1)) == []
    assert watched.row.id == account.id
