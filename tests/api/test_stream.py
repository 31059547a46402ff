"""The agents' live stream: what they see, at the moment when they are told, without loss and without doubles."""

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis, RedisError
from sqlalchemy import select

from api.realtime.feed import feed
from api.realtime.hub import RESTARTING
from api.realtime.streaming import AT_ONCE
from tests import make, servers
from tests.api.desk import Desk
from tests.api.listening import Listening, with_valkey
from tests.conftest import NOON
from ticketing import agents, lifecycle, queues, realtime, untold
from ticketing.agents import Caller
from ticketing.events import SYSTEM
from ticketing.filters import sees
from ticketing.models import Agent, Queue, QueueAccess, Role, Ticket, Token
from ticketing.sight import sights, workers_of
from ticketing.store import db
from ticketing.transaction import transaction


@pytest.fixture(scope="module")
def valkey() -> Iterator[str]:
    with servers.valkey() as url:
        yield url


@pytest.fixture
def live(app: Flask, valkey: str) -> Iterator[FlaskClient]:
    with with_valkey(app, valkey):
        yield app.test_client()


@pytest.fixture
def live_on_sqlite(sqlite_app: Flask, valkey: str) -> Iterator[FlaskClient]:
    with with_valkey(sqlite_app, valkey):
        yield sqlite_app.test_client()


@dataclass(frozen=True)
class Row:
    """What of a row is needed here; a stream lets go of the session, and of the rows with it."""

    id: int


def an_agent(*given: Any, **values: Any) -> Row:
    return Row(make.agent(*given, **values).id)


def a_queue(*members: Row, **values: Any) -> Row:
    return Row(make.queue(members=members, **values).id)


def a_ticket(queue: Row, **values: Any) -> Row:
    return Row(make.ticket(queue=queue, **values).id)


def listen(client: FlaskClient, agent: Row, query: str = "", *, after: str = "") -> Listening:
    headers = make.bearer(agent) | ({"Last-Event-ID": after} if after else {})
    return Listening(client, headers, f"/api/v1/events{query}")


def desk(client: FlaskClient, agent: Row) -> Desk:
    with transaction("test") as session:
        row = session.get_one(Agent, agent.id)
    return Desk(client, row)


def change_members(queue: Row, *members: Row) -> None:
    with transaction("test") as session:
        queues.change_queue(session.get_one(Queue, queue.id), members=[one.id for one in members])


def move(ticket: Row, queue: Row) -> None:
    with transaction("test") as session:
        to = session.get_one(Queue, queue.id)
        lifecycle.move(lifecycle.lock_ticket(ticket.id), to, by=SYSTEM, at=NOON)


def tag(ticket: Row, *tags: str) -> None:
    with transaction("test"):
        lifecycle.change_tags(lifecycle.lock_ticket(ticket.id), tags, by=SYSTEM, at=NOON)


def hears_nothing_of(stream: Listening, ticket: Row, *, but: Iterable[str] = (), marker: Row) -> None:
    """Let something happen that the listener may hear, and find that nothing else came before it."""
    count = len(stream.all("subject_changed"))
    with transaction("test"):
        row = lifecycle.lock_ticket(marker.id)
        lifecycle.change_subject(row, f"{row.subject}!", by=SYSTEM, at=NOON)
    stream.until("subject_changed", count + 1)
    assert {one.event for one in stream.heard if one.data.get("ticket") == ticket.id} == set(but)


def test_an_agent_hears_of_their_own_queues_and_never_of_others(live: FlaskClient) -> None:
    ada, grace, boss = an_agent(), an_agent(), an_agent(Role.ADMIN)
    ours, theirs = a_queue(ada), a_queue(grace)
    with listen(live, ada) as stream, listen(live, boss) as all_of_it:
        other, ticket = a_ticket(theirs), a_ticket(ours)
        tag(other, "drips")
        tag(ticket, "drips")

        heard, of_all = stream.until("tags_changed"), all_of_it.until("tags_changed", 2)

    shown = live.get(f"/api/v1/tickets/{ticket.id}/events", headers=make.bearer(ada)).json["items"]
    assert heard.data == {**shown[-1], "queue": ours.id}
    assert [one.data["id"] for one in stream.heard if "id" in one.data] == [one["id"] for one in shown]
    assert of_all.data["ticket"] == ticket.id
    ids_of_others = {one.id for one in all_of_it.heard if one.data.get("ticket") == other.id}
    assert ids_of_others
    assert not ids_of_others & {one.id for one in stream.heard}


