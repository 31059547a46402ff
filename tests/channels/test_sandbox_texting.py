"""Text messages through the sandbox: what becomes of ours, what comes of theirs, and who has opted out."""

from pathlib import Path

import pytest

from channels.sandbox.courier import Response
from channels.sandbox.exchange import Exchange
from config.settings import Settings
from tests.channels.scripted_desk import OURS, THEIRS, URL, ScriptedDesk, exchange, rest, sid_of, twiml

SMS = "/inbound/twilio/sms"
WHATSAPP_OURS, WHATSAPP_THEIRS = f"whatsapp:{OURS}", f"whatsapp:{THEIRS}"


def texting(settings: Settings, folder: Path) -> tuple[Exchange, ScriptedDesk]:
    board, desk = exchange(settings, folder, {})
    desk.pages[SMS] = twiml("")
    return board, desk


def send(board: Exchange, **values: str) -> str:
    """Have the desk send a message with a callback; return its SID once everything is told."""
    wanted = {"To": THEIRS, "From": OURS, "Body": "Hi", "StatusCallback": f"{URL}/told"} | values
    return sid_of(rest(board, "POST", "Messages.json", **wanted))


def told(desk: ScriptedDesk) -> list[str]:
    return [
        form["MessageStatus"] + (f" {form['ErrorCode']}" if "ErrorCode" in form else "") for form in desk.asked("/told")
    ]


@pytest.mark.parametrize(
    ("to", "words"),
    [
        (THEIRS, ["sent", "delivered"]),
        ("+15005530003", ["sent", "undelivered 30003"]),
        ("+15005530007", ["sent", "undelivered 30007"]),
        ("+15005530001", ["failed 30001"]),
        (WHATSAPP_THEIRS, ["failed 63016"]),
    ],
)
def test_a_message_goes_its_way(to: str, words: list[str], base_settings: Settings, tmp_path: Path) -> None:
    board, desk = texting(base_settings, tmp_path)
    sid = send(board, To=to)
    board.run_for(10)

    assert told(desk) == words
    assert {form["MessageSid"] for form in desk.asked("/told")} == {sid}


def test_one_phone_has_texts_and_whatsapp(base_settings: Settings, tmp_path: Path) -> None:
    board, desk = texting(base_settings, tmp_path)
    board.text(THEIRS, WHATSAPP_OURS, "Hello")
    send(board, To=WHATSAPP_THEIRS, From=WHATSAPP_OURS)
    board.run_for(10)

    assert [form["From"] for form in desk.asked(SMS)] == [WHATSAPP_THEIRS]
    assert told(desk) == ["sent", "delivered", "read"]
    shown = [(text.direction, text.sender, text.state) for text in board.device(THEIRS).texts]
    assert shown == [("out", WHATSAPP_THEIRS, "arrived"), ("in", WHATSAPP_OURS, "arrived")]


def test_whatsapp_may_be_answered_for_a_day(base_settings: Settings, tmp_path: Path) -> None:
    board, desk = texting(base_settings, tmp_path)
    board.text(WHATSAPP_THEIRS, WHATSAPP_OURS, "Hello")
    board.run_for(23 * 3600)
    send(board, To=WHATSAPP_THEIRS, From=WHATSAPP_OURS)
    board.run_for(2 * 3600)
    send(board, To=WHATSAPP_THEIRS, From=WHATSAPP_OURS)
    send(
        board,
        To=WHATSAPP_THEIRS,
        From=WHATSAPP_OURS,
        Body="",
        ContentSid="HX" + "0" * 32,
        ContentVariables='{"1": "x"}',
    )
    board.run_for(60)

    assert sorted(told(desk)) == ["delivered", "delivered", "failed 63016", "read", "read", "sent", "sent"]
    assert desk.asked(SMS)[0]["WaId"] == THEIRS.removeprefix("+")


def test_a_messaging_service_accepts_first_and_sends_by_one_of_its_numbers(
    base_settings: Settings, tmp_path: Path
) -> None:
    board, _desk = texting(base_settings, tmp_path)
    answer = rest(board, "POST", "Messages.json", To=THEIRS, Body="Hi", MessagingServiceSid="MG" + "1" * 32)
    board.run_for(5)

    assert answer.body is not None
    assert answer.body["status"] == "accepted"
    assert board.device(THEIRS).texts[-1].sender == OURS


