"""The visitor's live stream: hints of their own chat alone, without a word of what was said."""

import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.embedded import valkey as embedded_valkey
from api.realtime.feed import feed
from channels import webchat
from channels.events import DeliveryChanged, MessageRead
from channels.models import ChatSession
from channels.webchat.tokens import VisitorTokens
from tests import make, servers
from tests.api.desk import Desk
from tests.api.listening import Listening, with_valkey
from ticketing import journal, lifecycle, realtime, untold
from ticketing.envelope import Channel
from ticketing.events import SYSTEM, LiveBegan, MessageReceived, NoteWritten, TicketAssigned
from ticketing.models import Queue, Ticket
from ticketing.moment import utc_now
from ticketing.store import db, dialect
from ticketing.transaction import transaction


@pytest.fixture
def live(app: Flask) -> Iterator[FlaskClient]:
    with servers.valkey() as url, with_valkey(app, url):
        yield app.test_client()


def a_chat(client: FlaskClient, ticket: Ticket) -> tuple[str, dict[str, str]]:
    """A visitor's session on a ticket, and the headers with their token."""
    ticket_id = ticket.id
    if db.session().query(ChatSession).first() is None:
        make.inbox(Channel.CHAT)
    with transaction("test"):
        session = webchat.open_session("", name="Karim", at=utc_now())
        session.ticket_id = ticket_id
        visitor = session.visitor
    token = VisitorTokens(client.application.extensions["comptoir.settings"]).make(visitor)
    return visitor, {"Authorization": f"Bearer {token}"}


def listen(client: FlaskClient, headers: dict[str, str]) -> Listening:
    return Listening(client, headers, "/chat/events")


def happen(ticket_id: int, *events: object) -> None:
    with transaction("test"):
        for event in events:
            journal.append(lifecycle.lock_ticket(ticket_id), event, by=SYSTEM, at=utc_now())


def test_a_visitor_hears_hints_of_their_own_chat_alone(live: FlaskClient) -> None:
    ticket, other = make.ticket(), make.ticket()
    ticket_id, other_id = ticket.id, other.id
    visitor, theirs = a_chat(live, ticket)
    _, somebodys = a_chat(live, other)
    with listen(live, theirs) as stream, listen(live, somebodys) as elsewhere:
        told = (
            (NoteWritten(1), ""),
            (MessageReceived(1, "chat"), "message"),
            (DeliveryChanged(1, "queued", "sending"), "state"),
            (DeliveryChanged(1, "sending", "sent"), "message"),
            (MessageRead(1), "state"),
            (TicketAssigned(None, 1), "session"),
        )
        for event, _ in told:
            happen(ticket_id, event)
        realtime.signal("typing", session=visitor, data={"name": "Ada", "until": None})
        realtime.signal("chat_typing", ticket_id=ticket_id, session=visitor, data={"session": visitor})
        stream.until("typing")
        happen(other_id, MessageRead(1))
        elsewhere.until("state")

        hints = {hint for _, hint in told if hint}
        assert {one.event for one in stream.heard} == {"ready", "typing", *hints}
        assert stream.all("typing")[0].data == {"name": "Ada", "until": None}
        assert all(one.data == {} for one in stream.heard if one.event in hints)
        assert {one.event for one in elsewhere.heard} == {"ready", "state"}
        last = stream.last_id
    happen(ticket_id, MessageRead(1), MessageRead(1), MessageReceived(2, "chat"))

    with listen(live, theirs | {"Last-Event-ID": last}) as again:
        assert [one.event for one in again.heard] == ["state", "message", "ready"]  # each hint once