def test_who_may_hear_it_is_decided_when_it_is_told(live: FlaskClient) -> None:
    ada, grace, boss = an_agent(), an_agent(), an_agent(Role.ADMIN)
    mine, shared = a_queue(ada, grace, boss), a_queue(ada, grace)
    marker, ticket, moved, taken = (a_ticket(one) for one in (mine, shared, shared, a_queue(boss)))
    with transaction("test") as session:
        lifecycle.assign(lifecycle.lock_ticket(taken.id), session.get_one(Agent, ada.id), by=SYSTEM, at=NOON)
    with listen(live, ada) as hers, listen(live, boss) as his:
        move(moved, a_queue(grace))
        tag(moved, "drips")
        hears_nothing_of(hers, moved, but=["ticket_left"], marker=marker)

        with transaction("test") as session:
            lifecycle.assign(
                lifecycle.lock_ticket(taken.id), session.get_one(Agent, grace.id), by=SYSTEM, at=NOON, steal=True
            )
        tag(taken, "drips")
        hears_nothing_of(hers, taken, but=["ticket_left"], marker=marker)

        change_members(shared, grace)
        tag(ticket, "drips")
        hears_nothing_of(hers, ticket, marker=marker)

        with transaction("test") as session:
            session.get_one(Agent, boss.id).role = Role.AGENT
        tag(ticket, "drips", "leaks")
        hears_nothing_of(his, ticket, but=["tags_changed"], marker=marker)  # once, when he was an admin
        assert [one.data["data"]["added"] for one in his.all("tags_changed") if one.data["ticket"] == ticket.id] == [
            ["drips"]
        ]

        with transaction("test") as session:
            session.get_one(Agent, boss.id).is_active = False
        tag(marker, "last")
        feed().keeper.check_rights()
        his.when(lambda: his.is_over, "end")
        hers.until("tags_changed")
    assert (his.heard[-1].event, his.heard[-1].data) == ("goodbye", {"code": "not_authenticated"})


def test_a_stream_tells_nothing_more_once_its_token_is_revoked(live: FlaskClient) -> None:
    ada = an_agent()
    ticket = a_ticket(a_queue(ada))
    secret = make.token(ada)
    token_id = agents.authenticate(secret, now=NOON).token_id  # type: ignore[union-attr]  # it was just made
    db.session.remove()
    with Listening(live, {"Authorization": f"Bearer {secret}"}) as stream, listen(live, ada) as quiet:
        with transaction("test") as session:
            for one in session.query(Token):
                one.revoked_at = NOON if one.id == token_id else None
        tag(ticket, "drips")
        quiet.until("tags_changed")
        stream.when(lambda: stream.is_over, "end")
        assert [one.event for one in stream.heard] == ["ready", "goodbye"]

        with transaction("test") as session:
            for one in session.query(Token):
                one.revoked_at = NOON
        feed().keeper.check_rights()  # also where nothing happens
        quiet.when(lambda: quiet.is_over, "end")
    assert feed().hub.everybody() == []


def test_a_client_that_comes_back_misses_nothing_and_gets_nothing_twice(live: FlaskClient) -> None:
    ada = an_agent()
    queue, other = a_queue(ada), a_queue(ada)
    ticket, elsewhere = a_ticket(queue), a_ticket(other)
    with listen(live, ada) as stream:
        tag(ticket, "1")
        first = stream.until("tags_changed").id
    for number in range(2, 5):
        tag(ticket, str(number))
    tag(elsewhere, "x")
    change_members(other)

    with listen(live, ada, after=first) as again:
        tag(ticket, "5")
        again.until("tags_changed", 4)
        assert [one.data["data"]["added"] for one in again.all("tags_changed")] == [["2"], ["3"], ["4"], ["5"]]
        assert again.until("ready").data == {"resumed": True}
        assert elsewhere.id not in {one.data.get("ticket") for one in again.heard}

    with listen(live, ada, f"?last_event_id={again.last_id}") as third:
        assert [one.event for one in third.heard] == ["ready"]


