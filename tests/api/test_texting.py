"""Texts and WhatsApp in the API: seen before they leave, refused with reasons, with files at signed addresses."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from channels import twilio_api
from channels.outgoing import outgoing_for
from channels.protocol import Accepted, Template
from channels.texting import media_links
from channels.texting.adapter import SMSChannel, WhatsAppChannel
from config.settings import Settings
from tests import make
from tests.api.desk import Desk, admin
from tests.conftest import NOON, PUBLIC_URL
from ticketing import customers, opt_outs
from ticketing.envelope import Channel, HandleKind, Sender
from ticketing.models import Attachment, AuditEntry, Handle, Inbox, Message, Ticket
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

PHONE = "+15145550123"
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 24
READY = {"content_sid": "HX" + "a" * 32, "body": "Hello {{1}}, your {{ 2 }} is ready."}


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    return sqlite_app.test_client()


@pytest.fixture
def desk(client: FlaskClient) -> Desk:
    return Desk(client)


def texted(channel: Channel = Channel.SMS, **values: Any) -> Ticket:
    """A ticket of somebody who wrote by text a moment ago."""
    make.inbox(channel, **values)
    return make.ticket(channel=channel, customer=make.customer(phone=PHONE), at=utc_now() - timedelta(minutes=5))


def picture(desk: Desk, content: bytes = PNG, name: str = "the kettle's leak.png", kind: str = "image/png") -> int:
    uploaded = make.upload(desk.agent, content, filename=name, at=utc_now()).id
    with transaction("test") as session:
        session.get_one(Attachment, uploaded).content_type = kind
    return uploaded


def test_a_text_is_seen_with_its_parts_before_it_leaves_and_after(desk: Desk) -> None:
    ticket = texted()
    body = {"body": "It’s fixed. " + "a" * 60}

    seen = desk.post(f"/tickets/{ticket.id}/replies/preview", body)
    assert len(desk.get(f"/tickets/{ticket.id}/messages").json["items"]) == 1
    written = desk.post(f"/tickets/{ticket.id}/replies", body)

    parts = {"encoding": "ucs-2", "segments": 2, "units": 72, "units_left": 62, "because_of": ["’"]}
    inbox = {"id": ticket.inbox_id or 1, "name": "Our sms"}
    assert (seen.status_code, written.status_code) == (200, 201)
    assert seen.json == {
        "channel": "sms",
        "channel_reason": "last_used",
        "inbox": inbox,
        "to": PHONE,
        "body": body["body"],
        "segments": parts,
    }
    assert written.json["segments"] == parts
    assert [one["segments"] for one in desk.get(f"/tickets/{ticket.id}/messages").json["items"]] == [
        {"encoding": "gsm-7", "segments": 1, "units": 22, "units_left": 138, "because_of": []},
        parts,
    ]


@pytest.mark.parametrize("channel", [Channel.SMS, Channel.WHATSAPP])
def test_markdown_leaves_as_plain_words_and_these_are_counted(desk: Desk, channel: Channel) -> None:
    ticket = texted(channel)
    make.message(ticket, at=utc_now())
    with transaction("test") as session:
        for one in session.scalars(select(Message).where(Message.ticket_id == ticket.id)):
            one.channel, one.inbox_id = channel, session.scalar(select(Inbox.id))
            one.handle_id = session.scalar(select(Handle.id))
    body = {"body": "It is **fixed**:\n* see [here](https://desk.example)" + " *a*" * 60}
    said = "It is fixed:\n- see here (https://desk.example)" + " a" * 60

    seen = desk.post(f"/tickets/{ticket.id}/replies/preview", body)
    written = desk.post(f"/tickets/{ticket.id}/replies", body)

    assert (seen.json["body"], written.json["body"]) == (said, said), seen.json
    if channel is Channel.SMS:
        assert seen.json["segments"]["units"] == written.json["segments"]["units"] == len(said)


def test_a_preview_of_mail_has_no_parts_and_is_refused_like_the_reply(desk: Desk, client: FlaskClient) -> None:
    make.inbox(Channel.EMAIL)
    ticket, path = make.ticket(), "/tickets/{}/replies/preview"

    assert desk.post(path.format(ticket.id), {"body": "Hello"}).json["segments"] is None
    for body, status in (({"body": "x", "channel": "sms"}, 409), ({"body": " "}, 422), ({}, 422), ({"x": 1}, 422)):
        answers = [desk.post(f"/tickets/{ticket.id}/replies{end}", body) for end in ("", "/preview")]
        assert [one.status_code for one in answers] == [status] * 2
        assert answers[0].json["detail"] == answers[1].json["detail"]
    assert desk.post(path.format(999), {"body": "Hello"}).status_code == 404


def test_a_preview_writes_nothing_on_either_database(app: Flask) -> None:
    desk, ticket = Desk(app.test_client()), texted()
    make.inbox(Channel.WHATSAPP)

    seen = [desk.post(f"/tickets/{ticket.id}/replies/preview", {"body": "Hello", **wanted}) for wanted in WANTED]

    assert [one.status_code for one in seen] == [200, 409]
    assert seen[1].json["detail"] == (
        f"Customer {ticket.customer_id} has not written by whatsapp yet, so nothing but an approved template may go "
        "(inbox 2 has none); send one, or choose another channel."
    )
    assert db.session().get_one(Ticket, ticket.id, populate_existing=True).version == ticket.version


WANTED: list[dict[str, Any]] = [{}, {"channel": "whatsapp"}]


def test_what_is_too_long_or_too_much_for_a_text_is_refused_before_anything_is_sent(desk: Desk) -> None:
    ticket = texted()
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"body": "a" * 1601}, 422, "A message by sms has at most 1600 characters; this one has 1601."),
        (
            {"body": "See", "attachments": [picture(desk, name="a.zip", kind="application/zip")]},
            409,
            "The file a.zip is application/zip, which does not go by sms; choose the channel email.",
        ),
        (
            {"body": "See", "attachments": [picture(desk) for _ in range(11)]},
            409,
            "A reply by sms carries 10 files, not 11; write several.",
        ),
    ]

    for body, status, words in cases:
        answer = desk.post(f"/tickets/{ticket.id}/replies", body)
        assert (answer.status_code, answer.json["detail"]) == (status, words)
    large = picture(desk)
    with transaction("test") as session:
        session.get_one(Attachment, large).size = 5_000_001
    answer = desk.post(f"/tickets/{ticket.id}/replies", {"body": "See", "attachments": [large]})
    assert answer.json["detail"] == "The files have 5000001 bytes together; a reply by sms carries 5000000."


def test_whatsapp_carries_one_file_and_smaller_pictures(desk: Desk) -> None:
    ticket = texted(Channel.WHATSAPP)
    one, two = picture(desk), picture(desk)
    with transaction("test") as session:
        session.get_one(Attachment, one).size = 5_000_001

    path = f"/tickets/{ticket.id}/replies"
    told = [desk.post(path, {"body": "See", "attachments": ids}).json["detail"] for ids in ([one, two], [one])]

    assert told == [
        "A reply by whatsapp carries 1 file, not 2; write several.",
        "The file the kettle's leak.png has 5000001 bytes; a picture by whatsapp has at most 5000000.",
    ]
    assert desk.post(path, {"body": "See", "attachments": [two]}).status_code == 201


# Files that leave.


def sent_with_a_picture(desk: Desk, content: bytes = PNG, name: str = "the kettle's leak.png") -> tuple[Message, str]:
    """A reply with a picture, and the address at which Twilio fetches it."""
    ticket = texted()
    answer = desk.post(f"/tickets/{ticket.id}/replies", {"body": "See", "attachments": [picture(desk, content, name)]})
    message = db.session().get_one(Message, answer.json["id"])
    settings = current_settings(desk)
    return message, media_links.address(
        settings.public_url,
        settings.secret_key,
        message_id=message.id,
        attachment_id=message.attachments[0].id,
        written_at=message.created_at,
    )


def current_settings(desk: Desk) -> Settings:
    found: Settings = desk._client.application.extensions["comptoir.settings"]
    return found


def test_twilio_fetches_a_picture_without_credentials_and_nobody_can_be_harmed_by_it(
    desk: Desk, client: FlaskClient
) -> None:
    _, address = sent_with_a_picture(desk)
    assert address.startswith(f"{PUBLIC_URL}/media/")
    path = address.removeprefix(PUBLIC_URL)

    got, head = client.get(path), client.head(path)

    assert (got.status_code, got.data, got.content_type) == (200, PNG, "image/png")
    assert (head.status_code, head.content_length, head.data) == (200, len(PNG), b"")
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Content-Security-Policy"].startswith("sandbox")
    assert got.headers["Content-Disposition"] == 'inline; filename="the-kettle-s-l.png"'
    assert "no-store" in got.headers["Cache-Control"]


def test_an_address_that_is_forged_or_over_or_for_another_message_gives_nothing(
    desk: Desk, client: FlaskClient
) -> None:
    message, address = sent_with_a_picture(desk)
    token = address.rpartition("/")[2]
    settings = current_settings(desk)
    file = message.attachments[0].id
    made = {"message_id": message.id, "attachment_id": file, "written_at": message.created_at}

    def made_with(**other: Any) -> str:
        return media_links.address("", settings.secret_key, **{**made, **other}).rpartition("/")[2]

    forged = [
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        token.replace(f".{file}.", f".{file + 1}.", 1),
        made_with(message_id=message.id - 1),
        made_with(attachment_id=file + 1),
        made_with(written_at=message.created_at - media_links.LASTS),
        media_links.address("", "another secret", **made).rpartition("/")[2],
        "..".join(["1", "2", "3"]),
        "x",
        "é" * 10,
        "1." * 200,
    ]

    assert [client.get(f"/media/{one}").status_code for one in forged] == [404] * len(forged)
    assert client.get(f"/media/{token}").status_code == 200
    with transaction("test") as session:
        session.get_one(Message, message.id).channel = Channel.EMAIL
    assert client.get(f"/media/{token}").status_code == 404


def test_what_twilio_is_asked_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parameters of the REST call, by channel; that Twilio's API takes them is tested with the provider."""
    asked: list[dict[str, Any]] = []

    class Messages:
        def create(self, **given: Any) -> Any:
            asked.append(given)
            return type("Made", (), {"sid": "SM1"})

    monkeypatch.setattr(twilio_api, "connect", lambda _: type("Client", (), {"messages": Messages()}))
    settings = current_settings(desk)
    assert settings.twilio is not None
    message, address = sent_with_a_picture(desk)
    with transaction("test") as session:
        outgoing = outgoing_for(session.get_one(Ticket, message.ticket_id), session.get_one(Message, message.id))
    assert isinstance(SMSChannel(settings, settings.twilio).send(outgoing), Accepted)
    pool = replace(outgoing, files=(), pool="MG1", written_to="+15145550999", text="a\r\nb")
    SMSChannel(settings, settings.twilio).send(pool)
    SMSChannel(settings, settings.twilio).send(replace(pool, written_to=""))
    approved = replace(outgoing, files=(), template=Template("HX1", {"1": "Zoë"}))
    WhatsAppChannel(settings, settings.twilio).send(approved)

    callback = f"{PUBLIC_URL}/inbound/twilio/message-status?message={message.id}"
    us, to = "+15145550100", {"to": PHONE, "status_callback": callback}
    assert asked == [
        {**to, "from_": us, "body": "See", "media_url": [address]},
        {**to, "messaging_service_sid": "MG1", "from_": "+15145550999", "body": "a\nb"},
        {**to, "messaging_service_sid": "MG1", "body": "a\nb"},
        {
            "to": f"whatsapp:{PHONE}",
            "status_callback": callback,
            "from_": f"whatsapp:{us}",
            "content_sid": "HX1",
            "content_variables": '{"1":"Zoë"}',
        },
    ]


