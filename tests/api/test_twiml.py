"""Every door that answers a telephone answers what Twilio takes, and no document is written by hand."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests import make
from tests.api.desk import Desk
from tests.channels import phone_desk, twilio_forms
from tests.channels.phone_desk import VOICE, PhoneDesk
from tests.channels.twiml_contract import ANYWHERE, IN_LINE, ON_HOLD, TwiMLWatch, allowed_at, wrong_with
from ticketing.envelope import Channel
from ticketing.models import Queue
from ticketing.transaction import transaction

ROOT = Path(__file__).parent.parent.parent
TOLD = {  # doors that hear news and answer nothing
    f"/inbound/twilio/{path}"
    for path in ("message-status", "voice/recording", "voice/transcript", "voice/status", "voice/reply-status")
} | {f"{VOICE}/{path}" for path in ("leg-status", "room-status", "room-machine", "conference")}


@pytest.fixture
def desk(sqlite_app: Flask) -> Iterator[PhoneDesk]:
    with phone_desk.running(sqlite_app) as running:
        yield running


def test_every_door_of_the_telephone_answers_what_twilio_takes(desk: PhoneDesk) -> None:
    watch: TwiMLWatch = desk.app.extensions["tests.twiml"]
    watch.heard.clear()
    for story in (a_caller_talks, a_caller_leaves, a_caller_without_a_number, a_caller_who_is_asked, a_text):
        story(desk)

    doors = {str(rule) for rule in desk.app.url_map.iter_rules() if is_door(str(rule), rule.methods or set())}
    assert watch.heard == doors - TOLD
    assert watch.breaches == []


def is_door(rule: str, methods: set[str]) -> bool:
    return rule.startswith("/inbound/twilio/") and "POST" in methods


def a_caller_talks(desk: PhoneDesk) -> None:
    """Hold, a telephone that wants a key, the room, hold in the talk, and out of the room on both sides."""
    with transaction("test") as session:
        session.get_one(Queue, desk.queue.id).settings = {"record": True, "music": "https://cdn.example/music.mp3"}
    ada = Desk(desk.client, desk.agent(device_kind="number", device_address="+15145550190"))
    call_id = desk.arrive(1)
    desk.post(f"/wait?call={call_id}", twilio_forms.call(1))
    desk.post(f"/left?call={call_id}", twilio_forms.call(1, QueueResult="redirected"))
    assert ada.post(f"/queues/{desk.queue.id}/next").status_code == 200
    desk.work()
    leg = desk.legs(call_id)[0]
    desk.pick_up(leg)  # is asked for a key
    desk.talk(call_id)
    desk.post(f"/room/hold?call={call_id}", twilio_forms.call(1))
    desk.post(f"/room/left?call={call_id}", twilio_forms.call(1))
    desk.post(f"/room/back?call={call_id}&why=transfer", twilio_forms.call(1))
    desk.post(f"/agent/left?leg={leg.id}", {"CallSid": leg.provider_id or ""})


def a_caller_leaves(desk: PhoneDesk) -> None:
    """By each of the keys: a callback, a voicemail, a text; and what comes behind it."""
    make.inbox(Channel.SMS, address=desk.inbox.address, queue=desk.queue)
    for number, key in ((2, "1"), (3, "2"), (4, "3")):
        call_id = desk.arrive(number)
        form = twilio_forms.call(number)
        desk.post(f"/keys?call={call_id}", form | {"Digits": key})
        desk.post(f"/left?call={call_id}", form | {"QueueResult": "leave"})
        if key == "1":
            desk.post(f"/callback?call={call_id}", form)
            desk.post(f"/callback/choice?call={call_id}", form | {"Digits": "1"})
        if key == "2":
            inbox = desk.inbox.address.replace("+", "%2B")
            desk.post(f"/recorded?inbox={inbox}&call={call_id}", form | twilio_forms.recording(number))


def a_caller_without_a_number(desk: PhoneDesk) -> None:
    form = twilio_forms.call(5, From="anonymous")
    desk.post("", form)
    call_id = desk.call(5).id
    for path, more in (("keys", {"Digits": "1"}), ("left", {"QueueResult": "leave"}), ("number", {"Digits": "12"})):
        desk.post(f"/{path}?call={call_id}", form | more)
    desk.post("/fallback", twilio_forms.call(6))


def a_caller_who_is_asked(desk: PhoneDesk) -> None:
    """A menu, and words of the desk's own, one of them a sound."""
    menu = {"prompt": "For orders, press 1.", "options": {"1": desk.queue.id}}
    settings = {"menu": menu, "greeting": "https://cdn.example/hello.mp3"}
    make.inbox(Channel.PHONE, address="+15145550107", queue=desk.queue, settings=settings)
    form = twilio_forms.call(7, To="+15145550107")
    desk.post("", form)
    call_id = desk.call(7).id
    for more in ({"Digits": "9"}, {}, {"Digits": "1"}):
        desk.post(f"/menu?call={call_id}", form | more)