def test_a_position_that_is_gone_is_told_to_reload(live_on_sqlite: FlaskClient, valkey: str) -> None:
    ada = an_agent()
    ticket = a_ticket(a_queue(ada))
    with listen(live_on_sqlite, ada) as stream:
        tag(ticket, "1")
        tag(ticket, "2")
        first = stream.until("tags_changed", 2) and stream.all("tags_changed")[0].id
        with Redis.from_url(valkey) as redis:
            redis.xtrim(realtime.STREAM, maxlen=1, approximate=False)
            feed().hub.forget()  # as another process, which remembers nothing
            for lost in ("0-0-0", "nonsense", first[:9] + "1-0"):
                with Listening(live_on_sqlite, make.bearer(ada) | {"Last-Event-ID": lost}, ready="reload") as again:
                    assert [one.event for one in again.heard] == ["reload"]
            redis.flushall()
            stream.until("reload")
        tag(ticket, "3")
        stream.until("tags_changed", 3)


def test_one_ticket_or_one_queue_may_be_listened_to_alone(live: FlaskClient) -> None:
    ada = an_agent()
    one, other = a_queue(ada), a_queue(ada)
    ticket, second = a_ticket(one), a_ticket(one)
    hidden = a_queue(an_agent())
    not_theirs = a_ticket(hidden)
    with listen(live, ada, f"?ticket={ticket.id}") as of_ticket, listen(live, ada, f"?queue={one.id}") as of_queue:
        tag(second, "drips")
        of_queue.until("tags_changed")
        move(second, other)
        tag(second, "leaks")
        tag(ticket, "drips")
        of_ticket.until("tags_changed")
        of_queue.until("tags_changed", 2)

        heard = [(one.event, one.data["ticket"]) for one in of_queue.heard[1:]]
        assert heard == [("tags_changed", second.id), ("ticket_left", second.id), ("tags_changed", ticket.id)]
        assert [one.data["ticket"] for one in of_ticket.heard[1:]] == [ticket.id]
    hers = desk(live, ada)
    paths = (f"ticket={not_theirs.id}", f"queue={hidden.id}", "queue=Nowhere", "ticket=999999")
    refused = [hers.get(f"/events?{path}").status_code for path in (*paths, "ticket=x", "other=1")]
    assert refused == [404, 404, 404, 404, 422, 422]
    assert hers.call("HEAD", "/events").status_code == 200
    assert feed().hub.everybody() == []


def test_an_agent_whose_queues_change_is_told_to_reload(live: FlaskClient) -> None:
    ada = an_agent()
    queue = a_queue(ada)
    with listen(live, ada) as stream:
        feed().keeper.check_rights()
        feed().keeper.check_rights()
        assert stream.all("reload") == []
        change_members(queue)
        feed().keeper.check_rights()
        stream.until("reload")


def test_colleagues_hear_who_looks_and_nobody_hears_what_has_expired(live: FlaskClient) -> None:
    ada, grace, eve = an_agent(name="Ada"), an_agent(name="Grace"), an_agent(name="Eve")
    ticket = a_ticket(a_queue(ada, grace))
    elsewhere = a_ticket(a_queue(eve))
    with listen(live, grace) as stream, listen(live, eve) as other:
        realtime.signal("onlookers", ticket_id=ticket.id, data={"items": ["old"]}, lasts=-1)
        desk(live, ada).put(f"/tickets/{ticket.id}/onlookers/me", {"typing": True})
        heard = stream.until("onlookers").data
        tag(elsewhere, "drips")
        other.until("tags_changed")

    assert heard["ticket"] == ticket.id
    assert [(one["agent"]["name"], one["typing"]) for one in heard["items"]] == [("Ada", True)]
    assert other.all("onlookers") == []


def test_the_ticker_tells_of_what_its_process_could_not_tell(live: FlaskClient, valkey: str) -> None:
    ada = an_agent()
    ticket = a_ticket(a_queue(ada))
    untold.tell_what_was_left()
    wire = live.application.extensions["comptoir.news"]
    with listen(live, ada) as stream:
        tag(ticket, "1")
        away, wire.redis = wire.redis, None
        tag(ticket, "2")
        wire.redis = away
        tag(ticket, "3")
        stream.until("tags_changed", 2)
        untold.tell_what_was_left()
        untold.tell_what_was_left()
        stream.until("tags_changed", 3)
        tag(ticket, "4")
        stream.until("tags_changed", 4)
    told = [one.data["data"]["added"] for one in stream.all("tags_changed")]
    assert told == [["1"], ["3"], ["2"], ["4"]]

    untold.tell_what_was_left()
    with Redis.from_url(valkey) as redis, listen(live, ada) as stream:
        redis.set(untold.SWEPT, 10_000)  # an older store was put back, whose numbers come again
        live.application.extensions.pop("comptoir.swept")
        untold.tell_what_was_left()
        stream.until("reload")


