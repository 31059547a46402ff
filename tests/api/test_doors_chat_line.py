"""A visitor's place in the line, and the ways out of it: called back, texted, ended, rated, taken along by mail."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from channels.models import ChatSession
from channels.phone.models import Callback
from channels.webchat import end_abandoned
from tests import make
from tests.api.chat_page import Visitor, widget
from tests.api.desk import Desk
from ticketing import lifecycle
from ticketing.envelope import Channel
from ticketing.events import SYSTEM
from ticketing.models import (
    Agent,
    Claim,
    Consent,
    Customer,
    Handle,
    JournalEntry,
    Message,
    Presence,
    Queue,
    Ticket,
    Wait,
)
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

PHONE = "+15145550177"
KARIM = "karim@home.example"
ANY_HOUR = [
    ["00:00", "12:00"],
    ["12:00", "24:00"],
]  # left alone, a desk calls people by day, and a test may run by night


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    return sqlite_app.test_client()


@pytest.fixture
def visitor(app: Flask) -> Visitor:
    """A visitor of a desk with a phone number that also texts, and a mail inbox, who has written."""
    return desk_with_a_visitor(app)


@pytest.fixture
def quick(sqlite_app: Flask) -> Visitor:
    """Likewise, where the database makes no difference."""
    return desk_with_a_visitor(sqlite_app)


def desk_with_a_visitor(app: Flask, **said: Any) -> Visitor:
    queue_id = widget().queue_id
    with transaction("test") as session:
        session.get_one(Queue, queue_id).settings = {"callback": {"hours": ANY_HOUR}}
    for channel in (Channel.EMAIL, Channel.SMS, Channel.PHONE):
        make.inbox(channel)
    found = Visitor(app.test_client(), name="Karim", **said)
    found.write("My kettle leaks")
    return found


def ticket_of(visitor: Visitor) -> Ticket:
    query = select(Ticket).join(ChatSession, ChatSession.ticket_id == Ticket.id)
    query = query.where(ChatSession.visitor == visitor.session).execution_options(populate_existing=True)
    return db.session().scalars(query).one()


def standing(visitor: Visitor) -> dict[str, Any]:
    found: dict[str, Any] = visitor.get("/session").get_json()
    return found


def reply(visitor: Visitor, body: str = "Which one?", *, agent: Agent | None = None) -> Message:
    row = make.reply(ticket_of(visitor), agent or make.agent(name="Agnes"), body, at=utc_now())
    make.work_off()
    return row


def entries(kind: str) -> list[dict[str, Any]]:
    return list(db.session().scalars(select(JournalEntry.data).where(JournalEntry.kind == kind)))


def test_a_visitor_knows_where_they_stand_from_the_first_word_to_the_last(app: Flask) -> None:
    widget()
    agnes = make.agent(name="Agnes", presence=Presence.ONLINE)
    first, second = Visitor(app.test_client()), Visitor(app.test_client(), email=KARIM)
    new = standing(second)
    first.write("I was first")
    wrote = second.write("My kettle leaks").get_json()
    waiting = standing(second)
    with transaction("test") as session:
        ticket = lifecycle.lock_ticket(wrote["ticket"])
        lifecycle.assign(ticket, session.get_one(Agent, agnes.id), by=SYSTEM, at=utc_now())
    taken, up = standing(second), standing(first)
    answer = reply(second, agent=agnes)
    talking = standing(second)
    with transaction("test"):
        lifecycle.resolve(lifecycle.lock_ticket(wrote["ticket"]), by=SYSTEM, at=utc_now())
    solved = standing(second)

    assert (new["state"], new["position"], new["wait"], new["last_id"], new["can_rate"]) == (
        "new",
        None,
        None,
        0,
        False,
    )
    assert (new["open"], new["opens_at"], new["anybody_here"]) == (True, None, True)
    assert new["offers"] == {"callback": False, "text": False, "message": False}
    assert (waiting["state"], waiting["position"], waiting["agent"]) == ("waiting", 2, None)
    assert waiting["wait"] == {
        "position": 2,
        "low_seconds": None,
        "high_seconds": None,
        "words": "We cannot tell yet how long it will take.",
    }
    assert (taken["state"], taken["position"], taken["agent"]) == ("talking", None, {"name": "Agnes"})
    assert up["position"] == 1
    assert (talking["last_id"], talking["unread"], talking["can_rate"]) == (answer.id, 1, False)
    assert (solved["state"], solved["can_rate"], solved["agent"]) == ("ended", True, None)
    assert waiting["email_known"] == "k•••@home.example"


def test_the_wait_is_told_in_the_visitors_language_and_by_the_phones_own_reckoning(app: Flask) -> None:
    inbox = widget()
    ticket, now = make.ticket(), utc_now()
    with transaction("test") as session:
        for number in range(40):
            began = now - timedelta(minutes=80) + number * timedelta(minutes=2)
            wait = {"ticket_id": ticket.id, "queue_id": inbox.queue_id, "channel": "chat", "end": "answered"}
            session.add(Wait(**wait, began_at=began, ended_at=began + timedelta(seconds=90)))
    visitor = Visitor(app.test_client(), language="fr-CA")
    visitor.write("Bonjour")

    told = standing(visitor)["wait"]
    widgets = visitor.get("/widget?key=website&language=en").get_json()["wait"]

    assert (told["position"], told["low_seconds"] <= 90 <= told["high_seconds"]) == (1, True)
    assert told["words"].startswith("Il faudra")
    assert (widgets["position"], widgets["words"].startswith("It will take")) == (2, True)


def test_who_writes_while_the_line_is_closed_leaves_a_message_and_has_no_place(
    quick: Visitor, sqlite_app: Flask
) -> None:
    in_three_days = (utc_now() + timedelta(days=3)).strftime("%a").lower()
    calendar = make.calendar(time_zone="UTC", weekly={in_three_days: [["09:00", "17:00"]]})
    with transaction("test") as session:
        session.scalars(select(Queue)).one().settings = {"calendar": calendar.id}
    late = Visitor(sqlite_app.test_client(), email=KARIM)
    shown = late.get("/widget?key=website").get_json()
    late.write("Whenever you can")
    windows = late.get("/callback").get_json()

    ticket = ticket_of(late)
    assert (shown["open"], shown["opens_at"][11:], shown["wait"]) == (False, "09:00:00Z", None)
    assert (ticket.live, ticket.waiting_since is None, standing(late)["position"]) == (False, False, None)
    assert ticket_of(quick).live  # whoever came while it was open keeps their place
    assert (windows["now"], len(windows["windows"])) == (False, 1)
    assert late.post("/callback", {"phone": PHONE}).status_code == 201
    assert db.session().scalars(select(Callback.reason)).all() == ["closed"]


def test_who_is_to_be_called_back_keeps_their_place_without_the_page(visitor: Visitor, app: Flask) -> None:
    began = ticket_of(visitor).waiting_since
    other = Visitor(app.test_client())
    other.write("I came later")

    offered = visitor.get("/callback").get_json()
    answer = visitor.post("/callback", {"phone": "514 555 0177"})
    with transaction("test") as session:
        session.execute(update(ChatSession).values(seen_at=utc_now() - timedelta(hours=1)))
    with transaction("ticker"):
        ended = end_abandoned(utc_now())

    shown = answer.get_json()
    row = db.session().scalars(select(Callback)).one()
    ticket = ticket_of(visitor)
    assert (answer.status_code, shown["instead"], shown["position"], shown["offers"]["callback"]) == (
        *(201, "callback", 1),
        False,
    )
    assert offered["now"] is True
    assert (row.number, row.waiting_since, row.reason, row.state) == (PHONE, began, "asked", "due")
    assert (ticket.live, ticket.on_phone, ticket.waiting_since) == (True, True, began)
    assert ended == [ticket_of(other).id]
    make.work_off()
    assert "We will call you back as soon as it is your turn".casefold() in visitor.items()[-1]["body"].casefold()


def test_who_chooses_a_window_is_promised_it_and_put_away_until_then(quick: Visitor) -> None:
    chosen = quick.get("/callback").get_json()["windows"][-1]
    answer = quick.post("/callback", {"phone": PHONE, **chosen})
    moved = quick.post("/callback", {"phone": PHONE})

    booked, again = db.session().scalars(select(Callback).order_by(Callback.id)).all()
    assert (answer.status_code, answer.get_json()["position"]) == (201, None)
    assert (booked.state, booked.outcome, again.state) == ("cancelled", "another one was booked", "due")
    assert moved.get_json()["position"] == 1


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        ({"phone": "+33 1 99 00 01 77"}, 422, "no phone number that we reach"),
        ({"phone": "kettle"}, 422, "no phone number that we reach"),
        ({"phone": ""}, 422, "no phone number that we reach"),
        ({}, 422, "phone: Missing data"),
        ({"phone": 7}, 422, "phone: Not a valid string"),
        ({"phone": PHONE, "from": "2030-01-01T09:00:00Z"}, 422, "Give both from and to"),
        ({"phone": PHONE, "from": "2030-01-01T09:00:00Z", "to": "2030-01-01T10:00:00Z"}, 422, "choose one of"),
        ({"phone": PHONE, "at": "noon"}, 422, "There is no such field"),
        ([], 422, "Must be a JSON object"),
    ],
)
def test_nonsense_books_nothing(quick: Visitor, asked: Any, status: int, words: str) -> None:
    answer = quick.post("/callback", asked)

    assert (answer.status_code, words.casefold() in answer.get_json()["detail"].casefold()) == (status, True), (
        answer.text
    )
    assert db.session().scalars(select(Callback)).all() == []


def test_who_goes_on_by_text_keeps_their_place_until_somebody_writes(visitor: Visitor, app: Flask) -> None:
    began = ticket_of(visitor).waiting_since
    answers = [visitor.post("/text", {"phone": "(514) 555-0177"}) for _ in range(2)]
    with transaction("test") as session:
        session.execute(update(ChatSession).values(seen_at=utc_now() - timedelta(hours=1)))
    with transaction("ticker"):
        ended = end_abandoned(utc_now())
    kept = ticket_of(visitor).live
    row = make.reply(ticket_of(visitor), make.agent(), "Which one?", at=utc_now())
    ticket = ticket_of(visitor)

    texts = db.session().scalars(select(Message).where(Message.channel == Channel.SMS).order_by(Message.id)).all()
    assert [(one.status_code, one.get_json()["instead"], one.get_json()["position"]) for one in answers] == [
        (201, "text", 1)
    ] * 2
    assert [(one.kind, one.handle.address if one.handle else "") for one in texts] == [
        ("inbound", PHONE),
        ("outbound", PHONE),
        ("outbound", PHONE),
    ]
    assert texts[1].body.startswith("Our sms: you wrote to us in the chat")
    assert "keep your place" in texts[1].body
    assert (ended, kept, ticket.live, began) == ([], True, False, began)
    assert (row.channel, row.channel_reason) == (Channel.SMS, "last_used")
    (wait,) = db.session().scalars(select(Wait)).all()
    assert wait.end == "answered"


def test_a_number_that_is_somebody_elses_is_texted_and_judged_by_an_agent(quick: Visitor) -> None:
    known = make.customer("Lea", phone=PHONE)

    answer = quick.post("/text", {"phone": PHONE})

    texts = db.session().scalars(select(Message).where(Message.channel == Channel.SMS)).all()
    assert (answer.status_code, "Lea" in answer.text) == (201, False)
    assert [(one.kind, one.ticket_id) for one in texts] == [("outbound", ticket_of(quick).id)]
    assert db.session().scalars(select(Handle.customer_id).where(Handle.address == PHONE)).all() == [known.id]
    assert db.session().scalars(select(Claim.address)).all() == [PHONE]


def test_their_next_word_in_the_chat_brings_them_back_to_it(quick: Visitor) -> None:
    quick.post("/text", {"phone": PHONE})
    quick.write("I am here again")

    assert standing(quick)["instead"] is None
    assert make.reply(ticket_of(quick), make.agent(), "Good", at=utc_now()).channel is Channel.CHAT


def test_what_the_queue_does_not_offer_is_refused(quick: Visitor) -> None:
    with transaction("test") as session:
        session.scalars(select(Queue)).one().settings = {"callback": {"enabled": False}, "text_instead": False}

    refused = [quick.get("/callback"), quick.post("/callback", {"phone": PHONE}), quick.post("/text", {"phone": PHONE})]

    assert standing(quick)["offers"] == {"callback": False, "text": False, "message": True}
    assert [(one.status_code, one.get_json()["code"]) for one in refused] == [(409, "conflict")] * 3


def test_before_the_first_word_there_is_nothing_to_move_end_or_rate(sqlite_app: Flask) -> None:
    desk_with_a_visitor(sqlite_app)
    other = Visitor(sqlite_app.test_client())
    asked: list[tuple[str, Any]] = [
        ("/callback", {"phone": PHONE}),
        ("/text", {"phone": PHONE}),
        ("/rating", {"score": 5}),
        ("/transcript", {"email": KARIM}),
    ]

    refused = [other.post(path, body) for path, body in asked]
    ended = other.post("/end")

    assert [one.status_code for one in refused] == [409] * 4
    assert (ended.status_code, ended.get_json()["state"]) == (200, "ended")


def test_who_ends_the_chat_waits_no_more_and_their_next_word_goes_on(visitor: Visitor) -> None:
    first, again = visitor.post("/end"), visitor.post("/end")
    ticket = ticket_of(visitor)
    gone = (ticket.live, ticket.status, ticket.waiting_since is None)
    visitor.write("One more thing")

    assert [one.get_json()["state"] for one in (first, again)] == ["ended", "ended"]
    assert gone == (False, "new", False)  # their question stays
    assert entries("chat_ended") == [{"session_id": 1}]
    assert (standing(visitor)["state"], ticket_of(visitor).live) == ("waiting", True)


def test_a_chat_is_rated_when_it_is_over_and_the_last_word_counts(visitor: Visitor) -> None:
    unanswered = visitor.post("/rating", {"score": 5})
    agent = make.agent(name="Agnes")
    reply(visitor, agent=agent)
    too_soon = visitor.post("/rating", {"score": 5})
    visitor.post("/end")
    rated = [visitor.post("/rating", {"score": 2, "comment": " Slow\0. "}), visitor.post("/rating", {"score": 4})]
    same = visitor.post("/rating", {"score": 4})
    nonsense = [visitor.post("/rating", {"score": one}).status_code for one in (0, 6, "5", True, 4.5, None)]

    assert [one.status_code for one in (unanswered, too_soon, *rated, same)] == [409, 409, 204, 204, 204]
    assert nonsense == [422] * 6
    assert entries("chat_rated") == [
        {"session_id": 1, "rating": 2, "agent_id": agent.id, "before": None},
        {"session_id": 1, "rating": 4, "agent_id": agent.id, "before": 2},
    ]
    assert standing(visitor)["rating"] == 4


def test_what_was_said_goes_to_the_visitor_by_mail_once_an_hour(visitor: Visitor) -> None:
    unanswered = visitor.post("/transcript", {"email": KARIM})
    reply(visitor, "Which one? <b>Red</b> {{customer.name}} " + "x" * 3000)
    visitor.write("The blue one")
    nowhere, ours = visitor.post("/transcript"), visitor.post("/transcript", {"email": make.ADDRESSES[Channel.EMAIL]})
    sent, again = visitor.post("/transcript", {"email": KARIM}), visitor.post("/transcript")

    (mail,) = db.session().scalars(select(Message).where(Message.channel == Channel.EMAIL)).all()
    assert [one.status_code for one in (unanswered, nowhere, ours, sent, again)] == [409, 422, 422, 202, 409]
    assert (mail.automatic, mail.handle and mail.handle.address, mail.data["to"][0]["address"]) == (True, KARIM, KARIM)
    assert mail.body.startswith("Hello Karim,\n\nHere is what we said to each other")
    first, second, third = (
        mail.body.index(one) for one in ("You\nMy kettle leaks", "Agnes\nWhich one?", "The blue one")
    )
    assert first < second < third
    assert "<b>Red</b> {{customer.name}} " + "x" * 3000 in mail.body
    assert standing(visitor)["email_known"] == "k•••@home.example"


def test_agents_see_the_chats_of_a_ticket(sqlite_app: Flask, client: FlaskClient) -> None:
    said = {"email": KARIM, "page": "https://shop.example/kettles", "language": "fr"}
    visitor = desk_with_a_visitor(sqlite_app, **said)
    reply(visitor)
    visitor.post("/end")
    visitor.post("/rating", {"score": 5, "comment": "Quick"})
    desk = Desk(client)
    path = f"/tickets/{ticket_of(visitor).id}/chats"
    (shown,) = desk.get(path).get_json()["items"]
    with transaction("test") as session:
        session.execute(update(Handle).where(Handle.kind == "visitor").values(away_since=utc_now()))
    (away,) = desk.get(path).get_json()["items"]
    stranger = Desk(client, make.agent())
    queue = make.queue(members=[desk.agent])
    with transaction("test") as session:
        lifecycle.move(
            lifecycle.lock_ticket(ticket_of(visitor).id), session.get_one(Queue, queue.id), by=SYSTEM, at=utc_now()
        )

    assert (shown["session"], shown["name"], shown["present"], shown["away_since"]) == (
        *(visitor.session, "Karim"),
        *(True, None),
    )
    assert {name: shown[name] for name in said} == said
    assert (shown["rating"]["score"], shown["rating"]["comment"], shown["ended_at"] is None) == (5, "Quick", False)
    assert (away["present"], away["away_since"] is None) == (False, False)
    assert stranger.get(path).status_code == 404


def test_other_visitors_and_nobody_open_none_of_these_doors(quick: Visitor) -> None:
    doors = [
        ("GET", "/callback"),
        *(("POST", f"/{one}") for one in ("callback", "text", "end", "rating", "transcript")),
    ]
    forged = {"Authorization": f"Bearer {quick.token[:-3]}abc"}

    statuses = {quick.call(method, path, headers=forged).status_code for method, path in doors}

    assert statuses == {403}
    assert standing(quick)["state"] == "waiting"


def test_nobody_learns_by_a_transcript_that_we_know_an_address(quick: Visitor, client: FlaskClient) -> None:
    refuse(make.customer("Lea", email="lea@home.example"), Channel.EMAIL)
    other = Visitor(client)
    other.write()
    for one in (quick, other):
        reply(one, "Hello")

    known = quick.post("/transcript", {"email": "lea@home.example"})
    unknown = other.post("/transcript", {"email": "nobody@home.example"})

    assert (known.status_code, known.get_json()) == (unknown.status_code, unknown.get_json())
    sent = db.session().scalars(select(Message.data).where(Message.channel == Channel.EMAIL)).all()
    assert "lea@home.example" not in str(sent)


def test_who_wants_no_texts_gets_none_because_a_stranger_typed_their_number(quick: Visitor) -> None:
    refuse(make.customer("Lea", phone="+14165550177"), Channel.SMS)

    answer = quick.post("/text", {"phone": "+14165550177"})

    assert answer.status_code == 201
    assert db.session().scalars(select(Message.id).where(Message.channel == Channel.SMS)).all() == []


def refuse(customer: Customer, channel: Channel) -> None:
    """Let a customer want nothing by a channel."""
    with transaction("test") as session:
        session.add(Consent(customer_id=customer.id, channel=channel, given=False, reason="", at=utc_now()))
