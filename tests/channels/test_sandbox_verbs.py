"""The sandbox's exchange does what TwiML says, by its own clock."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from channels.sandbox.courier import Response
from channels.sandbox.exchange import Exchange
from config.settings import Settings
from tests.channels.scripted_desk import AGENT, OURS, THEIRS, VOICE, ScriptedDesk, exchange, twiml

APOLOGY = "An application error has occurred. Goodbye."


@dataclass(frozen=True)
class Row:
    """Documents by path, what the caller does (at which second), and what they hear and where the desk is asked."""

    name: str
    pages: dict[str, str]
    heard: list[str]
    does: tuple[tuple[float, str, str], ...] = ()  # (at, "press"|"speak"|"hang up", what)
    asked: dict[str, dict[str, str]] | None = None  # path -> fields of its first request
    seconds: float = 60
    state: str = "completed"


TABLE = [
    Row("words are said in order", {"": "<Say>One</Say><Say>two</Say>"}, ["One", "two"]),
    Row("a document without verbs hangs up", {"": ""}, []),
    Row("what is said often is heard often", {"": '<Say loop="3">Hm</Say>'}, ["Hm", "Hm", "Hm"]),
    Row("after hanging up nothing is said", {"": "<Hangup/><Say>Never</Say>"}, []),
    Row("a redirect leads on and not back", {"": "<Redirect>/b</Redirect><Say>No</Say>", "/b": "<Say>B</Say>"}, ["B"]),
    Row("an unknown verb is an error", {"": "<Say>One</Say><Sing>Two</Sing>"}, [APOLOGY]),
    Row("a verb in the wrong place is an error", {"": "<Gather><Dial>+1</Dial></Gather>"}, [APOLOGY]),
    Row("a redirect to nowhere is an error", {"": "<Redirect>/404</Redirect>"}, [APOLOGY]),
    Row("documents that lead to each other end", {"": f"<Redirect>{VOICE}</Redirect>"}, [APOLOGY]),
    Row("to leave no queue ends the call", {"": "<Leave/><Say>No</Say>"}, []),
    Row("a rejected call is not picked up", {"": "<Reject/>"}, [], state="no-answer"),
    Row("a call rejected as busy is busy", {"": '<Reject reason="busy"/>'}, [], state="busy"),
    Row(
        "as many digits as are wanted lead on at once",
        {
            "": '<Gather numDigits="2" action="/menu"><Say>Choose</Say></Gather><Say>Nothing</Say>',
            "/menu": "<Say>M</Say>",
        },
        ["Choose", "M"],
        does=((1, "press", "12"),),
        asked={"/menu": {"Digits": "12", "CallStatus": "in-progress"}},
    ),
    Row(
        "the finishing key is not among the digits",
        {"": '<Gather action="/menu"/>', "/menu": "<Say>M</Say>"},
        ["M"],
        does=((1, "press", "40#"),),
        asked={"/menu": {"Digits": "40", "FinishedOnKey": "#"}},
    ),
    Row(
        "a key cuts the words short",
        {"": '<Gather numDigits="1" action="/menu"><Say>A long talk</Say><Say>of two</Say></Gather>', "/menu": ""},
        ["A long talk"],
        does=((0.5, "press", "1"),),
        asked={"/menu": {"Digits": "1"}},
    ),
    Row(
        "digits count when the time is over",
        {"": '<Gather timeout="3" action="/menu"/><Say>Nothing</Say>', "/menu": "<Say>M</Say>"},
        ["M"],
        does=((1, "press", "7"),),
        asked={"/menu": {"Digits": "7"}},
    ),
    Row("no key falls through", {"": '<Gather action="/menu"/><Say>Nothing</Say>', "/menu": ""}, ["Nothing"]),
    Row(
        "no key is told where that is wanted",
        {"": '<Gather action="/menu" actionOnEmptyResult="true"/><Say>No</Say>', "/menu": "<Say>M</Say>"},
        ["M"],
        asked={"/menu": {"Digits": ""}},
    ),
    Row(
        "words are recognised where they are wanted",
        {"": '<Gather input="dtmf speech" action="/menu"/>', "/menu": ""},
        [],
        does=((1, "speak", "my order"),),
        asked={"/menu": {"SpeechResult": "my order"}},
    ),
    Row(
        "without an action the same document is asked again",
        {"": '<Gather numDigits="1" timeout="2"/>'},
        [],
        does=((1, "press", "5"),),
        asked={VOICE: {"CallStatus": "ringing"}},
    ),
    Row(
        "a voicemail ends with a key",
        {"": '<Record action="/done"/><Say>Nothing</Say>', "/done": "<Say>Thanks</Say>"},
        ["Thanks"],
        does=((1, "speak", "Call me back please"), (2, "press", "#")),
        asked={"/done": {"Digits": "#", "RecordingDuration": "2"}},
    ),
    Row(
        "a voicemail ends with silence",
        {"": '<Record action="/done" timeout="3"/>', "/done": "<Say>Thanks</Say>"},
        ["Thanks"],
        does=((1, "speak", "Hello"),),
        asked={"/done": {"RecordingDuration": "1"}},
    ),
    Row("silence is no voicemail", {"": '<Record action="/done"/><Say>Nothing</Say>', "/done": ""}, ["Nothing"]),
    Row(
        "who hangs up after speaking has left a voicemail",
        {"": '<Record action="/done"/>', "/done": "<Say>No</Say>"},
        [],
        does=((1, "speak", "Hello"), (2, "hang up", "")),
        asked={"/done": {"Digits": "hangup", "RecordingDuration": "1"}},
    ),
    Row(
        "a recording is told of when it is ready, with its words where they are wanted",
        {"": '<Record recordingStatusCallback="/ready" transcribe="true" transcribeCallback="/words" action="/done"/>'},
        [APOLOGY],
        does=((1, "speak", "Call me"), (2, "press", "#")),
        asked={
            "/ready": {"RecordingStatus": "completed", "RecordingSource": "RecordVerb"},
            "/words": {"TranscriptionText": "Call me"},
        },
    ),
    Row(
        "an absent recording is told of where that is wanted",
        {"": '<Record recordingStatusCallback="/ready" recordingStatusCallbackEvent="completed absent"/>'},
        [],
        asked={"/ready": {"RecordingStatus": "absent"}},
    ),
    Row(
        "music plays while one waits, and says where one stands",
        {"": '<Enqueue waitUrl="/wait">q</Enqueue>', "/wait": "<Say>Soon</Say><Play>/music.mp3</Play>"},
        ["Soon", "Soon"],
        does=((12, "hang up", ""),),
        asked={"/wait": {"QueuePosition": "1", "QueueTime": "0", "AvgQueueTime": "0", "CurrentQueueSize": "1"}},
    ),
    Row(
        "who leaves the queue goes on behind it",
        {"": '<Enqueue waitUrl="/wait">q</Enqueue><Say>Left</Say>', "/wait": "<Say>Soon</Say><Leave/>"},
        ["Soon", "Left"],
    ),
    Row(
        "who leaves the queue goes on at its action",
        {"": '<Enqueue waitUrl="/wait" action="/out">q</Enqueue>', "/wait": "<Leave/>", "/out": "<Say>Out</Say>"},
        ["Out"],
        asked={"/out": {"QueueResult": "leave", "QueueTime": "0"}},
    ),
    Row(
        "who hangs up has left the queue",
        {
            "": '<Enqueue waitUrl="/wait" action="/out">q</Enqueue>',
            "/wait": "<Pause length='9'/>",
            "/out": "<Say>No</Say>",
        },
        [],
        does=((4, "hang up", ""),),
        asked={"/out": {"QueueResult": "hangup", "QueueTime": "4"}},
    ),
    Row(
        "keys work while one waits",
        {
            "": '<Enqueue waitUrl="/wait" action="/out">q</Enqueue>',
            "/wait": '<Gather numDigits="1" action="/key"><Play>/music</Play></Gather>',
            "/key": "<Say>As you like</Say><Leave/>",
            "/out": "",
        },
        ["As you like"],
        does=((3, "press", "1"),),
        asked={"/key": {"Digits": "1", "QueuePosition": "1"}, "/out": {"QueueResult": "leave"}},
    ),
    Row(
        "a waiting document may not dial",
        {
            "": '<Enqueue waitUrl="/wait" action="/out">q</Enqueue>',
            "/wait": "<Dial>+1</Dial>",
            "/out": "<Say>Sorry</Say>",
        },
        ["Sorry"],
        asked={"/out": {"QueueResult": "error"}},
    ),
    Row(
        "a number that is busy falls through",
        {"": '<Dial action="/out"><Number>+15005551486</Number></Dial>', "/out": "<Say>Busy</Say>"},
        ["Busy"],
        asked={"/out": {"DialCallStatus": "busy"}},
    ),
    Row(
        "a browser that nobody has opened is not there",
        {"": '<Dial action="/out"><Client>nobody</Client></Dial>', "/out": ""},
        [],
        asked={"/out": {"DialCallStatus": "no-answer"}},
    ),
    Row(
        "a queue that does not exist cannot be dialled",
        {"": '<Dial action="/out"><Queue>nowhere</Queue></Dial>', "/out": ""},
        [],
        asked={"/out": {"DialCallStatus": "failed"}},
    ),
    Row(
        "a sound file is as good as a document",
        {"": '<Enqueue waitUrl="/music.mp3">q</Enqueue>'},
        [],
        does=((25, "hang up", ""),),
        asked={"/music.mp3": {"QueuePosition": "1"}},
    ),
]


def play(board: Exchange, row: Row) -> str:
    """Call, do what the row says when it says, and return the call's SID."""
    call = board.dial(THEIRS, OURS)
    done = 0.0
    for at, deed, what in row.does:
        board.run_for(at - done)
        done = at
        if deed == "press":
            board.press(call, what)
        elif deed == "speak":
            board.speak(call, what)
        else:
            board.hang_up(call)
    board.run_for(row.seconds - done)
    return call


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_the_exchange_does_what_twiml_says(row: Row, base_settings: Settings, tmp_path: Path) -> None:
    board, desk = exchange(base_settings, tmp_path, row.pages)
    desk.pages["/404"] = Response(404, "", "text/html")
    desk.pages["/music.mp3"] = Response(200, "", "audio/mpeg")

    call = play(board, row)

    assert board.heard(THEIRS) == row.heard
    assert board.calls[call].status == row.state
    for path, fields in (row.asked or {}).items():
        assert desk.asked(path), desk.requests
        assert desk.asked(path)[0].items() >= fields.items()
    ends = [form["CallStatus"] for form in desk.asked(f"{VOICE}/status")]
    assert ends == [row.state]


