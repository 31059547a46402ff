"""Files are uploaded first and go with a message then; nobody but the uploader has them in between."""

import hashlib
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from flask import Flask, current_app
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from api.tick import remove_unused_uploads
from channels import registry
from channels.email.adapter import EmailChannel
from config.settings import Settings
from tests import make
from tests.api.desk import Desk, admin
from ticketing import attachments
from ticketing.envelope import Channel, MessageState
from ticketing.errors import Conflict, NotFound
from ticketing.files import file_store
from ticketing.models import Attachment, Message
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


def upload(desk: Desk, content: bytes = PNG, filename: str = "kettle.png", claimed: str = "text/html") -> TestResponse:
    """The body is made by hand: werkzeug's client leaves the file open in which it puts a large one."""
    head = (
        f'--x\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\nContent-Type: {claimed}\r\n\r\n'
    )
    body = head.encode() + content + b"\r\n--x--\r\n"
    return desk.call("POST", "/attachments", data=body, content_type="multipart/form-data; boundary=x")


def age(*ids: int, hours: int = 25) -> None:
    with transaction("test") as session:
        for one in ids:
            session.get_one(Attachment, one).created_at = utc_now() - timedelta(hours=hours)


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    return sqlite_app.test_client()


@pytest.fixture
def desk(client: FlaskClient) -> Desk:
    make.inbox(Channel.EMAIL)
    return Desk(client)


def test_an_upload_is_described_by_its_bytes(desk: Desk) -> None:
    answer = upload(desk, claimed="text/html")

    assert answer.status_code == 201
    assert answer.json == {
        "id": answer.json["id"],
        "filename": "kettle.png",
        "content_type": "image/png",
        "size": len(PNG),
        "content_id": "",
    }


@pytest.mark.parametrize(
    ("content", "filename", "content_type"),
    [
        (b"%PDF-1.7\n", "x.png", "application/pdf"),
        ("Le thé, à 5 h".encode(), "note.txt", "text/plain"),
        (b"a;b\n1;2\n", "list.csv", "text/csv"),
        (b"<script>alert(1)</script>", "page.html", "text/plain"),
        ("Le thé".encode("latin-1"), "note.txt", "application/octet-stream"),
        ("é".encode() * 8000 + b"x", "long.txt", "text/plain"),
        (b"x" + "é".encode() * 8000, "cut within a character.txt", "text/plain"),
        (bytes(100), "zeros", "application/octet-stream"),
        (b"MZ is how this letter begins", "letter.txt", "text/plain"),
    ],
)
def test_the_type_is_what_the_bytes_say(desk: Desk, content: bytes, filename: str, content_type: str) -> None:
    assert upload(desk, content, filename).json["content_type"] == content_type


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("é 漢字.pdf", "é 漢字.pdf"),
        ("fdp\u202egnp.pdf", "fdp_gnp.pdf"),
        ("...", "file"),
        ("x" * 300 + ".pdf", "x" * 146 + ".pdf"),
    ],
)
def test_a_name_is_cleaned(desk: Desk, given: str, kept: str) -> None:
    assert upload(desk, filename=given).json["filename"] == kept


@pytest.mark.parametrize(
    ("content", "filename", "words"),
    [
        (b"MZ\x90\x00\x03", "holiday.jpg", "a program for Windows"),
        (b"\x7fELF\x02\x01", "holiday.jpg", "a program for Linux"),
        (b"#!/bin/sh\nrm -rf /", "holiday.jpg", "a script"),
        (PNG, "holiday.jpg.EXE", ".exe"),
        (PNG, "holiday.exe. .", ".exe"),
    ],
)
def test_programs_and_scripts_are_refused(desk: Desk, content: bytes, filename: str, words: str) -> None:
    answer = upload(desk, content, filename)

    assert (answer.status_code, answer.json["code"]) == (422, "file_refused")
    assert words in answer.json["detail"]


