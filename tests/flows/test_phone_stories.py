"""Stories of callers and agents, told through the sandbox: its phones, our webhooks, our REST calls, our API."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from api.reactions import carry_out, retry_deliveries
from channels import reconciling
from channels.phone import answering
from channels.sandbox.exchange import Exchange
from config.settings import Settings
from sla.defaults import load_defaults
from sla.models import Calendar, Clock
from tests import make
from tests.api.desk import ALWAYS, STANDARD, Desk
from tests.channels import live_desk
from tests.conftest import EMPTY, NOON, forget
from ticketing.envelope import Channel
from ticketing.models import Agent, JournalEntry, Message, Presence, Queue, Role, Ticket
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

OURS = "+15145550100"
KARIM, LEA, OMAR = "+14165550111", "+14165550122", "+14165550133"


class Story:
    """A desk with a line, its agents, and the phones of everybody."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.exchange: Exchange = live_desk.exchange(app)
        self.queue = make.queue("Phone")
        promise_a_short_wait()
        for channel in (Channel.PHONE, Channel.SMS):
            make.inbox(channel, address=OURS, queue=self.queue)
        self.client = app.test_client()

    def agent(self, name: str, **values: Any) -> "Person":
        row = make.agent(name=name, presence=Presence.ONLINE, device_kind="browser", **values)
        self.exchange.open(f"client:agent-{row.id}")
        return Person(self, row)

    def call(self, number: str) -> str:
        """Somebody calls, and holds the line."""
        sid = self.exchange.dial(number, OURS)
        self.go_on(20)
        return sid

    def go_on(self, seconds: float = 5) -> None:
        """Let the time pass, with workers who do what follows from the journal."""
        self.work()
        for _ in range(3):
            self.exchange.run_for(seconds / 3)
            self.work()

    def work(self) -> None:
        for _ in range(20):
            live_desk.settle_session()
            query = select(JournalEntry.id).where(JournalEntry.dispatched_at.is_(None)).order_by(JournalEntry.id)
            waiting = db.session().scalars(query).all()
            if not waiting:
                return
            for one in waiting:
                live_desk.settle_session()
                carry_out(one)
            self.exchange.run_for(0.2)
        raise AssertionError(f"there is always more to do: {waiting}")

    def close(self) -> None:
        """Nobody is there at this hour: the queue's calendar has no open hour."""
        with transaction("test") as session:
            load_defaults({"calendars": [{"name": "Never", "time_zone": "UTC", "weekly": {}}]}, NOON)
            calendar = session.scalars(select(Calendar).where(Calendar.name == "Never")).one()
        self.settle(calendar=calendar.id)

    def faults(self, *, status: int, operation: str, times: int) -> None:
        """Let Twilio refuse some requests."""
        fault = {"operation": operation, "does": "refuse", "status": status, "code": 20000 + status, "times": times}
        assert self.client.put("/sandbox/faults", json={"rest": [fault], "webhooks": []}).status_code == 200

    def disturb(self, path: str, does: str, *, times: int = 1, seconds: int = 30) -> None:
        """Have some of the next webhooks to a path come otherwise than they should."""
        plan = self.client.get("/sandbox/faults").json
        plan["webhooks"].append({"path": path, "does": does, "times": times, "seconds": seconds})
        assert self.client.put("/sandbox/faults", json=plan).status_code == 200

    def reconcile(self, *, minutes: int = 10) -> int:
        """Let Twilio be asked, so many minutes from now, what no webhook told; how much that was."""
        live_desk.settle_session()
        found = reconciling.reconcile(lambda: utc_now() + timedelta(minutes=minutes))
        self.work()
        return found

    def settle(self, **settings: object) -> None:
        with transaction("test") as session:
            session.get_one(Queue, self.queue.id).settings = settings

    def try_again(self) -> None:
        """Let the time come for what is to be sent again."""
        with transaction("test") as session:
            session.execute(update(Message).where(Message.state == "queued").values(next_attempt_at=NOON))
        for one in db.session().scalars(select(Message.ticket_id).where(Message.state == "queued")).all():
            live_desk.settle_session()
            retry_deliveries(one)

    def later(self, *, seconds: int) -> None:
        """Have the ticker look what has become of the calls of which no word came for so long."""
        now = utc_now() + timedelta(seconds=seconds)
        for one in answering.overdue(now):
            with transaction("ticker"):
                answering.catch_up(one, at=now)
        self.go_on(seconds)

    def heard(self, device: str) -> str:
        return " ".join(self.exchange.heard(device))

    def ticket_of(self, number: str) -> Ticket:
        live_desk.settle_session()
        rows = db.session().scalars(select(Ticket).order_by(Ticket.id)).unique().all()
        return next(one for one in rows if any(handle.address == number for handle in one.customer.handles))

    def kinds(self, ticket: Ticket) -> list[str]:
        query = select(JournalEntry.kind).where(JournalEntry.ticket_id == ticket.id).order_by(JournalEntry.id)
        return list(db.session().scalars(query))


