"""The channels of an application."""

from collections.abc import Mapping

from flask import Flask, current_app

from channels.errors import ChannelNotSetUp
from channels.protocol import ChannelAdapter
from ticketing.envelope import Channel


def install(app: Flask, adapters: Mapping[Channel, ChannelAdapter]) -> None:
    """Make the adapters known to this application; a channel that is not set up has none."""
    app.extensions["comptoir.channels"] = dict(adapters)


def adapter(channel: Channel) -> ChannelAdapter:
    """Return a channel's adapter. Raises ChannelNotSetUp, in words for the agent, when it is not set up."""
    found: dict[Channel, ChannelAdapter] = current_app.extensions["comptoir.channels"]
    if channel not in found:
        raise ChannelNotSetUp(f"the channel {channel} is not set up at this desk")
    return found[channel]
