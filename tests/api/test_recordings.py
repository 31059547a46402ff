"""Recordings: heard by who sees the ticket, from any point on, written down, deleted for good."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from channels.phone.models import Recording
from tests import make
from tests.api.desk import Desk
from tests.api.test_statements import statements
from ticketing.models import Attachment, AuditEntry, JournalEntry, Message, Role
from ticketing.store import db
from ticketing.transaction import transaction

SOUND = b"RIFF" + bytes(range(256)) * 4


@pytest.fixture
def desk(client: FlaskClient) -> Desk:
    return Desk(client, make.agent(Role.SUPERVISOR))


def test_who_sees_the_ticket_hears_its_recordings(desk: Desk) -> None:
    ticket = make.ticket()
    found = make.recording(ticket, SOUND)

    listed = desk.get(f"/tickets/{ticket.id}/recordings").json
    shown = desk.get(f"/recordings/{found.id}").json
    played = desk.get(f"/recordings/{found.id}/content")

    assert listed == {"items": [shown], "next": None}
    assert {"kind": "voicemail", "state": "kept", "seconds": 7, "transcript": ""}.items() <= shown.items()
    assert shown["message"] == found.message_id
    assert played.data == SOUND
    assert played.mimetype == "audio/wav"
    assert played.headers["Accept-Ranges"] == "bytes"


def test_calls_are_listed_with_what_was_recorded_of_them(app: Flask, client: FlaskClient) -> None:
    desk = Desk(client, make.agent(Role.SUPERVISOR))
    ticket = make.ticket()
    first, again = make.recording(ticket, SOUND), make.recording(ticket, SOUND)
    same_call = make.recording(ticket, b"RIFF more", call=first.call, transcript="It drips.")
    desk.get("/calls")  # the first one reads who asks

    with statements() as seen:
        listed = desk.get("/calls").json["items"]
    of_ticket = desk.get(f"/tickets/{ticket.id}/calls").json["items"]

    assert [[one["id"] for one in call["recordings"]] for call in listed] == [[again.id], [first.id, same_call.id]]
    assert of_ticket == listed
    shown = desk.get(f"/recordings/{same_call.id}").json
    assert shown.pop("transcript") == "It drips."
    assert listed[1]["recordings"][1] == shown
    assert desk.get(f"/calls/{listed[1]['id']}").json["recordings"] == listed[1]["recordings"]
    assert len([one for one in seen if "recording" in one]) == 1, seen


def test_a_recording_that_was_split_off_is_not_shown_with_its_call_on_the_ticket_it_left(desk: Desk) -> None:
    ticket, elsewhere = make.ticket(), make.ticket()
    found = make.recording(ticket, SOUND)
    with transaction("test") as session:
        session.get_one(Message, found.message_id).ticket_id = elsewhere.id

    assert [one["recordings"] for one in desk.get(f"/tickets/{ticket.id}/calls").json["items"]] == [[]]


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-3", 206, SOUND[:4]),
        ("bytes=1000-", 206, SOUND[1000:]),
        ("bytes=-10", 206, SOUND[-10:]),
        ("bytes=1000-99999", 206, SOUND[1000:]),
        ("bytes=99999-", 416, None),
        ("bytes=0-1,5-6", 200, SOUND),  # several parts at once: no player asks for that
        ("lines=1-2", 200, SOUND),
        ("", 200, SOUND),
    ],
)
def test_a_recording_is_played_from_any_point_on(
    sqlite_app: Flask, asked: str, status: int, part: bytes | None
) -> None:
    desk = Desk(sqlite_app.test_client())
    found = make.recording(make.ticket(), SOUND)

    answer = desk.get(f"/recordings/{found.id}/content", headers={"Range": asked} if asked else {})

    assert answer.status_code == status
    assert part is None or answer.data == part


def test_what_is_not_here_yet_or_any_more_is_said_so(desk: Desk) -> None:
    coming = make.recording(make.ticket(), SOUND, state="announced")
    failed = make.recording(make.ticket(), SOUND, state="failed", error="Twilio does not give us the recording")

    answers = [desk.get(f"/recordings/{one.id}/content") for one in (coming, failed)]

    assert [one.status_code for one in answers] == [409, 404]
    assert "Twilio does not give us" in answers[1].json["detail"]


def test_a_transcript_is_shown_with_the_message_and_a_search_finds_it(desk: Desk) -> None:
    ticket = make.ticket()
    found = make.recording(ticket)
    path = f"/recordings/{found.id}/transcript"

    first = desk.put(path, {"text": "My kettel drips"})
    put_right = desk.put(path, {"text": "My kettle whistles"})

    (message,) = [
        one for one in desk.get(f"/tickets/{ticket.id}/messages").json["items"] if one["id"] == found.message_id
    ]
    assert message["body"] == "Left a voicemail of 7 seconds.\n\nTranscript: My kettle whistles"
    assert (first.json["transcript_state"], put_right.json["transcript"]) == ("done", "My kettle whistles")
    assert [one["ticket"]["id"] for one in desk.get("/search?q=whistles").json["items"]] == [ticket.id]
    assert desk.get("/search?q=kettel").json["items"] == []
    assert desk.put(path, {"text": ""}).status_code == 422
    assert desk.put(path, {"text": "x", "sound": 1}).status_code == 422


def test_a_deleted_recording_is_gone_with_its_words(desk: Desk) -> None:
    ticket = make.ticket()
    found = make.recording(ticket, SOUND)
    desk.put(f"/recordings/{found.id}/transcript", {"text": "My card is 4111"})

    answers = [desk.delete(f"/recordings/{found.id}") for _ in range(2)]

    assert [one.status_code for one in answers] == [204, 204]
    assert desk.get(f"/recordings/{found.id}").json["state"] == "deleted"
    assert desk.get(f"/recordings/{found.id}").json["transcript"] == ""
    assert desk.get(f"/recordings/{found.id}/content").status_code == 404
    assert "4111" not in desk.get(f"/tickets/{ticket.id}/messages").text
    assert desk.get("/search?q=4111").json["items"] == []
    assert db.session().scalars(select(Attachment)).all() == []
    kinds = db.session().scalars(select(JournalEntry.kind).where(JournalEntry.kind == "recording_deleted")).all()
    assert len(kinds) == 1
    assert db.session().scalars(select(AuditEntry.kind)).all() == ["recording_deleted"]
    assert desk.put(f"/recordings/{found.id}/transcript", {"text": "back"}).status_code == 409


def test_an_erased_customers_recordings_are_forgotten(desk: Desk) -> None:
    ticket = make.ticket()
    found = make.recording(ticket, SOUND)
    desk.put(f"/recordings/{found.id}/transcript", {"text": "zebedee was here"})
    erased = Desk(desk._client, make.agent(Role.ADMIN)).post(f"/customers/{ticket.customer_id}/erasure")

    row = db.session().get_one(Recording, found.id, populate_existing=True)

    assert erased.status_code == 200, erased.json
    assert (row.state, row.transcript, row.url, row.attachment_id) == ("deleted", "", "", None)
    assert db.session().get_one(Message, found.message_id).body == "[erased]"
