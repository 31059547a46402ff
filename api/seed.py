"""Fill an empty store: the defaults that every desk starts with, and a demonstration to try."""

import tomllib
from datetime import datetime
from importlib import resources
from typing import Any

from flask import Flask
from sqlalchemy import func, select

from config.settings import Settings, derived_key
from sla.defaults import load_defaults
from sla.models import Calendar
from ticketing import agents, devices, inboxes, queue_settings, queues, schema
from ticketing.devices import Device
from ticketing.envelope import Channel
from ticketing.errors import InvalidInput, NotFound
from ticketing.events import SYSTEM
from ticketing.models import Agent, Queue, Role
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

ALWAYS_OPEN = "Always open"  # a calendar of the defaults
DEMO_AGENTS = {  # one of each role
    Role.AGENT: ("agnes@demo.example", "Agnès (agent)"),
    Role.SUPERVISOR: ("samir@demo.example", "Samir (supervisor)"),
    Role.ADMIN: ("ada@demo.example", "Ada (admin)"),
}


def initialise(app: Flask, *, demo: bool) -> None:
    """Migrate the store and load the defaults; `demo` adds people of every role. Twice is as good as once."""
    settings: Settings = app.extensions["comptoir.settings"]
    with app.app_context():
        schema.upgrade()
        with transaction("init"):
            load(read_defaults(settings), settings, at=utc_now())
            if demo:
                _add_demonstration(settings, at=utc_now())


def read_defaults(settings: Settings) -> dict[str, Any]:
    """Return what the defaults file says. Raises InvalidInput when it cannot be read."""
    packaged = resources.files("config") / "defaults.toml"
    try:
        text = (settings.defaults_file or packaged).read_text(encoding="utf-8")
        return tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(f"the defaults file cannot be read: {error}") from None


def load(defaults: dict[str, Any], settings: Settings, *, at: datetime) -> None:
    """Add the queues, inboxes, calendars and policies that the store does not have yet."""
    for one in defaults.get("queues", []):
        if not db.session().scalar(select(func.count()).where(Queue.name == one["name"])):
            queues.create_queue(one["name"], at=at)
    for one in defaults.get("inboxes", []):
        _add_inbox(one, settings, at)
    load_defaults(defaults, at)


def _add_inbox(one: dict[str, Any], settings: Settings, at: datetime) -> None:
    channel = Channel(one["channel"])
    try:
        inboxes.find_inbox(channel, one["address"])
    except NotFound:
        queue = queues.find_queue(one["queue"])
        inboxes.create_inbox(
            channel,
            one["address"],
            name=one["name"],
            queue=queue,
            settings=one.get("settings"),
            secret_key=settings.secret_key,
            at=at,
        )


def _add_demonstration(settings: Settings, *, at: datetime) -> None:
    added = [_add_person(role, settings, at=at) for role in DEMO_AGENTS]
    if any(added):
        _open_the_lines()


def _add_person(role: Role, settings: Settings, *, at: datetime) -> bool:
    """Add somebody of this role, whose telephone is in the browser; False if they are there already."""
    email, name = DEMO_AGENTS[role]
    if db.session().scalar(select(func.count()).where(Agent.email == email)):
        return False
    agent = agents.create_agent(email, name=name, role=role, at=at)
    agents.create_token(agent, name="demonstration", at=at, secret=_demo_secret(settings, role))
    devices.name_device(agent.id, Device.BROWSER, "", by=SYSTEM, at=at)
    return True


def _open_the_lines() -> None:
    """Let people call at any hour: who tries Comptoir on a Sunday night shall hear more than when it opens."""
    always = db.session().scalar(select(Calendar.id).where(Calendar.name == ALWAYS_OPEN).order_by(Calendar.id).limit(1))
    if always is not None:
        for queue in db.session().scalars(select(Queue).order_by(Queue.id)):
            queue.settings = queue_settings.changed(queue.settings, {"calendar": always})


def demo_tokens(app: Flask) -> dict[str, str]:
    """Return the demonstration's tokens by role; those that somebody revoked are left out."""
    settings: Settings = app.extensions["comptoir.settings"]
    with app.app_context():
        secrets = {str(role): _demo_secret(settings, role) for role in DEMO_AGENTS}
        return {role: secret for role, secret in secrets.items() if agents.authenticate(secret, now=utc_now())}


def _demo_secret(settings: Settings, role: Role) -> str:
    return f"{agents.PREFIX}demo_{derived_key(settings.secret_key, f'demo token {role}')[:40]}"
