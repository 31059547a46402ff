"""The sandbox's conferences and queues, and what the REST API does with those in them."""

from pathlib import Path

import pytest

from channels.sandbox.exchange import Exchange
from config.settings import Settings
from tests.channels.scripted_desk import AGENT, OURS, THEIRS, URL, ScriptedDesk, exchange, rest, sid_of

BOSS = "client:agent-2"
EVENTS = "start end join leave mute hold modify"
ROOM = f"statusCallback='/room' statusCallbackEvent='{EVENTS}' beep='false'"


def room_for(settings: Settings, folder: Path, **pages: str) -> tuple[Exchange, ScriptedDesk, str, str]:
    """A customer and an agent in the conference `call-1`, whom the desk has called into it."""
    customer = f"<Dial action='/after'><Conference {ROOM} startConferenceOnEnter='false'>call-1</Conference></Dial>"
    agent = f"<Dial><Conference {ROOM} endConferenceOnExit='true'>call-1</Conference></Dial><Say>Alone</Say>"
    board, desk = exchange(settings, folder, {"": customer, "/agent": agent, "/after": "<Say>Goodbye</Say>", **pages})
    board.open(AGENT)
    call = board.dial(THEIRS, OURS)
    board.run_for(2)
    leg = sid_of(rest(board, "POST", "Calls.json", To=AGENT, From=OURS, Url=f"{URL}/agent"))
    board.run_for(2)
    board.pick_up(leg)
    board.run_for(2)
    return board, desk, call, leg


def told(desk: ScriptedDesk) -> list[str]:
    forms = desk.asked("/room")
    assert [int(form["SequenceNumber"]) for form in forms] == list(range(1, len(forms) + 1))
    return [form["StatusCallbackEvent"] for form in forms]


def test_a_conference_tells_its_life_in_order(base_settings: Settings, tmp_path: Path) -> None:
    board, desk, call, leg = room_for(base_settings, tmp_path)
    board.speak(call, "Hello?")
    board.speak(leg, "How can I help?")
    board.hang_up(leg)
    board.run_for(10)

    assert board.heard(AGENT, "heard") == ["Hello?"]
    assert board.heard(THEIRS, "heard") == ["How can I help?"]
    assert told(desk) == [
        "participant-join",
        "conference-start",
        "participant-join",
        "participant-leave",
        "participant-leave",
        "conference-end",
    ]
    left = desk.asked("/room")[3:]
    assert [form.get("ReasonParticipantLeft") for form in left] == [
        "participant_hung_up",
        "moderator_ended_conference",
        None,
    ]
    assert left[0]["CallSid"] == leg
    assert left[2]["ReasonConferenceEnded"] == "participant-with-end-conference-on-exit-left"
    assert left[2]["CallSidEndingConference"] == leg
    assert board.heard(THEIRS) == ["Goodbye"]


def participant(board: Exchange, name: str) -> str:
    """The address of somebody in the one room that there is."""
    (room,) = board.conferences
    return f"Conferences/{room}/Participants/{name}.json"


def test_music_plays_until_a_conference_starts(base_settings: Settings, tmp_path: Path) -> None:
    customer = "<Dial><Conference startConferenceOnEnter='false' waitUrl='/music'>r</Conference></Dial>"
    board, desk = exchange(base_settings, tmp_path, {"": customer, "/music": "<Say>La la</Say><Pause length='4'/>"})
    board.dial(THEIRS, OURS)
    board.run_for(10)
    before = len(desk.asked("/music"))
    rest(board, "POST", "Conferences/r/Participants.json", From=OURS, To="+14165550188")
    board.run_for(20)

    assert before == 3
    assert len(desk.asked("/music")) == before  # the listener came after a second


def test_a_customer_on_hold_hears_music_and_nobody(base_settings: Settings, tmp_path: Path) -> None:
    board, desk, call, leg = room_for(base_settings, tmp_path, **{"/hold": "<Say>One moment</Say><Pause length='9'/>"})
    path = participant(board, call)
    shown = rest(board, "POST", path, Hold="true", HoldUrl=f"{URL}/hold", HoldMethod="POST")
    board.run_for(2)
    board.speak(leg, "Not for their ears")
    rest(board, "POST", path, Hold="false")
    board.run_for(2)
    board.speak(leg, "I am back")

    assert shown.body is not None
    assert shown.body["hold"] is True
    assert board.heard(THEIRS) == ["One moment"]
    assert board.heard(THEIRS, "heard") == ["I am back"]
    assert told(desk)[-2:] == ["participant-hold", "participant-unhold"]


