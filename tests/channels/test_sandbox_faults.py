"""Troubles on demand, what the REST API refuses, and the exchange beside a clock that goes by itself."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from channels.sandbox.courier import Request, Response
from channels.sandbox.devices import Answers
from channels.sandbox.exchange import Exchange, NotNow
from channels.sandbox.faults import FaultPlan, Mishap, RESTFault, Trouble, WebhookFault
from config.settings import Settings
from tests.channels.scripted_desk import OURS, THEIRS, URL, VOICE, exchange, rest, sid_of, twiml

STATUS = f"{VOICE}/status"
HI = "<Response><Say>Hello there</Say></Response>"
ALL = ["initiated", "ringing", "answered", "completed"]


@pytest.mark.parametrize(
    ("does", "words"),
    [
        (Mishap.LOSE, ["ringing", "answered", "completed"]),
        (Mishap.DOUBLE, ["initiated", "ringing", "initiated", "answered", "completed"]),
        (Mishap.DELAY, ["ringing", "answered", "completed", "initiated"]),
        (Mishap.SWAP, ["ringing", "initiated", "answered", "completed"]),
    ],
)
def test_a_callback_may_come_to_grief(does: Mishap, words: list[str], base_settings: Settings, tmp_path: Path) -> None:
    board, desk = exchange(base_settings, tmp_path, {})
    board.faults = FaultPlan([WebhookFault(STATUS, does)])
    callback = f"{URL}{STATUS}"
    rest(board, "POST", "Calls.json", To=THEIRS, From=OURS, Twiml=HI, StatusCallback=callback, StatusCallbackEvent=ALL)
    board.run_for(60)

    came = [form["CallStatus"].replace("in-progress", "answered") for form in desk.asked(STATUS)]
    assert came == words
    assert (len(set(desk.tokens)) < len(desk.tokens)) is (does is Mishap.DOUBLE)  # the same token when it comes again


def test_a_document_that_is_lost_on_the_way_is_an_application_error(base_settings: Settings, tmp_path: Path) -> None:
    board, _ = exchange(base_settings, tmp_path, {"": "<Say>Hello</Say>"})
    board.faults = FaultPlan([WebhookFault(VOICE, Mishap.LOSE)])
    board.dial(THEIRS, OURS)
    board.run_for(10)

    assert board.heard(THEIRS) == ["An application error has occurred. Goodbye."]


def test_a_request_may_come_to_grief(base_settings: Settings, tmp_path: Path) -> None:
    board, _ = exchange(base_settings, tmp_path, {})
    board.faults = FaultPlan(
        rest=[
            RESTFault("create_message", Trouble.REFUSE, 429, 20429, times=2, retry_after=3),
            RESTFault("create_message", Trouble.FORGET, 503, 20503),
            RESTFault("", Trouble.STALL, seconds=0.5),
        ]
    )
    answers = [rest(board, "POST", "Messages.json", To=THEIRS, From=OURS, Body="Hi") for _ in range(5)]

    assert [one.status for one in answers] == [429, 429, 503, 201, 201]
    assert answers[0].headers == {"Retry-After": "3"}
    assert [one.stall for one in answers[3:]] == [0.5, 0.0]
    assert len(board.texting.messages) == 3


@pytest.mark.parametrize(
    "plan",
    [
        {"calls": []},
        {"webhooks": [{"path": "/x", "does": "eat"}]},
        {"webhooks": [{"path": 1, "does": "lose"}]},
        {"rest": [{"operation": "create_call", "status": 200}]},
        {"rest": [{"operation": "create_call", "times": "many"}]},
        {"rest": ["create_call"]},
        {"webhooks": [{"path": "/x", "does": "lose"}] * 101},
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(plan: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"plan|fault"):
        FaultPlan.read(plan)


@pytest.mark.parametrize(
    ("answers", "to", "status"),
    [
        (Answers.BUSY, THEIRS, "busy"),
        (Answers.NEVER, THEIRS, "no-answer"),
        (Answers.DECLINES, THEIRS, "busy"),
        (Answers.FAILS, THEIRS, "failed"),
        (Answers.ITSELF, THEIRS, "completed"),
        (Answers.ITSELF, "+15005551486", "busy"),
        (Answers.ITSELF, "+15005551480", "no-answer"),
        (Answers.ITSELF, "+15005551404", "failed"),
    ],
)
def test_a_call_ends_as_its_device_answers(
    answers: Answers, to: str, status: str, base_settings: Settings, tmp_path: Path
) -> None:
    board, desk = exchange(base_settings, tmp_path, {})
    if to == THEIRS:
        board.open(THEIRS, answers)
    rest(board, "POST", "Calls.json", To=to, From=OURS, Twiml=HI, Timeout="20", StatusCallback=f"{URL}{STATUS}")
    board.run_for(60)

    assert [form["CallStatus"] for form in desk.asked(STATUS)] == [status]


def test_a_machine_is_known_for_one_and_leaves_its_words(base_settings: Settings, tmp_path: Path) -> None:
    board, desk = exchange(base_settings, tmp_path, {"/answer": "<Say>Call us back</Say>"})
    board.open(THEIRS, Answers.MAILBOX)
    rest(board, "POST", "Calls.json", To=THEIRS, From=OURS, Url=f"{URL}/answer", MachineDetection="Enable")
    board.run_for(60)

    assert desk.asked("/answer")[0]["AnsweredBy"] == "machine_start"
    assert board.heard(THEIRS) == ["Call us back"]


REFUSED = {
    "a call to nobody": ("Calls.json", {"From": OURS, "Twiml": HI}, 21201),
    "a call without words": ("Calls.json", {"From": OURS, "To": THEIRS}, 21205),
    "words that are no TwiML": ("Calls.json", {"From": OURS, "To": THEIRS, "Twiml": "Hello"}, 21205),
    "a document of somebody else's": (
        "Calls.json",
        {"From": OURS, "To": THEIRS, "Url": "https://else.example/"},
        21205,
    ),
    "an odd time-out": ("Calls.json", {"From": OURS, "To": THEIRS, "Twiml": HI, "Timeout": "long"}, 20001),
    "a call that nobody knows": (f"Calls/CA{'0' * 32}.json", {"Status": "completed"}, 20404),
    "an address that nobody knows": ("Faxes.json", {}, 20404),
    "a conference that nobody knows": ("Conferences/none.json", {"Status": "completed"}, 20404),
    "a message that is too long": ("Messages.json", {"From": OURS, "To": THEIRS, "Body": "x" * 1601}, 21617),
    "a queue with a long name": ("Queues.json", {"FriendlyName": "x" * 65}, 20001),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_twilio_refuses_is_refused(name: str, base_settings: Settings, tmp_path: Path) -> None:
    board, _ = exchange(base_settings, tmp_path, {})
    path, values, code = REFUSED[name]
    answer = rest(board, "POST", path, **values)

    assert answer.body is not None
    assert answer.body["code"] == code


def test_a_call_can_be_changed_while_it_lasts_only(base_settings: Settings, tmp_path: Path) -> None:
    board, _ = exchange(base_settings, tmp_path, {})
    board.open(THEIRS)
    sid = sid_of(
        rest(board, "POST", "Calls.json", To=THEIRS, From=OURS, Twiml="<Response><Pause length='60'/></Response>")
    )
    board.run_for(1)
    early = rest(board, "POST", f"Calls/{sid}.json", Twiml=HI)
    board.pick_up(sid)
    board.run_for(1)
    cancelled = rest(board, "POST", f"Calls/{sid}.json", Status="canceled")
    moved = rest(board, "POST", f"Calls/{sid}.json", Twiml=HI)
    board.run_for(5)
    late = rest(board, "POST", f"Calls/{sid}.json", Status="completed")

    assert [one.status for one in (early, cancelled, moved, late)] == [400, 400, 200, 400]
    assert early.body is not None
    assert early.body["code"] == 21220
    assert board.heard(THEIRS) == ["Hello there"]


def test_a_call_that_rings_can_be_cancelled(base_settings: Settings, tmp_path: Path) -> None:
    board, desk = exchange(base_settings, tmp_path, {})
    board.open(THEIRS)
    callback = f"{URL}{STATUS}"
    sid = sid_of(rest(board, "POST", "Calls.json", To=THEIRS, From=OURS, Twiml=HI, StatusCallback=callback))
    board.run_for(1)
    rest(board, "POST", f"Calls/{sid}.json", Status="canceled")
    board.run_for(1)

    assert [form["CallStatus"] for form in desk.asked(STATUS)] == ["canceled"]
    with pytest.raises(NotNow, match="over"):
        board.pick_up(sid)


def test_an_error_may_have_a_fallback(base_settings: Settings, tmp_path: Path) -> None:
    board, desk = exchange(base_settings, tmp_path, {"/sorry": "<Say>Later, please</Say>"})
    desk.pages["/answer"] = Response(500)
    rest(board, "POST", "Calls.json", To=THEIRS, From=OURS, Url=f"{URL}/answer", FallbackUrl=f"{URL}/sorry")
    board.run_for(10)

    assert board.heard(THEIRS) == ["Later, please"]
    assert desk.asked("/sorry")[0]["ErrorCode"] == "11200"


class SlowDesk:
    """Answers when it is let; and asks something itself before, as a desk may."""

    def __init__(self) -> None:
        self.board: Exchange | None = None
        self.answered = threading.Event()
        self.statuses: list[str] = []

    def carry(self, request: Request) -> Response:
        if request.path == STATUS:
            self.statuses.append(request.form["CallStatus"])
            self.answered.set()
            return Response(204)
        assert self.board is not None
        rest(self.board, "GET", "Calls.json")  # would wait for ever if the exchange were locked meanwhile
        return Response(200, twiml("<Say>Hello</Say>"), "text/xml")


def test_beside_a_running_desk_the_exchange_goes_by_itself(base_settings: Settings, tmp_path: Path) -> None:
    desk = SlowDesk()
    board = Exchange(replace(base_settings, data_dir=tmp_path, public_url=URL), speed=50, courier=desk)
    desk.board = board
    try:
        board.dial(THEIRS, OURS)

        assert desk.answered.wait(60)
        assert desk.statuses == ["completed"]
        assert board.heard(THEIRS) == ["Hello"]
    finally:
        board.close()


def test_a_clock_that_stands_still_is_let_go(base_settings: Settings, tmp_path: Path) -> None:
    desk = SlowDesk()
    board = Exchange(replace(base_settings, data_dir=tmp_path, public_url=URL), speed=0, courier=desk)
    desk.board = board
    try:
        board.dial(THEIRS, OURS)
        stood = board.heard(THEIRS)
        board.engine.run_at(50)

        assert stood == []
        assert desk.answered.wait(60)
    finally:
        board.close()
