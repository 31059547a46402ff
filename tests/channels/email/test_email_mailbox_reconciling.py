"""What is in a mailbox is held against what we have: nothing is lost or twice, nothing waits for a bad mail."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import delete, func, select

from channels.email.mailboxes import reconciling, store
from channels.email.mailboxes.account import Account
from channels.email.mailboxes.connecting import Server
from channels.email.mailboxes.connection import Connection
from channels.email.mailboxes.credentials import Password
from channels.email.mailboxes.desk import Desk
from channels.email.mailboxes.errors import ConnectionLost
from channels.email.models import Mailbox, MailboxMail, MailboxState, MailSecurity
from channels.models import InboundItem, ItemState
from tests import make
from tests.channels import letters
from tests.channels.email.fake_imap import LOOPBACK, PASSWORD, USER, FakeIMAP, fake_imap
from tests.conftest import NOON
from ticketing.envelope import Channel
from ticketing.models import Message, Ticket
from ticketing.store import db
from ticketing.transaction import transaction

LATER = NOON + timedelta(minutes=10)


class House:
    """A desk with an inbox, its mailbox on a server, and a clock."""

    def __init__(self, app: Flask, server: FakeIMAP) -> None:
        self.server = server
        self.app = app
        self.at = LATER
        self.inbox = make.inbox(Channel.EMAIL, address=letters.US)
        self.desk = Desk(app, holder="this process", now=lambda: self.at)
        self.mailbox_id = 0

    def connect(self, **values: object) -> None:
        imap = Server(LOOPBACK, self.server.port, MailSecurity.NONE)
        values = {"username": USER, "credentials": Password(PASSWORD), **values}
        self.mailbox_id = make.mailbox(self.inbox, imap=imap, **values).id
        assert store.claim_free("this process", at=self.at)

    def mail(self, uid: int, *, at: object = None, words: str = "It drips.", **headers: str) -> None:
        """A mail arrives, by default now."""
        raw = letters.mail(f"<{uid}@home.example>", f"Kettle {uid}", words, **headers)
        self.server.add(uid, raw.replace(b"\n", b"\r\n"), at=at or self.at)  # type: ignore[arg-type]

    def look(self) -> reconciling.Round:
        """Look through the mailbox once, as its watcher does after it has connected."""
        account = self.account
        connection = Connection.open(account, password=PASSWORD)
        try:
            return reconciling.reconcile(connection, account, self.desk, threading.Event())
        finally:
            connection.close(patience=0.5)

    @property
    def account(self) -> Account:
        db.session.rollback()
        return Account.of(self.row)

    @property
    def row(self) -> Mailbox:
        db.session.rollback()
        db.session().expire_all()
        return db.session().get_one(Mailbox, self.mailbox_id)

    @property
    def subjects(self) -> list[str]:
        db.session.rollback()
        return list(db.session().scalars(select(Ticket.subject).order_by(Ticket.id)))

    @property
    def rows(self) -> dict[int, str]:
        """The errors of the mails that we know of, by UID; "" for what we have."""
        db.session.rollback()
        db.session().expire_all()
        return {row.uid: row.error for row in db.session().scalars(select(MailboxMail).order_by(MailboxMail.uid))}


@pytest.fixture
def server() -> Iterator[FakeIMAP]:
    with fake_imap() as running:
        yield running


@pytest.fixture
def house(app: Flask, server: FakeIMAP) -> House:
    return House(app, server)


@pytest.fixture
def small_house(sqlite_app: Flask, server: FakeIMAP) -> House:
    return House(sqlite_app, server)


def test_what_comes_from_now_on_is_ours_and_what_was_there_is_not(house: House) -> None:
    house.mail(3, at=NOON - timedelta(days=3))
    house.mail(4, at=NOON - timedelta(minutes=1))
    house.connect()
    house.mail(5, at=NOON + timedelta(minutes=1))  # before the first look, and after it was asked for
    first = house.look()
    house.mail(6)
    house.look()
    house.look()

    assert house.subjects == ["Kettle 5", "Kettle 6"]
    assert (first.on_server, house.row.on_server, house.row.missing) == (1, 2, 0)
    assert (house.row.state, house.row.counted_at) == (MailboxState.WATCHED, LATER)
    assert not any("BODY[" in one or "STORE" in one or "SELECT" in one for one in house.server.asked)


def test_all_that_is_there_is_ours_if_asked_for_and_the_desk_does_not_begin_in_the_past(small_house: House) -> None:
    small_house.mail(3, at=NOON - timedelta(days=300))
    small_house.connect(all_mail=True)
    small_house.mail(4, at=NOON + timedelta(minutes=4))

    small_house.look()

    assert len(small_house.subjects) == 2
    waiting = db.session().scalars(select(Ticket.waiting_since).order_by(Ticket.id)).all()
    assert waiting == [NOON, NOON + timedelta(minutes=4)]  # since the mailbox was connected; since it arrived


def test_numbers_that_begin_anew_lose_nothing_and_bring_nothing_twice(house: House) -> None:
    house.mail(3, at=NOON - timedelta(days=3))
    house.connect()
    house.mail(8)
    house.mail(9)
    house.look()
    house.server.uid_validity, house.server.mails, arrived = 8, dict(house.server.mails), dict(house.server.arrived)
    numbers = {3: 21, 8: 22, 9: 23}
    house.server.mails = {numbers[uid]: raw for uid, raw in house.server.mails.items()}
    house.server.arrived = {numbers[uid]: at for uid, at in arrived.items()}
    house.server.add(24, letters.mail("<new@home.example>", "While it happened", "It drips."), at=house.at)

    house.look()
    house.look()

    assert house.subjects == ["Kettle 8", "Kettle 9", "While it happened"]
    assert list(house.rows) == [22, 23, 24]
    assert (house.row.uid_validity, house.row.first_uid, house.row.missing) == (8, 25, 0)


def test_a_crash_between_the_commit_and_the_note_of_it_brings_nothing_twice(house: House) -> None:
    house.connect()
    house.mail(5)
    house.look()
    with transaction("test") as session:
        session.execute(delete(MailboxMail))

    house.look()

    assert house.subjects == ["Kettle 5"]
    assert db.session().scalar(select(func.count()).select_from(Message)) == 1
    assert house.rows == {5: ""}


def test_a_mail_that_cannot_be_had_is_told_tried_again_and_holds_nothing_up(house: House) -> None:
    house.connect()
    house.desk.largest = 5_000
    house.mail(5, words="drip " * 2_000)
    house.mail(6)
    house.mail(7)
    house.server.odd = lambda command: b"TAG NO cannot\r\n" if "FETCH 6 (BODY" in command else None
    house.look()

    assert house.subjects == ["Kettle 7"]
    assert "COMPTOIR_SMTP_MAX_BYTES is 5000" in house.rows[5]
    assert "does not hand it over: " in house.rows[6]
    assert house.row.missing == 2

    house.server.odd = lambda _command: None
    asked = len(house.server.asked)
    house.look()  # too early
    assert not any("BODY" in one for one in house.server.asked[asked:])
    due_at = store.next_retry(house.account)
    house.at = due_at or house.at
    house.look()

    assert house.subjects == ["Kettle 7", "Kettle 6"]
    assert house.row.missing == 1
    assert store.next_retry(house.account) == house.at + timedelta(seconds=60)


def test_a_mail_at_which_the_server_breaks_goes_last_the_next_time(small_house: House) -> None:
    small_house.connect()
    for uid in (5, 6):
        small_house.mail(uid)
    small_house.server.odd = lambda command: (
        b"* 1 FETCH (UID 5 BODY[] {900}\r\nhalfclose" if "5 (BODY" in command else None
    )

    with pytest.raises(ConnectionLost):
        small_house.look()
    small_house.at += timedelta(seconds=1)
    small_house.look()

    assert small_house.subjects == ["Kettle 6"]
    assert "broke" in small_house.rows[5]


def test_a_mail_that_is_deleted_under_us_is_gone_and_no_error(house: House) -> None:
    house.connect()
    house.mail(5)
    house.mail(6)

    def somebody_deletes(command: str) -> bytes | None:
        if "FETCH 5 (BODY" in command:
            del house.server.mails[5]
            return b"TAG NO [EXPUNGEISSUED] gone\r\n"
        return None

    house.server.odd = somebody_deletes
    house.look()

    assert (house.subjects, house.rows) == (["Kettle 6"], {6: ""})
    assert (house.row.on_server, house.row.missing) == (1, 0)
    del house.server.mails[6]
    house.look()
    assert (house.rows, house.row.on_server) == ({}, 0)  # what is gone is forgotten here, and stays a ticket
    assert house.subjects == ["Kettle 6"]


def test_mail_is_moved_after_it_is_ours_also_what_a_crash_left_behind(house: House) -> None:
    house.connect()
    house.mail(5)
    house.look()
    with transaction("test") as session:
        session.get_one(Mailbox, house.mailbox_id).move_to = "Archive"
    house.mail(6)
    moved_when: list[int] = []

    def note(command: str) -> None:
        if command.startswith("UID MOVE"):
            with house.app.app_context():
                moved_when.append(db.session().scalar(select(func.count()).select_from(Message)) or 0)
                db.session.remove()

    house.server.odd = note
    house.look()

    assert sorted(house.server.moved) == [5, 6]
    assert moved_when[0] == 2
    assert house.row.on_server == 0
    house.look()
    assert house.rows == {}


def test_a_move_that_is_refused_leaves_the_mail_and_is_told(small_house: House) -> None:
    small_house.connect(move_to="Archive")
    small_house.mail(5)
    small_house.server.odd = lambda command: b"TAG NO [TRYCREATE] no\r\n" if "MOVE" in command else None

    small_house.look()

    assert small_house.subjects == ["Kettle 5"]
    assert "does not move it into 'Archive'" in small_house.row.error
    assert small_house.row.state is MailboxState.WATCHED


def test_a_mail_that_we_cannot_read_is_in_quarantine_and_counts_as_ours(small_house: House) -> None:
    small_house.connect()
    small_house.server.add(5, b"", at=LATER)
    small_house.mail(6)

    small_house.look()

    assert small_house.rows == {5: "", 6: ""}
    states = db.session().scalars(select(InboundItem.state).order_by(InboundItem.id)).all()
    assert states == [ItemState.QUARANTINED, ItemState.PROCESSED]


def test_a_watcher_of_what_the_mailbox_was_writes_nothing_of_what_it_is(house: House) -> None:
    house.connect()
    house.mail(5)
    old = house.account
    with transaction("test") as session:
        session.get_one(Mailbox, house.mailbox_id).updated_at = LATER

    store.keep_fetched(old, 5, 1, at=LATER)
    store.note_trouble(old, "no", failures=3, next_at=LATER)

    assert house.rows == {}
    assert house.row.failures == 0


def test_one_process_watches_and_another_takes_over(house: House) -> None:
    house.connect()
    at = house.at

    assert store.claim_free("another", at=at) == []
    assert list(store.renew("this process", at=at)) == [house.mailbox_id]
    assert store.renew("another", at=at) == {}
    (taken,) = store.claim_free("another", at=at + store.LEASE + timedelta(seconds=1))
    assert taken.id == house.mailbox_id
    assert store.renew("this process", at=at) == {}
    store.release("another", [house.mailbox_id])
    assert [one.id for one in store.claim_free("a third", at=at)] == [house.mailbox_id]


def test_many_mails_are_held_against_the_store_in_parts(small_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciling, "PART", 3)
    small_house.connect(all_mail=True)
    for uid in range(10, 18):
        small_house.mail(uid)
    small_house.look()
    for uid in (10, 13, 17):
        del small_house.server.mails[uid]
    small_house.look()

    assert list(small_house.rows) == [11, 12, 14, 15, 16]
    assert len(small_house.subjects) == 8
