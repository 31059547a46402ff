"""The one contract that every channel's adapter passes. What a channel brings along stands in contract.py."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import func, select

from channels import gateway
from channels.errors import InvalidSignature, MalformedPayload, UnsupportedPayload
from channels.models import Delivery, InboundItem, ItemState
from channels.protocol import Receipt
from channels.registry import adapter
from tests import make
from tests.channels import live_desk
from tests.channels.contract import CASES, ChannelCase
from tests.conftest import NOON
from ticketing.envelope import InboundMessage, MessageState
from ticketing.models import Message, MessageKind, Ticket
from ticketing.moment import utc_now
from ticketing.store import db


def prepared(name: str, app: Flask) -> ChannelCase:
    case = CASES[name](app.extensions["comptoir.settings"])
    make.inbox(case.channel, address=case.inbox_address)
    case.prepare()
    return case


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, app: Flask) -> ChannelCase:
    """A channel at a desk on either database."""
    return prepared(request.param, app)


@pytest.fixture(params=CASES)
def live_case(request: pytest.FixtureRequest, desk: Flask) -> ChannelCase:
    """A channel at a desk whose provider is the sandbox, behind real sockets."""
    return prepared(request.param, desk)


def count(model: type) -> int:
    return db.session().scalar(select(func.count()).select_from(model)) or 0


def answered(case: ChannelCase) -> Message:
    """Return our reply to the case's message after it was handed to the provider."""
    received = gateway.receive(replace(case.message(), received_at=utc_now()), at=utc_now())
    ticket = db.session().get_one(Ticket, received.ticket_id)
    reply = make.reply(ticket, make.agent(), "We are on it.", at=utc_now(), channel=case.channel)
    make.work_off()
    db.session().expire_all()
    return db.session().get_one(Message, reply.id)


def test_a_genuine_message_is_verified_and_read(case: ChannelCase) -> None:
    item = case.message()

    adapter(case.channel).verify(item)
    parsed = adapter(case.channel).parse(item)

    assert isinstance(parsed.content, InboundMessage)
    assert parsed.content.channel is case.channel
    assert parsed.inbox_address == case.inbox_address
    assert parsed.key
    assert parsed.content.provider_id
    assert parsed.content.text


def test_reading_twice_gives_the_same(case: ChannelCase) -> None:
    channel = adapter(case.channel)

    assert channel.parse(case.message()) == channel.parse(case.message())
    assert channel.parse(case.message(1)).key != channel.parse(case.message(2)).key


def test_a_message_without_its_proof_is_refused_and_not_kept(case: ChannelCase) -> None:
    item = case.unsigned()
    if item is None:
        pytest.skip("anybody may write on this channel")

    with pytest.raises(InvalidSignature):
        gateway.receive(item, at=NOON)

    assert count(InboundItem) == 0


def test_a_message_that_was_changed_on_the_way_is_refused(case: ChannelCase) -> None:
    item = case.changed_on_the_way()
    if item is None:
        pytest.skip("the proof of this channel does not cover the words")

    with pytest.raises(InvalidSignature):
        gateway.receive(item, at=NOON)


def test_a_message_becomes_a_ticket_with_its_customer(case: ChannelCase) -> None:
    received = gateway.receive(case.message(), at=NOON)

    ticket = db.session().get_one(Ticket, received.ticket_id)
    assert received.state is ItemState.PROCESSED
    assert ticket.channel is case.channel
    assert ticket.waiting_since == NOON
    assert db.session().get_one(Message, received.message_id).author_customer_id == ticket.customer_id


def test_the_same_message_ten_times_at_once_is_one_message(case: ChannelCase, app: Flask) -> None:
    item = case.message()

    def deliver(_: int) -> gateway.Received:
        with app.app_context():
            try:
                return gateway.receive(item, at=NOON)
            finally:
                db.session.remove()

    with ThreadPoolExecutor(10) as pool:
        results = list(pool.map(deliver, range(10)))

    assert count(Message) == 1
    assert count(InboundItem) == 1
    assert sorted(result.duplicate for result in results) == [False] + [True] * 9


def test_a_second_message_of_the_customer_is_another_message(case: ChannelCase) -> None:
    gateway.receive(case.message(1), at=NOON)
    gateway.receive(case.message(2), at=NOON)

    assert count(Message) == 2


def test_a_malformed_item_is_kept_in_quarantine(case: ChannelCase) -> None:
    with pytest.raises(MalformedPayload):
        adapter(case.channel).parse(case.malformed())
    received = gateway.receive(case.malformed(), at=NOON)

    assert received.state is ItemState.QUARANTINED
    assert received.malformed
    assert received.reason
    assert count(Message) == 0


def test_an_unsupported_item_is_kept_and_ignored(case: ChannelCase) -> None:
    item = case.unsupported()
    if item is None:
        pytest.skip("whatever comes in on this channel means something")

    with pytest.raises(UnsupportedPayload):
        adapter(case.channel).parse(item)
    received = gateway.receive(item, at=NOON)

    assert received.state is ItemState.IGNORED
    assert not received.malformed


def test_a_message_for_an_unknown_inbox_waits_to_be_replayed(case: ChannelCase) -> None:
    with db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE inbox SET address = address || '-elsewhere'")
    item = case.message()
    first = gateway.receive(item, at=NOON)
    with db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE inbox SET address = replace(address, '-elsewhere', '')")

    second = gateway.replay(first.item_id, at=NOON)

    assert first.state is ItemState.QUARANTINED
    assert second.state is ItemState.PROCESSED
    assert count(Message) == 1


def test_a_reply_is_handed_over_once(live_case: ChannelCase) -> None:
    reply = answered(live_case)

    make.work_off()
    assert reply.state in {MessageState.SENT, MessageState.DELIVERED}
    assert reply.state_reason is None
    assert reply.provider_id
    assert count(Delivery) == 1


def test_a_receipt_moves_the_reply_on_once(live_case: ChannelCase) -> None:
    if not live_case.has_receipts:
        pytest.skip("acceptance is arrival on this channel")
    reply = answered(live_case)
    item = live_case.receipt(reply)
    assert item is not None

    adapter(live_case.channel).verify(item)
    parsed = adapter(live_case.channel).parse(item)
    gateway.receive(item, at=NOON)
    again = gateway.receive(item, at=NOON)

    live_desk.settle_session()
    assert isinstance(parsed.content, Receipt)
    assert parsed.content.provider_id == reply.provider_id
    assert again.duplicate
    assert db.session().get_one(Message, reply.id).state is parsed.content.state


def test_a_receipt_for_a_message_that_is_not_ours_changes_none_of_ours(live_case: ChannelCase) -> None:
    if not live_case.has_receipts:
        pytest.skip("acceptance is arrival on this channel")
    stranger = Message(id=999_999, provider_id="ffffffffffffffff", kind=MessageKind.OUTBOUND, channel=live_case.channel)
    item = live_case.receipt(stranger)
    assert item is not None

    received = gateway.receive(item, at=NOON)

    assert received.state is live_case.strangers_receipt