def test_nobody_hears_the_muted(base_settings: Settings, tmp_path: Path) -> None:
    board, desk, call, _leg = room_for(base_settings, tmp_path)
    rest(board, "POST", participant(board, call), Muted="true")
    board.run_for(1)
    board.speak(call, "Anybody?")

    assert board.heard(AGENT, "heard") == []
    assert told(desk)[-1] == "participant-mute"


def test_a_coach_is_heard_by_the_agent_alone_until_they_join(base_settings: Settings, tmp_path: Path) -> None:
    board, desk, call, leg = room_for(base_settings, tmp_path)
    board.open(BOSS)
    whisper = sid_of(
        rest(
            board,
            "POST",
            "Conferences/call-1/Participants.json",
            From=OURS,
            To=BOSS,
            Coaching="true",
            CallSidToCoach=leg,
            Label="boss",
        ),
        "call_sid",
    )
    board.run_for(1)
    board.pick_up(whisper)
    board.run_for(1)
    board.speak(whisper, "Offer a refund")
    board.speak(call, "I am angry")
    rest(board, "POST", participant(board, "boss"), Coaching="false")
    board.run_for(1)
    board.speak(whisper, "Hello, may I?")

    assert board.heard(AGENT, "heard") == ["Offer a refund", "I am angry", "Hello, may I?"]
    assert board.heard(THEIRS, "heard") == ["Hello, may I?"]
    assert board.heard(BOSS, "heard") == ["I am angry"]
    assert told(desk)[-1] == "participant-modify"


def test_who_is_put_out_goes_on_behind_the_conference(base_settings: Settings, tmp_path: Path) -> None:
    board, desk, call, leg = room_for(base_settings, tmp_path)
    answer = rest(board, "DELETE", participant(board, call))
    board.run_for(5)

    assert answer.status == 204
    assert board.heard(THEIRS) == ["Goodbye"]
    assert desk.asked("/room")[-1]["ReasonParticipantLeft"] == "participant_updated_via_api"
    assert not board.calls[leg].is_over


def test_a_conference_can_be_ended_by_the_desk(base_settings: Settings, tmp_path: Path) -> None:
    board, desk, call, leg = room_for(base_settings, tmp_path)
    sid = desk.asked("/room")[0]["ConferenceSid"]
    answer = rest(board, "POST", f"Conferences/{sid}.json", Status="completed")
    board.run_for(10)

    assert answer.body is not None
    assert (answer.body["status"], answer.body["reason_conference_ended"]) == ("completed", "conference-ended-via-api")
    assert told(desk)[-1] == "conference-end"
    assert board.heard(AGENT) == ["Alone"]
    assert board.calls[leg].is_over
    assert board.calls[call].is_over
    again = rest(board, "GET", "Conferences.json", FriendlyName="call-1", Status="in-progress")
    assert again.body is not None
    assert again.body["conferences"] == []


def test_a_line_that_is_lost_leaves_the_conference(base_settings: Settings, tmp_path: Path) -> None:
    board, desk, call, _leg = room_for(base_settings, tmp_path)
    board.vanish(call)
    board.run_for(3)

    assert desk.asked("/room")[-1].items() >= {"CallSid": call, "ReasonParticipantLeft": "participant_hung_up"}.items()
    assert board.calls[call].shown()["ended"] == "line lost"


def test_a_conference_is_recorded_where_that_is_wanted(base_settings: Settings, tmp_path: Path) -> None:
    attributes = "record='record-from-start' recordingStatusCallback='/recorded'"
    customer = f"<Dial><Conference {attributes}>r</Conference></Dial>"
    board, desk = exchange(base_settings, tmp_path, {"": customer})
    call = board.dial(THEIRS, OURS)
    other = board.dial("+14165550188", OURS)
    board.run_for(30)
    board.hang_up(call)
    board.hang_up(other)
    board.run_for(5)

    (form,) = desk.asked("/recorded")
    assert form.items() >= {"RecordingSource": "Conference", "RecordingDuration": "30"}.items()
    sound = rest(board, "GET", f"Recordings/{form['RecordingSid']}")
    assert (sound.status, sound.content[:4]) == (200, b"RIFF")
    assert rest(board, "DELETE", f"Recordings/{form['RecordingSid']}.json").status == 204
    assert rest(board, "GET", f"Recordings/{form['RecordingSid']}").status == 404