def test_an_agent_who_looks_and_types_shows_at_the_visitors_end(live: FlaskClient) -> None:
    ada = make.agent(name="Ada Lovelace")
    desk, ticket = Desk(live, ada), make.ticket(channel=Channel.CHAT)
    ticket_id = ticket.id
    visitor, theirs = a_chat(live, ticket)
    live.post("/chat/messages", headers=theirs, json={"body": "It drips.", "client_id": "1"})
    with listen(live, theirs) as stream:
        for typing in (False, True, True, False, False):
            desk.put(f"/tickets/{ticket_id}/onlookers/me", {"typing": typing})
        desk.delete(f"/tickets/{ticket_id}/onlookers/me")
        stream.until("typing", 3)
        desk.put(f"/tickets/{ticket_id}/onlookers/me", {"typing": True})
        stream.until("typing", 4)

        typing = [(one.data["name"], one.data["until"] is not None) for one in stream.all("typing")]
        assert typing == [("Ada", True), ("Ada", True), ("Ada", False), ("Ada", True)]
        assert len(stream.all("seen")) == 1
    with transaction("test"):
        assert webchat.find_session(visitor).desk_read_until == stream.all("seen")[0].data["until"]


def test_whoever_waits_hears_that_the_line_moves_and_counts_as_there(live: FlaskClient) -> None:
    ticket, other = make.ticket(channel=Channel.CHAT), make.ticket(channel=Channel.CHAT)
    ticket_id, other_id = ticket.id, other.id
    visitor, theirs = a_chat(live, ticket)
    with transaction("test") as session:
        queue = session.get_one(Queue, session.get_one(Ticket, ticket_id).queue_id)
        for one in (ticket_id, other_id):
            lifecycle.lock_ticket(one).queue = queue
        session.get_one(Ticket, ticket_id).live = True
        webchat.find_session(visitor).seen_at = long_ago = utc_now() - timedelta(minutes=2)
    with listen(live, theirs) as stream:
        assert webchat.find_session(visitor).seen_at > long_ago
        with transaction("test"):
            webchat.find_session(visitor).seen_at = long_ago
        happen(other_id, LiveBegan("chat", "2026-11-18T12:00:00Z"))
        stream.until("line")
        feed().keeper.note_presence()
        db.session.remove()
        assert webchat.find_session(visitor).seen_at > long_ago
        next(one for one in feed().hub.everybody() if one is stream.listener).until = utc_now()
        feed().keeper.check_rights()
        stream.when(lambda: stream.is_over, "end")


def test_only_their_own_valid_token_opens_a_visitors_stream(live: FlaskClient) -> None:
    ticket = make.ticket()
    _, theirs = a_chat(live, ticket)
    agents = make.bearer(make.agent())
    forged = {"Authorization": theirs["Authorization"][:-2] + "xx"}

    refused = [live.get("/chat/events", headers=one).status_code for one in ({}, forged, agents)]

    assert refused == [403, 403, 403]
    assert live.get("/api/v1/events", headers=theirs).status_code == 401
    # Four fifths of half the threads, or as many as one visitor may have.
    most, status = {"sqlite": (3, 503), "postgresql": (6, 429)}[dialect()]
    streams = [listen(live, theirs) for _ in range(most)]
    assert live.get("/chat/events", headers=theirs).status_code == status
    for one in streams:
        one.close()


def test_streams_say_when_valkey_is_away_and_miss_nothing_when_it_is_back(sqlite_app: Flask) -> None:
    ada = make.agent()
    ada_headers = make.bearer(ada)
    ticket_id = make.ticket(queue=make.queue(members=[ada])).id
    with tempfile.TemporaryDirectory(prefix="comptoir-valkey-") as name, embedded_valkey.in_folder(Path(name)) as own:
        with servers._running(own):
            context = with_valkey(sqlite_app, own.url)
            context.__enter__()
            untold.tell_what_was_left()
            stream = Listening(sqlite_app.test_client(), ada_headers)
            stream.until("ready")
            happen(ticket_id, MessageRead(1))
            stream.until("message_read")
        stream.until("trouble")
        happen(ticket_id, MessageRead(2))
        late = sqlite_app.test_client().get("/api/v1/tickets", headers=ada_headers)
        assert late.status_code == 200
        with servers._running(own):
            stream.when(lambda: {"ready", "reload"} & {one.event for one in stream.heard[2:]}, "recovery")
            sqlite_app.extensions["comptoir.news"].quiet_until = 0.0
            untold.tell_what_was_left()
            stream.when(lambda: len(stream.all("message_read")) == 2 or stream.all("reload"), "news")
            stream.close()
            context.__exit__(None, None, None)
