"""All that we hold of a person as a zip."""

import csv
import io
import json
import zipfile
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.dossiers import file_name
from channels.phone.models import Callback, CallLeg
from tests import make
from tests.api.chat_page import Visitor, identity, widget
from tests.api.desk import Desk
from tests.conftest import NOON
from ticketing import conversation, lifecycle
from ticketing.envelope import Channel, HandleKind, InboundMessage, Sender
from ticketing.models import Role
from ticketing.transaction import transaction


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    return sqlite_app.test_client()


def exported(desk: Desk, customer_id: int) -> zipfile.ZipFile:
    answer = desk.get(f"/customers/{customer_id}/export")
    assert answer.status_code == 200, answer.json
    assert answer.content_type == "application/zip"
    found = zipfile.ZipFile(io.BytesIO(answer.data))
    assert found.testzip() is None
    return found


def supervisor(client: FlaskClient) -> Desk:
    return Desk(client, make.agent(Role.SUPERVISOR))


def test_an_export_has_all_that_we_hold(client: FlaskClient) -> None:
    desk = supervisor(client)
    make.inbox(Channel.EMAIL)
    who = make.customer("Karim", email="karim@home.example")
    make.merged(into=who, name="K. Haddad", email="k@work.example")
    ticket = make.ticket(customer=who, tags=["kettle"], body="=1+1")
    make.reply(ticket, desk.agent, "We are on it.")
    desk.post(f"/tickets/{ticket.id}/notes", {"body": "He is kind."})
    desk.put(f"/customers/{who.id}/consents/sms", {"given": False, "reason": "No texts."})
    file = make.attachment(ticket, b"RIFF sound")
    widget()
    visitor = Visitor(client, identity=identity(email="karim@home.example"), page="https://shop.example/k")

    found = exported(desk, who.id)

    told: dict[str, Any] = json.loads(found.read("customer.json"))
    assert told["customer"]["name"] == "Karim"
    assert [one["name"] for one in told["merged"]] == ["K. Haddad"]
    assert [one["address"] for one in told["handles"]] == [*("karim@home.example", "k@work.example", visitor.session)]
    assert [(one["channel"], one["given"]) for one in told["consents"]] == [("sms", False)]
    assert (told["calls"], told["callbacks"]) == ([], [])
    assert [(one["identity"], one["page"]) for one in told["chats"]] == [("user-7", "https://shop.example/k")]
    (shown,) = told["tickets"]
    assert (shown["subject"], shown["tags"]) == ("The kettle leaks", ["kettle"])
    assert [one["kind"] for one in shown["events"]][:2] == ["ticket_opened", "message_received"]
    assert [(one["body"], one["is_internal"]) for one in told["messages"]] == [
        *(("=1+1", False), ("We are on it.", False), ("He is kind.", True))
    ]
    rows = list(csv.DictReader(io.StringIO(found.read("messages.csv").decode("utf-8-sig"), newline="")))
    assert [one["body"] for one in rows] == ["'=1+1", "We are on it.", "He is kind."]
    path = f"files/{file.message_id}-{file.id}-voicemail.wav"
    assert found.read(path) == b"RIFF sound"
    assert told["files"][0]["path"] == path


def test_somebody_elses_words_are_not_in_it(client: FlaskClient) -> None:
    who = make.ticket(body="Mine.").customer
    make.attachment(make.ticket(body="Not mine."), b"not mine")

    found = exported(supervisor(client), who.id)

    assert b"Not mine." not in found.read("customer.json") + found.read("messages.csv")
    assert [name for name in found.namelist() if name.startswith("files/")] == []


def test_half_an_answer_is_refused(client: FlaskClient) -> None:
    desk = supervisor(client)
    who = make.customer()
    make.ticket(customer=who)
    make.ticket(customer=who, queue=make.queue("Secret", members=[make.agent()]))

    answer = desk.get(f"/customers/{who.id}/export")

    assert answer.status_code == 403
    assert answer.json["detail"].startswith("1 of their tickets are in queues that you do not work")


def test_words_on_others_tickets_that_are_not_theirs_to_see_are_refused_too(client: FlaskClient) -> None:
    desk = supervisor(client)
    who = make.ticket().customer
    theirs = make.ticket(queue=make.queue("Secret", members=[make.agent()]))
    with transaction("test"):
        row = lifecycle.lock_ticket(theirs.id)
        words = InboundMessage(Channel.EMAIL, "m", Sender(HandleKind.EMAIL, ""), text="Me too.", received_at=NOON)
        conversation.receive(row, words, customer=who, handle=None, inbox=None, files=(), at=NOON)

    answer = desk.get(f"/customers/{who.id}/export")

    assert answer.status_code == 403
    assert "Me too." not in answer.text


def test_a_file_that_the_store_has_lost_is_named(client: FlaskClient) -> None:
    ticket = make.ticket()
    file = make.attachment(ticket, b"to be lost")
    from ticketing.files import file_store
    from ticketing.moment import utc_now

    assert file_store().remove(file.sha256, unless_kept_since=utc_now())

    found = exported(supervisor(client), ticket.customer_id)

    assert found.read("missing-files.txt").decode() == f"files/{file.message_id}-{file.id}-voicemail.wav\n"


@pytest.mark.parametrize(
    ("filename", "kept"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ("C:\\evil.exe", "C__evil.exe"),
        (".hidden", "hidden"),
        ("", "file"),
        ("...", "file"),
        ("a\x00b\n.txt", "a_b_.txt"),
        ("x" * 300 + ".pdf", "x" * 96 + ".pdf"),
        ("Zoë 2.pdf", "Zoë 2.pdf"),
    ],
)
def test_names_in_the_zip_are_harmless(filename: str, kept: str) -> None:
    assert file_name({"id": 2, "message_id": 1, "filename": filename}) == f"files/1-2-{kept}"


def test_an_export_has_calls_with_who_spoke_and_what_was_said(client: FlaskClient) -> None:
    desk = supervisor(client)
    ticket, other = make.ticket(), make.ticket()
    recording = make.recording(ticket, b"RIFF words", transcript="It drips.")
    make.recording(other, b"RIFF others")
    with transaction("test") as session:
        leg = {"role": "agent", "device": "client:agent-1", "state": "ended", "started_at": NOON, "joined_at": NOON}
        session.add(CallLeg(call_id=recording.call_id, agent_id=desk.agent.id, **leg))
        owed = {"reason": "asked", "state": "booked", "waiting_since": NOON, "not_before": NOON, "created_at": NOON}
        number = {"inbox_id": recording.call.inbox_id, "number": "+15145550177"}
        session.add(Callback(ticket_id=ticket.id, **number, **owed))

    found = exported(desk, ticket.customer_id)

    told = json.loads(found.read("customer.json"))
    (call,) = told["calls"]
    (callback,) = told["callbacks"]
    assert [one["transcript"] for one in call["recordings"]] == ["It drips."]
    assert [one["name"] for one in call["spoke"]] == [desk.agent.name]
    assert callback["number"] == "+15145550177"
    assert [found.read(one["path"]) for one in told["files"]] == [b"RIFF words"]
