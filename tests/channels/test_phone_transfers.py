"""What agents and supervisors do in a call: hold, hand on, listen, end, and call customers themselves."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from channels.phone.states import Stage
from tests import make
from tests.api.desk import Desk
from tests.channels import phone_desk, twilio_forms
from tests.channels.phone_desk import Answer, Asked, PhoneDesk, attributes, path_of, verbs
from ticketing.models import Agent, Presence, Role


class Talk:
    """Ada speaks with a caller."""

    def __init__(self, desk: PhoneDesk, **ada: Any) -> None:
        self.desk = desk
        self.ada = desk.agent(**ada)
        self.caller = Desk(desk.client, self.ada)
        self.call_id = desk.arrive()
        self.since = desk.ticket_of(self.call_id).waiting_since
        self.caller.post(f"/queues/{desk.queue.id}/next")
        self.leg = desk.talk(self.call_id)
        self.customer = desk.the_call(self.call_id).provider_id or ""

    def do(self, step: str, json: Any = None, *, method: str = "POST") -> int:
        return self.caller.call(method, f"/calls/{self.call_id}/{step}", json=json).status_code

    @property
    def stage(self) -> str:
        return self.desk.the_call(self.call_id).stage

    @property
    def assignee(self) -> int | None:
        return self.desk.ticket_of(self.call_id).assignee_id


@pytest.fixture
def talk(sqlite_app: Flask) -> Iterator[Talk]:
    with phone_desk.running(sqlite_app) as desk:
        yield Talk(desk)


def told(asked: list[Asked], resource: str) -> dict[str, str]:
    """What was asked of one resource."""
    (one,) = [a for a in asked if a.resource == resource]
    return one.form


def calls(asked: list[Asked]) -> list[str]:
    return [a.form["To"] for a in asked if a.resource == "Calls"]


def test_a_customer_on_hold_hears_music_and_comes_back(talk: Talk) -> None:
    room = twilio_forms.sid("CF", talk.call_id)

    assert (talk.do("hold"), talk.stage) == (200, Stage.ON_HOLD)
    held = told(talk.desk.work(), f"Conferences/{room}/Participants/{talk.customer}")
    talk.do("hold")  # twice is once
    assert not talk.desk.work()
    music = talk.desk.post(path_of(held["HoldUrl"]), {"CallSid": talk.customer})
    assert (held["Hold"], verbs(music)) == ("true", ["Play"])

    assert (talk.do("unhold"), talk.stage) == (200, Stage.TALKING)
    assert told(talk.desk.work(), f"Conferences/{room}/Participants/{talk.customer}") == {"Hold": "false"}


def test_a_blind_transfer_rings_the_colleague_while_the_customer_waits_in_front(talk: Talk) -> None:
    bo = talk.desk.agent("Bo")

    assert talk.do("transfer", {"to": {"agent": bo.id}}) == 200
    asked = talk.desk.work()

    assert path_of(told(asked, f"Calls/{talk.customer}")["Url"]) == f"/room/back?call={talk.call_id}&why=transfer"
    assert calls(asked) == [f"client:agent-{bo.id}"]
    assert "Twiml" in told(asked, f"Calls/{talk.leg.provider_id}")
    ticket = talk.desk.ticket_of(talk.call_id)
    assert (ticket.assignee_id, ticket.waiting_since) == (bo.id, talk.since)
    assert talk.desk.agent_now(talk.ada).wrap_up_until is not None
    talk.desk.talk(talk.call_id)
    assert talk.stage == Stage.TALKING


def test_a_transfer_that_nobody_picks_up_leaves_the_place(talk: Talk) -> None:
    bo = talk.desk.agent("Bo")
    talk.do("transfer", {"to": {"agent": bo.id}})
    talk.desk.work()

    talk.desk.leg_status(talk.desk.legs(talk.call_id)[1], "no-answer")
    talk.desk.work()

    ticket = talk.desk.ticket_of(talk.call_id)
    assert (ticket.assignee_id, ticket.waiting_since, talk.stage) == (None, talk.since, Stage.HOLDING)
    assert talk.desk.agent_now(bo).presence is Presence.AWAY


def test_a_transfer_to_a_queue_puts_the_customer_into_its_line(talk: Talk) -> None:
    other = make.queue("Billing")

    assert talk.do("transfer", {"to": {"queue": "Billing"}}) == 200
    talk.desk.work()

    ticket = talk.desk.ticket_of(talk.call_id)
    assert (ticket.queue_id, ticket.assignee_id, ticket.waiting_since) == (other.id, None, talk.since)
    document = talk.desk.post(f"/room/back?call={talk.call_id}&why=transfer", {"CallSid": talk.customer})
    assert f"queue-{other.id}" in document


def test_a_warm_transfer_asks_first_and_hands_on_when_completed(talk: Talk) -> None:
    bo = talk.desk.agent("Bo")

    assert talk.do("transfer", {"to": {"agent": bo.id}, "warm": True}) == 200
    assert calls(talk.desk.work()) == [f"client:agent-{bo.id}"]
    assert talk.do("transfer", method="PUT") == 409  # nobody has picked up
    asking = talk.desk.legs(talk.call_id)[1]
    assert verbs(talk.desk.pick_up(asking)) == ["Dial", "Conference"]
    talk.desk.work()
    assert talk.stage == Stage.ON_HOLD

    assert talk.do("transfer", method="PUT") == 200
    asked = talk.desk.work()

    assert (talk.stage, talk.assignee, talk.desk.the_call(talk.call_id).agent_id) == (Stage.TALKING, bo.id, bo.id)
    room = twilio_forms.sid("CF", talk.call_id)
    assert told(asked, f"Conferences/{room}/Participants/{talk.customer}") == {"Hold": "false"}
    assert talk.desk.agent_now(talk.ada).on_call_since is None
    assert talk.desk.agent_now(bo).on_call_since is not None
    assert talk.do("hold") == 403  # it is Bo's call now


@pytest.mark.parametrize("how", ["cancelled", "not picked up", "hung up"])
def test_a_warm_transfer_that_comes_to_nothing_gives_the_customer_back_to_the_agent(talk: Talk, how: str) -> None:
    bo = talk.desk.agent("Bo")
    talk.do("transfer", {"to": {"agent": bo.id}, "warm": True})
    talk.desk.work()
    asking = talk.desk.legs(talk.call_id)[1]
    if how == "hung up":
        talk.desk.pick_up(asking)

    if how == "cancelled":
        assert talk.do("transfer", method="DELETE") == 200
    else:
        talk.desk.leg_status(asking, "no-answer" if how == "not picked up" else "completed")
    talk.desk.work()

    assert (talk.stage, talk.assignee) == (Stage.TALKING, talk.ada.id)
    bo = talk.desk.agent_now(bo)
    assert (bo.on_call_since, bo.presence) == (None, Presence.ONLINE)


def test_who_was_asked_goes_on_when_the_agents_browser_vanishes(talk: Talk) -> None:
    bo = talk.desk.agent("Bo")
    talk.do("transfer", {"to": {"agent": bo.id}, "warm": True})
    talk.desk.work()
    talk.desk.pick_up(talk.desk.legs(talk.call_id)[1])

    talk.desk.leg_status(talk.leg, "completed")
    talk.desk.work()

    assert (talk.stage, talk.assignee) == (Stage.TALKING, bo.id)


@pytest.mark.parametrize("warm", [False, True])
def test_a_customer_is_handed_on_to_a_number_outside(talk: Talk, warm: bool) -> None:
    assert talk.do("transfer", {"to": {"number": "+1 514 555 0190"}, "warm": warm}) == 200
    asked = talk.desk.work()
    outside = talk.desk.legs(talk.call_id)[1]
    talk.desk.pick_up(outside, press=warm)
    if warm:
        talk.do("transfer", method="PUT")
    talk.desk.work()

    assert calls(asked) == ["+15145550190"]
    assert talk.stage == Stage.TALKING
    assert talk.desk.agent_now(talk.ada).on_call_since is None
    talk.desk.leg_status(outside, "completed")
    assert told(talk.desk.work(), f"Calls/{talk.customer}") == {"Status": "completed"}


def test_a_number_outside_that_does_not_answer_gives_the_customer_their_place_back(talk: Talk) -> None:
    talk.do("transfer", {"to": {"number": "+15145550190"}})
    talk.desk.work()

    talk.desk.leg_status(talk.desk.legs(talk.call_id)[1], "no-answer")
    asked = talk.desk.work()

    assert path_of(told(asked, f"Calls/{talk.customer}")["Url"]).startswith("/room/back")
    ticket = talk.desk.ticket_of(talk.call_id)
    assert (ticket.assignee_id, ticket.waiting_since, talk.stage) == (None, talk.since, Stage.HOLDING)


REFUSED = [
    ({}, 422),
    ({"to": {}}, 422),
    ({"to": {"agent": 1, "queue": 1}}, 422),
    ({"to": {"agent": 999}}, 422),
    ({"to": {"agent": True}}, 422),
    ({"to": {"queue": "Nowhere"}}, 422),
    ({"to": {"queue": "Phone"}, "warm": True}, 422),
    ({"to": {"number": "911"}}, 422),
    ({"to": {"number": "five"}}, 422),
    ({"to": {"number": "+15145550190", "extension": 5}}, 422),
    ({"to": {"number": "x" * 5000}}, 422),
    ({"to": {"queue": "Phone"}, "warm": "yes"}, 422),
    ([], 422),
]


def test_transfers_that_make_no_sense_are_refused_and_change_nothing(talk: Talk) -> None:
    busy, deaf = (
        talk.desk.agent("Bo", wrap_up_until=None, on_call_since=talk.since),
        talk.desk.agent("Cy", device_kind=""),
    )
    more = [({"to": {"agent": busy.id}}, 409), ({"to": {"agent": deaf.id}}, 409), ({"to": {"agent": talk.ada.id}}, 422)]

    for body, status in [*REFUSED, *more, ({"to": {"agent": busy.id}, "warm": True}, 409)]:
        assert talk.do("transfer", body) == status, body

    assert (talk.stage, talk.assignee) == (Stage.TALKING, talk.ada.id)
    assert not talk.desk.work()


def test_a_supervisor_listens_whispers_joins_and_leaves(talk: Talk) -> None:
    sue = talk.desk.agent("Sue", device_kind="browser", role=Role.SUPERVISOR)
    boss, room = Desk(talk.desk.client, sue), twilio_forms.sid("CF", talk.call_id)

    assert boss.post(f"/calls/{talk.call_id}/listen").status_code == 200
    assert calls(talk.desk.work()) == [f"client:agent-{sue.id}"]
    leg = talk.desk.legs(talk.call_id)[1]
    assert attributes(talk.desk.pick_up(leg), "Conference")["muted"] == "true"
    sid = talk.desk.legs(talk.call_id)[1].provider_id

    boss.post(f"/calls/{talk.call_id}/whisper")
    whispers = told(talk.desk.work(), f"Conferences/{room}/Participants/{sid}")
    boss.post(f"/calls/{talk.call_id}/join")
    joins = told(talk.desk.work(), f"Conferences/{room}/Participants/{sid}")
    assert whispers == {"Muted": "false", "Coaching": "true", "CallSidToCoach": talk.leg.provider_id}
    assert joins == {"Muted": "false", "Coaching": "false"}
    assert attributes(talk.desk.pick_up(leg), "Conference").get("muted") is None

    assert boss.post(f"/calls/{talk.call_id}/leave").status_code == 200
    talk.desk.work()
    assert (talk.stage, talk.desk.agent_now(sue).on_call_since) == (Stage.TALKING, None)
    assert talk.desk.agent_now(sue).wrap_up_until is None
    assert talk.do("leave") == 409  # the customer would be alone


def test_whoever_whispers_is_let_in_as_the_agents_coach(talk: Talk) -> None:
    sue = talk.desk.agent("Sue", role=Role.SUPERVISOR)
    Desk(talk.desk.client, sue).post(f"/calls/{talk.call_id}/whisper")
    talk.desk.work()

    room = talk.desk.pick_up(talk.desk.legs(talk.call_id)[1])

    assert attributes(room, "Conference")["coach"] == talk.leg.provider_id


def test_the_agent_ends_the_call_and_writes_down_what_came_of_it(talk: Talk) -> None:
    other = Desk(talk.desk.client, talk.desk.agent("Bo"))
    assert other.post(f"/calls/{talk.call_id}/end").status_code == 403

    assert talk.do("end") == 200
    asked = talk.desk.work()
    assert (talk.do("end"), talk.stage) == (200, Stage.OVER)  # twice is once

    assert told(asked, f"Calls/{talk.customer}") == {"Status": "completed"}
    assert not talk.desk.ticket_of(talk.call_id).live
    noted = talk.caller.post(f"/calls/{talk.call_id}/wrap-up", {"outcome": "New kettle", "note": "By Friday."})
    assert (noted.status_code, noted.get_json()["kind"]) == (201, "note")
    assert noted.get_json()["body"] == "Call: New kettle\n\nBy Friday."
    assert other.post(f"/calls/{talk.call_id}/wrap-up", {"outcome": "Mine"}).status_code == 403
    assert talk.caller.put("/agents/me/wrap-up", {"seconds": 600}).get_json()["wrap_up_until"] is not None
    assert talk.caller.delete("/agents/me/wrap-up").get_json()["wrap_up_until"] is None


def test_a_call_is_shown_with_its_legs_and_waits(talk: Talk) -> None:
    shown = talk.caller.get(f"/calls/{talk.call_id}").get_json()
    listed = talk.caller.get("/calls?agent=me&open=true&limit=1").get_json()
    of_ticket = talk.caller.get(f"/tickets/{shown['ticket']}/calls").get_json()

    assert (shown["stage"], shown["direction"], shown["number"]) == ("talking", "inbound", twilio_forms.THEIRS)
    assert shown["agent"] == {"id": talk.ada.id, "name": "Ada"}
    assert [(one["role"], one["state"], one["device"]) for one in shown["legs"]] == [
        ("agent", "answered", f"client:agent-{talk.ada.id}")
    ]
    assert [one["end"] for one in shown["waits"]] == ["answered"]
    assert [one["id"] for one in listed["items"]] == [one["id"] for one in of_ticket["items"]] == [talk.call_id]
    assert talk.caller.get("/calls?open=false").get_json() == {"items": [], "next": None}
    assert talk.caller.get("/calls?after=nonsense").status_code == 422


@pytest.fixture
def calling(sqlite_app: Flask) -> Iterator[tuple[PhoneDesk, Agent, int]]:
    """A desk, Ada, and the ticket of a customer with a phone number."""
    with phone_desk.running(sqlite_app) as desk:
        customer = make.customer(phone=twilio_forms.THEIRS)
        yield desk, desk.agent(), make.ticket(queue=desk.queue, customer=customer).id


def test_a_call_from_a_ticket_rings_the_agent_first_then_the_customer(calling: tuple[PhoneDesk, Agent, int]) -> None:
    desk, ada, ticket_id = calling
    caller = Desk(desk.client, ada)

    placed = caller.post(f"/tickets/{ticket_id}/calls")
    again = caller.post(f"/tickets/{ticket_id}/calls")
    call_id = placed.get_json()["id"]

    assert (placed.status_code, again.status_code) == (201, 409)
    assert calls(desk.work()) == [f"client:agent-{ada.id}"]
    desk.pick_up(desk.legs(call_id)[0])
    (asked,) = desk.work()
    assert (asked.form["To"], path_of(asked.form["Url"])) == (twilio_forms.THEIRS, f"/room?call={call_id}")
    desk.post(
        path_of(asked.form["StatusCallback"]),
        {"CallSid": desk.the_call(call_id).provider_id or "", "CallStatus": "ringing"},
    )
    assert (desk.the_call(call_id).stage, desk.the_call(call_id).state) == (Stage.DIALLED, "ringing")
    assert verbs(desk.enter(call_id)) == ["Dial", "Conference"]
    desk.conference(call_id, desk.the_call(call_id).provider_id or "", "participant-join", 2)
    call, ticket = desk.the_call(call_id), desk.ticket_of(call_id)
    assert (call.stage, ticket.assignee_id, ticket.waiting_since) == (Stage.TALKING, ada.id, None)
    assert desk.kinds(call_id)[-1] == "customer_answered"


@pytest.mark.parametrize(
    ("status", "words"), [("busy", "line is busy"), ("no-answer", "not pick up"), ("failed", "reached")]
)
def test_a_customer_who_cannot_be_reached_is_told_to_the_agent(
    calling: tuple[PhoneDesk, Agent, int], status: str, words: str
) -> None:
    desk, ada, ticket_id = calling
    call_id = Desk(desk.client, ada).post(f"/tickets/{ticket_id}/calls").get_json()["id"]
    desk.work()
    desk.pick_up(desk.legs(call_id)[0])
    desk.work()
    ended = {"CallSid": desk.the_call(call_id).provider_id or "", "CallStatus": status}

    desk.post(f"/room-status?call={call_id}", ended)
    asked = desk.work()

    assert words in asked[0].form["Twiml"]
    assert desk.agent_now(ada).on_call_since is None
    assert desk.agent_now(ada).presence is Presence.ONLINE
    assert "call_ended" in desk.kinds(call_id)


def test_an_agent_who_does_not_pick_up_has_called_nobody(calling: tuple[PhoneDesk, Agent, int]) -> None:
    desk, ada, ticket_id = calling
    call_id = Desk(desk.client, ada).post(f"/tickets/{ticket_id}/calls").get_json()["id"]
    desk.work()

    desk.leg_status(desk.legs(call_id)[0], "no-answer")

    assert not desk.work()
    assert desk.the_call(call_id).state == "cancelled"


def test_a_customer_whom_twilio_does_not_call_is_told_to_the_agent(calling: tuple[PhoneDesk, Agent, int]) -> None:
    desk, ada, ticket_id = calling
    call_id = Desk(desk.client, ada).post(f"/tickets/{ticket_id}/calls").get_json()["id"]
    desk.work()
    desk.exchange.answers = [Answer(400, {"code": 21215, "message": "Account not authorized to call"})]

    desk.pick_up(desk.legs(call_id)[0])
    asked = desk.work()

    assert "21215" in asked[-1].form["Twiml"]
    assert desk.the_call(call_id).state == "failed"


def test_calls_that_cannot_be_placed_are_refused(calling: tuple[PhoneDesk, Agent, int]) -> None:
    desk, ada, ticket_id = calling
    deaf = Desk(desk.client, desk.agent("Bo", device_kind=""))
    caller = Desk(desk.client, ada)
    silent = make.ticket(queue=desk.queue).id  # its customer has no number

    assert deaf.post(f"/tickets/{ticket_id}/calls").get_json()["code"] == "no_device"
    assert caller.post(f"/tickets/{silent}/calls").get_json()["code"] == "no_reachable_channel"
    assert caller.post("/tickets/999/calls").status_code == 404
    assert caller.post(f"/tickets/{ticket_id}/calls", {"handle": 999}).status_code == 422
    assert caller.post(f"/tickets/{ticket_id}/calls", {"number": "+15145550190"}).status_code == 422


def test_devices_that_make_no_sense_are_refused(sqlite_app: Flask) -> None:
    with phone_desk.running(sqlite_app) as desk:
        ada = Desk(desk.client)
        wrong = [
            {"kind": "number"},
            {"kind": "number", "address": "911"},
            {"kind": "number", "address": desk.inbox.address},
            {"kind": "sip", "address": "ada@phones.example"},
            {"kind": "sip", "address": "sip:ada@phones.example;transport=tcp?x=<Dial>"},
            {"kind": "browser", "address": "+15145550155"},
            {"kind": "fax"},
            {"kind": "sip", "address": "sip:" + "a" * 500},
            {},
        ]

        for body in wrong:
            assert ada.put("/agents/me/device", body).status_code == 422, body
        assert ada.get("/agents/me/device").get_json()["kind"] is None
        named = ada.put("/agents/me/device", {"kind": "number", "address": "+1 514 555 0155"}).get_json()
        assert (named["kind"], named["address"]) == ("number", "+15145550155")
        assert ada.delete("/agents/me/device").get_json()["kind"] is None


def test_a_browser_gets_a_token_with_which_it_can_be_rung_and_call_nobody(sqlite_app: Flask) -> None:
    import jwt

    with phone_desk.running(sqlite_app) as desk:
        ada = Desk(desk.client)
        account = desk.settings.twilio
        assert account is not None

        got = ada.post("/agents/me/phone-token").get_json()

    read = jwt.decode(got["token"], account.api_key_secret, algorithms=["HS256"])
    assert got["identity"] == f"agent-{ada.agent.id}"
    assert (read["iss"], read["sub"]) == (account.api_key_sid, account.account_sid)
    assert read["grants"] == {"identity": got["identity"], "voice": {"incoming": {"allow": True}}}
    assert read["exp"] - read["nbf"] == 3600
