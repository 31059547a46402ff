"""An agent takes a caller: the device rings, both come into one room; and every way in which that goes wrong."""

from collections.abc import Iterator

import pytest
from flask import Flask

from channels.phone.models import LegRole
from channels.phone.states import Stage
from tests import make
from tests.api.desk import Desk
from tests.channels import phone_desk
from tests.channels.phone_desk import Answer, PhoneDesk, attributes, path_of, verbs
from ticketing.models import Inbox, Presence
from ticketing.transaction import transaction


@pytest.fixture
def desk(app: Flask) -> Iterator[PhoneDesk]:
    with phone_desk.running(app) as running:
        yield running


@pytest.fixture
def one(sqlite_app: Flask) -> Iterator[PhoneDesk]:
    """A desk where the database makes no difference."""
    with phone_desk.running(sqlite_app) as running:
        yield running


def take_next(desk: PhoneDesk, caller: Desk) -> int:
    return caller.post(f"/queues/{desk.queue.id}/next").status_code


def test_next_rings_the_device_and_brings_both_into_one_room(desk: PhoneDesk) -> None:
    ada = desk.agent()
    call_id = desk.arrive()
    caller = Desk(desk.client, ada)

    assert take_next(desk, caller) == 200
    (leg,) = desk.legs(call_id)
    assert (leg.state, leg.provider_id, desk.the_call(call_id).stage) == ("queued", None, Stage.OFFERED)
    (asked,) = desk.work()
    assert (asked.resource, asked.form["To"], asked.form["Timeout"]) == ("Calls", f"client:agent-{ada.id}", "20")
    assert path_of(asked.form["Url"]) == f"/agent?leg={leg.id}"
    assert not desk.work()  # twice changes nothing

    room = desk.pick_up(leg)
    assert verbs(room) == ["Dial", "Conference"]
    assert attributes(room, "Conference")["endConferenceOnExit"] == "false"
    (asked,) = desk.work()
    assert asked.resource == f"Calls/{desk.the_call(call_id).provider_id}"
    assert path_of(asked.form["Url"]) == f"/room?call={call_id}"

    assert verbs(desk.enter(call_id)) == ["Dial", "Conference"]
    assert "customer_answered" not in desk.kinds(call_id)
    desk.conference(call_id, desk.the_call(call_id).provider_id or "", "participant-join", 2)

    call, ticket = desk.the_call(call_id), desk.ticket_of(call_id)
    assert (call.stage, call.agent_id, ticket.assignee_id, ticket.waiting_since) == (
        Stage.TALKING,
        ada.id,
        ada.id,
        None,
    )
    assert desk.kinds(call_id)[-1] == "customer_answered"
    assert desk.agent_now(ada).on_call_since is not None


@pytest.mark.parametrize("status", ["no-answer", "busy", "failed", "completed"])
def test_who_does_not_pick_up_gives_the_call_back_and_is_away(one: PhoneDesk, status: str) -> None:
    ada, desk = one.agent(), one
    call_id = desk.arrive()
    since = desk.ticket_of(call_id).waiting_since
    take_next(desk, Desk(desk.client, ada))
    desk.work()

    desk.leg_status(desk.legs(call_id)[0], status)
    desk.leg_status(desk.legs(call_id)[0], "ringing")  # late
    desk.work()

    ticket, agent = desk.ticket_of(call_id), desk.agent_now(ada)
    assert (ticket.assignee_id, ticket.waiting_since, desk.the_call(call_id).stage) == (None, since, Stage.HOLDING)
    assert (agent.presence, agent.on_call_since, agent.wrap_up_until) == (Presence.AWAY, None, None)
    assert agent.presence_reason == desk.legs(call_id)[0].reason
    assert verbs(desk.pick_up(desk.legs(call_id)[0])) == ["Say", "Hangup"]  # too late


def test_a_caller_who_hangs_up_while_the_device_rings_lets_it_ring_no_more(one: PhoneDesk) -> None:
    ada, desk = one.agent(), one
    call_id = desk.arrive()
    take_next(desk, Desk(desk.client, ada))
    desk.work()

    desk.caller_hangs_up()
    asked = desk.work()

    (leg,) = desk.legs(call_id)
    assert [(a.resource, a.form) for a in asked] == [(f"Calls/{leg.provider_id}", {"Status": "completed"})]
    ticket, agent = desk.ticket_of(call_id), desk.agent_now(ada)
    assert (ticket.assignee_id, ticket.live, agent.presence, agent.on_call_since) == (
        None,
        False,
        Presence.ONLINE,
        None,
    )
    assert leg.reason == "the customer hung up"
    assert "call_abandoned" in desk.kinds(call_id)