def test_a_file_larger_than_the_desk_takes_is_refused(sqlite_app: Flask) -> None:
    desk = Desk(sqlite_app.test_client())

    just_over = upload(desk, bytes(20_000_001))
    far_over = upload(desk, bytes(20_100_000))

    assert (just_over.status_code, just_over.json["code"]) == (413, "too_large")
    assert (far_over.status_code, far_over.json["code"]) == (413, "too_large")


def test_a_file_larger_than_other_requests_is_taken(sqlite_app: Flask) -> None:
    content = b"\x89PNG\r\n\x1a\n" + bytes(5_000_000)
    desk = Desk(sqlite_app.test_client())

    answer = upload(desk, content)

    assert answer.status_code == 201
    assert desk.get(f"/attachments/{answer.json['id']}").data == content


def test_nothing_of_the_body_is_read_before_the_guard(sqlite_app: Flask) -> None:
    class Unreadable(BytesIO):
        def read(self, *_: object) -> bytes:
            raise AssertionError("somebody read the body of a stranger")

        readinto = readline = read  # type: ignore[assignment]

    answer = sqlite_app.test_client().post(
        "/api/v1/attachments",
        input_stream=Unreadable(),
        headers={"Content-Type": "multipart/form-data; boundary=x", "Content-Length": "1000"},
    )

    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        ({}, "multipart/form-data", 422),
        ({"file": "words, no file"}, "multipart/form-data", 422),
        ({"file": (BytesIO(b""), "empty.txt")}, "multipart/form-data", 422),
        ({"picture": (BytesIO(PNG), "a.png")}, "multipart/form-data", 422),
        ({"file": [(BytesIO(PNG), "a.png"), (BytesIO(PNG), "b.png")]}, "multipart/form-data", 422),
        ({"file": (BytesIO(PNG), "a.png"), "note": "x"}, "multipart/form-data", 422),
        ('{"file": 1}', "application/json", 415),
        (b"--x\r\n", "multipart/form-data", 400),
        (b"nothing of the kind", "multipart/form-data; boundary=x", 422),
    ],
)
def test_anything_but_one_file_is_refused(sqlite_app: Flask, data: Any, content_type: str, status: int) -> None:
    answer = Desk(sqlite_app.test_client()).call("POST", "/attachments", data=data, content_type=content_type)

    assert answer.status_code == status, answer.json


def test_an_upload_is_its_uploaders_alone(client: FlaskClient, desk: Desk) -> None:
    one = upload(desk).json["id"]

    assert desk.get(f"/attachments/{one}").data == PNG
    assert admin(client).get(f"/attachments/{one}").status_code == 404


def test_a_file_is_downloaded_with_its_size_and_digest(desk: Desk) -> None:
    one = upload(desk).json["id"]

    got, head = desk.get(f"/attachments/{one}"), desk.call("HEAD", f"/attachments/{one}")
    again = desk.get(f"/attachments/{one}", headers={"If-None-Match": got.headers["ETag"]})

    assert got.headers["ETag"] == f'"{hashlib.sha256(PNG).hexdigest()}"'
    assert head.headers["Content-Length"] == got.headers["Content-Length"] == str(len(PNG))
    assert (head.status_code, head.data, again.status_code, again.data) == (200, b"", 304, b"")


def test_a_reply_takes_its_files_along(desk: Desk) -> None:
    ticket, one = make.ticket(), upload(desk).json["id"]

    written = desk.post(f"/tickets/{ticket.id}/replies", {"body": "See here.", "attachments": [one]})

    expected = [{"id": one, "filename": "kettle.png", "content_type": "image/png", "size": len(PNG), "content_id": ""}]
    shown = desk.get(f"/tickets/{ticket.id}/messages").json["items"][1]
    assert written.status_code == 201
    assert written.json["attachments"] == shown["attachments"] == expected