def a_text(desk: PhoneDesk) -> None:
    url, form = "/inbound/twilio/sms", twilio_forms.text()
    headers = {"X-Twilio-Signature": twilio_forms.sign(desk.settings, url, form)}
    assert desk.client.post(url, data=form, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("verbs", "wrong"),
    [
        ("<Say language='en-US'>Hi</Say>", ""),
        ("<Say language='en-US'> </Say>", "<Say> cannot hold ' '"),
        ("<Say language='en-US' voice='alice'>Hi</Say>", "<Say>'s voice cannot be 'alice'"),
        ("<Say>Hi</Say>", "<Say> lacks language"),
        ("<Sms>Hi</Sms>", "<Sms> has no place in <Response>"),
        ("<Play>hello.mp3</Play>", "<Play> cannot hold 'hello.mp3'"),
        ("<Hangup/><Leave/>", "nobody comes to what stands behind <Hangup>"),
        ("<Pause length='0'/>", "<Pause>'s length cannot be '0'"),
        ("<Pause/><Reject/>", "<Reject> comes too late"),
        ("<Record/>", "<Record> lacks action"),
        (
            "<Record action='https://a.b' transcribe='true' maxLength='180'/>",
            "a recording of 180 seconds is not transcribed",
        ),
        ("<Dial><Number>+15145550100</Number></Dial>", "<Number> has no place in <Dial>"),
        (
            "<Dial><Conference eventCallbackUrl='https://a.b'>call-1</Conference></Dial>",
            "<Conference> has no attribute eventCallbackUrl",
        ),
        ("<Dial><Conference>Karim</Conference></Dial>", "<Conference> cannot hold 'Karim'"),
        (
            "<Dial><Conference statusCallbackEvent='joined'>call-1</Conference></Dial>",
            "<Conference>'s statusCallbackEvent cannot be 'joined'",
        ),
    ],
)
def test_what_twilio_does_not_take_is_noticed(verbs: str, wrong: str) -> None:
    assert wrong_with(f"<Response>{verbs}</Response>") == ([wrong] if wrong else [])


def test_what_is_no_twiml_is_noticed() -> None:
    wrong = [
        wrong_with(one) for one in ("", "<Response><Say>", "<html/>", f"<Response>{'<Leave/>' * 10_000}</Response>")
    ]

    assert [one[0].partition(":")[0] for one in wrong] == [
        "it is not well-formed",
        "it is not well-formed",
        "it is no <Response>",
        "it is too long",
    ]


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        (f"{VOICE}", ANYWHERE),
        (f"{VOICE}/wait?call=1", IN_LINE),
        (f"{VOICE}/keys?call=1", IN_LINE),
        (f"{VOICE}/keys?call=1&out=full", ANYWHERE),
        (f"{VOICE}/room/hold?call=1", ON_HOLD),
        ("/inbound/twilio/sms", frozenset()),
    ],
)
def test_what_twilio_takes_depends_on_where_the_caller_is(address: str, allowed: frozenset[str]) -> None:
    assert allowed_at(address) == allowed


def test_no_document_is_written_by_hand() -> None:
    """The sandbox plays Twilio, and reads and answers documents of its own."""
    written = [
        str(path.relative_to(ROOT))
        for folder in ("channels", "api")
        for path in (ROOT / folder).rglob("*.py")
        if "sandbox" not in path.parts and re.search(r"<Response\b", path.read_text())
    ]

    assert written == []