# Templates.


def test_an_agent_picks_an_approved_template_and_fills_its_gaps(desk: Desk) -> None:
    ticket = texted(Channel.WHATSAPP, settings={"templates": {"order_ready": READY}})
    with transaction("test") as session:
        for row in session.scalars(select(Message)):
            row.created_at = utc_now() - timedelta(days=2)
    path = f"/tickets/{ticket.id}/replies"
    wanted = {"name": "order_ready", "variables": {"1": "Karim", "2": "big\n kettle"}}

    refused = desk.post(path, {"body": "Hello", "channel": "whatsapp"})
    seen = desk.post(f"{path}/preview", {"template": wanted})
    written = desk.post(path, {"template": wanted})

    assert (refused.status_code, refused.json["code"]) == (409, "window_closed")
    assert "order_ready" in refused.json["detail"]
    assert seen.json["body"] == written.json["body"] == "Hello Karim, your big kettle is ready."
    assert (written.status_code, written.json["channel"], written.json["segments"]) == (201, "whatsapp", None)
    wrong: list[dict[str, Any]] = [
        {"template": {**wanted, "name": "other"}},
        {"template": {"name": "order_ready"}},
        {"template": {"name": "order_ready", "variables": {"1": "a", "2": "b", "3": "c"}}},
        {"template": {"name": "order_ready", "variables": {"1": "a", "2": "\n"}}},
        {"template": wanted, "body": "and more"},
        {"template": wanted, "channel": "sms"},
        {"template": wanted, "cc": ["a@home.example"]},
        {"template": {"name": "order_ready", "variables": {"1": 7, "2": "b"}}},
    ]
    assert [desk.post(path, one).status_code for one in wrong] == [422] * len(wrong)
    file = desk.post(path, {"template": wanted, "attachments": [picture(desk)]})
    assert (file.status_code, file.json["code"]) == (409, "attachments_not_possible")


