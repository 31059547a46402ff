"""The sandbox's REST API answers in the shape that Twilio publishes, and the description notices what is against it."""

import base64
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from channels.sandbox.courier import Response
from channels.sandbox.exchange import Exchange
from config.settings import Settings
from tests.channels.scripted_desk import AGENT, OURS, THEIRS, URL, exchange, rest, sid_of
from tests.channels.twilio_contract import (
    OPERATIONS,
    ContractWatch,
    answered_against,
    asked_against,
    operation_of,
)
from tests.channels.twilio_forms import sid


def watched(settings: Settings, folder: Path, pages: dict[str, str]) -> tuple[Exchange, ContractWatch]:
    board, desk = exchange(settings, folder, pages)
    desk.pages["/picture"] = Response(200, "", "image/png", base64.b64decode("iVBORw0KGgo="))
    watch = ContractWatch()
    board.watchers.append(watch)
    return board, watch


def test_every_operation_answers_as_published(base_settings: Settings, tmp_path: Path) -> None:
    pages = {
        "": "<Enqueue waitUrl='/w'>q</Enqueue>",
        "/w": "<Pause length='9'/>",
        "/room": "<Dial><Conference>r</Conference></Dial>",
    }
    board, watch = watched(base_settings, tmp_path, pages)
    board.open(AGENT)
    message = sid_of(rest(board, "POST", "Messages.json", To=THEIRS, From=OURS, Body="Hi", MediaUrl=f"{URL}/picture"))
    waiting = board.dial(THEIRS, OURS)
    leg = sid_of(
        rest(
            board,
            "POST",
            "Calls.json",
            To=AGENT,
            From=OURS,
            Url=f"{URL}/room",
            StatusCallbackEvent=["ringing", "completed"],
        )
    )
    board.run_for(5)
    board.pick_up(leg)
    board.run_for(5)
    queue = next(iter(board.queues))
    room = next(iter(board.conferences))
    for path in (
        "Messages.json",
        f"Messages/{message}.json",
        f"Messages/{message}/Media.json",
        "Calls.json",
        f"Calls/{leg}.json",
        "Queues.json",
        f"Queues/{queue}.json",
        f"Queues/{queue}/Members.json",
        f"Queues/{queue}/Members/{waiting}.json",
        "Conferences.json",
        f"Conferences/{room}.json",
        f"Conferences/{room}/Participants.json",
        f"Conferences/{room}/Participants/{leg}.json",
    ):
        assert rest(board, "GET", path).status == 200, path
    rest(board, "POST", f"Queues/{queue}/Members/Front.json", Url=f"{URL}/room")
    rest(board, "POST", "Queues.json", FriendlyName="other", MaxSize="5")
    added = sid_of(
        rest(board, "POST", "Conferences/r/Participants.json", To="+14165550188", From=OURS, ConferenceRecord="true"),
        "call_sid",
    )
    rest(board, "POST", f"Conferences/{room}/Participants/{leg}.json", Hold="true", HoldUrl=f"{URL}/w")
    board.run_for(5)
    rest(board, "DELETE", f"Conferences/{room}/Participants/{added}.json")
    rest(board, "POST", f"Calls/{leg}.json", Twiml="<Response><Say language='en-US'>Bye</Say></Response>")
    rest(board, "POST", "Conferences/r.json", Status="completed")
    board.run_for(5)
    recordings = rest(board, "GET", "Recordings.json").body
    assert recordings is not None
    assert rest(board, "DELETE", f"Recordings/{recordings['recordings'][0]['sid']}.json").status == 204
    rest(board, "POST", f"Calls/{leg}.json", Status="completed")

    assert watch.breaches == []
    assert watch.seen == set(OPERATIONS)


