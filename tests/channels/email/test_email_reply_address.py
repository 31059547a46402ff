"""Signed names by which an answer finds its ticket."""

import pytest

from channels.email.mime import parse
from channels.email.reply_address import hints, new_message_id, plus_address, ticket_of, ticket_of_address

KEY = "a" * 64


def test_our_message_id_names_its_ticket_and_stays_the_same():
    message_id = new_message_id(12, 34, "shop.example", KEY)

    assert message_id == new_message_id(12, 34, "shop.example", KEY)
    assert ticket_of(message_id, KEY) == 12


def test_our_address_names_its_ticket_even_in_capitals():
    address = plus_address("support@shop.example", 12, KEY)

    assert address.startswith("support+t12.")
    assert address.endswith("@shop.example")
    assert ticket_of_address(address.upper(), KEY) == 12


SIGNED = new_message_id(12, 34, "shop.example", KEY)
FORGED = {
    "another ticket": SIGNED.replace("t12", "t13"),
    "another message": SIGNED.replace("m34", "m35"),
    "another key": new_message_id(12, 34, "shop.example", "b" * 64),
    "no signature": "<t12.m34@shop.example>",
    "somebody's": "<abc@home.example>",
    "nothing": "",
}


@pytest.mark.parametrize("message_id", FORGED.values(), ids=FORGED.keys())
def test_a_forged_message_id_names_no_ticket(message_id):
    assert ticket_of(message_id, KEY) is None


@pytest.mark.parametrize("address", ["support@shop.example", "support+t12.0123456789abcdef@shop.example", "t12", ""])
def test_a_forged_address_names_no_ticket(address):
    assert ticket_of_address(address, KEY) is None


def test_hints_put_proof_apart_from_what_can_be_guessed():
    raw = (
        f"From: ann@home.example\r\nTo: Shop <{plus_address('support@shop.example', 9, KEY)}>\r\n"
        f"In-Reply-To: {SIGNED}\r\nReferences: <one@home.example> <two@home.example> {SIGNED}\r\n"
        "Subject: Re: [#77] Printer [#78]\r\n\r\nHi"
    )

    found = hints(parse(raw.encode()), KEY)

    assert found.ticket_ids == (12, 9)
    assert found.message_ids == (SIGNED, "<two@home.example>", "<one@home.example>")
    assert found.subject_ticket_ids == (77, 78)


def test_the_envelope_recipient_counts_where_the_header_hides_it():
    found = hints(parse(b"From: a@b.example\r\n\r\nHi"), KEY, recipients=[plus_address("support@shop.example", 9, KEY)])

    assert found.ticket_ids == (9,)


def test_hints_are_capped():
    references = " ".join(f"<{number}@home.example>" for number in range(200))

    found = hints(parse(f"References: {references}\r\n\r\nHi".encode()), KEY)

    assert len(found.message_ids) == 50
    assert found.message_ids[0] == "<199@home.example>"