def test_an_inbox_is_told_of_templates_a_service_and_how_long_conversations_last(client: FlaskClient) -> None:
    boss, inbox = admin(client), make.inbox(Channel.WHATSAPP)
    path, service = f"/inboxes/{inbox.id}", "MG" + "0" * 32
    good = {"templates": {"order_ready": READY}, "messaging_service": service, "conversation_days": 7}

    told = boss.patch(path, {"settings": good})
    wrong: list[dict[str, Any]] = [
        {"conversation_days": 0},
        {"conversation_days": 366},
        {"conversation_days": "7"},
        {"messaging_service": "SM1"},
        {"messaging_service": ""},
        {"templates": []},
        {"templates": {"Order Ready": READY}},
        {"templates": {"order_ready": {"body": "x"}}},
        {"templates": {"order_ready": {**READY, "content_sid": "HX1"}}},
        {"templates": {"order_ready": {**READY, "sender": "x"}}},
        {"templates": {"order_ready": {**READY, "body": " "}}},
    ]

    assert told.status_code == 200
    kept = {**READY, "language": ""}
    assert told.json["settings"] == {**good, "templates": {"order_ready": kept}}
    assert [boss.patch(path, {"settings": one}).status_code for one in wrong] == [422] * len(wrong)
    assert boss.patch(path, {"settings": dict.fromkeys(good)}).json["settings"] == {}


