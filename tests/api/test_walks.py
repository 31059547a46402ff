"""Lists that are taken apart into walks find what the plain conditions find, and rows read like entities."""

import itertools

import orjson
import pytest
from flask import Flask
from flask.testing import FlaskClient
from marshmallow import Schema
from sqlalchemy import select

from api.parsing import ORJSONProvider
from api.schemas.tickets import TicketSchema
from tests import make
from tests.api.desk import Desk, admin, promise
from tests.conftest import NOON
from ticketing import lifecycle
from ticketing.agents import Caller
from ticketing.events import SYSTEM
from ticketing.filters import Filter, SLAState, conditions_of, queues_of
from ticketing.models import Role, Ticket
from ticketing.moment import utc_now
from ticketing.queries import Sort, list_tickets
from ticketing.status import ACTIVE, Status
from ticketing.store import db
from ticketing.transaction import transaction

STATUSES = [(), tuple(sorted(ACTIVE)), (Status.SOLVED,), (Status.NEW, Status.SOLVED), (Status.ON_HOLD,)]


@pytest.fixture
def desk(app: Flask, client: FlaskClient) -> Desk:
    promise()
    desk, other = Desk(client), make.agent(name="Bob")
    queues = [make.queue("Ours"), make.queue("Mine", members=[desk.agent]), make.queue("His", members=[other])]
    for queue, assignee, old, solved in itertools.product(queues, (None, desk.agent, other), (0, 1), (0, 1)):
        at = NOON if old else utc_now()
        ticket = make.ticket(queue=queue, assignee=assignee, at=at, tags=["b", "a"] if solved else [])
        if solved:
            with transaction("test"):
                lifecycle.resolve(lifecycle.lock_ticket(ticket.id), by=SYSTEM, at=at)
    return desk


@pytest.mark.parametrize("sort", [Sort.DUE, Sort.NEWEST])
def test_every_walk_finds_what_the_conditions_find(desk: Desk, sort: Sort) -> None:
    caller, now = Caller(desk.agent.id, "Ada", Role.AGENT, frozenset()), utc_now()
    every = [
        Filter(queue=queue, statuses=statuses, sla=sla, assignee=assignee)
        for queue, statuses, sla, assignee in itertools.product(
            ("", "Mine", "His"), STATUSES, (None, *SLAState), ("", "none", str(desk.agent.id))
        )
    ]

    for wanted in every:
        plain = select(Ticket.id).where(*conditions_of(caller, wanted, queues_of(caller, wanted), now))
        expected = set(db.session().scalars(plain))
        first = list_tickets(caller, wanted, sort=sort, now=now, limit=5)
        rest = list_tickets(caller, wanted, sort=sort, now=now, limit=99, after=first.next) if first.next else None
        found = [one.id for one in (*first.tickets, *(rest.tickets if rest else ()))]
        assert len(found) == len(set(found)), wanted
        assert set(found) == expected, wanted


def test_a_row_reads_as_marshmallow_writes_the_entity(desk: Desk, client: FlaskClient) -> None:
    shown = {one["id"]: one for one in admin(client).get("/tickets?limit=200").json["items"]}

    for ticket in db.session().scalars(select(Ticket)):
        slow = orjson.loads(orjson.dumps(Schema.dump(TicketSchema(), ticket), option=ORJSONProvider.OPTIONS))
        assert {**shown[ticket.id], "sla": None} == {**slow, "sla": None}
        assert desk.get(f"/tickets/{ticket.id}").json in (slow, shown[ticket.id]) or ticket.queue.name == "His"
