"""Who opens a ticket by mail is told that it has arrived and by when we answer: nobody twice, no machine at all."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from channels import gateway
from channels.models import ItemState
from channels.protocol import RawItem
from tests import make
from tests.api.desk import Desk, promise
from tests.api.test_statements import statements
from tests.channels import letters
from tests.conftest import NOON
from ticketing.envelope import Channel, HandleKind, MessageState
from ticketing.events import SYSTEM
from ticketing.models import Handle, Message, MessageKind, Role, Ticket
from ticketing.profile import give_consent
from ticketing.status import Status
from ticketing.store import db
from ticketing.templates.deadlines import by_when
from ticketing.templates.shipped import LANGUAGES
from ticketing.transaction import transaction

ON: dict[str, Any] = {"acknowledge": {"enabled": True}}


def receive(raw: bytes, *, sender: str = "lucie@home.example", at: datetime = NOON, **meta: str) -> gateway.Received:
    meta = {
        "door": "smtp",
        "recipient": letters.US,
        "envelope_recipient": letters.US,
        "envelope_sender": sender,
        **meta,
    }
    return gateway.receive(RawItem(Channel.EMAIL, "message", raw, at, meta=meta), at=at)


def write(number: int = 1, words: str = "It drips.", *, at: datetime = NOON, **headers: str) -> gateway.Received:
    return receive(letters.mail(f"<{number}@home.example>", "Kettle", words, **headers), at=at)


def answers(received: gateway.Received | None = None) -> list[Message]:
    query = select(Message).where(Message.kind == MessageKind.OUTBOUND).order_by(Message.id)
    if received is not None:
        query = query.where(Message.ticket_id == received.ticket_id)
    return list(db.session().scalars(query.execution_options(populate_existing=True)))


def test_a_mail_that_opens_a_ticket_is_acknowledged_with_the_moment_and_answers_nothing(app: Flask) -> None:
    promise()
    make.inbox(settings=ON)

    received = write()

    ticket = db.session().get_one(Ticket, received.ticket_id)
    (answer,) = answers(received)
    assert "You will have our answer by Wednesday 18 November, 16:00 (UTC)." in answer.body
    assert f"Your reference is {ticket.id}." in answer.body
    assert (answer.automatic, answer.state, answer.author_agent_id) == (True, MessageState.QUEUED, None)
    assert (answer.handle.shown, answer.inbox.address) == ("lucie@home.example", letters.US)
    assert (ticket.status, ticket.assignee_id, ticket.waiting_since) == (Status.NEW, None, NOON)
    assert ticket.due_at == NOON + timedelta(hours=4)


def test_what_follows_on_the_ticket_is_not_acknowledged(sqlite_app: Flask) -> None:
    make.inbox(settings=ON)
    first = write(at=NOON)

    second = write(2, In_Reply_To="<1@home.example>", at=NOON + timedelta(days=2))

    assert second.ticket_id == first.ticket_id
    assert len(answers()) == 1


def test_a_sender_is_told_once_within_the_window_whatever_stands_behind_the_plus(app: Flask) -> None:
    make.inbox(settings={"acknowledge": {"enabled": True, "window_seconds": 600}})

    first = write(1)
    soon = write(2, sender="lucie+two@home.example", at=NOON + timedelta(seconds=599))
    later = write(3, at=NOON + timedelta(seconds=600))
    other = write(4, sender="karim@home.example", at=NOON + timedelta(seconds=601))

    assert [len(answers(one)) for one in (first, soon, later, other)] == [1, 0, 1, 1]


SILENT: dict[str, dict[str, str]] = {
    "a machine": {"Auto_Submitted": "auto-generated"},
    "bulk": {"Precedence": "bulk"},
    "a mailing list": {"List_Id": "<kettles.example>"},
    "who asks for silence": {"X_Auto_Response_Suppress": "OOF, AutoReply"},
    "what a filter calls spam": {"X_Spam_Flag": "YES"},
    "nobody": {"sender": "noreply@home.example"},
    "a daemon": {"sender": "MAILER-DAEMON"},
}


def test_machines_lists_and_who_wants_no_answer_get_none(sqlite_app: Flask) -> None:
    make.inbox(settings=ON)

    received = {why: write(number, **headers) for number, (why, headers) in enumerate(SILENT.items(), 1)}
    received["an empty return path"] = receive(letters.mail("<0@home.example>", "Kettle", "It drips."), sender="")

    assert {why: one.ticket_id is not None for why, one in received.items()} == dict.fromkeys(received, True)
    assert answers() == []


def test_who_cannot_or_will_not_be_reached_gets_none(sqlite_app: Flask) -> None:
    make.inbox(settings=ON)
    complained, unwilling = make.customer(email="a@home.example"), make.customer(email="b@home.example")
    with transaction("test") as session:
        session.scalars(select(Handle).where(Handle.customer_id == complained.id)).one().complained_at = NOON
        give_consent(session.merge(unwilling), Channel.EMAIL, given=False, reason="No mail.", by=SYSTEM, at=NOON)

    write(1, sender="a@home.example")
    write(2, sender="b@home.example")

    assert answers() == []


def test_without_the_setting_or_from_elsewhere_nothing_is_written(sqlite_app: Flask, client: FlaskClient) -> None:
    make.inbox(settings={"acknowledge": {"enabled": False}})
    write()
    make.inbox(address="sales@desk.example", settings=ON)

    desk = Desk(client)
    new = {"subject": "Kettle", "body": "It drips.", "customer": {"email": "karim@home.example"}, "channel": "email"}

    assert desk.post("/tickets", new).status_code == 201
    assert answers() == []


def test_what_waited_in_quarantine_is_not_acknowledged_late(sqlite_app: Flask) -> None:
    kept = write()
    make.inbox(settings=ON)

    taken = gateway.replay(kept.item_id, at=NOON + timedelta(hours=2))

    assert taken.ticket_id is not None
    assert answers() == []


@pytest.mark.parametrize(
    ("customer", "mail", "inbox", "expected"),
    [
        ("de-CH", "fr", "es", "Unsere Antwort erhalten Sie bis Mittwoch, 18. November, 17:00 Uhr."),
        ("", "fr-CA, en", "es", "Vous aurez notre réponse au plus tard le mercredi 18 novembre à 17 h 00."),
        ("", "", "ja", "11月18日（水）17:00までにご返信いたします。"),
        ("", "rubbish!", "", "You will have our answer by Wednesday 18 November, 17:00."),
        ("cs", "", "", "Ahoj Lucie, as soon as possible."),
    ],
)
def test_it_is_said_in_the_customers_language_and_time_zone(
    sqlite_app: Flask, customer: str, mail: str, inbox: str, expected: str
) -> None:
    promise()
    bodies = {"cs": "Ahoj {{customer.first_name}}, {{answer.when|as soon as possible}}."}
    make.inbox(settings={"acknowledge": {"enabled": True, "bodies": bodies}} | ({"language": inbox} if inbox else {}))
    who = make.customer("Lucie Tremblay", email="lucie@home.example")
    with transaction("test") as session:
        row = session.merge(who)
        row.language, row.time_zone = customer, "Europe/Paris"

    receive(f"Content-Language: {mail}\n".encode() + letters.mail("<1@home.example>", "Kettle", "It drips."))

    (answer,) = answers()
    assert expected in answer.body
    assert "{{" not in answer.body


def test_without_a_clock_or_where_this_counts_as_the_answer_nothing_is_promised(sqlite_app: Flask) -> None:
    make.inbox(settings=ON)
    without = write(1, sender="a@home.example")
    make.policy(automatic_answers_count=True)
    counting = write(2, sender="b@home.example")

    for one in (without, counting):
        (answer,) = answers(one)
        assert "You will have our answer as soon as possible." in answer.body


def test_a_name_that_is_an_advertisement_is_not_sent_on(sqlite_app: Flask) -> None:
    make.inbox(settings={**ON, "language": "fr"})

    write(sender='"Achetez sur https://spam.example" <victim@home.example>')

    (answer,) = answers()
    assert "spam" not in answer.body
    assert answer.body.startswith("Bonjour à vous,")


def test_every_language_says_by_when_and_midnight_is_of_the_day_before() -> None:
    midnight = datetime.fromisoformat("2026-12-01T00:00:00+01:00")

    said = {language: by_when(midnight, language, "Europe/Paris") for language in LANGUAGES}

    assert all("30" in one and "59" in one for one in said.values()), said
    assert said["en"] == "by Monday 30 November, 23:59"
    assert by_when(midnight, "tlh", "Europe/Paris") == ""


def test_the_settings_are_checked(sqlite_app: Flask) -> None:
    desk = Desk(sqlite_app.test_client(), make.agent(Role.ADMIN))
    path = f"/inboxes/{make.inbox().id}"

    def put(**settings: Any) -> Any:
        return desk.patch(path, {"settings": settings})

    assert put(acknowledge={}, agents_forward=True).json["settings"] == {
        "acknowledge": {"enabled": True, "window_seconds": 3600},
        "agents_forward": True,
    }
    own = put(acknowledge={"bodies": {"EN": "Until {{answer.when|soon}}."}, "window_seconds": 60})
    assert own.json["settings"]["acknowledge"]["bodies"] == {"en": "Until {{answer.when|soon}}."}
    for refused in (
        *({"window_seconds": 59}, {"window_seconds": 10**9}, {"window_seconds": True}, {"enabled": 1}, {"words": ""}),
        *({"bodies": {"en": "{{promise.when}}"}}, {"bodies": {"en!": "x"}}, {"bodies": {"en": " "}}, {"bodies": []}),
    ):
        assert put(acknowledge=refused).status_code == 422, refused
    assert put(agents_forward="yes").status_code == 422
    assert put(acknowledge=None, agents_forward=None).json["settings"] == {}


def test_a_mail_costs_no_more_statements_than_it_must(app: Flask) -> None:
    promise()
    make.inbox()
    told = make.inbox(address="told@desk.example", settings=ON)
    write(1)

    with statements() as seen:
        write(2, sender="new@home.example")
    with statements() as acknowledged:
        raw = letters.mail("<3@home.example>", "Kettle", "It drips.", sender="newer@home.example")
        receive(raw.replace(letters.US.encode(), told.address.encode()), recipient=told.address)

    assert len(seen) <= 14, seen
    assert len(acknowledged) <= len(seen) + 5, acknowledged


def test_the_same_mail_to_two_inboxes_is_one_message_and_acknowledged_once(app: Flask) -> None:
    make.inbox(settings=ON)
    make.inbox(address="sales@desk.example", settings={"acknowledge": {"enabled": True, "window_seconds": 60}})
    raw = letters.mail("<1@home.example>", "Kettle", "It drips.", Cc="sales@desk.example")

    first = receive(raw)
    second = receive(raw, recipient="sales@desk.example", at=NOON + timedelta(minutes=5))

    assert (second.state, second.message_id, second.ticket_id) == (first.state, first.message_id, first.ticket_id)
    assert second.item_id != first.item_id
    assert [one.ticket_id for one in answers()] == [first.ticket_id]


def test_mail_in_our_own_name_is_a_loop_also_with_a_tag(sqlite_app: Flask) -> None:
    make.inbox(settings=ON)

    received = write(sender="Support@Desk.example"), write(2, sender="support+t1.0123456789abcdef@desk.example")

    assert [one.state for one in received] == [ItemState.IGNORED] * 2


def test_who_takes_part_is_shown(sqlite_app: Flask, client: FlaskClient) -> None:
    make.inbox()
    received = write(Cc="The boss <Boss@Work.example>, support@desk.example")
    make.customer("Grace", email="boss@work.example")

    found = Desk(client).get(f"/tickets/{received.ticket_id}/participants").json

    lucie, boss = found["items"]
    assert (lucie["part"], lucie["address"]) == ("customer", "lucie@home.example")
    assert lucie["customer"]["name"] == "Lucie Tremblay"
    assert (boss["part"], boss["kind"], boss["address"]) == ("named", HandleKind.EMAIL, "Boss@Work.example")
    assert (boss["name"], boss["customer"]["name"]) == ("The boss", "Grace")
    (message,) = Desk(client).get(f"/tickets/{received.ticket_id}/messages").json["items"]
    assert [one["address"] for one in message["cc"]] == ["Boss@Work.example", "support@desk.example"]
    assert (message["automatic"], message["forwarded_by"]) == (False, None)
