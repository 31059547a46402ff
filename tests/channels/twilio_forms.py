"""What Twilio would post, signed with the account of the settings."""

from dataclasses import replace
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

from channels.protocol import RawItem
from config.settings import Settings
from tests.conftest import NOON
from ticketing.envelope import Channel

OURS = "+15145550100"
THEIRS = "+14165550177"
FORM = "application/x-www-form-urlencoded"


def sid(prefix: str, number: int = 1) -> str:
    """An id as Twilio makes them."""
    return f"{prefix}{number:032x}"


def text(number: int = 1, **fields: str) -> dict[str, str]:
    """An incoming text message."""
    return {"MessageSid": sid("SM", number), "From": THEIRS, "To": OURS, "Body": "Hello", "NumMedia": "0"} | fields


def whatsapp(number: int = 1, **fields: str) -> dict[str, str]:
    """An incoming WhatsApp message."""
    addresses = {"From": f"whatsapp:{THEIRS}", "To": f"whatsapp:{OURS}", "ProfileName": "Karim"}
    return text(number) | addresses | fields


def call(number: int = 1, **fields: str) -> dict[str, str]:
    """An incoming call."""
    ringing = {"CallStatus": "ringing", "Direction": "inbound"}
    return {"CallSid": sid("CA", number), "From": THEIRS, "To": OURS} | ringing | fields


def recording(number: int = 1, **fields: str) -> dict[str, str]:
    """A finished recording of that call, as its status callback tells it."""
    url = f"https://api.twilio.com/2010-04-01/Accounts/AC1/Recordings/{sid('RE', number)}"
    found = {"RecordingSid": sid("RE", number), "RecordingUrl": url, "RecordingDuration": "7"}
    return {"CallSid": sid("CA", number), "RecordingStatus": "completed"} | found | fields


def status(state: str, number: int = 1, **fields: str) -> dict[str, str]:
    """A later word on that call."""
    return {"CallSid": sid("CA", number), "CallStatus": state, "From": THEIRS, "To": OURS} | fields


def sign(settings: Settings, url: str, form: dict[str, str]) -> str:
    """The signature that the settings' account makes for a path (or a whole address)."""
    assert settings.twilio is not None
    address = settings.public_url + url if url.startswith("/") else url
    return str(RequestValidator(settings.twilio.auth_token).compute_signature(address, form))


def item(settings: Settings, channel: Channel, kind: str, url: str, form: dict[str, str]) -> RawItem:
    """A genuine item, as the door makes it."""
    return RawItem(
        channel=channel,
        kind=kind,
        body=urlencode(form).encode(),
        received_at=NOON,
        content_type=FORM,
        url=url,
        headers={"content-type": FORM, "x-twilio-signature": sign(settings, url, form)},
    )


def unsigned(genuine: RawItem) -> RawItem:
    """The same without its signature."""
    return replace(genuine, headers={})