TROUBLES = {
    "an error of the desk's": Response(500, "", "text/html"),
    "no answer": Response(0, "ConnectionError"),
    "no TwiML": Response(200, "Hello", "text/xml"),
    "a document of another kind": Response(200, twiml(""), "application/json"),
    "no content": Response(204),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_document_that_cannot_be_had_ends_the_call_with_an_apology(
    trouble: str, base_settings: Settings, tmp_path: Path
) -> None:
    board, desk = exchange(base_settings, tmp_path, {})
    desk.pages[VOICE] = TROUBLES[trouble]

    call = board.dial(THEIRS, OURS)
    board.run_for(10)

    assert board.heard(THEIRS) == ([APOLOGY])
    assert board.calls[call].is_over
    assert board.errors


def test_words_take_their_time(base_settings: Settings, tmp_path: Path) -> None:
    board, _ = exchange(base_settings, tmp_path, {"": "<Say>one two three four five</Say><Pause length='3'/>"})

    call = board.dial(THEIRS, OURS)
    board.run_for(4.9)
    early = board.calls[call].is_over
    board.run_for(0.2)

    assert not early
    assert board.calls[call].is_over


def test_an_attribute_that_nobody_knows_is_warned_of(base_settings: Settings, tmp_path: Path) -> None:
    board, _ = exchange(base_settings, tmp_path, {"": '<Say loudly="true">Hm</Say>'})

    board.dial(THEIRS, OURS)
    board.run_for(5)

    assert board.heard(THEIRS) == ["Hm"]
    assert list(board.warnings) == ["<Say> has no attribute loudly"]


def dialling(settings: Settings, folder: Path, noun: str, **pages: str) -> tuple[Exchange, ScriptedDesk, str]:
    """A caller who is put through to an agent's browser, which rings."""
    board, desk = exchange(
        settings, folder, {"": f'<Dial action="/out">{noun}</Dial>', "/out": "<Say>Bye</Say>", **pages}
    )
    board.open(AGENT)
    call = board.dial(THEIRS, OURS)
    board.run_for(1)
    return board, desk, call


def test_two_who_are_put_through_hear_each_other(base_settings: Settings, tmp_path: Path) -> None:
    events = "statusCallback='/leg' statusCallbackEvent='initiated ringing answered completed'"
    board, desk, call = dialling(base_settings, tmp_path, f"<Client {events}>agent-1</Client>")
    (leg,) = board.incoming(AGENT)
    board.pick_up(leg)
    board.run_for(1)
    board.speak(call, "Hello?")
    board.speak(leg, "How can I help?")
    board.run_for(9)
    board.hang_up(leg)
    board.run_for(5)

    assert board.heard(AGENT, "heard") == ["Hello?"]
    assert board.heard(THEIRS, "heard") == ["How can I help?"]
    assert desk.asked("/out")[0].items() >= {"DialCallStatus": "completed", "DialCallDuration": "10"}.items()
    legs = desk.asked("/leg")
    assert [form["CallStatus"] for form in legs] == ["initiated", "ringing", "in-progress", "completed"]
    assert [form["SequenceNumber"] for form in legs] == ["0", "1", "2", "3"]
    assert {form["ParentCallSid"] for form in legs} == {call}
    assert board.heard(THEIRS)[-1] == "Bye"


def test_a_whisper_is_heard_before_both_hear_each_other(base_settings: Settings, tmp_path: Path) -> None:
    board, _, call = dialling(
        base_settings,
        tmp_path,
        '<Client url="/whisper">agent-1</Client>',
        **{"/whisper": "<Say>A customer calls about tea</Say>"},
    )
    (leg,) = board.incoming(AGENT)
    board.pick_up(leg)
    board.run_for(1)
    board.speak(call, "Too early")
    board.run_for(4)
    board.speak(call, "Now")

    assert board.heard(AGENT) == ["A customer calls about tea"]
    assert board.heard(AGENT, "heard") == ["Now"]


def test_who_rings_too_long_is_not_put_through(base_settings: Settings, tmp_path: Path) -> None:
    board, desk, _ = dialling(base_settings, tmp_path, "<Client>agent-1</Client>")
    board.run_for(31)

    assert desk.asked("/out")[0]["DialCallStatus"] == "no-answer"
    assert board.incoming(AGENT) == []


def test_of_several_the_first_to_pick_up_wins(base_settings: Settings, tmp_path: Path) -> None:
    board, _, call = dialling(base_settings, tmp_path, "<Client>agent-1</Client><Client>agent-2</Client>")
    board.open("client:agent-2")
    board.run_for(0)
    (leg,) = board.incoming(AGENT)
    board.pick_up(leg)
    board.run_for(1)
    board.speak(call, "Who is there?")

    assert board.heard(AGENT, "heard") == ["Who is there?"]
    assert board.incoming("client:agent-2") == []


def test_a_caller_who_hangs_up_stops_the_ringing(base_settings: Settings, tmp_path: Path) -> None:
    board, _, call = dialling(base_settings, tmp_path, "<Client>agent-1</Client>")
    (leg,) = board.incoming(AGENT)
    board.hang_up(call)
    board.run_for(1)

    assert board.calls[leg].status == "canceled"
    assert board.incoming(AGENT) == []