def test_a_caller_who_is_gone_when_the_agent_picks_up_is_told_to_them(one: PhoneDesk) -> None:
    ada, desk = one.agent(), one
    call_id = desk.arrive()
    take_next(desk, Desk(desk.client, ada))
    desk.work()
    desk.exchange.answers = [Answer(400, {"code": 21220, "message": "Call is not in-progress. Cannot redirect."})]

    desk.pick_up(desk.legs(call_id)[0])
    asked = desk.work()

    assert "The customer hung up." in asked[-1].form["Twiml"]
    assert desk.the_call(call_id).state == "ended"
    assert not desk.ticket_of(call_id).live


def test_agents_are_spoken_to_in_the_language_of_the_desk(one: PhoneDesk) -> None:
    ada, desk = one.agent(device_kind="number", device_address="+15145550155"), one
    with transaction("test") as session:
        session.get_one(Inbox, desk.inbox.id).settings = {"language": "fr-CA", "voice": "Polly.Gabrielle-Neural"}
    call_id = desk.arrive()
    take_next(desk, Desk(desk.client, ada))
    desk.work()
    (leg,) = desk.legs(call_id)
    asked = desk.pick_up(leg)
    desk.pick_up(leg, press=True)

    desk.caller_hangs_up()
    last = desk.work()[-1].form["Twiml"]

    voice = {"language": "fr-CA", "voice": "Polly.Gabrielle-Neural"}
    assert "Appuyez sur une touche" in asked
    assert (attributes(asked, "Say"), attributes(last, "Say")) == (voice, voice)
    assert "Le client a raccroché." in last


def test_a_telephone_is_answered_by_a_key_so_that_no_mailbox_takes_a_caller(one: PhoneDesk) -> None:
    ada, desk = one.agent(device_kind="number", device_address="+15145550155"), one
    call_id = desk.arrive()
    take_next(desk, Desk(desk.client, ada))
    (asked,) = desk.work()
    (leg,) = desk.legs(call_id)

    first = desk.pick_up(leg)
    desk.leg_status(leg, "in-progress")

    assert asked.form["To"] == "+15145550155"
    assert verbs(first)[0] == "Gather"
    assert not desk.work()
    assert verbs(desk.pick_up(leg, press=True)) == ["Dial", "Conference"]
    assert desk.work()


def test_an_unknown_outcome_is_decided_by_the_callback_that_carries_our_id(one: PhoneDesk) -> None:
    ada, desk = one.agent(), one
    call_id = desk.arrive()
    take_next(desk, Desk(desk.client, ada))
    desk.exchange.answers = [Answer(500)]
    desk.work()
    (leg,) = desk.legs(call_id)
    assert (leg.state, leg.provider_id) == ("dialling", None)

    desk.leg_status(leg, "ringing")

    (leg,) = desk.legs(call_id)
    assert leg.state == "ringing"
    assert leg.provider_id is not None
    assert not desk.work()  # nobody rings a second time


def test_a_leg_that_ended_before_its_line_was_known_is_cut_when_it_is(one: PhoneDesk) -> None:
    ada, desk = one.agent(), one
    call_id = desk.arrive()
    take_next(desk, Desk(desk.client, ada))
    desk.exchange.answers = [Answer(500)]
    desk.work()
    desk.caller_hangs_up()
    assert not desk.work()

    desk.leg_status(desk.legs(call_id)[0], "ringing")

    (asked,) = desk.work()
    assert asked.form == {"Status": "completed"}


def test_a_refused_device_gives_the_call_back_with_twilios_words(one: PhoneDesk) -> None:
    ada, desk = one.agent(device_kind="number", device_address="+15005550001"), one
    call_id = desk.arrive()
    take_next(desk, Desk(desk.client, ada))
    desk.exchange.answers = [Answer(400, {"code": 21217, "message": "Phone number does not appear to be valid"})]

    desk.work()

    assert desk.ticket_of(call_id).assignee_id is None
    assert "21217" in desk.agent_now(ada).presence_reason


def test_twilio_out_of_reach_is_asked_again(one: PhoneDesk) -> None:
    ada, desk = one.agent(), one
    call_id = desk.arrive()
    take_next(desk, Desk(desk.client, ada))
    desk.exchange.answers = [Answer(429)]

    desk.work()
    (leg,) = desk.legs(call_id)
    assert (leg.state, leg.ended_at) == ("queued", None)
    (asked,) = desk.work()

    assert asked.resource == "Calls"


