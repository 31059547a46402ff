"""Texts and WhatsApp from the webhook to the ticket, and replies back: conversations, opt-outs, pools, retries."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask, current_app
from sqlalchemy import func, select

from channels import delivery, gateway
from channels.errors import PermanentFailure, TransientFailure
from channels.gateway import Received
from channels.models import ItemState
from channels.phone import last_words
from channels.phone.models import Callback
from channels.protocol import Accepted, Outgoing
from config.settings import Settings
from tests import fakes, make
from tests.channels import twilio_forms
from tests.channels.twilio_forms import OURS, THEIRS
from tests.conftest import NOON
from ticketing import journal, lifecycle, opt_outs, profile
from ticketing.approved import Wanted
from ticketing.envelope import Channel, MessageState
from ticketing.errors import NoReachableChannel, OptedOut, WindowClosed
from ticketing.events import SYSTEM, Actor
from ticketing.models import AuditEntry, Customer, Handle, Message, MessageKind, OptOut, Ticket
from ticketing.status import Status
from ticketing.store import db
from ticketing.transaction import transaction

SERVICE = "MG" + "0" * 32
READY = {"content_sid": "HX" + "a" * 32, "body": "Hello {{1}}, your {{2}} is ready.", "language": "en"}
_numbers = iter(range(1, 10_000))


def settings() -> Settings:
    found: Settings = current_app.extensions["comptoir.settings"]
    return found


def text(body: str, *, at: datetime = NOON, channel: Channel = Channel.SMS, **fields: str) -> Received:
    """A customer's message comes in."""
    made = twilio_forms.text if channel is Channel.SMS else twilio_forms.whatsapp
    form = made(next(_numbers), Body=body, **fields)
    item = twilio_forms.item(settings(), channel, "message", "/inbound/twilio/sms", form)
    return gateway.receive(replace(item, received_at=at), at=at)


def hear(message: Message, status: str, code: str = "", *, provider_id: str, at: datetime = NOON) -> Received:
    """Twilio's later word on a message of ours."""
    form = {"MessageSid": provider_id, "MessageStatus": status, "From": OURS, "To": THEIRS, "ErrorCode": code}
    url = f"/inbound/twilio/message-status?message={message.id}"
    return gateway.receive(twilio_forms.item(settings(), message.channel, "receipt", url, form), at=at)


def ticket_of(received: Received) -> Ticket:
    return db.session().get_one(Ticket, received.ticket_id, populate_existing=True)


def message_of(received: Received) -> Message:
    return db.session().get_one(Message, received.message_id, populate_existing=True)


def again(message: Message) -> Message:
    return db.session().get_one(Message, message.id, populate_existing=True)


def count(model: Any) -> int:
    return db.session().scalar(select(func.count()).select_from(model)) or 0


def kinds(ticket: Ticket) -> list[str]:
    return [line.kind for line in journal.lines(ticket.id)]


class Provider(fakes.FakeChannel):
    """Gives every attempt an id of its own."""

    def send(self, outgoing: Outgoing) -> Accepted:
        super().send(outgoing)
        return Accepted(f"SM{next(_numbers):032x}")


@contextmanager
def instead(channel: Provider) -> Iterator[Provider]:
    """Let replies go to this one; what comes in goes to the real adapters again afterwards."""
    adapters = current_app.extensions["comptoir.channels"]
    current_app.extensions["comptoir.channels"] = adapters | {channel.channel: channel}
    try:
        yield channel
    finally:
        current_app.extensions["comptoir.channels"] = adapters


def hand_over(message: Message, outcome: Exception | None = None, *, at: datetime = NOON) -> Message:
    """The provider takes what waits on the ticket, or refuses it."""
    with instead(Provider(message.channel)) as provider:
        provider.outcomes = [outcome] if outcome is not None else []
        delivery.deliver(message.ticket_id, now=lambda: at)
    return again(message)


# Conversations.


