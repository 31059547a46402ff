"""A desk with a phone: Twilio is a server that writes down what is asked of it, and signed posts."""

import itertools
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import orjson
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from api.embedded import ports
from api.reactions import carry_out
from channels.models import Call
from channels.phone.models import CallLeg
from channels.phone.switchboard import TIMEOUT
from config.settings import Settings
from tests import make
from tests.channels import twilio_forms
from tests.channels.twilio_contract import OPERATIONS, asked_against, operation_of
from ticketing.envelope import Channel
from ticketing.models import Agent, JournalEntry, Presence, Ticket
from ticketing.store import db

VOICE = "/inbound/twilio/voice"
SOUND = r"Recordings/RE[0-9a-f]{32}(\.(wav|mp3))?"
_sids = itertools.count(100)


@dataclass
class Asked:
    """One request of ours to Twilio."""

    method: str
    path: str
    form: dict[str, str]

    @property
    def behind(self) -> str:
        """What follows the account: `Calls.json`."""
        return urlsplit(self.path).path.partition("/Accounts/")[2].partition("/")[2]

    @property
    def resource(self) -> str:
        """Which resource that is: `Calls`, `Calls/CA…`, `Conferences/CF…/Participants/CA…`."""
        return self.behind.removesuffix(".json")


@dataclass
class Answer:
    """What Twilio answers instead of yes."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)


class Exchange(ThreadingHTTPServer):
    """Twilio's REST API, as far as it goes: says yes, unless `answers` has something else for the next request.

    `breaches` says of every request what Twilio would not take, by its published description.
    """

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.breaches: list[str] = []
        self.answers: list[Answer | None] = []
        super().__init__(("127.0.0.1", ports.free_port()), _Handler)

    def take(self) -> list[Asked]:
        """What was asked since the last time."""
        asked, self.asked = self.asked, []
        return asked


class _Handler(BaseHTTPRequestHandler):
    server: Exchange

    def do_POST(self) -> None:
        values = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        form = {name: ",".join(several) for name, several in values.items()}
        self._answer(Asked("POST", self.path, form), values)

    def do_GET(self) -> None:
        self._answer(Asked("GET", self.path, {}), parse_qs(urlsplit(self.path).query))

    def _answer(self, asked: Asked, values: dict[str, list[str]]) -> None:
        self.server.asked.append(asked)
        operation = operation_of(asked.method, asked.behind)
        self.server.breaches += breaches(asked, operation, values)
        other = self.server.answers.pop(0) if self.server.answers else None
        good = OPERATIONS[operation].status if operation is not None else 200
        status, body = (good, _yes(asked)) if other is None else (other.status, other.body)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(orjson.dumps(body))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def breaches(asked: Asked, operation: str | None, values: dict[str, list[str]]) -> list[str]:
    """What Twilio would not take of a request."""
    if operation is not None:
        return [f"{operation}: {wrong}" for wrong in asked_against(operation, values)]
    if asked.method == "GET" and re.fullmatch(SOUND, asked.behind):
        return []  # the sound of a recording, which the description leaves out
    return [f"there is no operation {asked.method} {asked.behind}"]


def _yes(asked: Asked) -> dict[str, Any]:
    if asked.resource == "Calls":
        return {"sid": twilio_forms.sid("CA", next(_sids))}
    if asked.method == "GET":
        return {"conferences": [], "page": 0, "page_size": 1, "uri": "", "first_page_uri": "", "next_page_uri": None}
    return {"sid": asked.resource.rpartition("/")[2]}


class PhoneDesk:
    """A queue `Phone` with our number, and what the provider and callers do."""

    def __init__(self, app: Flask, exchange: Exchange) -> None:
        self.app, self.exchange = app, exchange
        self.settings: Settings = app.extensions["comptoir.settings"]
        self.client: FlaskClient = app.test_client()
        self.queue = make.queue("Phone")
        self.inbox = make.inbox(Channel.PHONE, queue=self.queue)

    def agent(self, name: str = "Ada", **values: Any) -> Agent:
        """An agent who is there, with a softphone."""
        return make.agent(name=name, **{"presence": Presence.ONLINE, "device_kind": "browser", **values})

    def post(self, path: str, form: dict[str, str]) -> str:
        """What Twilio is answered, the verbs of the document in a row."""
        url = VOICE + path
        headers = {"X-Twilio-Signature": twilio_forms.sign(self.settings, url, form)}
        answer = self.client.post(url, data=form, headers=headers)
        assert answer.status_code in {200, 204}, answer.text
        db.session.rollback()
        return answer.text

    def arrive(self, number: int = 1, **fields: str) -> int:
        """A caller who holds the line; the id of their call."""
        self.post("", twilio_forms.call(number, **fields))
        self.work()
        return self.call(number).id

    def call(self, number: int = 1) -> Call:
        query = select(Call).where(Call.provider_id == twilio_forms.sid("CA", number))
        return db.session().scalars(query.execution_options(populate_existing=True)).one()

    def the_call(self, call_id: int) -> Call:
        return db.session().get_one(Call, call_id, populate_existing=True)

    def ticket_of(self, call_id: int) -> Ticket:
        return db.session().get_one(Ticket, self.the_call(call_id).ticket_id, populate_existing=True)

    def ticket_of_now(self, call_id: int) -> int:
        """The ticket of a call, inside a transaction too."""
        return db.session().get_one(Call, call_id).ticket_id

    def legs(self, call_id: int) -> list[CallLeg]:
        query = select(CallLeg).where(CallLeg.call_id == call_id).order_by(CallLeg.id)
        return list(db.session().scalars(query.execution_options(populate_existing=True)))

    def agent_now(self, agent: Agent | int) -> Agent:
        agent_id = agent if isinstance(agent, int) else agent.id
        return db.session().get_one(Agent, agent_id, populate_existing=True)

    def work(self) -> list[Asked]:
        """Let the workers do what there is to do, and what follows from it; what was asked of Twilio meanwhile."""
        done: set[int] = set()
        while waiting := [one for one in self._undone() if one not in done]:
            for entry_id in waiting:
                done.add(entry_id)
                carry_out(entry_id)
        db.session.rollback()
        return self.exchange.take()

    def _undone(self) -> list[int]:
        query = select(JournalEntry.id).where(JournalEntry.dispatched_at.is_(None)).order_by(JournalEntry.id)
        found = list(db.session().scalars(query))
        db.session.rollback()
        return found

    def kinds(self, call_id: int) -> list[str]:
        """The journal of the call's ticket."""
        query = select(JournalEntry.kind).where(JournalEntry.ticket_id == self.the_call(call_id).ticket_id)
        return list(db.session().scalars(query.order_by(JournalEntry.id)))

    # What the provider does.

    def pick_up(self, leg: CallLeg, *, press: bool = False) -> str:
        """Somebody picks up for a leg."""
        leg = db.session().get_one(CallLeg, leg.id, populate_existing=True)
        path, digits = ("/agent/accept", {"Digits": "5"}) if press else ("/agent", {})
        form = {"CallSid": leg.provider_id or twilio_forms.sid("CA", 900 + leg.id), "CallStatus": "in-progress"}
        return self.post(f"{path}?leg={leg.id}", form | digits)

    def leg_status(self, leg: CallLeg, status: str) -> str:
        leg = db.session().get_one(CallLeg, leg.id, populate_existing=True)
        sid = leg.provider_id or twilio_forms.sid("CA", 900 + leg.id)
        return self.post(f"/leg-status?leg={leg.id}", {"CallSid": sid, "CallStatus": status})

    def enter(self, call_id: int) -> str:
        """The customer asks for the room to which they were sent."""
        form = {"CallSid": self.the_call(call_id).provider_id or twilio_forms.sid("CA", 800 + call_id)}
        return self.post(f"/room?call={call_id}", form | {"CallStatus": "in-progress"})

    def conference(self, call_id: int, sid: str, event: str, number: int, **fields: str) -> str:
        """News of the call's room."""
        told = {"ConferenceSid": twilio_forms.sid("CF", call_id), "StatusCallbackEvent": event, "CallSid": sid}
        return self.post(f"/conference?call={call_id}", told | {"SequenceNumber": str(number)} | fields)

    def talk(self, call_id: int) -> CallLeg:
        """Let the agent whose device rings pick up, and the customer come; the agent's leg."""
        self.work()
        leg = next(one for one in self.legs(call_id) if one.ended_at is None and one.role == "agent")
        self.pick_up(leg, press=not leg.device.startswith("client:"))
        self.work()
        self.enter(call_id)
        sid = self.the_call(call_id).provider_id or ""
        self.conference(call_id, sid, "participant-join", 2 * leg.id)
        self.work()
        return db.session().get_one(CallLeg, leg.id, populate_existing=True)

    def caller_hangs_up(self, number: int = 1) -> None:
        self.post("/status", twilio_forms.status("completed", number, CallDuration="42"))


def verbs(document: str) -> list[str]:
    """The verbs of a document, those inside others too."""
    return [one.tag for one in ElementTree.fromstring(document).iter()][1:]


def attributes(document: str, verb: str) -> dict[str, str]:
    """The attributes of the first such verb."""
    found = ElementTree.fromstring(document).find(f".//{verb}")
    assert found is not None, document
    return found.attrib


def path_of(url: str) -> str:
    """The path and the query of an address of ours."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}".removeprefix(VOICE)


@contextmanager
def running(app: Flask) -> Iterator[PhoneDesk]:
    """A desk whose Twilio is an Exchange; whatever it asks is held against what Twilio publishes."""
    with Exchange() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        settings: Settings = app.extensions["comptoir.settings"]
        assert settings.twilio is not None
        account = replace(settings.twilio, api_base=f"http://127.0.0.1:{server.server_port}")
        app.extensions["comptoir.settings"] = replace(settings, twilio=account)  # the fixture puts the old ones back
        try:
            yield PhoneDesk(app, server)
            assert server.breaches == [], server.breaches
        finally:
            server.shutdown()
            thread.join(TIMEOUT)