def test_a_note_takes_its_files_along_and_colleagues_read_them(client: FlaskClient, desk: Desk) -> None:
    ticket, one = make.ticket(), upload(desk).json["id"]

    desk.post(f"/tickets/{ticket.id}/notes", {"body": "Look.", "attachments": [one]})

    assert Desk(client).get(f"/attachments/{one}").data == PNG


def test_a_file_goes_with_one_message_only(desk: Desk) -> None:
    ticket, one = make.ticket(), upload(desk).json["id"]
    desk.post(f"/tickets/{ticket.id}/notes", {"body": "Look.", "attachments": [one]})

    answer = desk.post(f"/tickets/{ticket.id}/replies", {"body": "See here.", "attachments": [one]})

    assert (answer.status_code, answer.json["code"]) == (409, "conflict")
    assert len(desk.get(f"/tickets/{ticket.id}/messages").json["items"]) == 2


def test_two_messages_that_want_one_file_at_once_do_not_both_get_it(app: Flask) -> None:
    ada = make.agent()
    make.inbox(Channel.EMAIL)
    first, second = make.reply(make.ticket(), ada), make.reply(make.ticket(), ada)
    file = make.upload(ada)  # both have seen it when nobody had it yet
    with transaction("test"):
        attachments.take(first, [file])

    with pytest.raises(Conflict), transaction("test"):
        attachments.take(second, [file])

    taken = db.session().get_one(Attachment, file.id, populate_existing=True)
    assert taken.message_id == first.id


@pytest.mark.parametrize("ids", [[99], ["1"], [True], [0], 1, list(range(1, 22))])
def test_what_is_no_upload_of_ones_own_cannot_be_sent(client: FlaskClient, desk: Desk, ids: Any) -> None:
    upload(Desk(client))
    ticket = make.ticket()

    answer = desk.post(f"/tickets/{ticket.id}/replies", {"body": "See here.", "attachments": ids})

    assert answer.status_code == 422
    assert len(desk.get(f"/tickets/{ticket.id}/messages").json["items"]) == 1


def test_anothers_upload_cannot_be_sent(client: FlaskClient, desk: Desk) -> None:
    theirs, ticket = upload(Desk(client)).json["id"], make.ticket()

    answer = desk.post(f"/tickets/{ticket.id}/notes", {"body": "Look.", "attachments": [theirs]})

    assert (answer.status_code, answer.json["detail"]) == (422, f"There is no upload {theirs} of yours.")


def test_a_channel_that_carries_no_files_refuses_the_reply_before_it_is_queued(desk: Desk) -> None:
    make.inbox(Channel.PHONE)
    karim = make.customer(email="karim@home.example", phone="+15145550123")
    ticket, one = make.ticket(channel=Channel.PHONE, customer=karim), upload(desk).json["id"]

    refused = desk.post(f"/tickets/{ticket.id}/replies", {"body": "See here.", "attachments": [one]})
    written = desk.post(f"/tickets/{ticket.id}/replies", {"body": "See.", "attachments": [one], "channel": "email"})

    assert (refused.status_code, refused.json["code"]) == (409, "attachments_not_possible")
    carries = "A reply by phone cannot carry files; choose the channel chat or email or sms or whatsapp."
    assert refused.json["detail"] == carries
    assert written.status_code == 201


def test_more_than_a_mail_carries_is_refused(desk: Desk) -> None:
    ticket, one, two = make.ticket(), upload(desk).json["id"], upload(desk).json["id"]
    with transaction("test") as session:
        session.get_one(Attachment, one).size = 17_999_990

    answer = desk.post(f"/tickets/{ticket.id}/replies", {"body": "See here.", "attachments": [one, two]})

    assert (answer.status_code, answer.json["code"]) == (409, "attachments_not_possible")