def test_a_text_goes_to_the_newest_open_ticket_of_the_two_numbers(sqlite_app: Flask) -> None:
    inbox = make.inbox(Channel.SMS, settings={"conversation_days": 3})
    first = text("It leaks")
    with transaction("test"):
        lifecycle.resolve(lifecycle.lock_ticket(first.ticket_id or 0), by=SYSTEM, at=NOON)
    other_number = text("I am here too", From="+15145550188")
    late = text("A new thing", at=NOON + timedelta(days=4))
    with transaction("test"):
        lifecycle.resolve(lifecycle.lock_ticket(late.ticket_id or 0), by=SYSTEM, at=NOON + timedelta(days=4))
    reopens = text("No, it is not", at=NOON + timedelta(days=5))
    make.message(ticket_of(late))

    assert len({first.ticket_id, other_number.ticket_id, late.ticket_id}) == 3
    assert reopens.ticket_id == late.ticket_id
    assert ticket_of(reopens).status is not Status.SOLVED
    assert inbox.settings["conversation_days"] == 3


def test_an_open_ticket_goes_before_one_that_is_solved_later(sqlite_app: Flask) -> None:
    make.inbox(Channel.SMS)
    open_one = text("It leaks")
    with transaction("test"):
        lifecycle.resolve(lifecycle.lock_ticket(open_one.ticket_id or 0), by=SYSTEM, at=NOON)
        row = lifecycle.lock_ticket(open_one.ticket_id or 0)
        row.status, row.solved_at = Status.CLOSED, None
    second = text("Another thing", at=NOON + timedelta(hours=1))
    with transaction("test"):
        row = lifecycle.lock_ticket(open_one.ticket_id or 0)
        row.status = Status.OPEN
        lifecycle.resolve(lifecycle.lock_ticket(second.ticket_id or 0), by=SYSTEM, at=NOON + timedelta(hours=1))

    assert text("And now?", at=NOON + timedelta(hours=2)).ticket_id == open_one.ticket_id


def test_persons_who_are_one_keep_a_conversation_for_each_of_their_phones(sqlite_app: Flask) -> None:
    make.inbox(Channel.SMS)
    one, two = text("From my phone"), text("From my other phone", From="+15145550188")
    with transaction("test") as session:
        for handle in session.scalars(select(Handle).where(Handle.address == "+15145550188")):
            handle.customer_id = ticket_of(one).customer_id

    assert text("More", From="+15145550188").ticket_id == two.ticket_id
    assert text("More").ticket_id == one.ticket_id


# Messaging services.


def test_a_text_to_any_number_of_a_pool_comes_to_its_inbox_and_is_answered_from_that_number(app: Flask) -> None:
    inbox = make.inbox(Channel.SMS, settings={"messaging_service": SERVICE})
    received = text("Hello", To="+15145550999", MessagingServiceSid=SERVICE)
    stray = text("Hello", To="+15145550888", MessagingServiceSid="MG" + "1" * 32)
    reply = make.reply(ticket_of(received), make.agent(), "Hi")

    with instead(Provider()) as channel:
        delivery.deliver(reply.ticket_id, now=lambda: NOON)

    assert message_of(received).inbox_id == inbox.id
    assert stray.state is ItemState.QUARANTINED
    assert [(one.pool, one.written_to) for one in channel.sent] == [(SERVICE, "+15145550999")]


def test_stop_to_one_number_of_a_pool_counts_for_every_inbox_of_it(app: Flask) -> None:
    both = [
        make.inbox(Channel.SMS, address=address, settings={"messaging_service": SERVICE})
        for address in (OURS, "+15145550999")
    ]
    make.inbox(Channel.SMS, address="+15145550777")
    text("STOP")

    assert sorted(db.session().scalars(select(OptOut.inbox_id))) == [one.id for one in both]
    text("START")
    assert count(OptOut) == 0


# STOP and START.


def test_stop_is_kept_lies_on_the_conversation_and_asks_for_nothing(app: Flask) -> None:
    inbox = make.inbox(Channel.SMS)
    ticket = ticket_of(text("It leaks"))
    make.reply(ticket, make.agent(), "We come")
    with transaction("test"):
        lifecycle.change_status(lifecycle.lock_ticket(ticket.id), Status.PENDING, by=SYSTEM, at=NOON)

    stop = text("Stop.", at=NOON + timedelta(minutes=1))

    word, now = message_of(stop), ticket_of(stop)
    assert (stop.state, now.id) == (ItemState.PROCESSED, ticket.id)
    assert (word.body, word.automatic) == ("Stop.", True)
    assert (now.status, now.waiting_since) == (Status.PENDING, None)
    assert kinds(now)[-2:] == ["message_received", "opted_out"]
    (out,) = db.session().scalars(select(OptOut)).all()
    assert (out.inbox_id, out.reason, out.at) == (inbox.id, "wrote Stop.", NOON + timedelta(minutes=1))
    assert db.session().scalars(select(AuditEntry.kind)).all()[-1] == "handle_opted_out"
    (shown,) = opt_outs.of_customers([now.customer_id])[now.customer_id]
    assert (shown.channel, shown.address) == (Channel.SMS, OURS)


