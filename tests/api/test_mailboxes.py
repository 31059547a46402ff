"""The mailbox of an inbox over the API: secrets go in and never out, and what is wrong is told."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from api.cli import mailboxes as commands
from channels.email.mailboxes import store
from channels.email.mailboxes.account import Account
from channels.email.mailboxes.credentials import Grant, Password, unseal
from channels.email.models import Mailbox, MailboxMail, MailboxState
from tests import make
from tests.api.desk import Desk, admin
from tests.conftest import NOON, SECRET_KEY
from ticketing.envelope import Channel
from ticketing.models import AuditEntry, Inbox
from ticketing.store import db
from ticketing.transaction import transaction

IMAP = {"host": "imap.example.com", "username": "support", "password": "drip drip"}
GRANT = {"host": "outlook.office365.com", "username": "support", "login": "microsoft", "client_id": "app"}


@pytest.fixture
def desk(sqlite_app: Flask) -> Desk:
    return admin(sqlite_app.test_client())


@pytest.fixture
def inbox(desk: Desk) -> Inbox:
    return make.inbox(Channel.EMAIL)


def put(desk: Desk, inbox: Inbox, body: Any) -> Any:
    return desk.put(f"/inboxes/{inbox.id}/mailbox", body)


def row() -> Mailbox:
    db.session.rollback()
    db.session().expire_all()
    return db.session().scalars(select(Mailbox)).one()


def password() -> str:
    found = unseal(row().secret, row().login, SECRET_KEY)
    assert isinstance(found, Password)
    return found.password


def test_a_mailbox_is_connected_and_its_secret_is_never_shown(desk: Desk, inbox: Inbox) -> None:
    answer = put(desk, inbox, {**IMAP, "smtp": {"host": "smtp.example.com", "security": "starttls"}})
    read = desk.get(f"/inboxes/{inbox.id}/mailbox")

    assert answer.status_code == read.status_code == 200
    assert answer.json == read.json
    shown = answer.json
    assert (shown["port"], shown["smtp"]) == (993, {"host": "smtp.example.com", "port": 587, "security": "starttls"})
    assert (shown["takes"], shown["state"], shown["is_watched"], shown["failed"]) == ("new", "new", False, [])
    assert "drip" not in answer.text
    assert "drip" not in row().secret
    assert password() == "drip drip"


def test_the_audit_knows_who_connected_what_and_no_secret(desk: Desk, inbox: Inbox) -> None:
    put(desk, inbox, IMAP)
    put(desk, inbox, {**IMAP, "folder": "Support"})
    gone = desk.delete(f"/inboxes/{inbox.id}/mailbox")

    assert gone.status_code == 204
    assert desk.get(f"/inboxes/{inbox.id}/mailbox").status_code == 404
    entries = db.session().scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    told = [(one.kind, one.data.get("folder")) for one in entries if one.kind.startswith("mailbox")]
    assert told == [("mailbox_connected", "INBOX"), ("mailbox_changed", "Support"), ("mailbox_disconnected", None)]
    assert {one.actor_id for one in entries if one.kind.startswith("mailbox")} == {desk.agent.id}
    assert not any("drip" in str(one.data) for one in entries)


def test_a_kept_secret_goes_to_no_other_server(desk: Desk, inbox: Inbox) -> None:
    put(desk, inbox, IMAP)
    without = {name: value for name, value in IMAP.items() if name != "password"}

    assert put(desk, inbox, {**without, "folder": "Support"}).status_code == 200
    assert password() == "drip drip"
    for elsewhere in (
        {"host": "imap.evil.example"},
        {"port": 1993},
        {"security": "none"},
        {"username": "boss"},
        {"smtp": {"host": "smtp.evil.example"}},
    ):
        answer = put(desk, inbox, {**without, **elsewhere})
        assert (answer.status_code, "give it again" in answer.json["detail"]) == (422, True), elsewhere


def test_a_grant_stays_while_its_app_stays(desk: Desk, inbox: Inbox) -> None:
    put(desk, inbox, {**GRANT, "refresh_token": "granted"})
    put(desk, inbox, {**GRANT, "move_to": "Done"})
    same = unseal(row().secret, row().login, SECRET_KEY)
    put(desk, inbox, {**GRANT, "client_id": "another"})
    other = unseal(row().secret, row().login, SECRET_KEY)

    assert isinstance(same, Grant)
    assert isinstance(other, Grant)
    assert (same.refresh_token, other.refresh_token) == ("granted", "")


@pytest.mark.parametrize(
    "odd",
    [
        {**IMAP, "host": "imap.example.com/../"},
        {**IMAP, "host": "user@host"},
        {**IMAP, "host": ""},
        {**IMAP, "host": "h" * 300},
        {**IMAP, "port": 0},
        {**IMAP, "port": "993"},
        {**IMAP, "port": True},
        {**IMAP, "username": "a\r\nA1 DELETE INBOX"},
        {**IMAP, "username": "a\u0000b"},
        {**IMAP, "folder": "a\tb"},
        {**IMAP, "move_to": "INBOX"},
        {**IMAP, "security": "ssl"},
        {**IMAP, "takes": "some"},
        {**IMAP, "smtp": {}},
        {**IMAP, "smtp": []},
        {**IMAP, "enabled": "yes"},
        {**IMAP, "secret": "x"},
        {**IMAP, "client_id": "x"},
        {**IMAP, "login": "microsoft"},
        {**GRANT, "password": "x"},
        {**GRANT, "tenant": "../x"},
        {**GRANT, "security": "none"},
        {"host": "imap.example.com", "username": "support"},
        {"host": "imap.example.com", "username": "support", "login": "google", "refresh_token": "x"},
        {},
        [],
        None,
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(desk: Desk, inbox: Inbox, odd: Any) -> None:
    answer = put(desk, inbox, odd)

    assert answer.status_code in {400, 422}, answer.json
    assert answer.json["detail"]
    assert db.session().scalar(select(Mailbox.id)) is None


def test_only_a_mail_inbox_has_a_mailbox(desk: Desk) -> None:
    answer = put(desk, make.inbox(Channel.SMS), IMAP)

    assert answer.status_code == 422
    assert put(desk, Inbox(id=999), IMAP).status_code == 404


def test_another_server_is_another_mailbox_and_the_same_one_keeps_its_place(desk: Desk, inbox: Inbox) -> None:
    put(desk, inbox, IMAP)
    _seen(uid=5)
    put(desk, inbox, {**IMAP, "password": "new one", "takes": "all"})
    kept = (row().uid_validity, row().since_at, db.session().scalar(select(MailboxMail.uid)))
    put(desk, inbox, {**IMAP, "host": "other.example.com"})

    assert kept == (7, None, 5)
    assert (row().uid_validity, db.session().scalar(select(MailboxMail.uid))) == (None, None)
    assert row().since_at is not None


def test_what_is_wrong_is_told_on_the_mailbox_the_inbox_and_to_operators(
    desk: Desk, inbox: Inbox, sqlite_app: Flask
) -> None:
    make.inbox(Channel.SMS)
    put(desk, inbox, IMAP)
    _seen(uid=5, error="imap.example.com does not accept user name and password: no")

    shown = desk.get(f"/inboxes/{inbox.id}/mailbox").json
    listed = desk.get("/inboxes").json["items"]
    ready = sqlite_app.test_client().get("/readyz")

    assert "does not accept" in shown["error"]
    assert [one["error"] for one in shown["failed"]] == ["too large"]
    assert listed[0]["mailbox"] == {
        "state": "troubled",
        "missing": 1,
        "counted_at": shown["counted_at"],
        "seen_at": None,
    }
    assert listed[1]["mailbox"] is None
    assert ready.status_code == 200
    assert ready.json["status"] == "degraded"
    assert ready.json["checks"]["mailboxes"] == "1 of 1 in trouble, 1 of 1 watched by nobody, 1 mail not fetched"
    assert "example" not in ready.text


def test_a_mailbox_that_is_off_troubles_nobody(desk: Desk, inbox: Inbox, sqlite_app: Flask) -> None:
    put(desk, inbox, {**IMAP, "enabled": False})

    assert sqlite_app.test_client().get("/readyz").json["status"] == "ok"


def test_the_commands_are_those_of_the_page() -> None:
    assert set(commands.mailbox.commands) == {"connect", "authorise", "check", "list", "disconnect"}


def _seen(*, uid: int, error: str = "") -> None:
    """A watcher has looked, and could not have a mail."""
    with transaction("test") as session:
        found = session.scalars(select(Mailbox)).one()
        found.uid_validity, found.missing, found.counted_at, found.error = 7, 1, NOON, error
        found.state = MailboxState.TROUBLED if error else MailboxState.WATCHED
        account = Account.of(found)
    store.keep_failed(account, uid, "too large", at=NOON)
