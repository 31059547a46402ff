"""Replies leave once, in order, and what nobody can know is said to be unknown."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from channels import delivery, receipts
from channels.errors import OutcomeUnknown, PermanentFailure, TransientFailure, UnsupportedPayload
from channels.models import AttemptState, Delivery
from channels.protocol import Outgoing, Receipt
from tests import fakes, make
from tests.conftest import NOON
from ticketing import journal
from ticketing.envelope import Channel, MessageState
from ticketing.models import Message, Ticket
from ticketing.store import db
from ticketing.transaction import transaction


@pytest.fixture
def channel(app: Flask) -> fakes.FakeChannel:
    """A text channel, with an inbox."""
    fake = fakes.FakeChannel()
    fakes.plug_in(app, fake)
    make.inbox(Channel.SMS)
    return fake


@pytest.fixture
def ticket(channel: fakes.FakeChannel) -> Ticket:
    """A ticket of somebody who texts."""
    return make.ticket(channel=Channel.SMS, customer=make.customer(phone="+15145550123"))


def deliver(ticket: Ticket, *, after: float = 0) -> None:
    delivery.deliver(ticket.id, now=lambda: NOON + timedelta(seconds=after))


def state(message: Message) -> tuple[MessageState, str | None]:
    row = db.session().get_one(Message, message.id, populate_existing=True)
    return row.state, row.state_reason


def attempts() -> list[AttemptState]:
    return list(db.session().scalars(select(Delivery.state).order_by(Delivery.id)))


def test_a_reply_is_handed_over_and_recorded(app: Flask, channel: fakes.FakeChannel, ticket: Ticket) -> None:
    message = make.reply(ticket, make.agent(), "On our way.")

    make.work_off()

    assert [(one.text, one.recipient, one.sender) for one in channel.sent] == [
        ("On our way.", "+15145550123", "+15145550100")
    ]
    assert state(message) == (MessageState.SENT, None)
    assert attempts() == [AttemptState.ACCEPTED]
    assert journal.lines(ticket.id)[-1].data == {"message_id": message.id, "before": "sending", "after": "sent"}


def test_delivering_twice_sends_once(app: Flask, channel: fakes.FakeChannel, ticket: Ticket) -> None:
    make.reply(ticket, make.agent())

    deliver(ticket)
    deliver(ticket)

    assert len(channel.sent) == 1


def test_many_workers_at_once_send_each_reply_once_and_in_order(
    app: Flask, channel: fakes.FakeChannel, ticket: Ticket
) -> None:
    ada = make.agent()
    replies = [make.reply(ticket, ada, f"part {n}").id for n in range(10)]

    def work(_: int) -> None:
        with app.app_context():
            deliver(ticket)
            db.session.remove()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    deliver(ticket)

    assert [one.message_id for one in channel.sent] == replies


def test_a_transient_failure_is_tried_again_later_and_keeps_the_order(
    app: Flask, channel: fakes.FakeChannel, ticket: Ticket
) -> None:
    channel.outcomes = [TransientFailure("busy")]
    ada = make.agent()
    first, second = make.reply(ticket, ada, "one"), make.reply(ticket, ada, "two")

    deliver(ticket)
    assert (state(first), state(second)) == ((MessageState.QUEUED, "busy"), (MessageState.QUEUED, None))
    assert channel.sent == []
    deliver(ticket, after=4)
    assert channel.sent == []
    deliver(ticket, after=6)

    assert [one.text for one in channel.sent] == ["one", "two"]
    assert attempts() == [AttemptState.POSTPONED, AttemptState.ACCEPTED, AttemptState.ACCEPTED]


def test_after_a_day_it_gives_up_and_says_why(app: Flask, channel: fakes.FakeChannel, ticket: Ticket) -> None:
    channel.outcomes = [TransientFailure("busy")]
    message = make.reply(ticket, make.agent())

    deliver(ticket, after=25 * 3600)

    assert state(message) == (MessageState.FAILED, "busy")


def test_a_permanent_failure_is_shown_and_the_next_reply_goes_on(
    app: Flask, channel: fakes.FakeChannel, ticket: Ticket
) -> None:
    channel.outcomes = [PermanentFailure("21211: no such number")]
    ada = make.agent()
    first, second = make.reply(ticket, ada, "one"), make.reply(ticket, ada, "two")

    deliver(ticket)

    assert state(first) == (MessageState.FAILED, "21211: no such number")
    assert state(second) == (MessageState.SENT, None)


@pytest.mark.parametrize(
    "trouble", [OutcomeUnknown("connection lost"), ZeroDivisionError("a bug")], ids=["a lost line", "a bug of ours"]
)
def test_what_nobody_can_know_is_never_sent_again(
    app: Flask, channel: fakes.FakeChannel, ticket: Ticket, trouble: Exception
) -> None:
    channel.outcomes = [trouble]
    message = make.reply(ticket, make.agent())

    deliver(ticket)
    deliver(ticket, after=3600)

    assert state(message)[0] is MessageState.UNKNOWN
    assert channel.sent == []


def test_a_sender_that_dies_leaves_an_unknown_and_the_next_reply_goes_on(
    app: Flask, channel: fakes.FakeChannel, ticket: Ticket
) -> None:
    def die(_: Outgoing) -> None:
        raise KeyboardInterrupt

    channel.on_send = die
    ada = make.agent()
    first, second = make.reply(ticket, ada, "one"), make.reply(ticket, ada, "two")
    with pytest.raises(KeyboardInterrupt):
        deliver(ticket)
    channel.on_send = lambda _: None
    deliver(ticket, after=60)
    assert (state(first)[0], state(second)[0]) == (MessageState.SENDING, MessageState.QUEUED)

    with transaction("ticker"):
        tickets = delivery.expire_leases(NOON + timedelta(seconds=91))
    deliver(ticket, after=91)

    assert tickets == [ticket.id]
    assert (state(first)[0], state(second)[0]) == (MessageState.UNKNOWN, MessageState.SENT)
    assert [one.text for one in channel.sent] == ["two"]


def test_a_lease_that_ran_out_too_early_is_corrected_by_the_truth(
    app: Flask, channel: fakes.FakeChannel, ticket: Ticket
) -> None:
    def be_slow(_: Outgoing) -> None:
        with transaction("ticker"):
            delivery.expire_leases(NOON + timedelta(seconds=91))

    channel.on_send = be_slow
    message = make.reply(ticket, make.agent())

    deliver(ticket)

    assert state(message) == (MessageState.SENT, None)


def test_retries_are_found_when_they_are_due_and_claimed_once(
    app: Flask, channel: fakes.FakeChannel, ticket: Ticket
) -> None:
    channel.outcomes = [TransientFailure("busy")]
    make.reply(ticket, make.agent())
    deliver(ticket)

    def sweep(seconds: int) -> list[int]:
        with transaction("ticker"):
            return delivery.tickets_to_retry(NOON + timedelta(seconds=seconds))

    assert [sweep(4), sweep(6), sweep(7), sweep(40)] == [[], [ticket.id], [], [ticket.id]]


class TestReceipts:
    """Providers' words come late, twice and out of order."""

    def record(self, message: Message, new: MessageState, reason: str = "", **values: object) -> None:
        with transaction("sms"):
            receipts.record(Receipt(Channel.SMS, f"P{message.id}", new, reason, **values), at=NOON)

    def test_a_message_only_moves_on(self, app: Flask, channel: fakes.FakeChannel, ticket: Ticket) -> None:
        message = make.reply(ticket, make.agent())
        deliver(ticket)

        for one in (MessageState.DELIVERED, MessageState.SENT, MessageState.DELIVERED):
            self.record(message, one)

        changes = [row.data for row in journal.lines(ticket.id) if row.kind == "delivery_changed"]
        assert state(message)[0] is MessageState.DELIVERED
        assert [one["after"] for one in changes] == ["sent", "delivered"]

    def test_a_receipt_may_come_before_our_own_record(
        self, app: Flask, channel: fakes.FakeChannel, ticket: Ticket
    ) -> None:
        message = make.reply(ticket, make.agent())
        channel.on_send = lambda _: self.record(message, MessageState.DELIVERED, message_id=message.id)

        deliver(ticket)

        assert state(message) == (MessageState.DELIVERED, None)

    def test_a_receipt_decides_what_was_unknown(self, app: Flask, channel: fakes.FakeChannel, ticket: Ticket) -> None:
        channel.outcomes = [OutcomeUnknown("lost")]
        message = make.reply(ticket, make.agent())
        deliver(ticket)

        self.record(message, MessageState.FAILED, "30003: the phone is off", message_id=message.id)

        assert state(message) == (MessageState.FAILED, "30003: the phone is off")

    def test_a_receipt_for_somebody_elses_message_is_refused(
        self, app: Flask, channel: fakes.FakeChannel, ticket: Ticket
    ) -> None:
        message = make.reply(ticket, make.agent())
        deliver(ticket)

        with pytest.raises(UnsupportedPayload), transaction("sms"):
            receipts.record(Receipt(Channel.SMS, "other", MessageState.FAILED, message_id=message.id), at=NOON)


def test_a_long_queue_stops_in_time_and_says_that_there_is_more(
    app: Flask, channel: fakes.FakeChannel, ticket: Ticket
) -> None:
    ada = make.agent()
    for number in range(3):
        make.reply(ticket, ada, f"part {number}")
    moments = (NOON + timedelta(seconds=10 * n) for n in range(100))

    more = delivery.deliver(ticket.id, now=lambda: next(moments))
    rest = delivery.deliver(ticket.id, now=lambda: NOON)

    assert (more, rest) == (True, False)
    assert [one.text for one in channel.sent] == ["part 0", "part 1", "part 2"]


def test_a_reply_that_nobody_came_for_is_found(app: Flask, channel: fakes.FakeChannel, ticket: Ticket) -> None:
    make.reply(ticket, make.agent())

    with transaction("ticker"):
        soon = delivery.tickets_to_retry(NOON + timedelta(seconds=59))
        late = delivery.tickets_to_retry(NOON + timedelta(seconds=61))

    assert (soon, late) == ([], [ticket.id])
