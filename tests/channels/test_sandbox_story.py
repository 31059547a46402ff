"""The sandbox and the real desk speak the same language: a caller rings, waits and is answered."""

from flask import Flask
from sqlalchemy import select

from tests import make
from tests.channels import live_desk
from ticketing.envelope import Channel
from ticketing.models import Message, Presence, Ticket
from ticketing.store import db

OURS, THEIRS = "+15145550100", "+14165550177"


def test_a_caller_waits_hears_music_and_hangs_up(desk: Flask) -> None:
    make.inbox(Channel.PHONE, address=OURS)
    board = live_desk.exchange(desk)
    call = board.dial(THEIRS, OURS)
    board.run_for(40)
    waiting = board.calls[call].doing
    live_desk.settle_session()
    live = db.session().scalars(select(Ticket)).one().live
    board.hang_up(call)
    board.run_for(5)
    live_desk.settle_session()

    ticket = db.session().scalars(select(Ticket)).one()
    assert waiting in ("waiting", "keys")
    assert board.heard(THEIRS)[0].startswith("Hello")
    assert live
    assert not ticket.live
    assert list(board.errors) == []
    assert list(board.warnings) == []


def test_a_text_message_arrives_at_the_desk(desk: Flask) -> None:
    make.inbox(Channel.SMS, address=OURS)
    board = live_desk.exchange(desk)
    board.text(THEIRS, OURS, "Is it ready?")
    board.run_for(5)
    live_desk.settle_session()

    assert db.session().scalars(select(Message.body)).all() == ["Is it ready?"]
    assert [one.state for one in board.device(THEIRS).texts] == ["arrived"]


def work(desk: Flask, seconds: float) -> None:
    """Let time go by at the exchange, and the desk's workers do what follows."""
    for _ in range(int(seconds)):
        live_desk.exchange(desk).run_for(1)
        live_desk.settle_session()
        make.work_off()
        live_desk.settle_session()


def test_a_caller_is_answered_by_an_agent_and_both_hear_each_other(desk: Flask) -> None:
    queue = make.queue("Phone")
    make.inbox(Channel.PHONE, address=OURS, queue=queue)
    ada = make.agent(presence=Presence.ONLINE, device_kind="browser")
    headers, next_ticket, browser = make.bearer(ada), f"/api/v1/queues/{queue.id}/next", f"client:agent-{ada.id}"
    board = live_desk.exchange(desk)
    board.open(browser)
    call = board.dial(THEIRS, OURS)
    work(desk, 20)
    taken = desk.test_client().post(next_ticket, headers=headers)
    work(desk, 2)
    ringing = board.incoming(browser)
    for leg in ringing:
        board.pick_up(leg)
    work(desk, 5)
    board.speak(call, "My kettle leaks")
    for leg in ringing:
        board.speak(leg, "I will send a new one")
    board.hang_up(call)
    work(desk, 5)

    assert taken.status_code == 200
    assert len(ringing) == 1
    assert board.heard(browser, "heard") == ["My kettle leaks"]
    assert board.heard(THEIRS, "heard") == ["I will send a new one"]
    assert not db.session().scalars(select(Ticket)).one().live
    assert all(board.calls[one].is_over for one in [call, *ringing])
    assert (list(board.errors), list(board.warnings)) == ([], [])
