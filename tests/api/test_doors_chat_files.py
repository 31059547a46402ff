"""Files in a chat: the visitor's alone until they are sent, capped, and never shown as a page."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import make
from tests.api.chat_page import Visitor, widget
from tests.api.desk import admin
from ticketing.models import Attachment
from ticketing.store import db

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40


def test_a_file_goes_with_a_message_and_is_seen_by_both_sides(client: FlaskClient) -> None:
    widget()
    desk, visitor, other = admin(client), Visitor(client), Visitor(client)
    file = visitor.upload(PNG, "../kettle.png").get_json()
    before = [one.get(f"/attachments/{file['id']}").status_code for one in (visitor, other, desk)]

    wrote = visitor.post("/messages", {"client_id": "c1", "attachments": [file["id"]]})
    again = visitor.post("/messages", {"client_id": "c1", "attachments": [file["id"]]})

    assert (before, wrote.status_code, again.status_code) == ([200, 404, 404], 201, 200)
    assert (file["filename"], file["content_type"], file["size"]) == ("kettle.png", "image/png", len(PNG))
    assert [one["id"] for one in visitor.items()[0]["attachments"]] == [file["id"]]
    shown = desk.get(f"/tickets/{wrote.get_json()['ticket']}/messages").json["items"][0]
    assert (shown["body"], [one["filename"] for one in shown["attachments"]]) == ("", ["kettle.png"])
    downloaded = visitor.get(f"/attachments/{file['id']}")
    assert (downloaded.data, downloaded.headers["Content-Disposition"]) == (PNG, 'attachment; filename="kettle.png"')
    assert other.get(f"/attachments/{file['id']}").status_code == 404
    assert desk.get(f"/attachments/{file['id']}").status_code == 200


def test_a_file_is_sent_once(app: Flask, client: FlaskClient) -> None:
    widget()
    visitor = Visitor(client)
    visitor.write()
    file = visitor.upload().get_json()["id"]

    def send(number: int) -> int:
        told = {"body": "Here.", "client_id": f"f{number}", "attachments": [file]}
        return app.test_client().post("/chat/messages", json=told, headers=visitor.headers).status_code

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(send, range(4)))

    assert statuses[0] == 201
    assert set(statuses) <= {201, 422}  # who was too late went without it, or is told so
    assert sum(len(one["attachments"]) for one in visitor.items()) == 1


def test_what_is_not_theirs_does_not_go_along(sqlite_app: Flask) -> None:
    client = sqlite_app.test_client()
    widget(files={"most": 1})
    visitor, other = Visitor(client), Visitor(client)
    theirs = other.upload().get_json()["id"]
    agents = make.upload(make.agent()).id
    mine = [visitor.upload().get_json()["id"] for _ in range(2)]

    for files, status in (([theirs], 422), ([agents], 422), ([999], 422), (mine, 422), (["x"], 400), ([True], 400)):
        assert visitor.write(attachments=files).status_code == status, files
    assert visitor.write(attachments=mine * 11).status_code == 400
    assert visitor.items() == []
    assert visitor.write(attachments=mine[:1] * 2).status_code == 201


REFUSED = {
    "a program": (b"MZ\x90\x00" + b"\x00" * 60, "kettle.png", {}, 422, "file_refused"),
    "a script by its name": (b"alert(1)", "kettle.js", {}, 422, "file_refused"),
    "a type that the widget does not take": (b"It drips.", "kettle.txt", {"types": ["image/*"]}, 422, "file_refused"),
    "too large": (b"x" * 2001, "kettle.txt", {"max_bytes": 2000}, 413, "too_large"),
    "far too large": (b"x" * 200_000, "kettle.txt", {"max_bytes": 2000}, 413, "too_large"),
    "any, where none is taken": (b"It drips.", "kettle.txt", {"most": 0}, 422, "file_refused"),
    "an empty one": (b"", "kettle.txt", {}, 422, "invalid_input"),
}


@pytest.mark.parametrize(("content", "name", "rules", "status", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_files_that_nobody_wants(
    sqlite_app: Flask, content: bytes, name: str, rules: dict[str, object], status: int, code: str
) -> None:
    widget(files=rules)

    answer = Visitor(sqlite_app.test_client()).upload(content, name)

    assert (answer.status_code, answer.get_json()["code"]) == (status, code), answer.text
    assert db.session().scalars(select(Attachment)).all() == []


def test_nobody_fills_the_store_with_files_that_they_do_not_send(sqlite_app: Flask) -> None:
    widget()
    visitor = Visitor(sqlite_app.test_client())

    statuses = [visitor.upload().status_code for _ in range(21)]

    assert statuses == [201] * 20 + [409]
    assert visitor.call("POST", "/attachments", data=b"x").status_code == 415


def test_a_page_that_they_send_is_text_and_stays_one(sqlite_app: Flask) -> None:
    client = sqlite_app.test_client()
    widget()
    visitor = Visitor(client)
    page = b"<script>alert(document.cookie)</script>"

    file = visitor.upload(page, "kettle.html").get_json()
    wrote = visitor.write("<img src=x onerror=alert(1)>", attachments=[file["id"]])

    downloaded = visitor.get(f"/attachments/{file['id']}")
    assert (wrote.status_code, file["content_type"], downloaded.content_type) == (
        201,
        "text/plain",
        "application/octet-stream",
    )
    assert "sandbox" in downloaded.headers["Content-Security-Policy"]
    shown = admin(client).get(f"/tickets/{wrote.get_json()['ticket']}/messages").json["items"][0]
    assert (shown["body"], shown["html"]) == ("<img src=x onerror=alert(1)>", "")
    assert visitor.items()[0]["body"] == "<img src=x onerror=alert(1)>"
