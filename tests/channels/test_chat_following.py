"""A visitor leaves the chat: what they have not fetched follows them, once; their answer comes to the same ticket."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from api import tick
from channels.models import ChatSession
from channels.sandbox import letters
from channels.sandbox.desk import Desk
from channels.sandbox.store import SandboxStore
from channels.webchat import following
from config.settings import Settings
from tests import make
from tests.api.chat_page import Visitor
from tests.channels import live_desk
from tests.channels.live_desk import exchange
from ticketing.envelope import Channel, HandleKind, MessageState
from ticketing.models import Handle, JournalEntry, Message, Ticket
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

KARIM = "karim@home.example"
PHONE = "+14165550177"


def silent_for(visitor: Visitor, span: timedelta) -> None:
    """Let the visitor have been silent for so long."""
    with transaction("test") as session:
        mine = ChatSession.visitor == visitor.session
        session.execute(update(ChatSession).where(mine).values(seen_at=utc_now() - span))


def note_gone() -> list[following.Away]:
    """Note who is away, as the ticker does."""
    noted = []
    for handle_id in following.gone(utc_now()):
        with transaction("ticker"):
            noted.append(following.note_away(handle_id, at=utc_now()))
    return [one for one in noted if one is not None]


def leave(visitor: Visitor) -> list[following.Away]:
    silent_for(visitor, timedelta(minutes=4))
    return note_gone()


def ticket_of(visitor: Visitor) -> Ticket:
    session = db.session()
    found = select(Ticket).join(ChatSession, ChatSession.ticket_id == Ticket.id)
    return session.scalars(
        found.where(ChatSession.visitor == visitor.session).execution_options(populate_existing=True)
    ).one()


def message(message_id: int) -> Message:
    return db.session().get_one(Message, message_id, populate_existing=True)


def reply(visitor: Visitor, body: str, **values: Any) -> Message:
    agent = values.pop("agent", None) or make.agent(name="Agnes")
    row = make.reply(ticket_of(visitor), agent, body, at=utc_now(), **values)
    make.work_off()
    return message(row.id)


def test_a_reply_follows_by_mail_and_the_answer_comes_back_to_the_ticket(desk: Flask) -> None:
    settings: Settings = desk.extensions["comptoir.settings"]
    make.inbox(Channel.CHAT, address="website")
    make.inbox(Channel.EMAIL)
    visitor = Visitor(desk.test_client(), name="Karim", email=KARIM)
    visitor.write("My kettle leaks")
    agnes = make.agent(name="Agnes")
    fetched = reply(visitor, "Which one?", agent=agnes)
    visitor.items()
    unfetched = reply(visitor, "The red one?", agent=agnes)

    (away,) = leave(visitor)
    make.work_off()
    (mail,) = SandboxStore(settings).arrived(channel="email", limit=10)
    letters.mail(
        Desk(settings), sender=KARIM, recipient=make.ADDRESSES[Channel.EMAIL], subject=f"Re: {mail['subject']}",
        body="The blue one.", reply_to=mail["message_id"],
    )  # fmt: skip
    live_desk.settle(desk)
    later = reply(visitor, "We send a lid.", agent=agnes)
    (_, second) = SandboxStore(settings).arrived(channel="email", limit=10)

    assert away.rerouted == [unfetched.id]
    assert (message(fetched.id).channel, message(unfetched.id).channel) == (Channel.CHAT, Channel.EMAIL)
    assert (message(unfetched.id).state, message(unfetched.id).channel_reason) == (MessageState.SENT, "visitor_away")
    assert (mail["to"], mail["body"].startswith("The red one?")) == (KARIM, True)
    assert [one.channel for one in db.session().scalars(select(Message).order_by(Message.id))] == [
        *(Channel.CHAT, Channel.CHAT, Channel.EMAIL, Channel.EMAIL, Channel.EMAIL)
    ]
    assert (later.channel_reason, second["body"].startswith("We send a lid.")) == ("last_used", True)
    assert db.session().scalars(select(Ticket.id)).all() == [ticket_of(visitor).id]
    # Back on the page, they find what followed them; what went by mail from the beginning is in their mailbox.
    assert [one["body"] for one in visitor.items()] == ["My kettle leaks", "Which one?", "The red one?"]


def test_a_reply_follows_by_text_and_the_answer_comes_back_to_the_ticket(desk: Flask) -> None:
    make.inbox(Channel.CHAT, address="website")
    make.inbox(Channel.SMS)
    visitor = Visitor(desk.test_client(), name="Karim", phone=PHONE)
    visitor.write("My kettle leaks")
    agnes = make.agent(name="Agnes")
    leave(visitor)

    sent = reply(visitor, "Which one?", agent=agnes)
    live_desk.settle(desk)
    exchange(desk).text(PHONE, make.ADDRESSES[Channel.SMS], "The blue one", [])
    live_desk.settle(desk)

    (arrived,) = [one for one in exchange(desk).device(PHONE).texts if one.direction == "in"]
    assert (sent.channel, sent.channel_reason, arrived.body) == (Channel.SMS, "visitor_away", "Which one?")
    words = select(Message.body, Message.ticket_id).where(Message.kind == "inbound").order_by(Message.id)
    here = ticket_of(visitor).id
    assert list(map(tuple, db.session().execute(words))) == [("My kettle leaks", here), ("The blue one", here)]


@pytest.fixture
def visitor(app: Flask, client: FlaskClient) -> Visitor:
    """A visitor with a mail address, who has written."""
    make.inbox(Channel.CHAT, address="website")
    make.inbox(Channel.EMAIL)
    found = Visitor(client, name="Karim", email=KARIM)
    found.write("My kettle leaks")
    return found


def route(visitor: Visitor, **values: Any) -> tuple[Channel, str | None]:
    row = make.reply(ticket_of(visitor), make.agent(), at=utc_now(), **values)
    return row.channel, row.channel_reason


def test_a_reply_goes_where_the_visitor_is(visitor: Visitor) -> None:
    there = route(visitor)
    silent_for(visitor, timedelta(minutes=2))
    not_yet = note_gone()
    leave(visitor)
    away, wanted = route(visitor), route(visitor, channel=Channel.CHAT)
    visitor.items()
    back = route(visitor)
    leave(visitor)
    visitor.write("Still there?")
    wrote = route(visitor)

    assert not_yet == []
    assert (there, away) == ((Channel.CHAT, "last_used"), (Channel.EMAIL, "visitor_away"))
    assert wanted == (Channel.CHAT, "asked_for")
    assert back == wrote == (Channel.CHAT, "last_used")


def test_who_has_nothing_but_the_chat_finds_the_reply_there(app: Flask, client: FlaskClient) -> None:
    make.inbox(Channel.CHAT, address="website")
    make.inbox(Channel.EMAIL)
    visitor = Visitor(client, name="Karim")
    visitor.write("My kettle leaks")
    unfetched = reply(visitor, "Which one?")
    (away,) = leave(visitor)
    later = reply(visitor, "Hello?")

    assert away.rerouted == []
    assert (later.channel, later.channel_reason) == (Channel.CHAT, "last_used")
    assert [one["id"] for one in visitor.items()][1:] == [unfetched.id, later.id]


def test_who_only_goes_to_the_next_page_is_not_away(visitor: Visitor) -> None:
    visitor.call("POST", "/gone", data=f'{{"token": "{visitor.token}"}}', content_type="text/plain")
    at_once = note_gone()
    visitor.items()
    with transaction("test") as session:
        seen_at: datetime = session.scalars(select(ChatSession.seen_at)).one()
    visitor.post("/gone", {"token": visitor.token})
    in_a_moment = utc_now() + timedelta(seconds=80)
    gone = following.gone(in_a_moment)

    assert at_once == []
    assert utc_now() - seen_at < timedelta(seconds=30)
    assert len(gone) == 1


def test_what_follows_is_told_in_the_journal_and_happens_once(visitor: Visitor) -> None:
    unfetched = reply(visitor, "Which one?")
    first, second = leave(visitor), leave(visitor)

    kind = select(JournalEntry.data, JournalEntry.actor_type).where(JournalEntry.kind == "reply_rerouted")
    assert (len(first), second) == (1, [])
    assert list(map(tuple, db.session().execute(kind))) == [
        ({"message_id": unfetched.id, "before": "chat", "after": "email", "why": "visitor_away"}, "system")
    ]


def test_a_withheld_consent_keeps_the_reply_in_the_chat(visitor: Visitor, client: FlaskClient) -> None:
    ticket = ticket_of(visitor)
    admin = make.bearer(make.agent())
    path = f"/api/v1/customers/{ticket.customer_id}/consents/email"
    client.put(path, json={"given": False, "reason": "said so"}, headers=admin)
    unfetched = reply(visitor, "Which one?")

    (away,) = leave(visitor)

    assert (away.rerouted, message(unfetched.id).channel) == ([], Channel.CHAT)


def test_of_leaving_and_fetching_at_once_one_wins(app: Flask, visitor: Visitor) -> None:
    """Whoever is first: the message is in the chat, delivered, or on its way by mail, and never both."""
    unfetched = reply(visitor, "Which one?").id
    session_token, handle_id = visitor.headers, db.session().scalars(
        select(Handle.id).where(Handle.kind == HandleKind.VISITOR)
    ).one()  # fmt: skip
    silent_for(visitor, timedelta(minutes=4))
    db.session.remove()

    def fetch(_: int) -> int:
        return app.test_client().get("/chat/messages", headers=session_token).status_code

    def note(_: int) -> int:
        with app.app_context(), transaction("ticker"):
            following.note_away(handle_id, at=utc_now())
        return 200

    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda one: (fetch, note)[one % 2](one), range(12)))

    entries = db.session().scalars(select(JournalEntry.kind).where(JournalEntry.kind == "reply_rerouted")).all()
    found = message(unfetched)
    assert set(done) == {200}
    assert (found.channel, found.state, len(entries)) in [
        (Channel.CHAT, MessageState.DELIVERED, 0),
        (Channel.EMAIL, MessageState.QUEUED, 1),
        (Channel.EMAIL, MessageState.DELIVERED, 1),  # fetched in the chat before the mail has left
    ]


def test_of_leaving_and_being_answered_at_once_no_reply_is_left_behind(app: Flask, visitor: Visitor) -> None:
    """Whichever is first, the reply goes by mail: from the beginning, or it follows."""
    agent, ticket_id = make.agent(), ticket_of(visitor).id
    handle_id = db.session().scalars(select(Handle.id).where(Handle.kind == HandleKind.VISITOR)).one()
    headers = make.bearer(agent)
    silent_for(visitor, timedelta(minutes=4))
    db.session.remove()

    def answer(number: int) -> int:
        path = f"/api/v1/tickets/{ticket_id}/replies"
        return app.test_client().post(path, json={"body": f"part {number}"}, headers=headers).status_code

    def note(_: int) -> int:
        with app.app_context(), transaction("ticker"):
            following.note_away(handle_id, at=utc_now())
        return 201

    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda one: (answer, note)[one % 2](one), range(12)))

    written = select(Message.channel, Message.channel_reason).where(Message.author_agent_id == agent.id)
    assert set(done) == {201}
    assert set(map(tuple, db.session().execute(written))) == {(Channel.EMAIL, "visitor_away")}


def test_the_ticker_notes_who_has_left(visitor: Visitor, app: Flask) -> None:
    reply(visitor, "Which one?")
    silent_for(visitor, timedelta(minutes=4))

    tick.note_gone_visitors()

    away = db.session().scalars(select(Handle.away_since).where(Handle.kind == HandleKind.VISITOR)).one()
    assert away is not None
    assert following.gone(utc_now()) == []
