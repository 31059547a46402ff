"""A caller's way from the first ring into the line and out of it, as signed webhooks tell it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select, text

from channels.models import Call, InboundItem, ItemState
from tests import make
from tests.api.caller import VOICE, CallerPhone
from tests.api.desk import promise
from tests.api.test_statements import statements
from tests.channels import twilio_forms
from tests.conftest import NOON
from ticketing import blocking, customers, lifecycle
from ticketing.envelope import Channel
from ticketing.events import SYSTEM
from ticketing.models import Agent, Customer, Inbox, JournalEntry, Message, MessageKind, OptOut, Queue, Ticket
from ticketing.store import db
from ticketing.transaction import transaction

BLOCKED = {"reason": "Threatens.", "by": SYSTEM, "at": NOON}


@pytest.fixture
def queue(app: Flask) -> Queue:
    """A queue with a number for calls and texts."""
    return reachable()


def reachable(**settings: object) -> Queue:
    queue = make.queue("Kettles", settings=settings)
    make.inbox(Channel.PHONE, queue=queue)
    make.inbox(Channel.SMS, queue=queue)
    return queue


def the_ticket() -> Ticket:
    return db.session().scalars(select(Ticket).execution_options(populate_existing=True)).one()


def the_call() -> Call:
    return db.session().scalars(select(Call).execution_options(populate_existing=True)).one()


def kinds() -> list[str]:
    return list(db.session().scalars(select(JournalEntry.kind).order_by(JournalEntry.id)))


def test_a_caller_has_a_place_in_the_line_before_they_hear_a_word(app: Flask, queue: Queue) -> None:
    phone = CallerPhone(app).ring()

    assert phone.verbs == ["Say", "Enqueue"]
    assert phone.words == "Hello, and thank you for calling."
    call, ticket = the_call(), the_ticket()
    assert phone.one("Enqueue").text == f"queue-{queue.id}"
    assert phone.one("Enqueue").attrib == {
        "action": f"http://desk.example{VOICE}/left?call={call.id}",
        "method": "POST",
        "waitUrl": f"http://desk.example{VOICE}/wait?call={call.id}",
        "waitUrlMethod": "POST",
    }
    assert (call.stage, call.number, call.language) == ("holding", twilio_forms.THEIRS, "en-US")
    assert (ticket.live, ticket.on_phone, ticket.waiting_since) == (True, True, call.started_at)
    assert "live_began" in kinds()


def test_a_caller_in_the_line_hears_where_they_stand_what_else_there_is_and_music(app: Flask, queue: Queue) -> None:
    CallerPhone(app, 1, From="+15145550111").ring()

    phone = CallerPhone(app, 2).ring().wait()

    assert phone.verbs == ["Gather", "Redirect"]
    assert phone.words.startswith("You are number 2 in line. We cannot tell yet how long it will take.")
    assert "Press 1 to be called back" in phone.words
    assert "Press 2 to leave a message" in phone.words
    assert "Press 3 to go on by text message" in phone.words
    assert phone.played == [f"http://desk.example{VOICE}/music.wav"]
    assert phone.one("Gather").attrib["numDigits"] == "1"
    assert phone.wait_on().verbs == ["Gather", "Redirect"]


def test_a_turn_in_the_line_takes_at_most_4_statements(app: Flask, queue: Queue) -> None:
    phone = CallerPhone(app).ring()

    with statements() as seen:
        phone.wait()

    assert len(seen) <= 4, seen


def test_the_arrival_of_a_newcomer_takes_at_most_24_statements(app: Flask, queue: Queue) -> None:
    promise()
    CallerPhone(app, 1, From="+14165550171").ring()  # the first one reads the policies

    with statements() as seen:
        CallerPhone(app, 2, From="+14165550172").ring()

    assert len(seen) <= 24, seen


def test_the_music_is_ours_and_anybodys(sqlite_app: Flask) -> None:
    answer = sqlite_app.test_client().get(f"{VOICE}/music.wav")

    assert (answer.status_code, answer.mimetype) == (200, "audio/wav")
    assert answer.data.startswith(b"RIFF")


@pytest.mark.parametrize(
    ("settings", "offered"),
    [
        ({}, ["1", "2", "3"]),
        ({"callback": {"enabled": False}}, ["2", "3"]),
        ({"voicemail": False}, ["1", "3"]),
        ({"text_instead": False}, ["1", "2"]),
        ({"callback": {"enabled": False}, "voicemail": False, "text_instead": False}, []),
    ],
)
def test_a_queue_offers_what_its_settings_say(
    sqlite_app: Flask, settings: dict[str, object], offered: list[str]
) -> None:
    reachable(**settings)

    phone = CallerPhone(sqlite_app).ring().wait()

    assert [key for key in "123" if f"Press {key}" in phone.words] == offered
    for key in "4#":
        assert phone.press(key).verbs == ["Redirect"]
        phone.wait_on()
    assert the_call().stage == "holding"


def test_a_withheld_number_is_offered_no_texts(sqlite_app: Flask) -> None:
    reachable()

    phone = CallerPhone(sqlite_app, From="anonymous").ring().wait()

    assert "Press 3" not in phone.words
    assert phone.press("3").verbs == ["Redirect"]


def test_music_of_the_queues_own_is_played(sqlite_app: Flask) -> None:
    reachable(music="https://cdn.example/hold.mp3")

    assert CallerPhone(sqlite_app).ring().wait().played == ["https://cdn.example/hold.mp3"]


def test_who_leaves_a_message_on_hold_keeps_their_place(app: Flask, queue: Queue) -> None:
    phone = CallerPhone(app).ring().wait()

    assert phone.press("2").verbs == ["Leave"]
    phone.post(f"{VOICE}/left?call={the_call().id}", QueueResult="leave")
    assert phone.verbs == ["Say", "Record", "Say", "Hangup"]
    assert (the_ticket().live, the_ticket().on_phone) == (True, False)

    thanks = phone.post(phone.one("Record").attrib["action"], **twilio_forms.recording())
    phone.hang_up()

    assert "you keep your place in line" in thanks.words
    ticket = the_ticket()
    assert (ticket.live, ticket.on_phone, the_call().stage) == (True, False, "over")
    assert "call_abandoned" not in kinds()
    assert "voicemail_recorded" in kinds()


def test_who_goes_on_by_text_keeps_their_place_until_somebody_writes(app: Flask, queue: Queue) -> None:
    ada = make.agent()
    phone = CallerPhone(app).ring().wait()

    assert phone.press("3").verbs == ["Leave"]
    phone.post(f"{VOICE}/left?call={the_call().id}", QueueResult="leave")
    assert "We have sent you a text message" in phone.words
    phone.hang_up()

    ticket = the_ticket()
    assert (ticket.live, ticket.on_phone) == (True, False)
    sent = db.session().scalars(select(Message).where(Message.kind == MessageKind.OUTBOUND)).one()
    assert (sent.channel, sent.automatic, sent.ticket_id) == (Channel.SMS, True, ticket.id)
    assert sent.handle is not None
    assert sent.handle.address == twilio_forms.THEIRS
    assert "Our sms: you called us" in sent.body

    written = twilio_forms.text(Body="It leaks")
    signature = {"X-Twilio-Signature": twilio_forms.sign(phone.settings, "/inbound/twilio/sms", written)}
    phone.client.post("/inbound/twilio/sms", data=written, headers=signature)
    assert the_ticket().live  # and no second ticket
    make.reply(the_ticket(), ada, body="We come round.")

    assert not the_ticket().live
    reply = db.session().scalars(select(Message).where(Message.author_agent_id == ada.id)).one()
    assert reply.channel is Channel.SMS


def test_who_cannot_be_texted_hears_so_and_waits_on(app: Flask, queue: Queue) -> None:
    phone = CallerPhone(app).ring().wait()
    with transaction("test") as session:
        message = session.get_one(Message, the_call().message_id)
        assert message.handle is not None
        inbox = session.scalars(select(Inbox).where(Inbox.channel == Channel.SMS)).one()
        session.add(OptOut(handle_id=message.handle.id, inbox_id=inbox.id, reason="wrote STOP", at=NOON))

    phone.press("3")

    assert phone.verbs == ["Say", "Redirect"]
    assert phone.words == "We cannot send a text message to your number."
    assert the_call().stage == "holding"


def test_a_callback_is_booked_elsewhere(app: Flask, queue: Queue) -> None:
    phone = CallerPhone(app).ring().wait()

    assert phone.press("1").verbs == ["Leave"]
    phone.post(f"{VOICE}/left?call={the_call().id}", QueueResult="leave")

    assert phone.one("Redirect").text == f"http://desk.example{VOICE}/callback?call={the_call().id}"
    assert (the_call().stage, the_ticket().live, the_ticket().on_phone) == ("booking", True, True)


def test_who_withholds_their_number_types_it_for_a_callback(app: Flask, queue: Queue) -> None:
    phone = CallerPhone(app, From="anonymous").ring().wait().press("1")
    phone.post(f"{VOICE}/left?call={the_call().id}", QueueResult="leave")

    assert "Type the number" in phone.words
    assert "We cannot call that number" in phone.press("9005550177").words
    phone.press("4165550188")

    assert str(phone.one("Redirect").text).startswith(f"http://desk.example{VOICE}/callback?")
    assert the_call().number == "+14165550188"


def test_a_key_pressed_twice_counts_once(app: Flask, queue: Queue) -> None:
    phone = CallerPhone(app).ring().wait()
    keys = phone.one("Gather").attrib["action"]

    first, again = phone.post(keys, Digits="3").verbs, phone.post(keys, Digits="3").verbs

    assert (first, again) == (["Leave"], ["Leave"])
    assert len(db.session().scalars(select(Message).where(Message.kind == MessageKind.OUTBOUND)).all()) == 1


def test_who_hangs_up_while_they_wait_has_abandoned_the_call(app: Flask, queue: Queue) -> None:
    CallerPhone(app).ring().hang_up()

    assert "call_abandoned" in kinds()
    assert kinds().index("live_ended") < kinds().index("call_abandoned")
    assert the_call().stage == "over"
    assert the_ticket().waiting_since is not None


def test_twilios_own_word_that_the_caller_hung_up_is_answered_with_nothing(app: Flask, queue: Queue) -> None:
    phone = CallerPhone(app).ring()

    for result in ("hangup", "redirected", "bridged"):
        assert phone.post(f"{VOICE}/left?call={the_call().id}", QueueResult=result).verbs == []


def test_while_an_agents_device_rings_a_caller_hears_so_and_keys_do_nothing(app: Flask, queue: Queue) -> None:
    phone = CallerPhone(app).ring().wait()
    keys = phone.one("Gather").attrib["action"]
    with transaction("test") as session:
        session.get_one(Call, the_call().id).stage = "offered"

    assert phone.post(keys, Digits="2").verbs == ["Say", "Redirect"]
    assert phone.wait_on().words == "We are calling somebody for you right now. Please stay on the line."
    assert the_call().stage == "offered"


def test_a_full_line_offers_the_rest(app: Flask) -> None:
    reachable(max_waiting=1)
    CallerPhone(app, 1, From="+15145550111").ring()

    phone = CallerPhone(app, 2).ring()

    assert phone.verbs == ["Say", "Say", "Gather", "Redirect"]
    assert "All our lines are busy" in phone.words
    late = db.session().scalars(select(Call).order_by(Call.id.desc()).limit(1)).one()
    assert late.stage == "greeting"
    assert not db.session().get_one(Ticket, late.ticket_id).live
    assert "That key does nothing" in phone.press("9").words

    phone.wait_on()

    assert phone.verbs == ["Say", "Record", "Say", "Hangup"]
    ticket = db.session().get_one(Ticket, late.ticket_id, populate_existing=True)
    assert (ticket.live, ticket.on_phone) == (True, False)  # the line is open: they have their turn


def test_who_is_turned_away_by_a_full_line_has_abandoned_the_call(app: Flask) -> None:
    reachable(max_waiting=0)

    CallerPhone(app).ring().hang_up()

    assert kinds().count("call_abandoned") == 1


def test_who_has_waited_for_too_long_is_offered_the_rest(app: Flask) -> None:
    reachable(max_wait_seconds=60)
    phone = CallerPhone(app).ring()
    with transaction("test") as session:
        call = session.get_one(Call, the_call().id)
        call.held_at = datetime.now(UTC) - timedelta(seconds=61)

    assert phone.wait().verbs == ["Leave"]
    phone.post(f"{VOICE}/left?call={the_call().id}", QueueResult="leave")

    assert "We are sorry that you have waited for so long" in phone.words
    assert the_call().stage == "holding"  # an agent may still take them
    assert phone.wait_on().verbs == ["Say", "Record", "Say", "Hangup"]
    assert (the_ticket().live, the_ticket().on_phone) == (True, False)


def test_twilios_own_queue_may_be_full_too(sqlite_app: Flask) -> None:
    reachable()
    phone = CallerPhone(sqlite_app).ring()

    phone.post(f"{VOICE}/left?call={the_call().id}", QueueResult="queue-full")

    assert "All our lines are busy" in phone.words


def test_at_night_the_caller_hears_when_we_open_and_may_leave_a_message(app: Flask) -> None:
    in_three_days = (datetime.now(UTC) + timedelta(days=3)).strftime("%a").lower()
    reachable(calendar=make.calendar("Not today", weekly={in_three_days: [["09:00", "17:00"]]}).origin)

    phone = CallerPhone(app).ring()

    assert phone.verbs == ["Say", "Say", "Say", "Gather", "Redirect"]
    assert "We are closed at the moment. We are open again" in phone.words
    assert "Press 1 to be called back when we are open" in phone.words
    assert (the_call().stage, the_ticket().live) == ("greeting", False)

    phone.wait_on()
    phone.post(phone.one("Record").attrib["action"], **twilio_forms.recording())
    phone.hang_up()

    assert "somebody will get back to you" in phone.words
    assert not the_ticket().live
    assert "call_abandoned" not in kinds()


def test_who_goes_on_by_text_while_we_are_closed_is_promised_no_place(sqlite_app: Flask) -> None:
    closed = make.calendar("Never", weekly={})
    reachable(calendar=closed.origin)

    phone = CallerPhone(sqlite_app).ring().press("3")

    assert phone.words == "We have sent you a text message. Answer it to tell us more. Goodbye."
    sent = db.session().scalars(select(Message).where(Message.kind == MessageKind.OUTBOUND)).one()
    assert "place" not in sent.body
    assert not the_ticket().live


def test_a_blocked_number_is_rejected_and_makes_no_ticket(app: Flask, queue: Queue) -> None:
    karim = make.customer("Karim", phone=twilio_forms.THEIRS)
    with transaction("test"):
        blocking.block(customers.lock_customers([karim.id])[karim.id], karim.handles[0].id, **BLOCKED)

    phone = CallerPhone(app).ring()

    assert phone.verbs == ["Reject"]
    assert db.session().scalars(select(Ticket)).all() == []
    phone.hang_up(CallStatus="busy")
    items = db.session().scalars(select(InboundItem)).all()
    assert [(one.state, "blocked" in (one.reason or "")) for one in items] == [(ItemState.IGNORED, True)] * 2


def test_a_caller_hears_their_own_language_and_the_desks_own_words_in_it(sqlite_app: Flask) -> None:
    queue = make.queue("Kettles", settings={"record": True})
    greeting = {"en": "This is Kettle.", "fr": "https://cdn.example/bonjour.mp3"}
    make.inbox(
        Channel.PHONE, queue=queue, settings={"greeting": greeting, "voice": "Polly.Joanna", "language": "en-GB"}
    )
    karim = make.customer("Karim", phone=twilio_forms.THEIRS)
    with transaction("test") as session:
        session.get_one(Customer, karim.id).language = "fr-CA"

    french = CallerPhone(sqlite_app).ring()
    english = CallerPhone(sqlite_app, 2, From="+15145550111").ring()

    assert french.played == ["https://cdn.example/bonjour.mp3"]
    assert french.words == "Cet appel peut être enregistré."
    assert french.one("Say").attrib == {"language": "fr-CA"}
    assert english.words == "This is Kettle. This call may be recorded."
    assert english.one("Say").attrib == {"language": "en-GB", "voice": "Polly.Joanna"}


def test_a_menu_leads_to_the_queue_of_the_key(app: Flask) -> None:
    support, orders = make.queue("Support"), make.queue("Orders", settings={"record": True})
    menu = {"prompt": "For orders, press 1.", "options": {"1": orders.id}}
    make.inbox(Channel.PHONE, queue=support, settings={"menu": menu})

    phone = CallerPhone(app).ring()

    assert phone.verbs == ["Say", "Gather", "Redirect"]
    assert (the_call().stage, the_ticket().live) == ("menu", False)
    assert "We did not understand that. For orders" in phone.press("7").words
    phone.press("1")
    assert phone.verbs == ["Say", "Enqueue"]
    assert (the_ticket().queue_id, the_ticket().live, the_call().stage) == (orders.id, True, "holding")


def test_who_presses_nothing_in_a_menu_comes_to_the_numbers_own_queue(app: Flask) -> None:
    support, orders = make.queue("Support"), make.queue("Orders")
    menu = {"prompt": "For orders, press 1.", "options": {"1": orders.id}}
    make.inbox(Channel.PHONE, queue=support, settings={"menu": menu})

    phone = CallerPhone(app).ring().wait_on().wait_on()

    assert phone.verbs == ["Enqueue"]
    assert the_ticket().queue_id == support.id
    again = phone.post(f"{VOICE}/menu?call={the_call().id}&tries=1", Digits="1")
    assert again.verbs == ["Enqueue"]
    assert the_ticket().queue_id == support.id


def test_who_calls_again_while_nobody_of_ours_is_there_frees_their_ticket(app: Flask, queue: Queue) -> None:
    ada = make.agent()
    CallerPhone(app).ring().hang_up()
    ticket_id = the_ticket().id
    with transaction("test") as session:
        ticket = lifecycle.lock_ticket(ticket_id)
        lifecycle.assign(ticket, session.get_one(Agent, ada.id), by=SYSTEM, at=NOON)

    CallerPhone(app, 2).ring()

    assert the_ticket().assignee_id is None
    assert the_ticket().on_phone


def test_a_call_that_nobody_knows_is_told_so(sqlite_app: Flask) -> None:
    reachable()
    phone = CallerPhone(sqlite_app)

    for step in ("wait", "keys", "left", "menu", "number"):
        for query in ("", "?call=0", "?call=99", "?call=x", "?call=" + "9" * 30):
            assert phone.post(f"{VOICE}/{step}{query}").verbs[-1] == "Hangup"


def test_a_caller_hears_the_same_when_twilio_asks_twice(app: Flask, queue: Queue) -> None:
    first, second = CallerPhone(app).ring(), CallerPhone(app).ring()

    assert first.answer is not None
    assert second.answer is not None
    assert first.answer.text == second.answer.text
    assert len(db.session().scalars(select(Call)).all()) == 1


@contextmanager
def store_away() -> Iterator[None]:
    """The store fails at whatever has to do with calls; every request has a session of its own."""
    rename("call", "call_away")
    rename("kept_answer", "kept_answer_away")
    try:
        yield
    finally:
        rename("call_away", "call")
        rename("kept_answer_away", "kept_answer")


def rename(table: str, to: str) -> None:
    db.session.remove()
    with db.engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {table} RENAME TO {to}"))


def test_while_the_store_is_away_a_caller_in_the_line_keeps_waiting(sqlite_app: Flask) -> None:
    reachable()
    phone = CallerPhone(sqlite_app).ring().wait()

    with store_away():
        phone.press("2")
        assert phone.verbs == ["Pause", "Redirect"]
        phone.wait_on()
        assert str(phone.one("Redirect").text).endswith("&Keys=2&again=2")

    assert phone.wait_on().verbs == ["Leave"]  # the key was not forgotten
    assert the_call().stage == "voicemail"


def test_after_two_minutes_without_a_store_a_caller_hears_the_truth(sqlite_app: Flask) -> None:
    reachable()
    phone = CallerPhone(sqlite_app).ring()

    with store_away():
        phone.post(f"{VOICE}/wait?call=1&again=24")

    assert phone.verbs == ["Say", "Say", "Hangup"]
    assert "something is wrong on our side" in phone.words


def test_where_the_first_door_fails_the_fallback_tries_again_and_else_says_so(sqlite_app: Flask) -> None:
    reachable()
    phone = CallerPhone(sqlite_app)

    with store_away():
        phone.post(f"{VOICE}/fallback", ErrorCode="11200", ErrorUrl=f"http://desk.example{VOICE}")
        assert "something is wrong on our side" in phone.words
        assert "Nous sommes désolés" in phone.words

    phone.post(f"{VOICE}/fallback", ErrorCode="11200", ErrorUrl=f"http://desk.example{VOICE}")
    assert phone.verbs == ["Say", "Enqueue"]
