"""Two tickets made one: nothing is lost, nothing waits unseen, and later words land where the messages are."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from api import reactions
from channels import webchat
from channels.models import Call, ChatSession
from channels.phone import calls
from sla.models import Clock
from sla.readings import clocks_of
from tests import fakes, make
from tests.api.desk import promise
from tests.conftest import NOON
from tests.ticketing.test_concurrency import on_postgresql, while_held
from tests.ticketing.test_intake import mail, take_in
from ticketing import conversation, journal, lifecycle, merging, queries, snoozing
from ticketing.agents import Caller
from ticketing.envelope import Channel, HandleKind, InboundMessage, MessageState, Sender, ThreadHints
from ticketing.errors import Conflict, InvalidInput, InvalidTransition, TicketingError
from ticketing.events import SYSTEM
from ticketing.links import LinkWord, links_of
from ticketing.models import Agent, Draft, Message, MessageKind, Role, Ticket, TicketLink
from ticketing.status import Status
from ticketing.store import db
from ticketing.transaction import transaction

HOUR = timedelta(hours=1)


@pytest.fixture
def caller(app: Flask) -> Caller:
    return Caller(make.agent(Role.ADMIN).id, "Grace", Role.ADMIN, frozenset())


def again(ticket: Ticket) -> Ticket:
    db.session.rollback()
    return db.session().get_one(Ticket, ticket.id, populate_existing=True)


def bodies(ticket: Ticket) -> list[str]:
    query = select(Message.body).where(Message.ticket_id == ticket.id).order_by(Message.id)
    return list(db.session().scalars(query))


def test_messages_keep_their_place_in_time(app: Flask) -> None:
    first, second = make.ticket(body="one"), make.ticket(body="two", at=NOON + HOUR)
    make.message(first, "three", at=NOON + 2 * HOUR)
    make.message(second, "four", at=NOON + 3 * HOUR)

    make.merge(first, second, at=NOON + 4 * HOUR)

    assert bodies(second) == ["one", "two", "three", "four"]
    assert bodies(first) == []


def test_the_source_is_closed_and_says_where_it_went(app: Flask) -> None:
    source, target = make.ticket(channel=Channel.CHAT, live=True), make.ticket()

    make.merge(source, target, at=NOON + HOUR)

    source, target = again(source), again(target)
    assert (source.status, source.merged_into_id, source.closed_at) == (Status.CLOSED, target.id, NOON + HOUR)
    assert (source.waiting_since, source.live, target.live) == (None, False, True)
    assert journal.lines(source.id)[-1].data == {"into": target.id, "messages": [1]}
    told = next(row for row in journal.lines(target.id) if row.kind == "ticket_absorbed")
    assert told.data == {"merged": source.id, "messages": [1], "waiting_since": "2026-11-18T12:00:00Z"}


def test_the_older_wait_counts_and_opens_what_was_solved(app: Flask) -> None:
    source, target = make.ticket(), make.ticket(at=NOON + HOUR)
    with transaction("test"):
        row = lifecycle.lock_ticket(target.id)
        snoozing.snooze(row, NOON + 9 * HOUR, by=SYSTEM, at=NOON + HOUR)
        lifecycle.resolve(row, by=SYSTEM, at=NOON + 2 * HOUR)

    make.merge(source, target, at=NOON + 3 * HOUR)

    target = again(target)
    assert (target.status, target.waiting_since, target.snoozed_until) == (Status.OPEN, NOON, None)


def test_a_source_that_nobody_waits_on_leaves_a_solved_target_alone(app: Flask) -> None:
    source, target = make.ticket(), make.ticket()
    with transaction("test"):
        for one in (source, target):
            lifecycle.resolve(lifecycle.lock_ticket(one.id), by=SYSTEM, at=NOON)

    make.merge(source, target)

    assert again(target).status is Status.SOLVED


def test_tags_are_united_and_drafts_and_links_come_along(app: Flask, caller: Caller) -> None:
    ada, ben = make.agent(), make.agent()
    source, target, other = make.ticket(tags=["b", "a"]), make.ticket(tags=["c", "a"]), make.ticket()
    make.link(source, other, LinkWord.PARENT)
    make.link(source, target)
    with transaction("test") as session:
        for ticket, agent, body in [(source, ada, "hers"), (source, ben, "his"), (target, ben, "his other")]:
            session.add(
                Draft(ticket_id=ticket.id, agent_id=agent.id, kind=MessageKind.OUTBOUND, body=body, updated_at=NOON)
            )

    make.merge(source, target)

    drafts = {(row.ticket_id, row.agent_id): row.body for row in db.session().scalars(select(Draft))}
    links = [(one.kind, one.ticket.id) for one in links_of(caller, target, after=0, limit=9)]
    assert again(target).tags == ["a", "b", "c"]
    assert drafts == {(target.id, ada.id): "hers", (source.id, ben.id): "his", (target.id, ben.id): "his other"}
    assert links == [("parent", other.id)]


def test_the_tickets_at_the_other_ends_of_links_are_told(app: Flask) -> None:
    source, target, child, both = make.ticket(), make.ticket(), make.ticket(), make.ticket()
    make.link(source, child, LinkWord.CHILD)
    make.link(source, both)
    make.link(target, both)
    make.link(source, target, LinkWord.DUPLICATES)
    versions = [again(one).version for one in (child, both)]

    make.merge(source, target)

    removed, added = ("link_removed", "parent", source.id), ("link_added", "parent", target.id)
    assert link_events(child)[1:] == [removed, added]
    assert link_events(both)[2:] == [("link_removed", "relates", source.id)]
    assert [again(one).version for one in (child, both)] == versions


def link_events(ticket: Ticket) -> list[tuple[str, str, int]]:
    lines = [row for row in journal.lines(ticket.id) if row.kind.startswith("link_")]
    return [(row.kind, row.data["link"], row.data["other"]) for row in lines]


@on_postgresql
def test_two_merges_that_make_the_same_link_make_it_once(app: Flask, caller: Caller) -> None:
    first, into_first, second, into_second = (make.ticket() for _ in range(4))
    make.link(first, into_second)
    make.link(second, into_first)
    ids = [one.id for one in (first, into_first, second, into_second)]

    def one() -> None:
        merging.merge(*merging.lock_pair(caller, ids[0], ids[1]), by=SYSTEM, at=NOON)

    def other() -> None:
        # Each has locked its own two tickets only, and both come to a link of the two that survive.
        with transaction("api"):
            merging.merge(*merging.lock_pair(caller, ids[2], ids[3]), by=SYSTEM, at=NOON)

    while_held(app, one, other)

    links = db.session().execute(select(TicketLink.ticket_id, TicketLink.kind, TicketLink.other_id)).all()
    assert links == [(into_first.id, "relates", into_second.id)]


def test_a_link_that_would_close_a_circle_of_parents_is_left_behind(app: Flask, caller: Caller) -> None:
    source, target, between = make.ticket(), make.ticket(), make.ticket()
    make.link(source, between, LinkWord.PARENT)
    make.link(between, target, LinkWord.PARENT)

    make.merge(source, target)

    links = [(one.kind, one.ticket.id) for one in links_of(caller, target, after=0, limit=9)]
    assert links == [("child", between.id)]


def test_running_clocks_of_the_source_end_without_a_verdict(app: Flask) -> None:
    promise()
    source, target = make.ticket(), make.ticket()

    make.merge(source, target, at=NOON + HOUR)

    clock = db.session().scalars(select(Clock).where(Clock.ticket_id == source.id)).one()
    assert (clock.cancelled_at, clock.met_at, clock.breached_at) == (NOON + HOUR, None, None)
    assert clocks_of(source.id, NOON + 9 * HOUR) == []
    assert (again(source).due_at, again(source).sla_tracked) == (None, False)
    assert [one.state for one in clocks_of(target.id, NOON + 9 * HOUR)] == ["breached"]


def test_a_deadline_that_had_passed_stays_missed(app: Flask) -> None:
    promise()
    source, target = make.ticket(), make.ticket()

    make.merge(source, target, at=NOON + 5 * HOUR)

    assert [one.state for one in clocks_of(source.id, NOON + 9 * HOUR)] == ["breached"]
    assert (again(source).due_at, again(source).sla_breached) == (None, True)


def test_a_reply_that_is_queued_still_leaves_and_its_receipts_find_it(app: Flask) -> None:
    channel = fakes.FakeChannel()
    fakes.plug_in(app, channel)
    make.inbox(Channel.SMS)
    source = make.ticket(channel=Channel.SMS, customer=make.customer(phone="+15145550123"))
    target = make.ticket()
    reply = make.reply(source, make.agent())

    make.merge(source, target)
    make.work_off()

    sent = db.session().get_one(Message, reply.id, populate_existing=True)
    assert [one.message_id for one in channel.sent] == [reply.id]
    assert (sent.ticket_id, sent.state) == (target.id, MessageState.SENT)
    assert "delivery_changed" in [row.kind for row in journal.lines(target.id)]


def test_an_attempt_that_was_under_way_is_recorded_on_the_target(app: Flask) -> None:
    source, target = make.ticket(channel=Channel.SMS, customer=make.customer(phone="+15145550123")), make.ticket()
    make.inbox(Channel.SMS)

    class Merging(fakes.FakeChannel):
        """Somebody merges while the provider is asked."""

        def send(self, outgoing):  # type: ignore[no-untyped-def]
            make.merge(source, target)
            return super().send(outgoing)

    fakes.plug_in(app, Merging())
    reply = make.reply(source, make.agent())
    reactions.retry_deliveries(source.id)

    sent = db.session().get_one(Message, reply.id, populate_existing=True)
    assert (sent.ticket_id, sent.state) == (target.id, MessageState.SENT)
    assert journal.lines(source.id)[-1].kind == "ticket_merged"


def test_calls_and_chats_go_along(app: Flask) -> None:
    inbox, source, target = make.inbox(Channel.CHAT), make.ticket(channel=Channel.CHAT), make.ticket()
    with transaction("test") as session:
        about = {"ticket_id": source.id, "inbox_id": inbox.id}
        session.add(ChatSession(visitor="v", name="", created_at=NOON, seen_at=NOON, **about))
        session.add(Call(provider_id="CA1", state="ringing", started_at=NOON, **about))

    make.merge(source, target)

    assert db.session().scalars(select(ChatSession.ticket_id)).all() == [target.id]
    assert db.session().scalars(select(Call.ticket_id)).all() == [target.id]


def test_a_visitor_who_leaves_after_the_merge_waits_live_no_more(app: Flask) -> None:
    inbox, source, target = make.inbox(Channel.CHAT), make.ticket(channel=Channel.CHAT, live=True), make.ticket()
    about = {"ticket_id": source.id, "inbox_id": inbox.id}
    with transaction("test") as session:
        session.add(ChatSession(visitor="v", name="", created_at=NOON, seen_at=NOON, **about))
        session.add(Call(provider_id="CA1", state="ringing", started_at=NOON, **about))
    make.merge(source, target)

    with transaction("test"):
        assert webchat.end_abandoned(NOON + HOUR) == []  # the same person is on the phone
        assert calls.end_lost(NOON + 5 * HOUR) == []  # which is for the chat to say
        assert webchat.end_abandoned(NOON + 5 * HOUR) == [target.id]

    assert not again(target).live


def test_later_words_follow_a_chain_of_merges_whoever_writes_them(app: Flask) -> None:
    inbox = make.inbox(Channel.SMS)
    texts = [Sender(HandleKind.PHONE, f"+1514555010{n}") for n in (1, 2, 3)]

    def text(sender: Sender, number: str) -> Ticket:
        words = InboundMessage(Channel.SMS, number, sender, text="Hello?", received_at=NOON)
        return take_in(words, inbox).ticket

    one, two, three = (text(sender, f"SM{n}") for n, sender in enumerate(texts))
    make.merge(one, two)
    make.merge(two, three)

    assert [text(sender, f"SN{n}").id for n, sender in enumerate(texts)] == [three.id] * 3
    assert again(three).customer_id == three.customer_id


def test_a_signed_reply_to_any_ticket_of_the_chain_lands_on_the_last(app: Flask) -> None:
    inbox = make.inbox(Channel.EMAIL)
    one, two, three = (take_in(mail(name), inbox).ticket for name in ("one", "two", "three"))
    make.merge(one, two)
    make.merge(two, three)

    signed = take_in(mail("four", hints=ThreadHints(ticket_ids=(one.id,))), inbox)
    known = take_in(mail("five", hints=ThreadHints(message_ids=("<one>",))), inbox)

    assert (signed.ticket.id, known.ticket.id) == (three.id, three.id)


def test_a_reply_after_the_target_closed_opens_a_ticket_that_follows_it(app: Flask) -> None:
    inbox = make.inbox(Channel.EMAIL)
    one, two = (take_in(mail(name), inbox).ticket for name in ("one", "two"))
    make.merge(one, two)
    with transaction("test"):
        lifecycle.resolve(lifecycle.lock_ticket(two.id), by=SYSTEM, at=NOON)

    late = take_in(mail("late", received_at=NOON + 100 * HOUR, hints=ThreadHints(ticket_ids=(one.id,))), inbox)

    assert late.opened
    assert late.ticket.follows_id == two.id


@pytest.mark.parametrize("status", [Status.CLOSED, Status.SOLVED], ids=["closed", "solved for longer than the grace"])
@pytest.mark.parametrize("which", ["source", "target"])
def test_what_is_over_is_not_merged(app: Flask, status: Status, which: str) -> None:
    tickets = {"source": make.ticket(), "target": make.ticket()}
    with transaction("test"):
        row = lifecycle.lock_ticket(tickets[which].id)
        row.status, row.solved_at = status, NOON

    with pytest.raises(InvalidTransition, match="is closed"):
        make.merge(tickets["source"], tickets["target"], at=NOON + 96 * HOUR)


def test_pairs_follow_chains_and_refuse_circles(app: Flask, caller: Caller) -> None:
    one, two, three, four = (make.ticket() for _ in range(4))
    make.merge(one, two)
    make.merge(two, three)

    with transaction("test"):
        source, target = merging.lock_pair(caller, four.id, one.id)
        assert (source.id, target.id) == (four.id, three.id)
        with pytest.raises(Conflict, match=f"ticket {one.id} is part of ticket {three.id}"):
            merging.lock_pair(caller, three.id, one.id)
        with pytest.raises(Conflict, match="into itself"):
            merging.lock_pair(caller, four.id, four.id)
        with pytest.raises(InvalidTransition, match=f"is merged into {two.id} already"):
            merging.lock_pair(caller, one.id, four.id)
        with pytest.raises(InvalidInput, match="there is no ticket 99"):
            merging.lock_pair(caller, four.id, 99)


def merge_as(caller: Caller, source_id: int, into_id: int) -> None:
    with transaction("api"):
        source, target = merging.lock_pair(caller, source_id, into_id)
        merging.merge(source, target, by=SYSTEM, at=NOON)


@on_postgresql
def test_of_two_who_merge_each_into_the_other_one_wins(app: Flask, caller: Caller) -> None:
    for _ in range(5):
        pair = make.ticket(), make.ticket()
        refusals: list[str] = []
        together = threading.Barrier(2)

        def work(source_id: int, into_id: int, meet: threading.Barrier, told: list[str]) -> None:
            with app.app_context():
                meet.wait(60)
                try:
                    merge_as(caller, source_id, into_id)
                except TicketingError as error:
                    told.append(str(error))
                finally:
                    db.session.remove()

        run_all(
            [
                lambda a=pair[0].id, b=pair[1].id, m=together, r=refusals: work(a, b, m, r),
                lambda a=pair[1].id, b=pair[0].id, m=together, r=refusals: work(a, b, m, r),
            ]
        )

        merged = [one.merged_into_id for one in map(again, pair)]
        assert sorted(merged, key=str) in [[pair[0].id, None], [pair[1].id, None]]
        assert len(refusals) == 1
        assert "merged into" in refusals[0] or "part of" in refusals[0]


@on_postgresql
def test_a_reply_that_comes_while_its_ticket_is_merged_lands_on_the_target(app: Flask) -> None:
    inbox = make.inbox(Channel.EMAIL)
    source, target = take_in(mail("one"), inbox).ticket, take_in(mail("two"), inbox).ticket
    ids = source.id, target.id

    def merge() -> None:
        locked = [lifecycle.lock_ticket(one) for one in ids]
        merging.merge(*locked, by=SYSTEM, at=NOON)

    def write() -> None:
        assert take_in(mail("new", hints=ThreadHints(ticket_ids=ids[:1])), inbox).ticket.id == ids[1]

    while_held(app, merge, write)
    assert bodies(again(source)) == []


@on_postgresql
def test_an_agents_reply_waits_for_the_merge_and_is_refused(app: Flask, caller: Caller) -> None:
    make.inbox(Channel.EMAIL)
    ids, agent_id = (make.ticket().id, make.ticket().id), make.agent().id

    def merge() -> None:
        locked = [lifecycle.lock_ticket(one) for one in ids]
        merging.merge(*locked, by=SYSTEM, at=NOON)

    def write() -> None:
        with transaction("api") as session:
            ada = session.get_one(Agent, agent_id)
            with pytest.raises(InvalidTransition, match=f"merged into {ids[1]}"):
                conversation.reply(queries.lock_seen(caller, ids[0]), "Hello", agent=ada, at=NOON)

    while_held(app, merge, write)


def run_all(works: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
