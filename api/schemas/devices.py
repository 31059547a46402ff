"""What rings for an agent, and the time after a call, as JSON."""

from marshmallow import fields
from marshmallow.validate import Range

from api.schemas.asked import Asked, Text
from api.serialisation import Answer, DerivedEnum, Moment
from ticketing.devices import MAX_ADDRESS, Device
from ticketing.models import Agent
from ticketing.wrap_up import LONGEST


def device_of(agent: Agent) -> Device | None:
    """Return the kind of an agent's device; None: nothing rings."""
    return Device(agent.device_kind) if agent.device_kind else None


class DeviceSchema(Answer):
    """What rings when you take a call, and whether you are on one."""

    kind = DerivedEnum(Device, by_value=True, of=device_of, required=True, allow_none=True)
    address = fields.String(attribute="device_address", required=True, metadata={"example": "+15145550123"})
    on_call_since = Moment(required=True, allow_none=True)
    wrap_up_until = Moment(
        required=True, allow_none=True, metadata={"description": "Until then no call comes, for the one before."}
    )


class DeviceChangeSchema(Asked):
    """What shall ring: the softphone in your browser, a telephone by its number, or a SIP phone by its address."""

    kind = fields.Enum(Device, by_value=True, required=True)
    address = Text(
        MAX_ADDRESS,
        load_default="",
        metadata={"description": "A number with its +, or sip:…; none for a browser.", "example": "+15145550123"},
    )


class PhoneTokenSchema(Answer):
    """An access token for Twilio's Voice SDK in the browser."""

    token = fields.String(required=True)
    identity = fields.String(required=True, metadata={"example": "agent-3"})
    expires_at = Moment(required=True)


class WrapUpSchema(Asked):
    """How much longer you write down what was said."""

    seconds = fields.Integer(strict=True, required=True, validate=Range(1, int(LONGEST.total_seconds())))
