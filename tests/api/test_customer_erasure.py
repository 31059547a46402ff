"""A person who asks to be forgotten: nothing of them is left in any column or file; the statistics are."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text

from channels import gateway
from channels.models import Call, ChatSession, Delivery, InboundItem
from channels.phone.models import Callback, CallLeg, Recording
from channels.protocol import RawItem
from tests import make
from tests.api.desk import Desk, admin, promise
from tests.channels import twilio_forms
from tests.conftest import NOON
from ticketing import erasure, intake
from ticketing.envelope import Channel, HandleKind, InboundMessage, MessageState, Sender
from ticketing.events import SYSTEM, TicketErased
from ticketing.files import file_store
from ticketing.models import Attachment, Claim, Customer, Handle, Inbox, JournalEntry, Message, Ticket
from ticketing.moment import utc_now
from ticketing.store import Base, db
from ticketing.transaction import transaction

SECRETS = ["zebedee", "quagmire", "+15145550177", "15145550177"]  # in every name, address and word of the person
MAIL = b"""From: Zebedee <zebedee@quagmire.example>\r
To: support@desk.example\r
Subject: zebedee's kettle\r
Message-ID: <%s@quagmire.example>\r
\r
It drips on zebedee.\r
"""


class Forgotten:
    """A customer who has left traces wherever one can."""

    def __init__(self, client: FlaskClient) -> None:
        promise()
        self.desk = admin(client)
        for channel in (Channel.EMAIL, Channel.SMS, Channel.PHONE, Channel.CHAT):
            make.inbox(channel)
        self._write(b"first")
        self.customer = db.session().scalars(select(Customer)).one()
        self.ticket = db.session().scalars(select(Ticket)).one()
        self.desk.patch(f"/customers/{self.customer.id}", PROFILE)
        self.desk.put(f"/customers/{self.customer.id}/consents/email", {"given": True, "reason": "zebedee said so"})
        self.desk.post(f"/customers/{self.customer.id}/handles", {"kind": "phone", "address": "+1 514 555 0177"})
        make.merged(into=self.customer, name="Zebedee Twin", email="twin@quagmire.example")
        self._work(f"/tickets/{self.ticket.id}")
        self._lie_around()

    def _write(self, key: bytes, sender: bytes = b"zebedee@quagmire.example") -> None:
        body = (MAIL % key).replace(b"zebedee@quagmire.example", sender)
        item = RawItem(
            Channel.EMAIL, "message", body, utc_now(), meta={"recipient": "support@desk.example", "door": "smtp"}
        )
        gateway.receive(item, at=utc_now())

    def _work(self, path: str) -> None:
        self.desk.patch(path, {"subject": "Zebedee again", "fields": {"who": "zebedee"}})
        self.desk.patch(path, {"subject": "Zebedee once more", "fields": {"who": "zebedee q"}})
        make.ticket(tags=["kettle"])
        self.desk.patch(path, {"tags": ["kettle", "zebedee vip", "quagmire"]})
        self.desk.patch(path, {"tags": ["kettle", "zebedee vip"]})
        self.desk.put(f"{path}/assignment", {"agent": "me", "reason": "I know zebedee"})
        self.desk.post(f"{path}/notes", {"body": "zebedee is odd"})
        make.reply(self.ticket, self.desk.agent, "Dear zebedee")
        self.desk.put(f"{path}/draft", {"kind": "note", "body": "zebedee?"})
        self.file = make.attachment(self.ticket, b"a picture of zebedee", filename="zebedee.png")

    def be_named(self) -> None:
        """On their own ticket by themselves, on somebody else's by its customer."""
        friend, them = (Sender(HandleKind.EMAIL, f"{one}.example", one) for one in ("friend@home", "twin@quagmire"))
        with transaction("test") as session:
            inbox = session.scalars(select(Inbox).where(Inbox.channel == Channel.EMAIL)).one()
            for sender, cc in ((them, friend), (friend, them)):
                mail = InboundMessage(
                    Channel.EMAIL,
                    f"<{sender.name}>",
                    sender,
                    text="Hello.",
                    received_at=utc_now(),
                    to=(friend,),
                    cc=(cc,),
                )
                taken = intake.take_in(mail, inbox, files=(), at=utc_now())
        self.named_on = taken.message.id
        self.copied = make.reply(taken.ticket, self.desk.agent, cc=[them.address]).id

    def send_copy(self) -> None:
        with transaction("test") as session:
            reply = session.get_one(Message, self.copied)
            reply.state, reply.state_reason = MessageState.SENT, "not to twin@quagmire.example: full"
            told = {"delivered_to": ["friend@home.example"], "refused": {"twin@quagmire.example": "full"}}
            reply.data = {**reply.data, **told}

    def _lie_around(self) -> None:
        """What channels hold besides: in quarantine, of a call, of a chat, of a delivery."""
        another = make.customer("Another").id
        with transaction("test") as session:
            reply = session.scalars(select(Message).where(Message.state == "queued")).one()
            reply.state, reply.provider_id = "sent", "<zebedee@desk.example>"
            moment = {"started_at": NOON, "lease_until": NOON}
            session.add(Delivery(message_id=reply.id, state="failed", error="550 zebedee unknown", **moment))
            call = {"provider_id": "CAzebedee", "ticket_id": self.ticket.id, "inbox_id": 3, "state": "completed"}
            session.add(Call(**call, number="+15145550177", started_at=NOON))
            session.flush()
            of_call = {"call_id": session.scalars(select(Call.id)).one(), "state": "announced", "created_at": NOON}
            told = {"url": "https://x.example/zebedee", "transcript": "zebedee here", "error": "no zebedee"}
            recording = {"provider_id": "RE1", "kind": "voicemail", "seconds": 7, "message_id": reply.id}
            session.add(Recording(**of_call, **recording, **told))
            leg = {"role": "outside", "device": "+15145550177", "provider_id": "CAzebedee2", "state": "ended"}
            session.add(CallLeg(call_id=of_call["call_id"], **leg, started_at=NOON))
            due = {"waiting_since": NOON, "not_before": NOON, "next_at": NOON, "created_at": NOON}
            asked = {"number": "+15145550177", "reason": "asked", "state": "booked", "outcome": "zebedee was out"}
            session.add(Callback(ticket_id=self.ticket.id, inbox_id=3, **asked, **due))
            chat = {"visitor": "zebedee-visitor", "inbox_id": 4, "name": "Zebedee", "created_at": NOON, "seen_at": NOON}
            session.add(ChatSession(**chat, **TYPED, ticket_id=self.ticket.id, customer_id=self.customer.id))
            others = {"email": "Zebedee@quagmire.example", "phone": "+15145550177", "created_at": NOON, "seen_at": NOON}
            session.add(ChatSession(visitor="another-visitor", inbox_id=4, name="", **others))
            upload = {"content_type": "text/plain", "size": 1, "sha256": "0" * 64, "created_at": NOON}
            session.add(Attachment(visitor="zebedee-visitor", filename="zebedee.txt", **upload))
            twin = {"kind": HandleKind.EMAIL, "address": "twin@quagmire.example", "created_at": NOON}
            session.add(Claim(customer_id=another, **twin))
            lying = {"inbox_address": "", "content_type": "", "url": "", "headers": {}, "meta": {}, "received_at": NOON}
            bodies = [MAIL % b"stuck", b"From=%2B15145550177&CallSid=CA1", (MAIL % b"shouted").upper()]
            states = ["quarantined", "processed", "ignored"]
            session.add_all(
                InboundItem(channel=Channel.EMAIL, kind="odd", key=f"k{n}-quagmire", body=body, state=state, **lying)
                for n, (body, state) in enumerate(zip(bodies, states, strict=True))
            )
            other = b"From: other@home.example\r\n\r\nHello.\r\n"
            session.add(InboundItem(channel=Channel.EMAIL, kind="odd", key="x", body=other, state="ignored", **lying))

    def erase(self, by: Desk | None = None) -> Any:
        return (by or self.desk).post(f"/customers/{self.customer.id}/erasure")