def test_a_reply_to_who_has_opted_out_is_refused_or_goes_another_way(sqlite_app: Flask) -> None:
    make.inbox(Channel.SMS)
    make.inbox(Channel.EMAIL)
    ada = make.agent()
    ticket = ticket_of(text("It leaks"))
    text("STOP")
    text("stop")  # twice is once

    with pytest.raises(OptedOut, match=r"opted out of messages by sms .wrote STOP.*START"):
        make.reply(ticket, ada)
    with transaction("test") as session:
        who = session.get_one(Customer, ticket.customer_id)
        profile.add_handles(make.calling(ada), who, profile.senders_from([MAIL], ""), at=NOON)
    assert make.reply(ticket, ada).channel is Channel.EMAIL
    with pytest.raises(OptedOut):
        make.reply(ticket, ada, channel=Channel.SMS)

    text("START")
    assert make.reply(ticket, ada, channel=Channel.SMS).channel is Channel.SMS
    assert [one for one in kinds(ticket) if one.startswith("opted")] == ["opted_out", "opted_in"]


MAIL = {"kind": "email", "address": "karim@home.example"}


def test_stop_opens_no_ticket_and_is_remembered_of_a_stranger_too(sqlite_app: Flask) -> None:
    make.inbox(Channel.SMS)

    stop, start = text("STOPALL"), text("START", From="+15145550188")

    nowhere = (ItemState.PROCESSED, None, None)
    assert [(one.state, one.ticket_id, one.message_id) for one in (stop, start)] == [nowhere, nowhere]
    assert (count(Ticket), count(OptOut)) == (0, 1)


def test_yes_answers_a_question_unless_they_are_out_and_help_is_a_call_for_help(sqlite_app: Flask) -> None:
    make.inbox(Channel.SMS)

    yes, help_ = text("YES"), text("HELP", From="+15145550188")
    text("STOP")
    back = text("Yes")

    assert (ticket_of(yes).subject, ticket_of(help_).subject) == ("YES", "HELP")
    assert ticket_of(help_).waiting_since == NOON
    assert message_of(back).automatic
    assert count(OptOut) == 0


def test_a_reply_that_waits_to_leave_does_not_leave_after_stop(sqlite_app: Flask) -> None:
    make.inbox(Channel.SMS)
    reply = make.reply(ticket_of(text("It leaks")), make.agent(), "We come at noon.")
    hand_over(reply, TransientFailure("Twilio cannot be reached"))

    text("ARRET", at=NOON + timedelta(minutes=1))
    with instead(Provider(Channel.SMS)) as provider:
        delivery.deliver(reply.ticket_id, now=lambda: NOON + timedelta(hours=1))

    assert provider.sent == []
    failed = again(reply)
    assert (failed.state, failed.state_reason) == (MessageState.FAILED, delivery.UNWANTED)


def test_word_of_a_missed_callback_is_not_left_with_who_has_stopped_another_number(sqlite_app: Flask) -> None:
    make.inbox(Channel.SMS)
    other = make.inbox(Channel.SMS, address="+15145550101")
    ticket = ticket_of(text("It leaks"))
    handle = db.session().scalars(select(Handle)).one()
    make.opt_out(handle, other)
    make.inbox(Channel.PHONE)
    callback = make.callback(ticket, handle.address)

    with transaction("test") as session:
        last_words.leave(lifecycle.lock_ticket(ticket.id), session.get_one(Callback, callback.id), at=NOON)

    written = select(Message.channel).where(Message.kind == MessageKind.OUTBOUND)
    assert db.session().scalars(written).all() == [Channel.PHONE]


def test_who_has_stopped_one_number_is_not_written_to_from_another_unasked(sqlite_app: Flask) -> None:
    make.inbox(Channel.SMS)
    second = make.inbox(Channel.SMS, address="+15145550999")
    text("STOP")
    ticket = ticket_of(text("But tell me", To=second.address))

    with pytest.raises(OptedOut):
        make.reply(ticket, make.agent())
    assert make.reply(ticket, make.agent(), channel=Channel.SMS).inbox_id == second.id