def test_a_stream_that_was_opened_in_trouble_hears_when_that_is_over(live_on_sqlite: FlaskClient) -> None:
    ada = an_agent()
    ticket = a_ticket(a_queue(ada))
    with listen(live_on_sqlite, ada) as first:
        tape = Away()
        reader, feed()._reader._tape = feed()._reader._tape, tape  # type: ignore[assignment]
        first.until("trouble")
        with Listening(live_on_sqlite, make.bearer(ada), ready="trouble") as late:
            feed()._reader._tape = reader
            late.until("ready")
            tag(ticket, "drips")
            late.until("tags_changed")


class Away:
    """A Valkey that does not answer."""

    def wait(self, *_: object) -> None:
        raise RedisError


def test_who_is_sent_elsewhere_while_they_catch_up_misses_nothing(live_on_sqlite: FlaskClient) -> None:
    ada = an_agent()
    ticket = a_ticket(a_queue(ada))
    with listen(live_on_sqlite, ada) as stream:
        tag(ticket, "1")
        last = stream.until("tags_changed").id
    tag(ticket, "2")
    turns = feed()._streams._turns
    with ExitStack() as others, listen(live_on_sqlite, ada) as quick:
        for _ in range(AT_ONCE):
            others.enter_context(turns)
        late = Listening(live_on_sqlite, make.bearer(ada) | {"Last-Event-ID": last})
        while late.listener.behind:
            time.sleep(0.01)
        tag(ticket, "3")
        quick.until("tags_changed")
        feed().hub.end([late.listener], RESTARTING)
        others.close()
        late.when(lambda: late.is_over, "end")
        late.close()

    with listen(live_on_sqlite, ada, after=late.last_id) as again:
        told = [one.data["data"]["added"] for one in (*late.heard, *again.heard) if one.event == "tags_changed"]
    assert told == [["2"], ["3"]]


def test_streams_are_limited(live_on_sqlite: FlaskClient) -> None:
    ada, boss = an_agent(), an_agent(Role.ADMIN)
    streams = [listen(live_on_sqlite, ada) for _ in range(4)]  # half of the threads

    full = desk(live_on_sqlite, boss).get("/events")

    assert (full.status_code, full.json["code"], full.headers["Retry-After"]) == (503, "streams_full", "15")
    streams.pop().close()
    listen(live_on_sqlite, boss).close()
    for one in streams:
        one.close()


def test_whoever_is_seen_to_see_a_ticket_sees_it(app: Flask) -> None:
    roles = (Role.AGENT, Role.AGENT, Role.SUPERVISOR, Role.ADMIN)
    people = [an_agent(role) for role in roles]
    gone = an_agent(Role.ADMIN)
    queues_ = [
        a_queue(access=QueueAccess.EVERYONE),
        make.queue(members=people[:2]),
        a_queue(*[gone, people[2]]),
        a_queue(access=QueueAccess.MEMBERS),
    ]
    tickets = [a_ticket(queue, assignee=who) for queue in queues_ for who in (None, people[0], people[2])]
    with transaction("test") as session:
        session.get_one(Agent, gone.id).is_active = False

    for asked in ([one.id for one in people], list(range(1, 100))):
        found = sights([one.id for one in tickets], asked)
        for person, role in zip(people, roles, strict=True):
            caller = Caller(person.id, "Ada", role, frozenset())
            theirs = set(db.session().scalars(select(Ticket.id).join(Ticket.queue).where(sees(caller))))
            assert theirs == {ticket for ticket, sight in found.items() if person.id in sight.agents}
        assert all(gone.id not in sight.agents for sight in found.values())
        works = workers_of([queue.id for queue in queues_], asked)
        assert people[1].id in works[queues_[0].id] & works[queues_[1].id]
        assert people[2].id in works[queues_[2].id]
        assert gone.id not in works[queues_[2].id]
