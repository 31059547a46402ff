"""Lists of tickets: filters, orders, pages."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.pagination import write_cursor
from tests import make
from tests.api.desk import Desk, promise
from tests.conftest import NOON
from ticketing import lifecycle
from ticketing.envelope import Channel
from ticketing.events import SYSTEM
from ticketing.models import Ticket
from ticketing.moment import utc_now
from ticketing.queries import Sort
from ticketing.status import Priority, Status
from ticketing.transaction import transaction


@pytest.fixture
def desk(app: Flask, client: FlaskClient) -> Desk:
    make.queue("Kettles")
    return Desk(client)


def ids(desk: Desk, query: str) -> list[int]:
    answer = desk.get(f"/tickets?{query}")
    assert answer.status_code == 200, answer.json
    return [one["id"] for one in answer.json["items"]]


def put(ticket: Ticket, status: Status) -> None:
    with transaction("test"):
        lifecycle.change_status(lifecycle.lock_ticket(ticket.id), status, by=SYSTEM, at=NOON)


def test_filters_find_what_they_say(desk: Desk) -> None:
    other = make.agent(name="Bob")
    pots = make.queue("Pots")
    plain = make.ticket()
    mine = make.ticket(assignee=desk.agent, priority=Priority.HIGH)
    his = make.ticket(assignee=other, channel=Channel.SMS)
    tagged = make.ticket(queue=pots, tags=["Leak"])
    solved = make.ticket()
    put(solved, Status.SOLVED)
    table: dict[str, list[Ticket]] = {
        "queue=Pots": [tagged],
        f"queue={pots.id}": [tagged],
        "assignee=me": [mine],
        "assignee=none": [plain, tagged, solved],
        f"assignee={other.id}": [his],
        "channel=sms": [his],
        "priority=high": [mine],
        "tag=LEAK": [tagged],
        f"customer={plain.customer_id}": [plain],
        "status=open": [mine, his],
        "status=new&status=solved": [plain, tagged, solved],
        "status=active": [plain, mine, his, tagged],
        "status=active&status=solved": [plain, mine, his, tagged, solved],
        "status=active&assignee=none&queue=Pots": [tagged],
        "sla=none": [plain, mine, his, tagged, solved],
        "sla=breached": [],
    }

    for query, expected in table.items():
        assert sorted(ids(desk, query)) == sorted(ticket.id for ticket in expected), query


def test_the_sla_filter_agrees_with_what_is_shown(desk: Desk) -> None:
    promise()
    now = utc_now()
    ages = {"ok": timedelta(0), "at_risk": timedelta(hours=3, minutes=45), "breached": timedelta(hours=5)}
    tickets = {state: make.ticket(at=now - age) for state, age in ages.items()}

    for state, ticket in tickets.items():
        (found,) = desk.get(f"/tickets?sla={state}").json["items"]
        assert (found["id"], found["sla"]) == (ticket.id, state)


@pytest.mark.parametrize("sort", list(Sort))
def test_pages_of_every_order_hold_each_ticket_once(desk: Desk, sort: Sort) -> None:
    promise()
    for number in range(7):
        ticket = make.ticket(at=NOON - timedelta(minutes=number // 2))
        if number % 3 == 0:
            put(ticket, Status.SOLVED)
    every = ids(desk, f"sort={sort}")

    found: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = desk.get(f"/tickets?sort={sort}&limit=2&after={cursor}").json
        found += [one["id"] for one in page["items"]]
        cursor = page["next"]

    assert len(every) == 7
    assert found == every


def test_orders_are_as_the_contract_says(desk: Desk) -> None:
    late, early = make.ticket(at=NOON), make.ticket(at=NOON - timedelta(hours=1))
    done = make.ticket(at=NOON - timedelta(hours=2))
    put(done, Status.SOLVED)

    assert ids(desk, "sort=waiting") == [early.id, late.id, done.id]
    assert ids(desk, "sort=created") == [done.id, early.id, late.id]
    assert ids(desk, "sort=-created") == [late.id, early.id, done.id]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=many",
        "status=lost",
        "status=",
        "assignee=you",
        "assignee=me%0A",
        "assignee=99999999999999999999",
        "customer=0",
        "customer=99999999999999999999",
        "sla=fine",
        "sort=size",
        "colour=red",
        "tag=%00",
        "after=%21",
        "after=AAAA",
        f"after={write_cursor(['due', 'yesterday', 1])}",
        f"after={write_cursor(['due', '0001-01-01T00:00:00+23:00', 1])}",
        f"after={write_cursor(['due', '2026-11-18T12:00:00Z', 2**63])}",
        f"after={write_cursor(['created', '2026-11-18T12:00:00Z', 1])}",
        f"after={write_cursor(['id', 1])}",
        f"after={write_cursor(['due', '2026-11-18T12:00:00Z', True])}",
    ],
)
def test_a_query_that_makes_no_sense_gets_422_and_a_sentence(desk: Desk, query: str) -> None:
    answer = desk.get(f"/tickets?{query}")

    assert answer.status_code == 422, answer.json
    assert len(answer.json["detail"]) > 15


def test_a_ticket_that_changes_between_two_pages_costs_no_other_ticket(desk: Desk) -> None:
    tickets = [make.ticket(at=NOON + timedelta(minutes=number)) for number in range(4)]
    first: Any = desk.get("/tickets?sort=created&limit=2").json
    put(tickets[0], Status.SOLVED)

    second = desk.get(f"/tickets?sort=created&limit=2&after={first['next']}").json

    assert [one["id"] for one in second["items"]] == [tickets[2].id, tickets[3].id]


def test_a_queue_that_there_is_not_is_no_empty_list(desk: Desk) -> None:
    answer = desk.get("/tickets?queue=Nowhere")

    assert (answer.status_code, answer.json["detail"]) == (422, "There is no queue 'Nowhere'.")