class Person(Desk):
    """An agent with a softphone."""

    def __init__(self, story: Story, agent: Agent) -> None:
        super().__init__(story.client, agent)
        self.story, self.id = story, agent.id
        self.device = f"client:agent-{agent.id}"

    def next(self) -> int | None:
        """Ask for work; the ticket's id."""
        answer = self.post(f"/queues/{self.story.queue.id}/next")
        assert answer.status_code in {200, 204}, answer.text
        self.story.go_on()
        return answer.json["id"] if answer.status_code == 200 else None

    def pick_up(self) -> str:
        """Answer what rings on their device."""
        (sid,) = self.story.exchange.incoming(self.device)
        self.story.exchange.pick_up(sid)
        self.story.go_on()
        return sid

    def call_of(self, ticket_id: int) -> dict[str, Any]:
        calls = self.get(f"/calls?ticket={ticket_id}").json["items"]
        return dict(max(calls, key=lambda one: one["id"]))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def served(
    request: pytest.FixtureRequest, base_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    """One application on each of the databases, for all stories."""
    url = ""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_app").extensions["comptoir.settings"].database_url
    with live_desk.serving(base_settings, tmp_path_factory.mktemp("stories"), url) as app:
        yield app


@pytest.fixture
def story(served: Flask, sqlite_template: Path) -> Iterator[Story]:
    """A desk whose tables are empty."""
    forget(served)
    folder: Path = served.extensions["comptoir.settings"].data_dir
    shutil.rmtree(folder)
    folder.mkdir()
    shutil.copyfile(sqlite_template, folder / live_desk.STORE)
    with live_desk.connected(served):
        yield Story(served)
    with served.app_context():
        if db.engine.dialect.name == "postgresql":
            with db.engine.begin() as connection:
                connection.execute(EMPTY)
        db.engine.dispose()


def test_three_hold_the_line_and_the_first_is_answered_handed_on_and_written_down(story: Story) -> None:
    ada, ben = story.agent("Ada"), story.agent("Ben")
    calls = [story.call(number) for number in (KARIM, LEA, OMAR)]
    places = [story.heard(number) for number in (KARIM, LEA, OMAR)]
    first = ada.next()
    ada.pick_up()

    assert ["You are next" in places[0], "number 2" in places[1], "number 3" in places[2]] == [True] * 3
    assert first == story.ticket_of(KARIM).id
    assert ada.call_of(first)["stage"] == "talking"
    assert met(story.ticket_of(KARIM), "queue_wait")
    story.go_on(30)
    assert "You are next" in story.heard(LEA)

    call = ada.call_of(first)["id"]
    assert ada.post(f"/calls/{call}/transfer", {"to": {"agent": ben.id}}).status_code in {200, 202}
    story.go_on()
    ben.pick_up()
    story.exchange.speak(calls[0], "Hello, the kettle leaks")
    story.go_on()

    assert "the kettle leaks" in " ".join(story.exchange.heard(ben.device, "heard"))
    assert "the kettle leaks" not in " ".join(story.exchange.heard(ada.device, "heard"))
    assert story.ticket_of(KARIM).assignee_id == ben.id

    assert ben.post(f"/calls/{call}/end").status_code in {200, 202}
    story.go_on()
    assert story.exchange.find_call(calls[0]).is_over
    assert ben.next() is None  # writes down what was said, and takes no call meanwhile
    noted = {"outcome": "A new kettle", "note": "Sent today."}
    assert ben.post(f"/calls/{call}/wrap-up", noted).status_code in {200, 201}
    assert ben.delete("/agents/me/wrap-up").status_code in {200, 204}
    assert ben.next() == story.ticket_of(LEA).id


def test_who_asks_to_be_called_back_stays_ahead_of_who_came_later(story: Story) -> None:
    ada = story.agent("Ada")
    karim = story.call(KARIM)
    story.exchange.press(karim, "1")
    story.go_on(20)
    story.exchange.press(karim, "1")  # as soon as it is their turn
    story.go_on(40)
    story.call(LEA)

    assert story.exchange.find_call(karim).is_over
    assert ada.next() == story.ticket_of(KARIM).id
    story.exchange.open(KARIM)
    ada.pick_up()
    story.go_on()
    (ringing,) = story.exchange.incoming(KARIM)
    story.exchange.pick_up(ringing)
    story.go_on()

    assert ada.call_of(story.ticket_of(KARIM).id)["stage"] == "talking"
    assert met(story.ticket_of(KARIM), "queue_wait")
    (row,) = ada.get(f"/callbacks?state=done&ticket={story.ticket_of(KARIM).id}").json["items"]
    assert row["reason"] == "asked"
    assert "You are next" in story.heard(LEA)


def test_who_goes_on_by_text_is_answered_by_text_on_the_same_ticket(story: Story) -> None:
    ada = story.agent("Ada")
    karim = story.call(KARIM)
    story.exchange.press(karim, "3")
    story.go_on(20)
    story.call(LEA)
    texts = story.exchange.store.arrived(channel="sms", recipient=KARIM, limit=10)
    story.exchange.text(KARIM, OURS, "The kettle leaks")
    story.go_on()

    assert story.exchange.find_call(karim).is_over
    assert len(texts) == 1
    first = ada.next()
    assert first == story.ticket_of(KARIM).id
    reply = ada.post(f"/tickets/{first}/replies", {"body": "A new one is on its way."})
    assert (reply.status_code, reply.json["channel"]) == (201, "sms")
    story.go_on()
    texts = story.exchange.store.arrived(channel="sms", recipient=KARIM, limit=10)
    assert "A new one is on its way." in texts[-1]["body"]
    assert not story.ticket_of(KARIM).live


def test_who_hangs_up_waiting_is_called_back(story: Story) -> None:
    ada = story.agent("Ada")
    karim = story.call(KARIM)
    story.exchange.hang_up(karim)
    story.go_on()

    assert "call_abandoned" in story.kinds(story.ticket_of(KARIM))
    assert not story.ticket_of(KARIM).live
    assert ada.next() == story.ticket_of(KARIM).id
    (row,) = ada.get(f"/callbacks?ticket={story.ticket_of(KARIM).id}").json["items"]
    assert row["reason"] == "abandoned"
    story.exchange.open(KARIM)
    if not story.exchange.incoming(ada.device):
        assert ada.post(f"/callbacks/{row['id']}/attempts").status_code in {200, 201, 202}
        story.go_on()
    ada.pick_up()
    story.go_on()
    (ringing,) = story.exchange.incoming(KARIM)
    story.exchange.pick_up(ringing)
    story.go_on()
    assert ada.call_of(story.ticket_of(KARIM).id)["stage"] == "talking"


def test_at_night_a_voicemail_is_taken_and_kept(story: Story) -> None:
    ada = story.agent("Ada")
    story.close()
    karim = story.call(KARIM)
    story.exchange.press(karim, "2")
    story.go_on(8)
    story.exchange.speak(karim, "The kettle leaks, please call me back")
    story.go_on(15)
    story.go_on(30)

    ticket = story.ticket_of(KARIM)
    messages = ada.get(f"/tickets/{ticket.id}/messages").json["items"]
    assert not ticket.live
    assert [file["content_type"] for one in messages for file in one["attachments"]] == ["audio/wav"]


def test_an_agent_who_does_not_pick_up_gives_the_call_back_to_its_place(story: Story) -> None:
    ada, ben = story.agent("Ada"), story.agent("Ben")
    story.call(KARIM)
    story.call(LEA)
    assert ada.next() == story.ticket_of(KARIM).id
    story.go_on(60)

    assert ada.get("/agents/me").json["presence"] == "away"
    assert story.ticket_of(KARIM).assignee_id is None
    assert "You are next" in story.heard(KARIM)
    assert ben.next() == story.ticket_of(KARIM).id
    ben.pick_up()
    assert ben.call_of(story.ticket_of(KARIM).id)["stage"] == "talking"


def test_a_caller_whose_agent_vanishes_is_first_in_line_again(story: Story) -> None:
    ada, ben = story.agent("Ada"), story.agent("Ben")
    karim = story.call(KARIM)
    story.call(LEA)
    assert ada.next() == story.ticket_of(KARIM).id
    sid = ada.pick_up()
    story.exchange.vanish(sid)
    story.go_on(60)

    assert not story.exchange.find_call(karim).is_over
    assert "customer_lost" in story.kinds(story.ticket_of(KARIM))
    assert ben.next() == story.ticket_of(KARIM).id
    ben.pick_up()
    story.exchange.speak(karim, "Are you there?")
    story.go_on()
    assert "Are you there?" in " ".join(story.exchange.heard(ben.device, "heard"))


def test_messages_wait_while_twilio_is_down_and_a_call_is_told(story: Story) -> None:
    ada = story.agent("Ada")
    story.exchange.text(KARIM, OURS, "The kettle leaks")
    story.go_on()
    ticket = ada.next()
    story.faults(status=429, operation="create_message", times=2)
    assert ada.post(f"/tickets/{ticket}/replies", {"body": "A new one is on its way."}).status_code == 201
    story.go_on()
    (reply,) = [one for one in ada.get(f"/tickets/{ticket}/messages").json["items"] if one["kind"] == "outbound"]
    assert reply["state"] == "queued"
    assert reply["state_reason"]
    story.try_again()
    story.try_again()
    story.go_on()
    (reply,) = [one for one in ada.get(f"/tickets/{ticket}/messages").json["items"] if one["kind"] == "outbound"]
    assert reply["state"] in {"sent", "delivered"}

    story.call(LEA)
    story.faults(status=503, operation="create_call", times=5)
    assert ada.next() == story.ticket_of(LEA).id
    story.later(seconds=60)
    assert story.ticket_of(LEA).live
    assert story.ticket_of(LEA).assignee_id is None
    assert "You are next" in story.heard(LEA)


def test_who_has_written_stop_is_not_written_to(story: Story) -> None:
    ada = story.agent("Ada")
    story.exchange.text(KARIM, OURS, "The kettle leaks")
    story.exchange.text(KARIM, OURS, "STOP")
    story.go_on()
    ticket = ada.next()

    refused = ada.post(f"/tickets/{ticket}/replies", {"body": "A new one is on its way.", "channel": "sms"})
    assert refused.status_code == 409
    assert "STOP" in refused.json["detail"]
    story.exchange.text(KARIM, OURS, "START")
    story.go_on()
    taken = ada.post(f"/tickets/{ticket}/replies", {"body": "A new one is on its way.", "channel": "sms"})
    assert taken.status_code == 201


def test_news_that_come_twice_and_out_of_order_change_nothing(story: Story) -> None:
    ada = story.agent("Ada")
    for what in ("double", "swap", "delay"):
        for path in (
            "/inbound/twilio/voice/leg-status",
            "/inbound/twilio/voice/conference",
            "/inbound/twilio/voice/status",
        ):
            story.disturb(path, what)
    karim = story.call(KARIM)
    ticket = ada.next()
    ada.pick_up()
    story.go_on(30)
    assert ada.call_of(ticket)["stage"] == "talking"
    story.exchange.hang_up(karim)
    story.go_on(60)

    kinds = story.kinds(story.ticket_of(KARIM))
    assert [kinds.count(one) for one in ("customer_answered", "call_ended", "live_ended")] == [1, 1, 1]
    assert ada.call_of(ticket)["stage"] == "over"
    assert ada.delete("/agents/me/wrap-up").status_code in {200, 204}
    story.call(LEA)
    assert ada.next() == story.ticket_of(LEA).id


def test_what_no_webhook_told_is_found_by_asking(story: Story) -> None:
    ada = story.agent("Ada")
    story.disturb("/inbound/twilio/sms", "delay", seconds=1200)
    story.exchange.text(KARIM, OURS, "The kettle leaks")
    story.disturb("/inbound/twilio/voice", "lose", times=4)
    lea = story.call(LEA)
    story.go_on(30)
    assert story.exchange.find_call(lea).is_over
    assert ada.next() is None

    assert story.reconcile() == 2  # a text, and a call, whose end waits for it
    told = ada.get(f"/tickets/{story.ticket_of(KARIM).id}/messages").json["items"]
    assert [one["body"] for one in told] == ["The kettle leaks"]
    assert story.kinds(story.ticket_of(LEA)).count("call_abandoned") == 1
    (row,) = ada.get(f"/callbacks?ticket={story.ticket_of(LEA).id}").json["items"]
    assert row["reason"] == "abandoned"
    assert not story.ticket_of(LEA).live

    story.exchange.run_for(1200)  # the text's own webhook comes after all
    story.work()
    assert story.reconcile(minutes=40) == 0
    assert len(ada.get(f"/tickets/{story.ticket_of(KARIM).id}/messages").json["items"]) == 1
    assert {ada.next(), ada.next()} == {story.ticket_of(KARIM).id, story.ticket_of(LEA).id}


def test_the_end_of_a_call_that_no_webhook_told_is_found_by_asking(story: Story) -> None:
    ada = story.agent("Ada")
    karim = story.call(KARIM)
    story.disturb("/inbound/twilio/voice", "lose", times=4)  # its status, and what comes behind the line
    story.exchange.hang_up(karim)
    story.go_on(30)
    assert story.ticket_of(KARIM).live

    story.reconcile()

    assert not story.ticket_of(KARIM).live
    assert "call_abandoned" in story.kinds(story.ticket_of(KARIM))
    assert ada.call_of(story.ticket_of(KARIM).id)["stage"] == "over"


def test_a_talk_is_recorded_kept_here_and_played_to_whoever_sees_the_ticket(story: Story) -> None:
    story.settle(record=True)
    ada, eve = story.agent("Ada"), story.agent("Eve")
    admin = Desk(story.client, make.agent(Role.ADMIN, name="Ines"))
    theirs = {"access": "members", "members": [ada.id]}
    assert admin.patch(f"/queues/{story.queue.id}", theirs).status_code == 200
    karim = story.call(KARIM)
    assert "recorded" in story.heard(KARIM)  # before anything else is said
    ticket = ada.next()
    ada.pick_up()
    story.exchange.speak(karim, "The kettle leaks")
    story.go_on(30)
    story.exchange.hang_up(karim)
    story.go_on(30)

    (recording,) = ada.get(f"/tickets/{ticket}/recordings").json["items"]
    assert (recording["kind"], recording["state"]) == ("talk", "kept")
    assert recording["seconds"] >= 30
    played = ada.get(f"/recordings/{recording['id']}/content")
    assert (played.status_code, played.mimetype, played.data[:4]) == (200, "audio/wav", b"RIFF")
    assert [one["id"] for one in ada.call_of(ticket)["recordings"]] == [recording["id"]]
    for path in (f"/recordings/{recording['id']}", f"/recordings/{recording['id']}/content"):
        assert eve.get(path).status_code == 404
        assert story.client.get(f"/api/v1{path}").status_code == 401


def promise_a_short_wait() -> None:
    """Promise an answer within two minutes of working time, day and night."""
    policy = {**STANDARD, "targets": {"queue_wait": {"allowance_seconds": 120}}}
    with transaction("test"):
        load_defaults({"calendars": [ALWAYS], "policies": [policy]}, NOON)


def met(ticket: Ticket, metric: str) -> bool:
    rows = db.session().scalars(select(Clock).where(Clock.ticket_id == ticket.id, Clock.metric == metric)).all()
    return bool(rows) and all(one.met_at is not None for one in rows)