# Opt-outs.


def test_an_opt_out_is_shown_with_the_customer_and_lifted_by_hand(desk: Desk) -> None:
    ticket = texted()
    inbox_id = db.session().scalars(select(Inbox.id)).one()
    with transaction("test") as session:
        who, (handle,) = customers.recognise([Sender(HandleKind.PHONE, PHONE)], at=NOON)
        handle_id = handle.id
        opt_outs.opt_out(handle, session.get_one(Inbox, inbox_id), reason="wrote STOP", ticket=None, at=NOON)
    path = f"/customers/{ticket.customer_id}"

    assert desk.get(path).json["opt_outs"] == [
        {
            "handle": handle_id,
            "inbox": inbox_id,
            "channel": "sms",
            "address": "+15145550100",
            "reason": "wrote STOP",
            "at": "2026-11-18T12:00:00Z",
        }
    ]
    refused = desk.post(f"/tickets/{ticket.id}/replies", {"body": "Hello"})
    assert (refused.status_code, refused.json["code"]) == (409, "opted_out")
    other = f"{path}/handles/{handle_id}/opt-outs"
    assert [desk.delete(f"{other}/{inbox_id + 1}").status_code, desk.delete(f"{other}/x").status_code] == [404, 404]
    assert [desk.delete(f"{other}/{inbox_id}").status_code for _ in range(2)] == [204, 404]
    assert desk.get(path).json["opt_outs"] == []
    assert desk.post(f"/tickets/{ticket.id}/replies", {"body": "Hello"}).status_code == 201
    entry = db.session().scalars(select(AuditEntry).where(AuditEntry.kind == "handle_opted_in")).one()
    assert (entry.actor_id, entry.data) == (desk.agent.id, {"handle": handle_id, "inbox": inbox_id})
    assert db.session().get_one(Handle, handle_id).customer_id == who.id