def test_a_browser_that_vanishes_leaves_the_customer_at_the_front_of_the_line(desk: PhoneDesk) -> None:
    ada = desk.agent()
    call_id = desk.arrive()
    since = desk.ticket_of(call_id).waiting_since
    take_next(desk, Desk(desk.client, ada))
    leg = desk.talk(call_id)

    desk.leg_status(leg, "completed")
    asked = desk.work()

    assert [path_of(a.form["Url"]) for a in asked if a.resource != "Calls"] == [f"/room/back?call={call_id}&why=lost"]
    rung = [a for a in asked if a.resource == "Calls"]
    assert [a.form["To"] for a in rung] == [f"client:agent-{ada.id}"]  # once more: they are soon back
    words = desk.post(f"/room/back?call={call_id}&why=lost", {"CallSid": desk.the_call(call_id).provider_id or ""})
    assert verbs(words) == ["Say", "Enqueue"]
    assert (desk.ticket_of(call_id).waiting_since, desk.the_call(call_id).stage) == (since, Stage.OFFERED)
    again = desk.legs(call_id)[1]

    desk.leg_status(again, "failed")
    desk.work()

    assert (desk.ticket_of(call_id).assignee_id, desk.ticket_of(call_id).waiting_since) == (None, since)
    assert (desk.agent_now(ada).presence, desk.agent_now(ada).on_call_since) == (Presence.AWAY, None)


def test_the_same_agent_is_back_and_goes_on(one: PhoneDesk) -> None:
    ada, desk = one.agent(), one
    call_id = desk.arrive()
    take_next(desk, Desk(desk.client, ada))
    desk.conference(call_id, desk.talk(call_id).provider_id or "", "participant-leave", 90)
    desk.work()

    desk.talk(call_id)

    assert desk.the_call(call_id).stage == Stage.TALKING
    assert desk.ticket_of(call_id).assignee_id == ada.id


def test_a_receiver_that_is_put_down_ends_the_call_and_the_wrap_up_begins(one: PhoneDesk) -> None:
    ada, desk = one.agent(device_kind="sip", device_address="sip:ada@phones.example"), one
    call_id = desk.arrive()
    take_next(desk, Desk(desk.client, ada))

    desk.leg_status(desk.talk(call_id), "completed")
    (asked,) = desk.work()

    assert (asked.resource, asked.form) == (f"Calls/{desk.the_call(call_id).provider_id}", {"Status": "completed"})
    agent = desk.agent_now(ada)
    assert agent.on_call_since is None
    assert agent.wrap_up_until is not None
    desk.caller_hangs_up()
    assert (desk.the_call(call_id).state, desk.ticket_of(call_id).live) == ("ended", False)


def test_late_double_and_disordered_news_changes_nothing(one: PhoneDesk) -> None:
    ada, desk = one.agent(), one
    call_id = desk.arrive()
    take_next(desk, Desk(desk.client, ada))
    leg = desk.talk(call_id)
    before = desk.kinds(call_id)

    for status in ("ringing", "initiated", "in-progress", "ringing"):
        desk.leg_status(leg, status)
    sid = desk.the_call(call_id).provider_id or ""
    for number, event in ((0, "participant-join"), (1, "participant-leave"), (2 * leg.id, "participant-join")):
        desk.conference(call_id, sid, event, number)
    desk.enter(call_id)
    desk.pick_up(leg)

    assert desk.kinds(call_id) == before
    assert not desk.work()
    assert desk.the_call(call_id).stage == Stage.TALKING


def test_news_of_somebody_elses_line_is_no_news_of_ours(one: PhoneDesk) -> None:
    ada, desk = one.agent(), one
    call_id = desk.arrive()
    take_next(desk, Desk(desk.client, ada))
    desk.work()
    (leg,) = desk.legs(call_id)
    stranger = {"CallSid": "CA" + "f" * 32, "CallStatus": "completed"}

    desk.post(f"/leg-status?leg={leg.id}", stranger)
    heard = desk.post(f"/agent?leg={leg.id}", stranger)

    assert verbs(heard)[-1] == "Hangup"
    assert desk.legs(call_id)[0].ended_at is None
    for path in (f"/agent?leg={leg.id + 99}", "/room?call=999", "/room/back?call=999"):
        assert verbs(desk.post(path, stranger)) == ["Hangup"]
    assert verbs(desk.post("/room/hold?call=999", stranger)) == []  # nobody can be hung up on while they are on hold
    assert desk.post("/leg-status?leg=999", stranger) == ""
    assert (
        desk.post(
            "/conference?call=999", stranger | {"ConferenceSid": "CF1", "StatusCallbackEvent": "participant-join"}
        )
        == ""
    )


