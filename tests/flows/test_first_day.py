"""A newcomer's first minute: four customers on four channels, answered on each, against the running processes."""

from pathlib import Path
from typing import Any

import pytest
import requests

from tests import servers
from tests.flows.running import AgentClient, Desk, running_desk, wait_for

pytestmark = pytest.mark.processes


@pytest.fixture(params=["sqlite", "postgresql"])
def desk(request: pytest.FixtureRequest, tmp_path: Path, run_folder: Path) -> Any:
    """A desk fresh out of the box, on each database."""
    own = {"COMPTOIR_DATABASE_URL": servers.postgres(run_folder)} if request.param == "postgresql" else {}
    with running_desk(tmp_path / "var", **own) as running:
        yield running


def write_on_all_channels(desk: Desk) -> dict[str, str]:
    """Four customers write; return the visitor token of the one who chats."""
    desk.mail("lucie@home.example", "My kettle leaks", "It drips on the floor.\n\nLucie")
    text = desk.twilio(
        "/inbound/twilio/sms", MessageSid="SM" + "1" * 32, From="+15145550123", To=desk.inbox("sms"), Body="Open today?"
    )
    call = desk.twilio(
        "/inbound/twilio/voice",
        CallSid="CA" + "1" * 32,
        From="+15145550124",
        To=desk.inbox("phone"),
        CallStatus="ringing",
        Direction="inbound",
    )
    session = requests.post(f"{desk.url}/chat/sessions", json={"name": "Karim"}, timeout=60)
    token = session.json()["visitor_token"]
    words = {"body": "Hello, anybody there?", "client_id": "c1"}
    chat = requests.post(
        f"{desk.url}/chat/messages", json=words, headers={"Authorization": f"Bearer {token}"}, timeout=60
    )

    assert (text.status_code, call.status_code, session.status_code, chat.status_code) == (200, 200, 201, 201)
    assert "<Say" in call.text
    return {"token": token}


def test_four_channels_are_answered_and_a_reply_mail_finds_its_ticket(desk: Desk) -> None:
    agnes = desk.agent("agnes@desk.example")  # before: commands take their time, and whoever waits live is waiting
    visitor = write_on_all_channels(desk)

    tickets = wait_for(lambda: len(page := agnes.get("/tickets", sort="due")["items"]) == 4 and page)
    assert {one["channel"] for one in tickets} == {"email", "sms", "phone", "chat"}
    assert [one["due_at"] for one in tickets] == sorted(one["due_at"] for one in tickets)
    for ticket in tickets:
        assert first_response(agnes, ticket)["state"] == "running"
        assert ticket["customer"]["id"]

    queue_id = tickets[0]["queue"]["id"]
    handed = [agnes.post(f"/queues/{queue_id}/next", expect=200) for _ in range(4)]
    assert sorted(one["id"] for one in handed) == sorted(one["id"] for one in tickets)
    assert all(one["assignee"]["id"] == agnes.id for one in handed)
    assert agnes.call("POST", f"/queues/{queue_id}/next").status_code == 204
    assert {one["channel"] for one in handed[:2]} == {"phone", "chat"}  # people who wait live come first

    for ticket in handed:
        message = agnes.post(f"/tickets/{ticket['id']}/replies", {"body": f"Hello from Agnes about {ticket['id']}"})
        assert (message["state"], message["channel"]) == ("queued", ticket["channel"])
        wait_until_it_arrived(desk, agnes, ticket, message, visitor)
        assert first_response(agnes, ticket)["state"] == "met"

    answer_the_answer(desk, agnes, next(one for one in handed if one["channel"] == "email"))


def first_response(agnes: AgentClient, ticket: dict[str, Any]) -> dict[str, Any]:
    clocks: list[dict[str, Any]] = agnes.get(f"/tickets/{ticket['id']}/sla")
    return next(one for one in clocks if one["metric"] == "first_response")


def wait_until_it_arrived(
    desk: Desk, agnes: AgentClient, ticket: dict[str, Any], message: dict[str, Any], visitor: dict[str, str]
) -> None:
    def state() -> bool:
        messages = agnes.get(f"/tickets/{ticket['id']}/messages")["items"]
        return next(one for one in messages if one["id"] == message["id"])["state"] in {"sent", "delivered"}

    wait_for(state, what=f"the reply on {ticket['channel']}")
    if ticket["channel"] == "chat":
        read = requests.get(
            f"{desk.url}/chat/messages", headers={"Authorization": f"Bearer {visitor['token']}"}, timeout=60
        )
        bodies = [one["body"] for one in read.json()["items"]]
    else:
        bodies = [one["body"] for one in desk.outbox()]
    assert sum(message["body"] in body for body in bodies) == 1, bodies


def answer_the_answer(desk: Desk, agnes: AgentClient, ticket: dict[str, Any]) -> None:
    (arrived,) = desk.outbox(channel="email")
    desk.mail(
        "lucie@home.example",
        f"Re: {ticket['subject']}",
        "Thank you, it works now.\n\nOn Mon, 16 Nov 2026 at 12:00, Agnes <a@b.example> wrote:\n> Hello from Agnes",
        In_Reply_To=arrived["message_id"],
    )

    messages = wait_for(lambda: len(page := agnes.get(f"/tickets/{ticket['id']}/messages")["items"]) == 3 and page)
    assert messages[-1]["body"] == "Thank you, it works now."
    assert "Hello from Agnes" in messages[-1]["quoted"]
    assert len(agnes.get("/tickets")["items"]) == 4
