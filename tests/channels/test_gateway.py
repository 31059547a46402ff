"""Whatever comes in is kept first; nothing is lost, nothing doubled, nothing blocks the next."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy import func, select

from channels import gateway
from channels.models import InboundItem, ItemState
from channels.protocol import Parsed, RawItem
from tests import fakes, make
from tests.conftest import NOON
from ticketing import intake
from ticketing.envelope import Channel
from ticketing.models import Message, Ticket
from ticketing.store import db


@pytest.fixture
def channel(app: Flask) -> fakes.FakeChannel:
    """A text channel, with an inbox."""
    fake = fakes.FakeChannel()
    fakes.plug_in(app, fake)
    make.inbox(Channel.SMS)
    return fake


def receive(body: str) -> gateway.Received:
    return gateway.receive(fakes.item(body, at=NOON), at=NOON)


def count(model: type) -> int:
    return db.session().scalar(select(func.count()).select_from(model)) or 0


def test_a_message_becomes_a_ticket(app: Flask, channel: fakes.FakeChannel) -> None:
    received = receive("m1 +15145550123 My kettle leaks")

    assert received.state is ItemState.PROCESSED
    assert db.session().get_one(Message, received.message_id).body == "My kettle leaks"
    assert db.session().get_one(InboundItem, received.item_id).body == b"m1 +15145550123 My kettle leaks"


def test_the_same_item_again_is_a_duplicate(app: Flask, channel: fakes.FakeChannel) -> None:
    first = receive("m1 +15145550123 Hello")

    second = receive("m1 +15145550123 Hello")

    assert second.duplicate
    assert (second.item_id, second.message_id, second.ticket_id) == (first.item_id, first.message_id, first.ticket_id)
    assert count(Message) == 1


def test_ten_times_at_once_makes_one_message(app: Flask, channel: fakes.FakeChannel) -> None:
    def deliver(_: int) -> gateway.Received:
        with app.app_context():
            try:
                return receive("m1 +15145550123 Hello")
            finally:
                db.session.remove()

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(deliver, range(10)))

    assert count(Message) == count(Ticket) == count(InboundItem) == 1
    assert sorted(one.duplicate for one in answers) == [False] + [True] * 9


def test_two_first_messages_at_once_share_a_ticket(app: Flask, channel: fakes.FakeChannel) -> None:
    def deliver(number: int) -> int | None:
        with app.app_context():
            try:
                return receive(f"m{number} +15145550123 part {number}").ticket_id
            finally:
                db.session.remove()

    with ThreadPoolExecutor(8) as pool:
        tickets = set(pool.map(deliver, range(8)))

    assert len(tickets) == 1
    assert count(Message) == 8


def test_a_malformed_item_is_kept_in_quarantine(app: Flask, channel: fakes.FakeChannel) -> None:
    received = receive("garbage")

    assert (received.state, received.malformed) == (ItemState.QUARANTINED, True)
    assert db.session().get_one(InboundItem, received.item_id).reason == "not three words"


def test_an_unsupported_item_is_kept_and_ignored(app: Flask, channel: fakes.FakeChannel) -> None:
    received = receive("nothing")

    assert (received.state, received.reason) == (ItemState.IGNORED, "nothing is nothing to us")


def test_a_bug_of_ours_costs_no_message_and_blocks_none(app: Flask, channel: fakes.FakeChannel) -> None:
    broken = receive("bug")
    next_one = receive("m2 +15145550123 Hello")

    assert broken.state is ItemState.QUARANTINED
    assert not broken.malformed
    assert next_one.state is ItemState.PROCESSED


def test_a_failure_inside_leaves_nothing_but_the_item_and_a_replay_mends_it(app: Flask) -> None:
    fakes.plug_in(app, fakes.FakeChannel())  # and no inbox yet
    first = receive("m1 +15145550123 Hello")
    assert (first.state, count(Message), count(Ticket)) == (ItemState.QUARANTINED, 0, 0)
    make.inbox(Channel.SMS)

    again = gateway.replay(first.item_id, at=NOON)

    assert again.state is ItemState.PROCESSED
    assert gateway.replay(first.item_id, at=NOON).message_id == again.message_id
    assert count(Message) == 1


def test_what_could_not_be_read_is_known_when_it_comes_again_after_a_replay(
    app: Flask, channel: fakes.FakeChannel
) -> None:
    fakes.plug_in(app, Unreadable())
    first, second = receive("m1 +15145550123 Hello"), receive("m2 +15145550123 Are you there?")
    fakes.plug_in(app, channel)

    gateway.replay(first.item_id, at=NOON)
    receive("m2 +15145550123 Are you there?")

    assert receive("m1 +15145550123 Hello").duplicate
    assert gateway.replay(second.item_id, at=NOON).state is ItemState.IGNORED
    assert count(Message) == 2


class Unreadable(fakes.FakeChannel):
    """A channel with a bug."""

    def parse(self, item: RawItem) -> Parsed:
        raise ZeroDivisionError


def test_an_item_is_kept_whatever_holds_on_to_the_failure(app: Flask) -> None:
    fakes.plug_in(app, Failing())
    make.inbox(Channel.SMS)

    assert receive("m1 +15145550123 Hello").state is ItemState.QUARANTINED


class Failing(fakes.FakeChannel):
    """A channel that fails when all is written, with an error that its own frame still knows."""

    def taken_in(self, item: RawItem, taken: intake.Taken, *, at: datetime) -> None:
        error = ValueError()
        raise error


def test_the_provider_who_tries_again_replays_what_is_in_quarantine(app: Flask) -> None:
    fakes.plug_in(app, fakes.FakeChannel())
    receive("m1 +15145550123 Hello")
    make.inbox(Channel.SMS)

    again = receive("m1 +15145550123 Hello")

    assert (again.state, again.duplicate) == (ItemState.PROCESSED, False)
    assert count(Message) == 1