def test_the_queue_moves_up(base_settings: Settings, tmp_path: Path) -> None:
    wait = {"": "<Enqueue waitUrl='/wait'>q</Enqueue>", "/wait": "<Pause length='10'/>"}
    board, desk = exchange(base_settings, tmp_path, wait)
    callers = [f"+1416555010{n}" for n in range(3)]
    calls = [board.dial(caller, OURS) for caller in callers]
    board.run_for(5)
    board.hang_up(calls[0])
    board.run_for(10)

    positions = [(form["From"], form["QueuePosition"]) for form in desk.asked("/wait")]
    assert positions == [(callers[0], "1"), (callers[1], "2"), (callers[2], "3"), (callers[1], "1"), (callers[2], "2")]
    listed = rest(board, "GET", "Queues.json").body
    assert listed is not None
    (queue,) = listed["queues"]
    assert (queue["friendly_name"], queue["current_size"], queue["average_wait_time"]) == ("q", 2, 15)
    members = rest(board, "GET", f"Queues/{queue['sid']}/Members.json").body
    assert members is not None
    assert [(one["call_sid"], one["position"]) for one in members["queue_members"]] == [(calls[1], 1), (calls[2], 2)]


@pytest.mark.parametrize("by", ["call", "member"])
def test_the_desk_takes_a_caller_out_of_the_queue(by: str, base_settings: Settings, tmp_path: Path) -> None:
    pages = {"": "<Enqueue waitUrl='/wait' action='/out'>q</Enqueue>", "/wait": "<Pause length='10'/>"}
    board, desk = exchange(base_settings, tmp_path, pages | {"/next": "<Say>Your turn</Say>", "/out": "<Say>No</Say>"})
    call = board.dial(THEIRS, OURS)
    board.run_for(4)
    (queue,) = board.queues
    path = f"Calls/{call}.json" if by == "call" else f"Queues/{queue}/Members/Front.json"
    answer = rest(board, "POST", path, Url=f"{URL}/next")
    board.run_for(5)

    assert answer.status == 200
    assert board.heard(THEIRS) == ["Your turn"]
    assert desk.asked("/out")[0].items() >= {"QueueResult": "redirected", "QueueTime": "4"}.items()


def test_a_full_queue_takes_nobody(base_settings: Settings, tmp_path: Path) -> None:
    pages = {"": "<Enqueue action='/out'>q</Enqueue>", "/out": "<Say>Full</Say>"}
    board, desk = exchange(base_settings, tmp_path, pages)
    rest(board, "POST", "Queues.json", FriendlyName="q", MaxSize="1")
    board.dial(THEIRS, OURS)
    board.run_for(1)
    board.dial("+14165550188", OURS)
    board.run_for(3)

    assert board.heard("+14165550188") == ["Full"]
    assert desk.asked("/out")[0]["QueueResult"] == "queue-full"
    assert "QueueSid" not in desk.asked("/out")[0]


def test_an_agent_who_dials_the_queue_gets_the_first(base_settings: Settings, tmp_path: Path) -> None:
    pages = {
        "": "<Enqueue waitUrl='' action='/out'>q</Enqueue>",
        "/agent": "<Dial action='/done'><Queue url='/whisper'>q</Queue></Dial>",
        "/whisper": "<Say>You are next</Say>",
        "/out": "<Say>Bye</Say>",
    }
    board, desk = exchange(base_settings, tmp_path, pages)
    call = board.dial(THEIRS, OURS)
    board.open(AGENT)
    leg = sid_of(rest(board, "POST", "Calls.json", To=AGENT, From=OURS, Url=f"{URL}/agent"))
    board.run_for(2)
    board.pick_up(leg)
    board.run_for(5)
    board.speak(leg, "Hello")
    board.hang_up(leg)
    board.run_for(5)

    assert board.heard(THEIRS) == ["You are next", "Bye"]
    assert board.heard(THEIRS, "heard") == ["Hello"]
    assert desk.asked("/whisper")[0]["DequeingCallSid"] == leg
    assert desk.asked("/out")[0]["QueueResult"] == "bridged"
    assert board.calls[call].is_over


def test_five_hundred_wait_cheaply(base_settings: Settings, tmp_path: Path) -> None:
    pages = {"": "<Enqueue waitUrl='/wait'>q</Enqueue>", "/wait": "<Say>Soon</Say><Play>/music</Play>"}
    board, desk = exchange(base_settings, tmp_path, pages)
    for number in range(500):
        board.dial(f"+1416555{number:04}", OURS)
    board.run_for(31)

    assert len(desk.asked("/wait")) == 3 * 500
    assert {form["CurrentQueueSize"] for form in desk.asked("/wait")[-500:]} == {"500"}