TYPED = {
    "email": "zebedee@quagmire.example",
    "phone": "+15145550177",
    "identity": "zebedee-7",
    "fields": {"order": "zebedee's kettle"},
    "page": "https://shop.example/zebedee",
    "rating_comment": "zebedee is pleased",
}
PROFILE = {
    "name": "Zebedee Quagmire",
    "notes": "zebedee likes tea",
    "fields": {"nick": "zebedee"},
    "language": "fr",
    "time_zone": "Europe/Paris",
    "preferred_channels": ["email"],
}


def traces() -> list[str]:
    """Return where in the database something of the person stands, column by column."""
    db.session.rollback()
    found = []
    with db.engine.connect() as connection:
        tables = [*Base.metadata.sorted_tables]
        for table in tables:
            for row in connection.execute(select(table)).mappings():
                for column, value in row.items():
                    shown = value.decode("utf-8", "replace") if isinstance(value, bytes) else repr(value)
                    found += [f"{table.name}.{column}" for secret in SECRETS if secret in shown.casefold()]
    return found


@pytest.fixture
def forgotten(app: Flask, client: FlaskClient) -> Forgotten:
    return Forgotten(client)


def test_nothing_of_the_person_is_left_in_any_column(forgotten: Forgotten) -> None:
    forgotten.be_named()
    early = forgotten.erase()
    forgotten.send_copy()
    before = set(traces())

    answer = forgotten.erase()

    assert answer.status_code == 200, answer.json
    assert traces() == []
    assert {"customer.name", "handle.address", "message.body", "message.provider_id", "ticket.subject"} <= before
    assert {"inbound_item.body", "inbound_item.key", "delivery.error", "recording.url"} <= before
    assert {"call.number", "call_leg.device", "callback.number", "recording.transcript"} <= before
    assert (early.status_code, "has not left yet" in early.json["detail"]) == (409, True)
    assert {"participant.address", "message.data"} <= before
    assert db.session().get_one(Message, forgotten.copied).data["delivered_to"] == ["friend@home.example"]
    assert db.session().get_one(Message, forgotten.named_on).data["to"] == [
        {"name": "friend@home", "address": "friend@home.example"}
    ]
    assert {"chat_session.name", "journal.data", "draft.body", "attachment.filename", "customer_merge.before"} <= before
    assert {*(f"chat_session.{name}" for name in TYPED), "attachment.visitor", "claim.address"} <= before


