"""Make the adapters of the channels that are set up."""

from flask import Flask

from channels import registry
from channels.protocol import ChannelAdapter
from config.settings import Settings
from ticketing.envelope import Channel


def connect_channels(app: Flask, settings: Settings) -> None:
    """Attach the adapters that these settings allow."""
    registry.install(app, _adapters(settings))


def _adapters(settings: Settings) -> dict[Channel, ChannelAdapter]:
    from channels.email.adapter import EmailChannel
    from channels.phone.adapter import PhoneChannel
    from channels.texting.adapter import SMSChannel, WhatsAppChannel
    from channels.webchat import WebChatChannel

    adapters: dict[Channel, ChannelAdapter] = {
        Channel.EMAIL: EmailChannel(settings),
        Channel.CHAT: WebChatChannel(settings),
    }
    if settings.twilio is not None:
        adapters[Channel.SMS] = SMSChannel(settings, settings.twilio)
        adapters[Channel.WHATSAPP] = WhatsAppChannel(settings, settings.twilio)
        adapters[Channel.PHONE] = PhoneChannel(settings, settings.twilio)
    return adapters
