"""Who writes through a mailing list is the customer, also where the list put itself in their place."""

import pytest

from channels.email.lists import author_of
from channels.email.mime import parse

LIST = "List-Id: <kettles.desk.example>\nList-Post: <https://groups.example/kettles>, <mailto:Kettles@desk.example>\n"
LUCIE = ("Lucie Tremblay", "lucie@home.example")


def by_list(sender: str, *headers: str, about: str = LIST) -> tuple[str, str]:
    lines = "\n".join([f"From: {sender}", "To: kettles@desk.example", *headers])
    found = author_of(parse(f"{lines}\n{about}\nIt leaks.\n".encode()), our_address="support@Desk.example")
    assert found is not None
    return found.name, found.address


VIA = "\"'Lucie Tremblay' via Kettles\" <kettles@desk.example>"


@pytest.mark.parametrize(
    "headers",
    [
        ["X-Original-From: Lucie Tremblay <lucie@home.example>"],
        ["X-Original-Sender: lucie@home.example", "Reply-To: kettles@desk.example"],
        ["Reply-To: Lucie Tremblay <lucie@home.example>"],
        ["Reply-To: kettles@desk.example, lucie@home.example"],
        ["Reply-To: kettles@desk.example", "Cc: boss@work.example, Lucie Tremblay <lucie@home.example>"],
    ],
)
def test_the_author_is_found_behind_the_list(headers: list[str]) -> None:
    assert by_list(VIA, *headers) == LUCIE


def test_without_a_list_or_a_word_of_the_author_the_sender_is_the_author() -> None:
    reply_to = "Reply-To: mallory@x.example"
    lucie = "Lucie Tremblay <lucie@home.example>"

    assert by_list(lucie, reply_to) == LUCIE
    assert by_list(lucie, "X-Original-Sender: mallory@x.example") == LUCIE
    assert by_list(VIA, reply_to, about="")[1] == "kettles@desk.example"
    assert by_list(VIA)[1] == "kettles@desk.example"
    assert by_list(VIA, reply_to, about="List-Id: <k>\nList-Post: NO\n")[1] == "kettles@desk.example"


def test_another_domains_list_speaks_for_nobody() -> None:
    swindler = LIST.replace("desk.example", "x.example")

    found = by_list("mallory via x <kettles@x.example>", "X-Original-From: lucie@home.example", about=swindler)

    assert found == ("mallory via x", "kettles@x.example")
