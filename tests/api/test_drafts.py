"""A draft is its writer's alone, holds its files, and is done with when it is sent."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests import make
from tests.api.desk import Desk, admin
from ticketing import attachments
from ticketing.envelope import Channel
from ticketing.models import Attachment
from ticketing.moment import utc_now
from ticketing.transaction import transaction


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    return sqlite_app.test_client()


@pytest.fixture
def desk(client: FlaskClient) -> Desk:
    make.inbox(Channel.EMAIL)
    return Desk(client)


def tidy(*, hours: int) -> None:
    with transaction("test"):
        attachments.remove_unused(utc_now() + timedelta(hours=hours))


def test_a_draft_is_kept_and_read_and_written_over(desk: Desk) -> None:
    ticket, file = make.ticket(), make.upload(desk.agent)
    path = f"/tickets/{ticket.id}/draft"

    first = desk.put(path, {"body": "We send", "html": "<p onclick='x'>We send</p>", "attachments": [file.id]})
    second = desk.put(path, {"kind": "note", "body": "Third of this batch", "channel": None})

    assert first.status_code == second.status_code == 200
    assert first.json["html"] == "<p>We send</p>"
    assert [one["id"] for one in first.json["attachments"]] == [file.id]
    assert desk.get(path).json == second.json
    assert (second.json["kind"], second.json["html"], second.json["attachments"]) == ("note", "", [])


def test_nobody_else_sees_a_draft(client: FlaskClient, desk: Desk) -> None:
    ticket = make.ticket()
    make.draft(ticket, desk.agent)

    assert admin(client).get(f"/tickets/{ticket.id}/draft").status_code == 404
    assert "We send" not in admin(client).get(f"/tickets/{ticket.id}/messages").text


def test_an_empty_draft_is_none(desk: Desk) -> None:
    ticket = make.ticket()
    make.draft(ticket, desk.agent)

    answer = desk.put(f"/tickets/{ticket.id}/draft", {"body": " \n"})

    assert answer.status_code == 204
    assert desk.get(f"/tickets/{ticket.id}/draft").status_code == 404


def test_sending_is_the_end_of_the_draft_of_that_kind(desk: Desk) -> None:
    replied, noted = make.ticket(), make.ticket()
    make.draft(replied, desk.agent)
    make.draft(noted, desk.agent)

    desk.post(f"/tickets/{replied.id}/replies", {"body": "We send you a new one."})
    desk.post(f"/tickets/{noted.id}/notes", {"body": "Third of this batch."})

    assert desk.get(f"/tickets/{replied.id}/draft").status_code == 404
    assert desk.get(f"/tickets/{noted.id}/draft").status_code == 200


def test_a_reply_that_is_refused_leaves_the_draft(desk: Desk) -> None:
    ticket = make.ticket()
    make.draft(ticket, desk.agent)

    desk.post(f"/tickets/{ticket.id}/replies", {"body": "We send.", "channel": "sms"})

    assert desk.get(f"/tickets/{ticket.id}/draft").json["body"] == "We send"


def test_a_drafts_files_stay_as_long_as_it_does(desk: Desk) -> None:
    ticket, file = make.ticket(), make.upload(desk.agent, at=utc_now()).id
    desk.put(f"/tickets/{ticket.id}/draft", {"body": "See", "attachments": [file]})

    tidy(hours=1000)
    held = desk.get(f"/attachments/{file}").status_code
    desk.delete(f"/tickets/{ticket.id}/draft")
    tidy(hours=1000)

    assert (held, desk.get(f"/attachments/{file}").status_code) == (200, 404)


def test_a_file_goes_over_to_the_draft_that_names_it_last(desk: Desk) -> None:
    first, second, file = make.ticket(), make.ticket(), make.upload(desk.agent)
    for ticket in (first, second):
        desk.put(f"/tickets/{ticket.id}/draft", {"body": "See", "attachments": [file.id]})

    assert desk.get(f"/tickets/{first.id}/draft").json["attachments"] == []
    assert [one["id"] for one in desk.get(f"/tickets/{second.id}/draft").json["attachments"]] == [file.id]


def test_a_drafts_files_can_be_sent(desk: Desk) -> None:
    ticket, file = make.ticket(), make.upload(desk.agent)
    desk.put(f"/tickets/{ticket.id}/draft", {"body": "See", "attachments": [file.id]})

    sent = desk.post(f"/tickets/{ticket.id}/replies", {"body": "See here", "attachments": [file.id]})

    assert [one["id"] for one in sent.json["attachments"]] == [file.id]
    with transaction("test") as session:
        assert session.get_one(Attachment, file.id).draft_ticket_id is None


def test_anothers_file_cannot_be_drafted(client: FlaskClient, desk: Desk) -> None:
    ticket, file = make.ticket(), make.upload(make.agent())

    answer = desk.put(f"/tickets/{ticket.id}/draft", {"body": "See", "attachments": [file.id]})

    assert (answer.status_code, answer.json["detail"]) == (422, f"There is no upload {file.id} of yours.")


@pytest.mark.parametrize("body", [{"kind": "inbound"}, {"body": 1}, {"body": "x" * 100_001}, {"words": "x"}, []])
def test_what_is_no_draft_is_refused(desk: Desk, body: object) -> None:
    assert desk.put(f"/tickets/{make.ticket().id}/draft", body).status_code == 422