def test_the_statistics_stay(forgotten: Forgotten) -> None:
    path = f"/tickets/{forgotten.ticket.id}"
    kept = ("status", "priority", "channel", "queue", "assignee", "created_at", "due_at", "sla", "solved_at")
    before, clocks = forgotten.desk.get(path).json, forgotten.desk.get(f"{path}/sla").json
    events = forgotten.desk.get(f"{path}/events").json["items"]

    forgotten.erase()

    after = forgotten.desk.get(path).json
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert [one["started_at"] for one in forgotten.desk.get(f"{path}/sla").json] == [
        one["started_at"] for one in clocks
    ]
    (*now, last) = forgotten.desk.get(f"{path}/events").json["items"]
    assert [(one["id"], one["kind"], one["at"]) for one in now] == [(o["id"], o["kind"], o["at"]) for o in events]
    assert last["kind"] == "ticket_erased"
    assert after["tags"] == ["kettle"]  # which others have too; the rest may be names
    assert (after["subject"], after["fields"], after["customer"]["name"]) == ("[erased]", {}, "")


def test_the_profile_is_empty_and_shut(forgotten: Forgotten) -> None:
    shown = forgotten.erase().json
    path = f"/customers/{forgotten.customer.id}"

    assert shown["erased_at"]
    assert [shown[name] for name in ("name", "handles", "language", "consents", "notes", "fields")] == [
        *("", [], "", [], "", {})
    ]
    ticket = {"subject": "Again", "body": "It drips.", "customer": {"id": forgotten.customer.id}}
    other = make.customer("Other").id
    for refused in (
        forgotten.desk.patch(path, {"name": "Back"}),
        forgotten.desk.post("/tickets", ticket),
        forgotten.desk.post(f"/customers/{other}/merge", {"into": forgotten.customer.id}),
        forgotten.desk.post(f"{path}/unmerge"),
    ):
        assert (refused.status_code, refused.json["code"]) == (409, "erased"), refused.json


def test_erasing_twice_is_erasing_once(forgotten: Forgotten) -> None:
    first = forgotten.erase().json

    assert forgotten.erase().json == first
    query = select(JournalEntry).where(JournalEntry.kind == TicketErased.kind())
    assert len(db.session().scalars(query).all()) == 1


def test_others_keep_what_is_theirs(forgotten: Forgotten) -> None:
    other = make.ticket(subject="Another matter")

    forgotten.erase()

    assert forgotten.desk.get(f"/tickets/{other.id}").json["subject"] == "Another matter"
    bodies = db.session().scalars(select(InboundItem.body).where(InboundItem.key == "x"))
    assert list(bodies) == [b"From: other@home.example\r\n\r\nHello.\r\n"]


def test_words_on_others_tickets_go_too(forgotten: Forgotten) -> None:
    other = make.ticket(subject="Another matter", body="Not theirs.")
    with transaction("test") as session:
        session.execute(
            Message.__table__.update()
            .where(Message.ticket_id == other.id)
            .values(author_customer_id=forgotten.customer.id, body="zebedee was here")
        )

    forgotten.erase()

    assert traces() == []
    assert forgotten.desk.get(f"/tickets/{other.id}").json["subject"] == "Another matter"


def test_what_was_merged_onto_anothers_ticket_goes_too(forgotten: Forgotten) -> None:
    other = make.ticket(subject="Another matter", body="Not theirs.", tags=["another"])
    visitor = {"kind": "visitor", "address": "zebedee-visitor", "shown": "zebedee-visitor", "created_at": NOON}
    with transaction("test") as session:
        session.add(Handle(customer_id=forgotten.customer.id, **visitor))
        arrival = session.scalars(select(Message.id).where(Message.ticket_id == forgotten.ticket.id)).first()
        session.scalars(select(Call)).one().message_id = arrival
    forgotten.desk.post(f"/tickets/{other.id}/notes", {"body": "Not about them."})
    merged = forgotten.desk.post(f"/tickets/{forgotten.ticket.id}/merge", {"into": other.id})
    assert merged.json["tags"] == ["another", "kettle", "zebedee vip"]

    forgotten.erase()

    assert traces() == []
    kept = forgotten.desk.get(f"/tickets/{other.id}").json
    assert (kept["subject"], kept["tags"]) == ("Another matter", ["another", "kettle"])
    bodies = [one["body"] for one in forgotten.desk.get(f"/tickets/{other.id}/messages").json["items"]]
    assert [one for one in bodies if one != erasure.ERASED] == ["Not theirs.", "Not about them."]


