"""What rings when an agent takes a call: the softphone in their browser, a telephone, a SIP phone, or nothing."""

import re
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select

from ticketing import audit
from ticketing.capacity import lock_agent
from ticketing.envelope import Channel, HandleKind
from ticketing.errors import InvalidInput, NotFound
from ticketing.events import Actor
from ticketing.handles import fold
from ticketing.models import Agent, Inbox
from ticketing.store import db

MAX_ADDRESS = 254
_SIP = re.compile(r"sips?:[A-Za-z0-9._%+~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:\d{1,5})?")


class Device(StrEnum):
    """The kinds of device."""

    BROWSER = "browser"
    NUMBER = "number"
    SIP = "sip"


def name_device(agent_id: int, kind: Device, address: str, *, by: Actor, at: datetime) -> Agent:
    """Let this device ring for the agent from the next call on. Raises InvalidInput, InvalidHandle."""
    return _change(agent_id, kind, _checked(kind, address.strip()), by=by, at=at)


def remove_device(agent_id: int, *, by: Actor, at: datetime) -> Agent:
    """Let nothing ring for the agent from the next call on."""
    return _change(agent_id, "", "", by=by, at=at)


def _change(agent_id: int, kind: str, address: str, *, by: Actor, at: datetime) -> Agent:
    agent = lock_agent(agent_id)
    if agent is None:
        raise NotFound(f"there is no agent {agent_id}")
    if (agent.device_kind, agent.device_address) != (kind, address):
        change = {"before": agent.device_kind, "after": kind}  # an agent's own number is not the audit's business
        agent.device_kind, agent.device_address = kind, address
        audit.record("device_changed", subject="agent", subject_id=agent.id, by=by, at=at, data=change)
    return agent


def _checked(kind: Device, address: str) -> str:
    if kind is Device.BROWSER:
        if address:
            raise InvalidInput("a browser has no address: it rings where you are logged in")
        return ""
    if kind is Device.SIP:
        if len(address) > MAX_ADDRESS or not _SIP.fullmatch(address):
            raise InvalidInput("a SIP address is like sip:ada@phones.example")
        return address
    number = fold(HandleKind.PHONE, address)
    if not number.startswith("+"):
        raise InvalidInput("that is no phone number with its country code (+…)")
    ours = select(Inbox.id).where(Inbox.channel == Channel.PHONE, Inbox.address == number)
    if db.session().scalar(ours.limit(1)) is not None:
        raise InvalidInput(f"{number} is the desk's own: it would call itself")
    return number
