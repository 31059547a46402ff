"""Doubles of our own ports."""

from collections.abc import Callable
from datetime import datetime

from flask import Flask

from channels import registry
from channels.errors import ChannelError, MalformedPayload, UnsupportedPayload
from channels.protocol import Accepted, ChannelAdapter, Outgoing, Parsed, RawItem
from ticketing.envelope import Channel, HandleKind, InboundMessage, Sender


class FakeChannel(ChannelAdapter):
    """A text channel: a body `id from words` is a message; `send` does what `outcomes` say, in turn."""

    def __init__(self, channel: Channel = Channel.SMS) -> None:
        self.channel = channel
        self.sent: list[Outgoing] = []
        self.outcomes: list[ChannelError | Exception] = []
        self.on_send: Callable[[Outgoing], None] = lambda _: None

    def verify(self, item: RawItem) -> None:
        """Believe everybody."""

    def parse(self, item: RawItem) -> Parsed:
        words = item.body.decode().split(" ", 2)
        if words == ["nothing"]:
            raise UnsupportedPayload("nothing is nothing to us")
        if words == ["bug"]:
            raise ZeroDivisionError("a bug of ours")
        if len(words) != 3:
            raise MalformedPayload("not three words")
        key, address, text = words
        message = InboundMessage(
            self.channel, key, Sender(HandleKind.PHONE, address), text=text, received_at=item.received_at
        )
        return Parsed(key=key, inbox_address="+15145550100", content=message)

    def send(self, outgoing: Outgoing) -> Accepted:
        self.on_send(outgoing)
        if self.outcomes and isinstance(self.outcomes[0], Exception):
            raise self.outcomes.pop(0)
        self.sent.append(outgoing)
        return Accepted(provider_id=f"P{outgoing.message_id}")


def item(body: str, *, at: datetime, channel: Channel = Channel.SMS) -> RawItem:
    """A raw item as a door would make it."""
    return RawItem(channel=channel, kind="message", body=body.encode(), received_at=at)


def plug_in(app: Flask, *fakes: FakeChannel) -> None:
    """Let the application use these channels and no others."""
    registry.install(app, {one.channel: one for one in fakes})