def test_who_writes_stop_is_sent_nothing_until_they_write_start(base_settings: Settings, tmp_path: Path) -> None:
    board, desk = texting(base_settings, tmp_path)
    board.text(THEIRS, OURS, " stop ")
    board.run_for(5)
    refused = rest(board, "POST", "Messages.json", To=THEIRS, From=OURS, Body="Hi")
    elsewhere = rest(board, "POST", "Messages.json", To=THEIRS, From="+15145550199", Body="Hi")
    board.text(THEIRS, OURS, "START")
    board.run_for(5)
    again = rest(board, "POST", "Messages.json", To=THEIRS, From=OURS, Body="Hi")

    assert refused.body is not None
    assert (refused.status, refused.body["code"]) == (400, 21610)
    assert (elsewhere.status, again.status) == (201, 201)
    assert [form["Body"] for form in desk.asked(SMS)] == [" stop ", "START"]
    received = [one.body for one in board.device(THEIRS).texts if one.direction == "in"]
    assert received[0].startswith("You have successfully been unsubscribed.")
    assert "You have successfully been re-subscribed" in " ".join(received)


def test_help_is_answered_and_brought_to_the_desk(base_settings: Settings, tmp_path: Path) -> None:
    board, desk = texting(base_settings, tmp_path)
    board.text(THEIRS, OURS, "Help")
    board.run_for(5)

    assert len(desk.asked(SMS)) == 1
    assert board.device(THEIRS).texts[-1].body == "Reply STOP to unsubscribe. Msg&Data Rates May Apply."


def test_pictures_go_both_ways(base_settings: Settings, tmp_path: Path) -> None:
    board, desk = texting(base_settings, tmp_path)
    desk.pages["/picture"] = Response(200, "", "image/png", b"\x89PNG")
    board.text(THEIRS, OURS, "Look", [("image/jpeg", b"\xff\xd8")])
    send(board, MediaUrl=f"{URL}/picture")
    board.run_for(5)
    form = desk.asked(SMS)[0]
    path = form["MediaUrl0"].partition(f"/{board.account_sid}/")[2]
    sound = rest(board, "GET", path)

    assert form.items() >= {"NumMedia": "1", "MediaContentType0": "image/jpeg"}.items()
    assert (sound.content, sound.content_type) == (b"\xff\xd8", "image/jpeg")
    (medium,) = board.device(THEIRS).texts[-1].media
    assert board.store.medium(medium["url"].rpartition("/")[2]) == (b"\x89PNG", "image/png")


def test_a_picture_that_cannot_be_fetched_fails_the_message(base_settings: Settings, tmp_path: Path) -> None:
    board, desk = texting(base_settings, tmp_path)
    send(board, MediaUrl=f"{URL}/nowhere")
    board.run_for(5)

    assert told(desk) == ["failed 11200"]


def test_a_desk_may_answer_at_once(base_settings: Settings, tmp_path: Path) -> None:
    board, desk = texting(base_settings, tmp_path)
    desk.pages[SMS] = twiml(
        f"<Message>We are closed.</Message><Message><Body>Call us.</Body><Media>{URL}/map.png</Media></Message>"
    )
    board.text(THEIRS, OURS, "Hello")
    board.run_for(5)

    assert [one.body for one in board.device(THEIRS).texts] == ["Hello", "We are closed.", "Call us."]


def test_a_desk_that_does_not_take_a_message_is_told_of_on_the_device(base_settings: Settings, tmp_path: Path) -> None:
    board, desk = texting(base_settings, tmp_path)
    desk.pages[SMS] = Response(503)
    sid = board.text(THEIRS, OURS, "Hello")
    board.run_for(5)

    assert [one.state for one in board.device(THEIRS).texts] == ["not taken"]
    listed = rest(board, "GET", "Messages.json", From=THEIRS).body
    assert listed is not None
    assert [(one["sid"], one["status"]) for one in listed["messages"]] == [(sid, "received")]
