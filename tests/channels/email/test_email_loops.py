"""Which mail machines wrote, and which mail no machine may answer."""

import pytest

from channels.email.loops import forbids_automatic_answer, is_auto_reply, is_automatic
from channels.email.mime import parse


def mail(**headers: str):
    given = {"from": "Ann <ann@home.example>", "subject": "Printer"} | headers
    return parse(
        "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in given.items()).encode() + b"\r\nHi"
    )


CASES = {  # headers, auto-reply, automatic, forbids an automatic answer
    "a person": ({}, False, False, False),
    "a person, said outright": ({"auto_submitted": "no"}, False, False, False),
    "an auto-reply": ({"auto_submitted": "auto-replied (vacation)"}, True, True, True),
    "a notice": ({"auto_submitted": "auto-generated; owner=x"}, False, True, True),
    "old vacation programs": ({"precedence": "auto_reply"}, True, True, True),
    "X-Autoreply": ({"x_autoreply": "yes"}, True, True, True),
    "out of office, english": ({"subject": "Automatic reply: Printer"}, True, True, True),
    "out of office, german": ({"subject": "Abwesenheitsnotiz: Drucker"}, True, True, True),
    "out of office, french": ({"subject": "Réponse automatique : imprimante"}, True, True, True),
    "out of office, japanese": ({"subject": "自動応答: プリンタ"}, True, True, True),
    "someone who asks about an office": ({"subject": "Is the office out of paper?"}, False, False, False),
    "a newsletter": ({"precedence": "bulk"}, False, True, True),
    "a person on a mailing list": ({"list_id": "<users.shop.example>", "precedence": "list"}, False, False, True),
    "Exchange asks for silence": ({"x_auto_response_suppress": "OOF, AutoReply"}, False, False, True),
    "Exchange wants no receipts": ({"x_auto_response_suppress": "DR, RN"}, False, False, False),
    "an empty return path": ({"return_path": "<>"}, False, True, True),
    "a full return path": ({"return_path": "<ann@home.example>"}, False, False, False),
    "a mailer daemon": ({"from": "MAILER-DAEMON@home.example"}, False, True, True),
    "no reply": ({"from": "Shop <no-reply@other.example>"}, False, True, True),
    "nobody": ({"from": ""}, False, False, True),
    "a read receipt": (
        {"content_type": "multipart/report; report-type=disposition-notification; boundary=x"},
        True,
        False,
        True,
    ),
}


@pytest.mark.parametrize(("headers", "auto_reply", "automatic", "forbids"), CASES.values(), ids=CASES.keys())
def test_machines_are_told_from_people(headers, auto_reply, automatic, forbids):
    read = mail(**headers)

    assert is_auto_reply(read) is auto_reply
    assert is_automatic(read) is (automatic or auto_reply)
    assert forbids_automatic_answer(read) is forbids


def test_the_envelope_knows_better_than_the_header():
    assert is_automatic(mail(return_path="<ann@home.example>"), envelope_sender="")
    assert not is_automatic(mail(return_path="<>"), envelope_sender="ann@home.example")
