"""A customer's texts and pictures to the desk and back, through the sandbox that plays Twilio, over real sockets."""

import pytest
from flask import Flask
from sqlalchemy import select

from tests import make
from tests.channels import live_desk
from tests.channels.live_desk import exchange
from ticketing.envelope import Channel, MessageState
from ticketing.errors import OptedOut
from ticketing.files import file_store
from ticketing.models import Agent, Attachment, Message, Ticket
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

OURS, THEIRS = "+15145550100", "+14165550177"
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 24


def told(desk: Flask) -> Ticket:
    """The desk's one ticket, once everything has happened that follows."""
    live_desk.settle(desk)
    make.work_off()
    live_desk.settle(desk)
    return db.session().scalars(select(Ticket)).one()


def reply(desk: Flask, ticket: Ticket, ada: Agent, body: str, **values: object) -> Message:
    """An agent's reply, once it is as far as it goes."""
    row = make.reply(ticket, ada, body, at=utc_now(), **values)
    make.work_off()
    live_desk.settle(desk)
    return db.session().get_one(Message, row.id, populate_existing=True)


@pytest.mark.parametrize(
    ("channel", "prefix"), [(Channel.SMS, ""), (Channel.WHATSAPP, "whatsapp:")], ids=["sms", "whatsapp"]
)
def test_pictures_go_both_ways(desk: Flask, channel: Channel, prefix: str) -> None:
    make.inbox(channel)
    ada = make.agent()
    exchange(desk).text(prefix + THEIRS, prefix + OURS, "It drips here", [("image/png", PNG)])

    ticket = told(desk)
    (came,) = db.session().scalars(select(Attachment)).all()
    upload = make.upload(ada, PNG + b"2", filename="the new lid.png", at=utc_now())
    with transaction("test") as session:
        session.get_one(Attachment, upload.id).content_type = "image/png"
    sent = reply(desk, ticket, ada, "Like this?", uploads=[upload.id])

    assert (ticket.channel, came.content_type, file_store().read(came.sha256)) == (channel, "image/png", PNG)
    assert (sent.state, sent.state_reason) == (MessageState.DELIVERED, None)
    (arrived,) = [one for one in exchange(desk).device(THEIRS).texts if one.direction == "in"]
    assert (arrived.body, len(arrived.media)) == ("Like this?", 1)


def test_stop_then_reply_then_start(desk: Flask) -> None:
    make.inbox(Channel.SMS)
    ada = make.agent()
    exchange(desk).text(THEIRS, OURS, "It drips", [])
    ticket = told(desk)
    exchange(desk).text(THEIRS, OURS, "STOP", [])
    told(desk)

    with pytest.raises(OptedOut):
        make.reply(ticket, ada, at=utc_now())
    exchange(desk).text(THEIRS, OURS, "START", [])
    told(desk)

    assert reply(desk, ticket, ada, "We come").state is MessageState.DELIVERED


def test_what_does_not_arrive_is_told_in_words(desk: Flask) -> None:
    make.inbox(Channel.SMS)
    nowhere = "+15005530003"  # of the sandbox: taken, and lost with Twilio's error 30003
    exchange(desk).text(nowhere, OURS, "It drips", [])
    ticket = told(desk)

    sent = reply(desk, ticket, make.agent(), "We come")

    assert (sent.state, sent.state_reason) == (
        MessageState.FAILED,
        "the phone is switched off or out of reach (Twilio's error 30003)",
    )