def test_without_a_device_nothing_rings_until_one_is_named(one: PhoneDesk) -> None:
    ada, desk = one.agent(device_kind=""), one
    call_id, caller = desk.arrive(), Desk(desk.client, ada)
    assert take_next(desk, caller) == 200
    assert not desk.legs(call_id)

    refused = caller.post(f"/calls/{call_id}/answer")
    caller.put("/agents/me/device", {"kind": "browser"})
    answered = caller.post(f"/calls/{call_id}/answer")

    assert (refused.status_code, refused.get_json()["code"]) == (409, "no_device")
    assert (answered.status_code, answered.get_json()["stage"]) == (200, "offered")
    assert desk.work()[0].form["To"] == f"client:agent-{ada.id}"


def test_whoever_writes_to_a_caller_on_hold_does_not_take_the_call(one: PhoneDesk) -> None:
    ada, desk = one.agent(), one
    call_id = desk.arrive()
    ticket = desk.ticket_of(call_id)
    since = ticket.waiting_since

    answer = Desk(desk.client, ada).post(
        f"/tickets/{ticket.id}/replies", {"body": "We are coming.", "channel": "phone"}
    )

    assert answer.status_code == 201
    assert (desk.ticket_of(call_id).assignee_id, desk.ticket_of(call_id).waiting_since) == (None, since)


def test_a_ticket_that_somebody_takes_over_rings_at_theirs(one: PhoneDesk) -> None:
    ada, bo, desk = one.agent(), one.agent("Bo"), one
    call_id = desk.arrive()
    take_next(desk, Desk(desk.client, ada))
    desk.work()

    Desk(desk.client, bo).put(f"/tickets/{desk.ticket_of(call_id).id}/assignment", {"agent": "me", "steal": True})
    asked = desk.work()

    assert {a.form.get("To") or a.form["Status"] for a in asked} == {f"client:agent-{bo.id}", "completed"}
    assert desk.the_call(call_id).agent_id == bo.id
    assert desk.agent_now(ada).on_call_since is None
    assert [leg.role for leg in desk.legs(call_id)] == [LegRole.AGENT, LegRole.AGENT]


def test_a_ticket_given_back_in_the_talk_gives_the_customer_back(one: PhoneDesk) -> None:
    ada, desk = one.agent(), one
    call_id, caller = desk.arrive(), Desk(desk.client, ada)
    take_next(desk, caller)
    desk.talk(call_id)
    ticket = desk.ticket_of(call_id)

    caller.delete(f"/tickets/{ticket.id}/assignment")
    asked = desk.work()

    assert any(path_of(a.form.get("Url", "")).startswith("/room/back") for a in asked)
    assert desk.ticket_of(call_id).waiting_since is not None
    assert desk.agent_now(ada).wrap_up_until is not None


def test_going_offline_in_a_talk_keeps_the_customer(one: PhoneDesk) -> None:
    ada, desk = one.agent(), one
    call_id, caller = desk.arrive(), Desk(desk.client, ada)
    take_next(desk, caller)
    desk.talk(call_id)

    caller.put("/agents/me/presence", {"status": "offline"})

    assert desk.ticket_of(call_id).assignee_id == ada.id
    assert desk.the_call(call_id).stage == Stage.TALKING


def test_an_agent_on_the_phone_gets_no_second_caller(one: PhoneDesk) -> None:
    ada, desk = one.agent(), one
    first, caller = desk.arrive(1), Desk(desk.client, ada)
    take_next(desk, caller)
    second = desk.arrive(2, From="+14165550178")
    mail = make.ticket(queue=desk.queue)

    by_hand = caller.put(f"/tickets/{desk.ticket_of(second).id}/assignment", {"agent": "me"})
    given = caller.post(f"/queues/{desk.queue.id}/next")

    assert (by_hand.status_code, by_hand.get_json()["code"]) == (409, "on_the_phone")
    assert given.get_json()["id"] == mail.id
    desk.talk(first)
    caller.post(f"/calls/{first}/end")
    desk.work()
    assert take_next(desk, caller) == 204  # the wrap-up
    caller.delete("/agents/me/wrap-up")
    assert caller.post(f"/queues/{desk.queue.id}/next").get_json()["id"] == desk.ticket_of(second).id