@pytest.mark.parametrize(
    ("operation", "values", "wrong"),
    [
        ("create_call", {"To": [THEIRS]}, "From is missing"),
        ("create_call", {"To": [THEIRS], "From": [OURS], "Colour": ["red"]}, "there is no parameter Colour"),
        ("create_call", {"To": [THEIRS], "From": [OURS], "StatusCallbackEvent": ["done"]}, "cannot be 'done'"),
        ("update_call", {"Status": ["in-progress"]}, "Status cannot be 'in-progress'"),
        ("create_call", {"To": [THEIRS], "From": [OURS]}, "one of Url, Twiml, ApplicationSid is missing"),
        ("create_call", {"To": [THEIRS], "From": [OURS], "Url": [URL], "Timeout": ["601"]}, "Timeout cannot be '601'"),
        ("create_participant", {"To": [THEIRS], "From": [OURS], "Timeout": ["4"]}, "Timeout cannot be '4'"),
        ("create_message", {"To": [THEIRS], "Body": ["x" * 1601]}, "Body cannot be"),
        ("create_message", {"To": [THEIRS], "Body": ["Hi"]}, "one of From, MessagingServiceSid is missing"),
        ("create_message", {"To": [THEIRS], "From": [OURS]}, "one of Body, MediaUrl, ContentSid is missing"),
        ("create_message", {"To": [THEIRS], "MediaUrl": [URL] * 11}, "MediaUrl cannot be given 11 times"),
        ("create_message", {"To": ["client:ada"], "Body": ["Hi"]}, "To cannot be 'client:ada'"),
        ("list_calls", {"PageSize": ["1001"]}, "PageSize cannot be '1001'"),
        ("list_conferences", {"DateCreated>": ["2026-11-18T12:00:00Z"]}, "DateCreated> cannot be"),
        ("update_participant", {"Hold": ["yes"]}, "Hold cannot be 'yes'"),
    ],
)
def test_what_twilio_does_not_know_is_noticed(operation: str, values: dict[str, list[str]], wrong: str) -> None:
    assert wrong in " ".join(asked_against(operation, values))


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("POST", f"Calls/{sid('CA', 1)}.json", "update_call"),
        ("GET", "Conferences.json", "list_conferences"),
        ("POST", "Conferences/call-1.json", "update_conference"),
        ("POST", "Conferences/call-1/Participants.json", "create_participant"),
        ("POST", f"Conferences/{sid('CF', 1)}/Participants/boss.json", "update_participant"),
        ("POST", f"Conferences/call-1/Participants/{sid('CA', 1)}.json", None),  # wants the conference's SID
        ("GET", "Calls/1.json", None),
        ("PUT", "Calls.json", None),
        ("POST", "Conferences.json", None),
    ],
)
def test_an_operation_is_known_by_its_address(method: str, path: str, operation: str | None) -> None:
    assert operation_of(method, path) == operation


def test_a_conference_is_found_by_its_name_only_where_twilio_says_so(base_settings: Settings, tmp_path: Path) -> None:
    board, _ = watched(base_settings, tmp_path, {"": "<Dial><Conference>r</Conference></Dial>"})
    caller = board.dial(THEIRS, OURS)
    board.run_for(5)
    room = next(iter(board.conferences))

    assert rest(board, "GET", f"Conferences/{room}.json").status == 200
    assert rest(board, "POST", "Conferences/r.json", AnnounceUrl=f"{URL}/w").status == 200
    assert rest(board, "GET", "Conferences/r.json").status == 404
    assert rest(board, "POST", f"Conferences/r/Participants/{caller}.json", Muted="true").status == 404


def test_an_answer_of_another_shape_is_noticed(base_settings: Settings, tmp_path: Path) -> None:
    board, _ = watched(base_settings, tmp_path, {})
    answer = rest(board, "POST", "Messages.json", To=THEIRS, From=OURS, Body="Hi")
    assert answer.body is not None
    answer.body["status"] = "gone"
    del answer.body["sid"]

    wrong = answered_against("create_message", answer)

    assert wrong == ["the answer lacks sid", "the answer's status cannot be 'gone'"]


def pages_of(board: Exchange, path: str, name: str, **values: str) -> list[list[str]]:
    """The SIDs of every page of a list, as the SDK turns them."""
    pages, answer = [], rest(board, "GET", path, PageSize="2", **values)
    while True:
        assert answer.body is not None
        pages.append([one["sid"] for one in answer.body[name]])
        following = answer.body["next_page_uri"]
        if following is None:
            return pages
        answer = rest(board, "GET", path, **dict(parse_qsl(urlsplit(following).query)))


def test_a_list_comes_in_pages_newest_first(base_settings: Settings, tmp_path: Path) -> None:
    board, _ = watched(base_settings, tmp_path, {})
    sids = [sid_of(rest(board, "POST", "Messages.json", To=THEIRS, From=OURS, Body=str(n))) for n in range(5)]
    rest(board, "POST", "Messages.json", To="+14165550188", From=OURS, Body="other")

    found = pages_of(board, "Messages.json", "messages", To=THEIRS)

    assert found == [[sids[4], sids[3]], [sids[2], sids[1]], [sids[0]]]


def test_lists_can_be_asked_by_their_moments(base_settings: Settings, tmp_path: Path) -> None:
    board, _ = watched(base_settings, tmp_path, {"": "<Say>Hi</Say>"})
    early = board.dial(THEIRS, OURS)
    board.run_for(3600)
    moment = board.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    board.run_for(10)
    late = board.dial(THEIRS, OURS)
    board.run_for(10)

    def calls(**values: str) -> list[str]:
        body = rest(board, "GET", "Calls.json", **values).body
        assert body is not None
        return [one["sid"] for one in body["calls"]]

    assert calls(**{"StartTime>": moment}) == [late]
    assert calls(**{"StartTime<": moment}) == [early]
    assert calls(StartTime=moment[:10], Status="completed") == [late, early]
    assert rest(board, "GET", "Calls.json", **{"StartTime>": "yesterday"}).status == 400