@pytest.mark.parametrize("late", [False, True], ids=["refused at once", "told later"])
def test_twilios_own_list_is_believed(app: Flask, late: bool) -> None:
    make.inbox(Channel.SMS)
    ticket = ticket_of(text("It leaks"))
    reply = make.reply(ticket, make.agent())

    if late:
        hand_over(reply)
        hear(reply, "failed", "21610", provider_id=str(again(reply).provider_id))
    else:
        hand_over(reply, PermanentFailure("opted out", opted_out=True))

    assert again(reply).state is MessageState.FAILED
    assert (count(OptOut), kinds(ticket).count("opted_out")) == (1, 1)


def test_an_agent_lifts_an_opt_out_and_an_address_that_comes_back_is_still_out(sqlite_app: Flask) -> None:
    inbox = make.inbox(Channel.SMS)
    text("STOP")
    ada = make.agent()
    (out,) = db.session().scalars(select(OptOut)).all()
    customer_id = db.session().get_one(Handle, out.handle_id).customer_id
    with transaction("test") as session:
        profile.drop_handle(session.get_one(Customer, customer_id), out.handle_id, at=NOON)
    assert count(OptOut) == 1

    text("Hello again")
    with transaction("test") as session:
        handle = session.get_one(Handle, out.handle_id)
        who = session.get_one(Customer, handle.customer_id)
        opt_outs.lift_by_hand(who, handle.id, inbox.id, by=Actor.agent(ada.id), at=NOON)

    assert count(OptOut) == 0


# What becomes of a message.


def test_what_twilio_dropped_in_a_rush_is_sent_again_and_old_news_of_it_is_nothing(app: Flask) -> None:
    make.inbox(Channel.SMS)
    reply = make.reply(ticket_of(text("It leaks")), make.agent())
    first = str(hand_over(reply).provider_id)

    hear(reply, "undelivered", "30022", provider_id=first)
    waiting = again(reply)
    assert (waiting.state, waiting.provider_id) == (MessageState.QUEUED, None)
    assert waiting.state_reason == "we sent more than the operators permit, and it was refused (Twilio's error 30022)"
    assert waiting.next_attempt_at == NOON + timedelta(minutes=1)

    assert hear(reply, "sent", provider_id=first).state is ItemState.IGNORED
    second = hand_over(reply, at=NOON + timedelta(minutes=2))
    assert (second.state, second.state_reason) == (MessageState.SENT, None)
    hear(reply, "delivered", provider_id=str(second.provider_id))
    assert again(reply).state is MessageState.DELIVERED


def test_it_is_sent_again_a_few_times_and_then_it_has_failed(sqlite_app: Flask) -> None:
    make.inbox(Channel.SMS)
    ticket = ticket_of(text("It leaks"))
    reply = make.reply(ticket, make.agent())
    at, states = NOON, []

    for _ in range(5):
        sent = hand_over(reply, at=at)
        hear(reply, "failed", "30001", provider_id=str(sent.provider_id), at=at)
        states.append(again(reply).state)
        at += timedelta(hours=2)

    assert states == [MessageState.QUEUED] * 4 + [MessageState.FAILED]
    assert ticket_of(text("?")).status is Status.OPEN


def test_twilio_may_lose_it_before_we_have_written_its_id_down(sqlite_app: Flask) -> None:
    make.inbox(Channel.SMS)
    reply = make.reply(ticket_of(text("It leaks")), make.agent())

    adapters = dict(sqlite_app.extensions["comptoir.channels"])

    class Hasty(Provider):
        def send(self, outgoing: Outgoing) -> Accepted:
            accepted = super().send(outgoing)
            sqlite_app.extensions["comptoir.channels"] = adapters
            hear(reply, "failed", "30001", provider_id=accepted.provider_id)
            return accepted

    with instead(Hasty()):
        delivery.deliver(reply.ticket_id, now=lambda: NOON)

    assert (again(reply).state, again(reply).provider_id) == (MessageState.QUEUED, None)