def test_what_is_told_later_of_their_call_is_not_kept(app: Flask, forgotten: Forgotten) -> None:
    forgotten.erase()
    settings = app.extensions["comptoir.settings"]
    form = {"CallSid": "CAzebedee", "From": "+15145550177", "To": "+15145550100"}
    ended = {**form, "CallStatus": "completed", "CallDuration": "9"}
    recorded = {**form, "RecordingSid": "REzebedee", "RecordingUrl": "https://x.example/zebedee"}

    for kind, path, told in (
        ("call-status", "status", ended),
        ("recording", "voicemail?inbox=%2B15145550100", recorded),
    ):
        item = twilio_forms.item(settings, Channel.PHONE, kind, f"/inbound/twilio/voice/{path}", told)
        assert gateway.receive(item, at=utc_now()).state == "ignored"

    assert traces() == []


def test_no_word_stays_in_the_index(sqlite_app: Flask) -> None:
    ticket = make.ticket(subject="Zebedee's kettle", body="It drips on the quagmire.")
    for number in range(20):
        make.ticket(subject=f"Another matter {number}")
    words = "SELECT block FROM search_entry_data UNION ALL SELECT block FROM search_handle_data"

    with transaction("test"):
        erasure.erase(ticket.customer_id, by=SYSTEM, at=NOON)
    before = b"".join(db.session().scalars(text(words)))
    make.work_off()
    after = b"".join(db.session().scalars(text(words)))

    assert b"quagmire" in before  # FTS5 by itself only marks what is deleted
    assert b"matter" in after
    assert [secret for secret in SECRETS if secret.encode() in after] == []


def test_what_a_provider_tells_later_is_forgotten_too(app: Flask, forgotten: Forgotten) -> None:
    assert forgotten.erase().status_code == 200
    sent = select(Message).where(Message.ticket_id == forgotten.ticket.id, Message.state == "sent")
    with transaction("test") as session:
        message = session.scalars(sent).one()
        message.channel = Channel.SMS
        url = f"/inbound/twilio/message-status?message={message.id}"
    form = {"MessageSid": twilio_forms.sid("SM"), "MessageStatus": "delivered", "To": "+15145550177"}
    settings = app.extensions["comptoir.settings"]

    told = gateway.receive(twilio_forms.item(settings, Channel.SMS, "receipt", url, form), at=utc_now())

    assert told.message_id == message.id
    assert db.session().get_one(Message, message.id).state == "delivered"
    assert traces() == []
    assert db.session().get_one(Message, message.id).provider_id is None


def test_files_go_after_the_commit_unless_somebody_else_has_them(app: Flask, forgotten: Forgotten) -> None:
    shared = make.attachment(forgotten.ticket, b"everybody has this one").sha256
    make.attachment(make.ticket(), b"everybody has this one")
    forgotten.erase()
    entry = db.session().scalars(select(JournalEntry).where(JournalEntry.kind == "ticket_erased")).one()

    early = erasure.forget_files(entry.data["files"], now=utc_now())
    later = erasure.forget_files(entry.data["files"], now=utc_now() + timedelta(hours=1))

    assert (early, later) == (False, True)
    assert file_store().read(shared) == b"everybody has this one"
    folder = Path(unquote(urlsplit(app.extensions["comptoir.settings"].storage_url).path))
    assert [p for p in folder.rglob("*") if p.is_file() and b"zebedee" in p.read_bytes()] == []


@pytest.mark.parametrize(("change", "why"), [("live", "is on the line"), ("queued", "has not left yet")])
def test_nobody_is_forgotten_while_words_are_under_way(forgotten: Forgotten, change: str, why: str) -> None:
    with transaction("test") as session:
        if change == "live":
            session.get_one(Ticket, forgotten.ticket.id).live = True
    if change == "queued":
        make.reply(forgotten.ticket, forgotten.desk.agent)

    answer = forgotten.erase()

    assert answer.status_code == 409
    assert why in answer.json["detail"]
    assert db.session().scalars(select(Attachment)).all()


def test_erasing_is_for_admins(forgotten: Forgotten, client: FlaskClient) -> None:
    assert forgotten.erase(by=Desk(client)).status_code == 403
