"""The sandbox reports on what it was given, signed, through the desk's own doors."""

import pytest
from flask import Flask
from sqlalchemy import select

from channels import gateway, twilio_api
from channels.models import InboundItem
from channels.protocol import Outgoing
from channels.registry import adapter
from channels.sandbox.store import SandboxStore
from config.settings import Settings
from tests import make
from tests.channels import live_desk
from tests.channels.contract import CASES
from tests.conftest import NOON
from ticketing.envelope import MessageState
from ticketing.models import Message, Ticket
from ticketing.moment import utc_now
from ticketing.store import db


def reply(desk: Flask, channel: str) -> int:
    """Answer the channel's customer, let the sandbox tell what became of it, and return the reply's id."""
    settings: Settings = desk.extensions["comptoir.settings"]
    case = CASES[channel](settings)
    make.inbox(case.channel, address=case.inbox_address)
    received = gateway.receive(case.message(), at=NOON)
    row = make.reply(db.session().get_one(Ticket, received.ticket_id), make.agent(), at=utc_now())
    make.work_off()
    live_desk.settle(desk)
    return row.id


@pytest.mark.parametrize("channel", ["sms", "phone"])
def test_a_number_is_dialled_in_full_however_it_is_written(desk: Flask, channel: str) -> None:
    outgoing = Outgoing(
        message_id=1,
        ticket_id=1,
        channel=CASES[channel].channel,
        sender="+15145550100",
        sender_name="",
        recipient="+1 (416) 555-0177",
        recipient_name="",
        subject="",
        text="Ready.",
        html="",
        automatic=False,
        written_at=NOON,
    )

    accepted = adapter(outgoing.channel).send(outgoing)

    live_desk.settle(desk)
    (item,) = SandboxStore(desk.extensions["comptoir.settings"]).arrived(limit=10)
    assert (item["to"], item["provider_id"]) == ("+14165550177", accepted.provider_id)


@pytest.mark.parametrize(("channel", "words"), [("sms", ["sent", "delivered"]), ("phone", ["completed"])])
def test_a_reply_is_delivered_in_the_providers_words(desk: Flask, channel: str, words: list[str]) -> None:
    message = db.session().get_one(Message, reply(desk, channel))

    query = select(InboundItem.key).where(InboundItem.kind == "receipt").order_by(InboundItem.id)
    assert message.state is MessageState.DELIVERED
    assert [key.partition(":")[2] for key in db.session().scalars(query)] == words


def test_a_call_that_wants_to_hear_everything_hears_it_in_order(desk: Flask) -> None:
    settings: Settings = desk.extensions["comptoir.settings"]
    assert settings.twilio is not None
    twilio_api.connect(settings.twilio).calls.create(
        to="+14165550177",
        from_="+15145550100",
        twiml='<Response><Say language="en-US">Hello</Say></Response>',
        status_callback=f"{settings.public_url}/inbound/twilio/voice/status",
        status_callback_event=["initiated", "ringing", "answered", "completed"],
    )
    live_desk.settle(desk)

    keys = db.session().scalars(select(InboundItem.key).order_by(InboundItem.id))
    assert [key.partition(":")[2] for key in keys] == ["initiated", "ringing", "in-progress", "completed"]