def test_a_number_that_takes_no_texts_can_still_be_called(sqlite_app: Flask) -> None:
    make.inbox(Channel.SMS)
    make.inbox(Channel.PHONE)
    ada = make.agent()
    ticket = ticket_of(text("It leaks"))
    reply = hand_over(make.reply(ticket, ada))

    hear(reply, "undelivered", "30006", provider_id=str(reply.provider_id))

    with pytest.raises(NoReachableChannel, match="landline"):
        make.reply(ticket, ada, channel=Channel.SMS)
    assert make.reply(ticket, ada, channel=Channel.PHONE).channel is Channel.PHONE
    form = twilio_forms.call(7)
    gateway.receive(twilio_forms.item(settings(), Channel.PHONE, "call", "/inbound/twilio/voice", form), at=NOON)
    with pytest.raises(NoReachableChannel):  # that they call proves nothing of texts
        make.reply(ticket, ada, channel=Channel.SMS)
    text("It does!", at=NOON + timedelta(hours=1))
    assert make.reply(ticket, ada, channel=Channel.SMS).channel is Channel.SMS


# WhatsApp.


def test_a_whatsapp_message_brings_the_name_and_what_was_picked_or_where_they_are(sqlite_app: Flask) -> None:
    make.inbox(Channel.WHATSAPP)
    make.inbox(Channel.SMS)

    first = text("Bonjour", channel=Channel.WHATSAPP)
    picked = text("", channel=Channel.WHATSAPP, ButtonText="Call me", ButtonPayload="call")
    listed = text("", channel=Channel.WHATSAPP, ListTitle="Kettles", ListId="2")
    place = text("", channel=Channel.WHATSAPP, Latitude="45.5", Longitude="-73.6", Label="Desk", Address="1 Main St")

    bodies = [message_of(one).body for one in (first, picked, listed, place)]
    assert bodies == ["Bonjour", "Call me", "Kettles", "Location: Desk, 1 Main St (45.5, -73.6)"]
    assert len({one.ticket_id for one in (first, picked, listed, place)}) == 1
    ticket = ticket_of(first)
    assert (ticket.channel, ticket.customer.name) == (Channel.WHATSAPP, "Karim")
    assert [one.address for one in ticket.customer.handles] == [THEIRS]
    assert text("By text").ticket_id != first.ticket_id


def test_an_answer_to_a_message_of_ours_is_on_its_ticket(sqlite_app: Flask) -> None:
    make.inbox(Channel.WHATSAPP)
    old = ticket_of(text("It leaks", channel=Channel.WHATSAPP))
    sent = hand_over(make.reply(old, make.agent()))
    late = NOON + timedelta(days=20)
    new = text("Another thing", channel=Channel.WHATSAPP, at=late)

    answer = text("Thanks", channel=Channel.WHATSAPP, OriginalRepliedMessageSid=str(sent.provider_id), at=late)

    assert new.ticket_id != old.id
    assert answer.ticket_id == old.id


def test_after_a_day_only_approved_words_go_by_whatsapp(sqlite_app: Flask) -> None:
    make.inbox(Channel.WHATSAPP, settings={"templates": {"order_ready": READY}})
    make.inbox(Channel.SMS)
    ada = make.agent()
    ticket = ticket_of(text("It leaks", channel=Channel.WHATSAPP))
    day = NOON + timedelta(hours=24)

    assert make.reply(ticket, ada, at=day - timedelta(seconds=1)).channel is Channel.WHATSAPP
    with pytest.raises(WindowClosed, match=r"more than 24 hours ago.*order_ready.*another channel"):
        make.reply(ticket, ada, at=day, channel=Channel.WHATSAPP)
    assert make.reply(ticket, ada, at=day).channel is Channel.SMS  # we may choose
    wanted = Wanted("order_ready", {"1": "Karim", "2": "kettle"})
    row = make.reply(ticket, ada, "", at=day, template=wanted)

    assert (row.channel, row.body) == (Channel.WHATSAPP, "Hello Karim, your kettle is ready.")
    assert row.data["template"] == {"content_id": READY["content_sid"], "variables": {"1": "Karim", "2": "kettle"}}
    text("Good", channel=Channel.WHATSAPP, at=day)
    assert make.reply(ticket, ada, at=day + timedelta(hours=1)).channel is Channel.WHATSAPP


def test_a_message_that_was_read_was_delivered_and_the_journal_says_so(sqlite_app: Flask) -> None:
    make.inbox(Channel.WHATSAPP)
    ticket = ticket_of(text("It leaks", channel=Channel.WHATSAPP))
    sent = hand_over(make.reply(ticket, make.agent()))

    hear(sent, "read", provider_id=str(sent.provider_id))
    hear(sent, "delivered", provider_id=str(sent.provider_id))

    assert again(sent).state is MessageState.DELIVERED
    assert kinds(ticket).count("message_read") == 1
