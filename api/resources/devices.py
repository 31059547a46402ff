"""What rings for an agent, and the time after a call."""

from datetime import timedelta
from typing import Any

from flask import current_app
from flask.views import MethodView

from api import assigning
from api.auth import actor, caller, calling_agent
from api.blueprint import Blueprint
from api.schemas.devices import DeviceChangeSchema, DeviceSchema, PhoneTokenSchema, WrapUpSchema
from channels.phone.softphone import PhoneToken, phone_token
from ticketing import devices, wrap_up
from ticketing.models import Agent
from ticketing.moment import utc_now
from ticketing.transaction import transaction

blueprint = Blueprint("devices", description="What rings for you, and the time after a call")


@blueprint.route("/agents/me/device")
class MyDevice(MethodView):
    @blueprint.needs("agents:read")
    @blueprint.answers(200, DeviceSchema, description="Your device, and whether you are on a call")
    def get(self) -> Agent:
        """Read what rings when you take a call."""
        return calling_agent()

    @blueprint.needs("agents:write")
    @blueprint.takes(DeviceChangeSchema)
    @blueprint.answers(200, DeviceSchema, description="Your device from the next call on")
    def put(self, wanted: dict[str, Any]) -> Agent:
        """Say what rings when you take a call."""
        with transaction("api"):
            return devices.name_device(caller().agent_id, wanted["kind"], wanted["address"], by=actor(), at=utc_now())

    @blueprint.needs("agents:write")
    @blueprint.answers(200, DeviceSchema, description="Nothing rings from the next call on")
    def delete(self) -> Agent:
        """Let nothing ring; you can take callers all the same, and answer when you have a device again."""
        with transaction("api"):
            return devices.remove_device(caller().agent_id, by=actor(), at=utc_now())


@blueprint.route("/agents/me/phone-token")
class MyPhoneToken(MethodView):
    @blueprint.needs("agents:write")
    @blueprint.answers(201, PhoneTokenSchema, description="A token for an hour")
    @blueprint.refuses(409)
    def post(self) -> PhoneToken:
        """Get an access token with which your browser is a phone, by Twilio's Voice SDK."""
        return phone_token(caller().agent_id, current_app.extensions["comptoir.settings"].twilio, at=utc_now())


@blueprint.route("/agents/me/wrap-up")
class MyWrapUp(MethodView):
    @blueprint.needs("agents:write")
    @blueprint.takes(WrapUpSchema)
    @blueprint.answers(200, DeviceSchema, description="Until when no call comes")
    @blueprint.refuses(409)
    def put(self, wanted: dict[str, Any]) -> Agent:
        """Take longer, from now on, to write down what was said."""
        with transaction("api"):
            return wrap_up.extend(caller().agent_id, timedelta(seconds=wanted["seconds"]), at=utc_now())

    @blueprint.needs("agents:write")
    @blueprint.answers(200, DeviceSchema, description="The next call may come")
    def delete(self) -> Agent:
        """Take calls again at once."""
        with transaction("api"):
            agent = wrap_up.end(caller().agent_id, at=utc_now())
        assigning.wake_for(agent)
        return agent