def test_what_nobody_sends_within_a_day_goes_away_with_its_bytes(desk: Desk) -> None:
    old, young = upload(desk, b"%PDF-old").json["id"], upload(desk, b"%PDF-young").json["id"]
    sent = upload(desk, b"%PDF-sent").json["id"]
    desk.post(f"/tickets/{make.ticket().id}/notes", {"body": "Look.", "attachments": [sent]})
    age(old, sent)
    later = utc_now() + timedelta(hours=1)

    with transaction("test"):
        digests = attachments.remove_unused(utc_now())
    attachments.discard(digests, now=later)

    assert desk.get(f"/attachments/{old}").status_code == 404
    assert desk.get(f"/attachments/{young}").data == b"%PDF-young"
    assert desk.get(f"/attachments/{sent}").data == b"%PDF-sent"
    with pytest.raises(NotFound):
        file_store().read(hashlib.sha256(b"%PDF-old").hexdigest())


def test_the_bytes_stay_while_another_row_names_them(desk: Desk) -> None:
    old, young = upload(desk).json["id"], upload(desk).json["id"]
    age(old)

    with transaction("test"):
        digests = attachments.remove_unused(utc_now())
    attachments.discard(digests, now=utc_now() + timedelta(hours=1))

    assert desk.get(f"/attachments/{old}").status_code == 404
    assert desk.get(f"/attachments/{young}").data == PNG


def test_an_upload_of_the_same_file_at_that_moment_keeps_the_bytes(desk: Desk) -> None:
    """The bytes are kept again before the row is removed, and the new row is committed after: in the worst order."""
    old = upload(desk).json["id"]
    age(old)

    file_store().keep(PNG)
    remove_unused_uploads()
    make.upload(desk.agent, PNG)

    assert db.session().scalars(select(Attachment.sha256)).all() == [hashlib.sha256(PNG).hexdigest()]
    assert file_store().read(hashlib.sha256(PNG).hexdigest()) == PNG


def test_a_visitor_downloads_what_the_desk_sent_and_nothing_else(client: FlaskClient, desk: Desk) -> None:
    make.inbox(Channel.CHAT)
    karim, nora = visitor(client), visitor(client)
    client.post("/chat/messages", json={"body": "It leaks", "client_id": "1"}, headers=karim)
    ticket = desk.get("/tickets").json["items"][0]["id"]
    one, secret = upload(desk).json["id"], upload(desk).json["id"]
    desk.post(f"/tickets/{ticket}/notes", {"body": "Look.", "attachments": [secret]})
    desk.post(f"/tickets/{ticket}/replies", {"body": "See here.", "attachments": [one]})
    make.work_off()

    shown = client.get("/chat/messages", headers=karim).get_json()["items"]
    file = shown[1]["attachments"][0]

    assert shown[0]["attachments"] == []
    assert file == {
        "id": one,
        "filename": "kettle.png",
        "content_type": "image/png",
        "size": len(PNG),
        "url": f"/chat/attachments/{one}",
    }
    assert client.get(file["url"], headers=karim).data == PNG
    assert client.get(file["url"], headers=nora).status_code == 404
    assert client.get(file["url"]).status_code == 403
    assert client.get(f"/chat/attachments/{secret}", headers=karim).status_code == 404


def visitor(client: FlaskClient) -> dict[str, str]:
    token = client.post("/chat/sessions", json={}).get_json()["visitor_token"]
    return {"Authorization": f"Bearer {token}"}


def test_a_file_that_the_store_has_lost_fails_the_reply_in_words(desk: Desk) -> None:
    ticket, one = make.ticket(), upload(desk, b"%PDF-lost").json["id"]
    written = desk.post(f"/tickets/{ticket.id}/replies", {"body": "See here.", "attachments": [one]}).json
    file_store().remove(hashlib.sha256(b"%PDF-lost").hexdigest(), unless_kept_since=utc_now() + timedelta(hours=1))

    settings: Settings = current_app.extensions["comptoir.settings"]
    registry.install(current_app, {Channel.EMAIL: EmailChannel(replace(settings, smtp_url="smtp://127.0.0.1:9"))})
    make.work_off()

    message = db.session().get_one(Message, written["id"], populate_existing=True)
    assert message.state is MessageState.FAILED
    assert "not in the store" in (message.state_reason or "")
